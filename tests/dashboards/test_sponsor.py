"""The pages of those who buy: what they are, what they bought, where it was heard, when to ask again."""

import csv
import io
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import tenant_context

from bookings.models import IOBooking
from bookings.queries.sponsors import last_booked_days, reads_of_sponsor
from deals.customers import Worth, worth_of
from deals.merging import merge_sponsors
from deals.models import Campaign
from deals.renewals import Renewal, renewals_of
from deals.services import add_agency, add_contact
from tests.factories import (
    NOON,
    make_ad_unit,
    make_booking,
    make_campaign,
    make_episode,
    make_podcast,
    make_sponsor,
)
from tracker.flags.services import switch
from tracker.lib.actors import SYSTEM

FOUR_WEEKS = {"flight_start": NOON - timedelta(days=30), "flight_end": NOON - timedelta(days=2)}


@pytest.fixture
def desk(tenant, client, salesperson, login):
    switch(flag="ENABLE_DEAL_PIPELINE", on=True)
    return login(client, salesperson)


def address(sponsor, rest=""):
    return f"/admin/deals/sponsor/{sponsor.pk}/{rest}"


def ran(sponsor, unit, status="completed", **fields):
    """A booking of the four weeks that are over, set past the services to where it ended."""
    line = make_booking(
        campaign=make_campaign(sponsor=sponsor, stage="won"),
        ad_unit=unit,
        promo_code="SAVE10",
        **{
            "at": NOON - timedelta(days=31),
            **FOUR_WEEKS,
            **fields,
        },
    )
    IOBooking.objects.filter(pk=line.pk).update(status=status)
    return line


def test_the_page_says_who_buys_and_by_what_terms(desk):
    agency = add_agency(name="Brass & Cable", commission_permille=125, by=SYSTEM, at=NOON)
    sponsor = make_sponsor(
        name="Acme Foods",
        brands=["Acme Soup", "Acme Crisps"],
        category="Consumer Packaged Goods",
        blocked_categories=["Politics"],
        aliases=["Acme F."],
        agency=agency,
        billing_name="Acme Foods GmbH",
        billing_address="Teststr. 1\nBerlin",
        billing_email="pay@acme.example",
        tax_number="DE 123",
        credit_status="watch",
        targets={"countries": {"DE": 0.7, "AT": 0.3}},
    )
    add_contact(name="Ada Buyer", title="Partnerships", email="ada@acme.example", sponsor=sponsor)
    make_campaign(sponsor=sponsor, name="Winter soup", stage="won", campaign_value=500_000)
    make_campaign(sponsor=sponsor, name="Spring soup", stage="proposal", campaign_value=120_000)

    page = desk.get(address(sponsor)).content.decode()

    for words in (
        *("Acme Soup, Acme Crisps", "Consumer Packaged Goods", "Politics", "Acme F.", "Acme Foods GmbH", "Teststr. 1"),
        *("pay@acme.example", "DE 123", "Credit on watch", "12.5\u00a0%, kept by Brass &amp; Cable", "Ada Buyer"),
        *("Winter soup", "Spring soup", "€5,000", "€1,200", "Germany 70\u00a0%, Austria 30\u00a0%"),
    ):
        assert words in page, words


def test_a_sponsor_without_anything_has_words_for_each_gap(desk):
    page = desk.get(address(make_sponsor())).content.decode()

    for words in ("no category yet", "buys directly", "No deal yet.", "Nothing is booked yet.", "none named"):
        assert words in page
    assert "It has not run in any episode yet." in page
    assert "nothing to renew" in page


