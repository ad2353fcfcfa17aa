"""Accessibility of a page as axe-core sees it, in the browser itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loaded by whoever opens a browser, not by everybody who looks for tests
    from playwright.sync_api import Page

AXE = (Path(__file__).parent / "vendor/axe.min.js").read_text()
OPTIONS = {
    # Only what is said of a break: to describe all that is well takes as long as to find it.
    "resultTypes": ["violations"],
    "selectors": False,
    # Style sheets and frames of other hosts, of which the product has none.
    "preload": False,
    "iframes": False,
}
EVERY_RULE = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What hangs on how a page is drawn. All other rules judge its markup, which is one at every width and in each theme.
DRAWN = ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"]


def violations(
    page: "Page", *, rules: list[str] = EVERY_RULE, part: str = "html", but: Sequence[str] = ()
) -> list[str]:
    """Return what axe-core finds on the page as it stands: one line for each rule with the places that break it.

    `part` and `but` are selectors: of what is judged, and of what in it is left out.

    The script is evaluated by the debugger, so the page's own content security policy stays in force.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    judged = {"include": [[part]], "exclude": [[one] for one in but]}
    found = page.evaluate("([judged, options]) => axe.run(judged, options)", [judged, {**OPTIONS, "runOnly": rules}])
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}; {[node['html'][:160] for node in rule['nodes'][:4]]}"
        for rule in found["violations"]
    ]


def assert_accessible(page: "Page", *, part: str = "html") -> None:
    found = violations(page, part=part)
    assert found == [], "\n".join(found)
