"""Ctrl K finds: inside the admin by its palette, on the pages by the find page."""

import pytest

from bookings.services import number_order
from tests.factories import NOON, make_ad_unit, make_booking, make_campaign, make_podcast, make_sponsor, make_user
from tracker.flags.services import switch
from tracker.lib.actors import SYSTEM

pytestmark = pytest.mark.browser


@pytest.fixture
def house(live_site):
    """One of everything: a deal with its sponsor, a show, a booking, a numbered order, whose number is returned."""
    for flag in ("ENABLE_DEAL_PIPELINE", "ENABLE_IO_BOOKINGS"):
        switch(flag=flag, on=True)
    deal = make_campaign(name="Winter layers", sponsor=make_sponsor(name="Harbor & Pine"))
    booking = make_booking(campaign=deal, ad_unit=make_ad_unit(make_podcast(title="Slow Signal")), promo_code="TRAIL20")
    return number_order(order=booking.order, by=SYSTEM, at=NOON).number


def test_the_palette_of_the_admin_finds_each_kind_from_the_board(page, live_site, house):
    live_site.login(page, make_user(role="salesperson"))
    page.goto(live_site.url("/admin/deals/campaign/board/"))
    page.keyboard.press("Control+k")
    # On a busy machine the palette opens a moment later: keys would reach the board until then.
    page.wait_for_function("document.activeElement.id === 'search-input-command'")

    for words, hit, opens in (
        ("winter", "Winter layers", "/deals/campaign/"),
        ("harbor", "Harbor & Pine", "/deals/sponsor/"),
        ("slow sig", "Slow Signal", "/metrics/podcast/"),
        ("trail20", "Winter layers", "/bookings/iobooking/"),
        (house, house, "/bookings/insertionorder/"),
    ):
        page.keyboard.press("Control+a")
        page.keyboard.type(words)
        page.locator(f'#command-results a[href*="{opens}"]', has_text=hit).first.wait_for()


def test_the_find_page_groups_what_it_finds_opens_it_and_says_what_is_not_there(page, live_site, house):
    live_site.login(page, make_user(role="salesperson"))
    page.goto(live_site.url("/find"))
    page.keyboard.press("Control+k")
    page.wait_for_url("**/find")

    page.locator('input[name="q"]').fill("harbor")
    page.keyboard.press("Enter")

    for kind, hit in (("Sponsors", "Harbor & Pine"), ("Deals", "Winter layers"), ("Orders", house)):
        group = page.get_by_role("region", name=kind)
        group.get_by_role("link", name=hit).first.wait_for()
    page.get_by_role("region", name="Bookings").get_by_role("link").first.wait_for()
    page.locator('input[name="q"]').fill("slow sig")
    page.keyboard.press("Enter")
    page.get_by_role("region", name="Shows").get_by_role("link", name="Slow Signal").wait_for()

    page.locator('input[name="q"]').fill("winter lay")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Winter layers").first.click()
    page.wait_for_url("**/admin/deals/campaign/**")
    page.get_by_role("heading", name="What happened").wait_for()

    page.goto(live_site.url("/find?q=zebra"))

    page.get_by_text("Nothing is called that").wait_for()