def test_a_sponsor_ran_in_its_own_episode_in_each_of_a_flight_and_in_dynamic_ones(tenant):
    sponsor, show = make_sponsor(), make_podcast(title="Slow Signal")
    days = [NOON - timedelta(days=back) for back in (29, 22, 15, 8, 1)]
    episodes = [make_episode(show, title=f"Part {n}", drops_at=day) for n, day in enumerate(days)]
    make_episode(show, title="Unpublished", drops_at=days[1], is_published=False)
    whole = ran(sponsor, make_ad_unit(show, name="Mid"))
    pre = make_ad_unit(show, name="Pre", position="pre")
    one = ran(sponsor, pre, episode=episodes[2])
    dynamic = ran(sponsor, make_ad_unit(show, name="Run", delivery="dynamic"), status="active")
    ran(sponsor, make_ad_unit(show, name="Post", position="post"), status="cancelled")
    ran(make_sponsor(), make_ad_unit(show, name="Other"))

    reads = reads_of_sponsor(sponsor.pk, at=NOON)

    # The fifth episode came out after the flight; the third carries two reads.
    assert [(read.on, str(read.episode or ""), read.line.pk) for read in reads if read.line.pk == whole.pk] == [
        (day, f"Part {n}", whole.pk) for n, day in reversed(list(enumerate(days[:4])))
    ]
    assert [(read.on, read.line.pk) for read in reads if read.line.pk == one.pk] == [(days[2], one.pk)]
    assert [(read.on, read.episode) for read in reads if read.line.pk == dynamic.pk] == [
        (NOON - timedelta(days=30), None)
    ]
    assert len(reads) == 6
    assert reads == sorted(reads, key=lambda read: (read.on, read.podcast), reverse=True)


def test_the_page_and_the_csv_tell_the_same_reads(desk):
    sponsor, show = make_sponsor(name="Acme"), make_podcast(title="=Slow Signal")
    make_episode(show, title="Part one", drops_at=NOON - timedelta(days=10))
    ran(sponsor, make_ad_unit(show, name="Mid"))

    page = desk.get(address(sponsor)).content.decode()
    rows = list(csv.DictReader(io.StringIO(desk.get(address(sponsor, "reads.csv")).content.decode())))

    assert "Part one" in page
    assert "SAVE10" in page
    assert [(row["on"], row["show"], row["episode"], row["promo_code"]) for row in rows] == [
        ("2026-11-11", "'=Slow Signal", "Part one", "SAVE10")
    ]


def test_a_renewal_is_due_four_weeks_before_the_last_flight_ends(tenant):
    booked, wanted, asked, gone, new = (make_sponsor() for _sponsor in range(5))
    sponsors = [sponsor.pk for sponsor in (booked, wanted, asked, gone, new)]
    make_campaign(sponsor=wanted, stage="won", flight_last_day=date(2026, 12, 20))
    make_campaign(sponsor=asked, stage="lead")
    make_campaign(sponsor=new, stage="lead", flight_last_day=date(2026, 12, 20))
    last_days = {booked.pk: date(2026, 12, 19), asked.pk: date(2026, 12, 1), gone.pk: date(2026, 5, 1)}

    found = renewals_of(sponsors, last_days=last_days, today=date(2026, 11, 21))

    # 19 December less 28 days is 21 November, today; 20 December is a day later; May is more than 180 days ago.
    assert found == {
        booked.pk: Renewal(date(2026, 12, 19), date(2026, 11, 21), is_due=True, has_open_deal=False),
        wanted.pk: Renewal(date(2026, 12, 20), date(2026, 11, 22), is_due=False, has_open_deal=False),
        asked.pk: Renewal(date(2026, 12, 1), date(2026, 11, 3), is_due=True, has_open_deal=True),
        gone.pk: Renewal(date(2026, 5, 1), date(2026, 4, 3), is_due=False, has_open_deal=False),
    }
    assert [key for key, renewal in found.items() if renewal.needs_a_talk] == [booked.pk]


def test_the_page_says_that_a_renewal_is_due(desk):
    now = timezone.now()
    sponsor, unit = make_sponsor(), make_ad_unit(delivery="dynamic")
    deal = make_campaign(sponsor=sponsor, stage="won")
    make_booking(
        campaign=deal, ad_unit=unit, flight_start=now + timedelta(days=1), flight_end=now + timedelta(days=8), at=now
    )

    assert "Renewal due" in desk.get(address(sponsor)).content.decode()

    make_campaign(sponsor=sponsor, stage="lead")
    page = desk.get(address(sponsor)).content.decode()
    assert "Renewal due" not in page
    assert "A deal is open already." in page


