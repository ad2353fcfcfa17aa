"""Accessibility of a page as axe-core sees it, in the browser itself."""

from pathlib import Path

from playwright.sync_api import Page

AXE = (Path(__file__).parent / "vendor/axe.min.js").read_text()
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    # Only what is said of a break: to describe all that is well takes as long as to find it.
    "resultTypes": ["violations"],
    "selectors": False,
    # Style sheets of other hosts, of which the product has none.
    "preload": False,
}


def violations(page: Page) -> list[str]:
    """Return what axe-core finds on the page as it stands: one line for each rule with the places that break it.

    The script is evaluated by the debugger, so the page's own content security policy stays in force.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found = page.evaluate("rules => axe.run(document, rules)", RULES)
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}; {[node['html'][:160] for node in rule['nodes'][:4]]}"
        for rule in found["violations"]
    ]


def assert_accessible(page: Page) -> None:
    found = violations(page)
    assert found == [], "\n".join(found)
