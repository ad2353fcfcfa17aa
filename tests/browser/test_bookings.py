"""Bookings in a real browser: from a free slot to a booking, from a letter to a signature, on a telephone as well."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from bookings.models import InsertionOrder, IOBooking
from bookings.services import send_order
from tests.browser.axe import assert_accessible
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


def scrolls_sideways(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def slots_of_a_show():
    """Four weeks of a show: one slot sold, one held, the rest open."""
    now = timezone.now()
    podcast = make_podcast(title="The Long Commute", release_weekdays=[2])
    unit = make_ad_unit(podcast, name="Mid-roll 1")
    drops = [make_episode(podcast, title=f"Night trains {week}", drops_at=now + week * 7 * DAY) for week in range(1, 5)]
    deal = make_campaign(name="Winter launch", sponsor=make_sponsor(name="Halden Cykel"))
    make_booking(ad_unit=unit, episode=drops[0], campaign=deal)
    make_booking(ad_unit=unit, episode=drops[1], campaign=deal, status="held")
    return unit, drops, deal


def test_a_free_slot_of_the_calendar_leads_to_its_booking(page, live_site, seller):
    unit, drops, deal = slots_of_a_show()
    live_site.login(page, seller)

    page.goto(live_site.url("/inventory"))
    assert_accessible(page)
    assert page.locator('.slot[data-state="sold"]', has_text="Halden Cykel").count() == 1
    page.locator("a.slot").first.click()

    assert page.input_value("#id_episode") == str(drops[2].pk)
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

    booked = IOBooking.objects.get(episode=drops[2])
    assert (booked.ad_unit, booked.status, booked.gross_cents) == (unit, "scheduled", 25_000)


def test_the_calendar_fits_a_telephone(page, live_site, seller):
    slots_of_a_show()
    live_site.login(page, seller)
    page.set_viewport_size({"width": 390, "height": 844})

    page.goto(live_site.url("/inventory"))

    assert not scrolls_sideways(page)


def test_a_buyer_signs_by_the_link_in_the_letter_without_an_account(page, live_site, seller):
    _unit, _drops, deal = slots_of_a_show()
    order = InsertionOrder.objects.get(campaign=deal)
    sent = send_order(order=order, to=["buyer@halden.example"], by=SYSTEM, at=timezone.now())
    path = "/sign/" + sent.signing_url.rsplit("/", 1)[1]

    page.goto(live_site.url(path))
    assert_accessible(page)
    page.fill("#id_name", "Elin Sjöberg")
    page.fill("#id_title", "Brand lead")
    page.check('input[name="agreed"]')
    page.click('button:has-text("Sign this order")')

    page.wait_for_selector("text=Both sides are bound")
    order.refresh_from_db()
    assert order.status == "signed"
    assert len(mail.outbox) == 1


def test_the_signing_page_fits_a_telephone(page, live_site, seller):
    _unit, _drops, deal = slots_of_a_show()
    sent = send_order(
        order=InsertionOrder.objects.get(campaign=deal), to=["buyer@halden.example"], by=SYSTEM, at=timezone.now()
    )
    page.set_viewport_size({"width": 390, "height": 844})

    page.goto(live_site.url("/sign/" + sent.signing_url.rsplit("/", 1)[1]))

    assert not scrolls_sideways(page)


def test_a_link_that_is_over_is_told_kindly(page, live_site):
    answer = page.goto(live_site.url("/go/nobody"))

    assert answer.status == 404
    assert page.locator("h1").inner_text() == "There is no offer at this address"
    assert_accessible(page)
