"""The same page as people see it: at a desk and on a telephone, by day and by night, without loading it for each."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from tests.browser.axe import DRAWN, EVERY_RULE, violations

if TYPE_CHECKING:  # loaded by whoever opens a browser, not by everybody who looks for tests
    from playwright.sync_api import Page

# Colours hang on the theme, targets on the width: each is seen once in either.
LOOKS = ((1440, "light"), (390, "dark"))
# The one between is what 200 % zoom leaves of 1280 pixels.
WIDTHS = (390, 640, 1440)
PUT_ON = """dark => {
  // The admin chooses its theme once, when it is drawn: this class is all that its choice sets.
  if (document.documentElement.hasAttribute("x-bind")) document.documentElement.classList.toggle("dark", dark);
  // A colour is looked at when it has arrived, not on its way from one theme to the other.
  for (const change of document.getAnimations()) if (change instanceof CSSTransition) change.finish();
}"""
FEW_OF_A_KIND = """() => {
  // Classes, roles and states, which are one word, are a kind's; all else is a single one's.
  const own = / (?!class=|role=)([\\w:.@-]+)="(?![a-z-]+")[^"]+"/g;
  const kind = part => part.outerHTML.replace(/>\\s*[^<\\s][^<]*/g, ">words").replace(own, " $1");
  for (const list of document.querySelectorAll("tbody, ul, ol, svg, g, select")) {
    const seen = {};
    for (const one of [...list.children]) {
      const as = kind(one);
      seen[as] = (seen[as] ?? 0) + 1;
      if (seen[as] > 2) one.remove();
    }
  }
}"""


def each_look(page: "Page") -> Iterator[str]:
    """Show the open page in each width and theme in turn; yield their name, as in `390-dark`."""
    for width, theme in LOOKS:
        put_on(page, width, theme)
        yield f"{width}-{theme}"


def put_on(page: "Page", width: int, theme: str) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate(PUT_ON, theme == "dark")


def leave_few_of_a_kind(page: "Page") -> None:
    """Leave two lines of each kind in every table, list and chart: those whose markup differs by words and addresses.

    Each would be judged alike, at the same price. The page is not to be used afterwards.
    """
    page.evaluate(FEW_OF_A_KIND)


def inaccessible(page: "Page", *, part: str = "html", but: Sequence[str] = (), markup_once: bool = True) -> list[str]:
    """Return what is not accessible on the open page in any look.

    What its markup says is judged at the desk, where all of it is shown; `markup_once=False` judges it in each look.
    """
    found = []
    for look in each_look(page):
        rules = DRAWN if markup_once and look != "1440-light" else EVERY_RULE
        found += [f"{look}: {words}" for words in violations(page, rules=rules, part=part, but=but)]
    return found


def too_wide(page: "Page", widths: Iterable[int] = WIDTHS) -> list[str]:
    """Return the widths at which the open page scrolls sideways."""
    found = []
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found.append(f"{width}: scrolls sideways")
    return found


def assert_well_made(page: "Page", *, part: str = "html") -> None:
    """The open page is accessible in both themes and never wider than the screen."""
    width = page.viewport_size["width"]
    found = too_wide(page) + inaccessible(page, part=part)
    assert found == [], "\n".join(found)
    put_on(page, width, "light")
