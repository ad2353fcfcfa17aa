"""The same page as people see it: on a telephone and a desk, by day and by night, without loading it for each."""

from collections.abc import Iterator

from playwright.sync_api import Page

LOOKS = ((390, "light"), (390, "dark"), (1440, "light"), (1440, "dark"))


def each_look(page: Page, looks: tuple[tuple[int, str], ...] = LOOKS) -> Iterator[str]:
    """Show the open page in each width and theme in turn; yield their name, as in `390-dark`."""
    for width, theme in looks:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 900})
        # The admin chooses its theme once, when it is drawn.
        if "/admin/" in page.url and _is_dark(page) != (theme == "dark"):
            page.reload()
        yield f"{width}-{theme}"


def scrolls_sideways(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def _is_dark(page: Page) -> bool:
    return page.evaluate("document.documentElement.classList.contains('dark')")
