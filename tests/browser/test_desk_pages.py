"""The desk's pages in a real browser: accessible, and no wider than a phone."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deals.models import Goal, Proposal
from tests.browser.looks import assert_well_made
from tests.factories import (
    make_ad_unit,
    make_agency,
    make_booking,
    make_campaign,
    make_podcast,
    make_sponsor,
    make_user,
)
from tests.paper import needs_pango
from tracker.flags.services import switch

pytestmark = pytest.mark.browser


@pytest.fixture
def deal(live_site, page):
    """A deal with all that a page of the desk can show; its owner is signed in."""
    for flag in ("ENABLE_DEAL_PIPELINE", "ENABLE_IO_BOOKINGS", "ENABLE_MATCHMAKING"):
        switch(flag=flag, on=True)
    person, today, now = make_user(role="sales_manager", name="Ines Kovac"), timezone.localdate(), timezone.now()
    sponsor = make_sponsor(name="Harbor & Pine", agency=make_agency(name="Brass & Cable"), brands=["Pine"])
    made = make_campaign(
        name="Winter layers",
        sponsor=sponsor,
        agency=sponsor.agency,
        owner=person,
        stage="proposal",
        currency="EUR",
        campaign_value=900_000,
        expected_close_on=today + timedelta(days=40),
        flight_first_day=today + timedelta(days=30),
        flight_last_day=today + timedelta(days=57),
    )
    make_campaign(owner=person, stage="lead", currency="EUR", expected_close_on=today + timedelta(days=80))
    unit = make_ad_unit(make_podcast(), delivery="dynamic", rate_cpm_cents=2_000, impressions_per_day=1_000)
    made.wanted_podcasts.add(unit.podcast)
    flight = {"flight_start": now + timedelta(days=2), "flight_end": now + timedelta(days=9), "at": now}
    make_booking(campaign=made, ad_unit=unit, **flight)
    Goal.objects.create(
        user=person, year=today.year, quarter=(today.month + 2) // 3, currency="EUR", amount_cents=5_000_000
    )
    live_site.login(page, person)
    return made


def test_the_pages_of_the_desk_are_accessible_and_fit_a_phone(page, live_site, deal):
    addresses = [
        f"/admin/deals/campaign/{deal.pk}/proposal/",
        f"/admin/deals/sponsor/{deal.sponsor_id}/",
        f"/admin/deals/agency/{deal.agency_id}/",
    ]
    for address in addresses:
        page.goto(live_site.url(address))
        assert_well_made(page, part=".board-page")


@needs_pango
def test_a_deal_becomes_a_proposal_by_hand(page, live_site, deal):
    page.goto(live_site.url(f"/admin/deals/campaign/{deal.pk}/"))

    page.get_by_role("link", name="Make proposal").click()
    page.get_by_label("Promise on the cover").fill("A winter in good voice")
    page.get_by_label("Impressions of").first.fill("12,000")
    page.get_by_role("button", name="Make the proposal").click()

    made = page.get_by_role("region", name="Proposals").get_by_role("link")
    made.wait_for()
    with page.expect_download() as download:
        made.click()
    assert download.value.suggested_filename == f"{Proposal.objects.get().number}-v1.pdf"
    page.get_by_text("Proposal made:").wait_for()