def test_holds_and_cancelled_lines_renew_nothing(tenant):
    sponsor, other, unit = make_sponsor(), make_sponsor(), make_ad_unit(make_podcast())
    ran(sponsor, unit)
    ran(other, make_ad_unit(), status="cancelled")

    assert last_booked_days([sponsor.pk, other.pk]) == {sponsor.pk: date(2026, 11, 19)}


def test_what_a_sponsor_is_worth_is_told_by_currency(tenant):
    sponsor = make_sponsor()
    for stage, cents, currency in (
        *(("won", 500, "EUR"), ("lost", 300, "EUR"), ("lead", 70, "EUR"), ("negotiation", 30, "EUR")),
        ("won", 9_900, "USD"),
    ):
        make_campaign(sponsor=sponsor, stage=stage, campaign_value=cents, currency=currency)
    make_campaign(stage="won", campaign_value=1)

    euros, dollars = worth_of(Campaign.objects.filter(sponsor=sponsor))

    assert euros == Worth("EUR", open=2, open_cents=100, won=1, won_cents=500, lost=1, lost_cents=300)
    assert (dollars.won_cents, str(euros.win_rate), dollars.win_rate) == (9_900, "0.5000", 1)


def test_spellings_and_merges_are_told_and_brands_go_over(desk, salesperson):
    kept, twin = make_sponsor(name="Acme Foods", brands=["Soup"]), make_sponsor(name="ACME-Foods Inc.", brands=["Tea"])
    assert "The same name in another spelling: ACME-Foods Inc." in desk.get(address(kept)).content.decode()

    merge_sponsors(keep=kept, merge=twin, by=salesperson, at=NOON)

    kept.refresh_from_db()
    assert kept.brands == ["Soup", "Tea"]
    assert "Merged into this sponsor" in desk.get(address(kept)).content.decode()
    assert "This spelling was merged into" in desk.get(address(twin)).content.decode()


def test_an_agency_shows_its_terms_its_sponsors_and_their_deals(desk):
    agency = add_agency(name="Brass & Cable", commission_permille=150, by=SYSTEM, at=NOON, credit_status="hold")
    sponsor = make_sponsor(name="Acme Foods", agency=agency, brands=["Acme Soup"])
    add_contact(name="Elin Berg", agency=agency)
    make_campaign(sponsor=sponsor, agency=agency, name="Winter soup", stage="won", campaign_value=500_000)
    make_campaign(name="Somebody else's")

    page = desk.get(f"/admin/deals/agency/{agency.pk}/").content.decode()

    for words in ("15.0\u00a0%", "Credit on hold", "Acme Foods", "Acme Soup", "Elin Berg", "Winter soup", "€5,000"):
        assert words in page, words
    assert "Somebody else" not in page


def test_the_pages_take_as_many_queries_for_one_row_as_for_four(desk):
    def queries(url):
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(url).status_code == 200
        return len(captured)

    def bought(count):
        agency = add_agency(name=f"Agency {count}", by=SYSTEM, at=NOON)
        sponsor = make_sponsor(agency=agency)
        for _row in range(count):
            show = make_podcast()
            make_episode(show, drops_at=NOON - timedelta(days=9))
            ran(sponsor, make_ad_unit(show))
            make_campaign(sponsor=make_sponsor(agency=agency), agency=agency)
            add_contact(name="Ada", sponsor=sponsor)
        return address(sponsor), f"/admin/deals/agency/{agency.pk}/"

    one, four = bought(1), bought(4)
    queries(one[0])
    assert queries(four[0]) == queries(one[0])
    assert queries(four[1]) == queries(one[1])


def test_pages_are_of_this_house_and_for_those_who_may_see_them(desk, login, other_tenant, creator_user, ops_user):
    with tenant_context(other_tenant):
        foreign, agency = make_sponsor(name="Foreign secret"), add_agency(name="Far", by=SYSTEM, at=NOON)
    for url in (address(foreign), address(foreign, "reads.csv"), f"/admin/deals/agency/{agency.pk}/"):
        assert desk.get(url).status_code == 404

    own = make_sponsor()
    login(desk, ops_user)
    page = desk.get(address(own)).content.decode()
    assert "New deal" not in page.split("board-page", 1)[1]
    login(desk, creator_user)
    assert desk.get(address(own)).status_code == 302
