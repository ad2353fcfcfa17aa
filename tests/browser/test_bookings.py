"""Bookings in a real browser: from a free slot to a booking, from a letter to a signature, on a telephone as well."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from bookings.models import AdUnit, InsertionOrder, IOBooking
from bookings.services import change_booking, send_order
from bookings.services.copies import ask_for_change, propose_copy
from tests.browser.axe import assert_accessible
from tests.browser.looks import assert_well_made, too_wide
from tests.factories import (
    make_ad_unit,
    make_booking,
    make_campaign,
    make_episode,
    make_podcast,
    make_sponsor,
    make_user,
)
from tracker.flags.models import FlagOverride
from tracker.lib.actors import SYSTEM

pytestmark = pytest.mark.browser
DAY = timedelta(days=1)


@pytest.fixture
def seller(live_site):
    FlagOverride.objects.create(flag="ENABLE_IO_BOOKINGS", is_on=True)
    return make_user(role="salesperson", name="Ines Kovac")


def slots_of_a_show():
    """Five weeks of a show: one slot sold, one held, the rest open."""
    now = timezone.now()
    podcast = make_podcast(title="The Long Commute", release_weekdays=[2])
    unit = make_ad_unit(podcast, name="Mid-roll 1")
    drops = [make_episode(podcast, title=f"Night trains {week}", drops_at=now + week * 7 * DAY) for week in range(1, 6)]
    deal = make_campaign(name="Winter launch", sponsor=make_sponsor(name="Halden Cykel"))
    make_booking(ad_unit=unit, episode=drops[0], campaign=deal)
    make_booking(ad_unit=unit, episode=drops[1], campaign=deal, status="held")
    return unit, drops, deal


def test_free_slots_of_the_calendar_are_booked_held_and_blocked(page, live_site, seller):
    unit, drops, deal = slots_of_a_show()
    live_site.login(page, seller)

    _book_the_next_free_slot(page, live_site, deal, drops[2])
    booked = IOBooking.objects.get(episode=drops[2])
    assert (booked.ad_unit, booked.status, booked.gross_cents) == (unit, "scheduled", 25_000)

    _hold_a_slot_and_block_the_next(page, live_site)
    held = IOBooking.objects.get(episode=drops[3])
    assert (held.status, held.campaign, held.held_until is not None) == ("held", deal, True)


def _book_the_next_free_slot(page, live_site, deal, drop) -> None:
    page.goto(live_site.url("/inventory"))
    assert page.locator('.slot[data-state="sold"]', has_text="Halden Cykel").count() == 1
    page.locator('a.slot[data-state="free"]').first.click()
    page.wait_for_url("**/inventory/slot?*")
    assert_well_made(page)
    page.click("text=Book it at once instead")

    assert page.input_value("#id_episode") == str(drop.pk)
    page.fill("#id_campaign", str(deal.pk)) if page.locator("input#id_campaign").count() else page.evaluate(
        "key => { const box = document.querySelector('#id_campaign');"
        " box.add(new Option('Winter launch', key, true, true)); }",
        str(deal.pk),
    )
    page.fill("#id_last_day", f"{timezone.now() + 60 * DAY:%Y-%m-%d}")
    page.fill("#id_booked_impressions", "10000")
    page.fill("#id_cpm", "25.00")
    page.locator('button[name="_save"], input[name="_save"]').first.click()
    page.wait_for_url("**/iobooking/")


def _hold_a_slot_and_block_the_next(page, live_site) -> None:
    page.goto(live_site.url("/inventory"))
    page.locator('a.slot[data-state="free"]').first.click()
    page.select_option("#id_campaign", label="Winter launch · Halden Cykel")
    page.fill("#id_booked_impressions", "10000")
    page.fill("#id_cpm", "25")
    page.click('button:has-text("Hold this slot")')
    page.wait_for_url("**/inventory?from=*")
    page.locator('a.slot[data-state="free"]').first.click()
    page.fill("#id_reason", "The house's own ad")
    page.click('button:has-text("Block this slot")')
    page.wait_for_selector('.slot[data-state="blocked"]:has-text("own ad")')


def test_a_buyer_signs_by_the_link_in_the_letter_and_a_link_that_is_over_is_told_kindly(page, live_site, seller):
    _unit, _drops, deal = slots_of_a_show()
    order = InsertionOrder.objects.get(campaign=deal)
    sent = send_order(order=order, to=["buyer@halden.example"], by=SYSTEM, at=timezone.now())
    path = "/sign/" + sent.signing_url.rsplit("/", 1)[1]

    page.goto(live_site.url(path))
    page.fill("#id_name", "Elin Sjöberg")
    page.fill("#id_title", "Brand lead")
    page.check('input[name="agreed"]')
    page.click('button:has-text("Sign this order")')

    page.wait_for_selector("text=Both sides are bound")
    order.refresh_from_db()
    assert order.status == "signed"
    assert len(mail.outbox) == 1

    answer = page.goto(live_site.url("/go/nobody"))

    assert answer.status == 404
    assert page.locator("h1").inner_text() == "There is no offer at this address"
    assert_accessible(page)


def wizard_of(live_site, page, seller):
    """A won deal for a show of five episodes, one of them sold; the wizard of it, open."""
    unit, drops, sold_to = slots_of_a_show()
    AdUnit.objects.filter(pk=unit.pk).update(rate_cpm_cents=2_500)
    deal = make_campaign(
        name="Spring launch", stage="won", sponsor=make_sponsor(name="Fennelbox"), wanted_impressions=20_000
    )
    deal.wanted_podcasts.set([unit.podcast])
    live_site.login(page, seller)
    page.goto(live_site.url(f"/admin/bookings/insertionorder/wizard/?deal={deal.pk}"))
    return unit, drops, deal


def test_an_order_is_made_in_the_wizard_by_keyboard_alone(page, live_site, seller):
    unit, drops, deal = wizard_of(live_site, page, seller)
    key = f"{unit.pk}_{drops[2].pk}"

    page.focus(f'[name="use_{key}"]')
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.type("10000")
    page.wait_for_selector("#wizard-totals:has-text('€250.00')")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+A")
    page.keyboard.type("30")
    page.wait_for_selector("#wizard-totals:has-text('€300.00')")
    # What is typed stays where it is while the totals change beside it.
    assert page.evaluate("document.activeElement.name") == f"cpm_{key}"
    assert page.locator(f"#gross_{key}").inner_text() == "€300.00"
    page.keyboard.press("Enter")
    page.wait_for_url("**/change/")

    line = IOBooking.objects.get(campaign=deal)
    assert (line.episode, line.status, line.gross_cents) == (drops[2], "held", 30_000)


def test_the_wizard_tells_of_a_conflict_as_it_arises_and_fits_every_screen(page, live_site, seller):
    unit, drops, deal = wizard_of(live_site, page, seller)
    key = f"{unit.pk}_{drops[0].pk}"

    page.fill(f'[name="impressions_{key}"]', "5000")
    page.check(f'[name="use_{key}"]')

    said = page.locator(f"#said_{key}")
    said.locator("text=is sold already").wait_for()
    assert "Next free: Night trains 3" in said.inner_text()
    assert not InsertionOrder.objects.filter(campaign=deal).exists()

    page.fill(f'[name="impressions_{unit.pk}_{drops[2].pk}"]', "12000")
    page.check(f'[name="use_{unit.pk}_{drops[2].pk}"]')
    page.wait_for_selector("#wizard-totals:has-text('€300.00')")
    assert_well_made(page)


def test_the_order_and_the_booking_at_the_desk_fit(page, live_site, seller):
    _unit, _drops, deal = slots_of_a_show()
    order = InsertionOrder.objects.get(campaign=deal)
    send_order(order=order, to=["buyer@halden.example"], by=seller, at=timezone.now())
    line = order.lines.order_by("line_number").first()
    change_booking(booking=line, by=seller, at=timezone.now(), booked_impressions=12_000)
    send_order(order=order, to=["buyer@halden.example"], by=seller, at=timezone.now())
    live_site.login(page, seller)

    desk = "/admin/bookings"
    for address in (f"{desk}/iobooking/{line.pk}/change/", f"{desk}/insertionorder/{order.pk}/change/"):
        page.goto(live_site.url(address))
        assert too_wide(page) == []
    assert "from 10,000 to 12,000" in page.locator("body").inner_text()


def test_the_host_accepts_copy_on_a_telephone(page, live_site, seller):
    unit, _drops, _deal = slots_of_a_show()
    booking = IOBooking.objects.filter(status="scheduled").get()
    propose_copy(booking=booking, talking_points="Ask how they ride in winter.", by=SYSTEM, at=timezone.now())
    live_site.login(page, make_user(role="creator", name="Ada Host", bindings={"podcast": [unit.podcast_id]}))
    page.set_viewport_size({"width": 390, "height": 844})

    page.goto(live_site.url("/copy"))
    page.click("text=Halden Cykel")
    page.fill("#id_answer", "We never say “best”.")
    page.click('button:has-text("Ask for a change")')
    page.wait_for_selector("text=Change asked for")
    page.click('button:has-text("Accept this copy")')

    page.wait_for_selector("text=This version is frozen.")
    assert too_wide(page, [390]) == []
    assert booking.copies.get().status == "approved"


def test_the_copy_page_of_two_versions_fits_and_is_accessible(page, live_site, seller):
    unit, _drops, _deal = slots_of_a_show()
    booking = IOBooking.objects.filter(status="scheduled").get()
    words = {"talking_points": "Ask how they ride in winter.\n\nName the trial.", "must_say": "Code HALDEN."}
    first = propose_copy(booking=booking, disclosure="A paid message.", by=seller, at=timezone.now(), **words)
    ask_for_change(copy=first, answer="Shorter.", by=seller, at=timezone.now())
    propose_copy(booking=booking, disclosure="A paid message.", by=seller, at=timezone.now(), **words)
    live_site.login(page, make_user(role="creator", name="Ada Host", bindings={"podcast": [unit.podcast_id]}))

    page.goto(live_site.url(f"/bookings/{booking.pk}/copy"))
    assert_well_made(page)
