"""Proposals: planned from what is free, printed in the house's brand, kept with the deal under a number."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from threading import Barrier

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import tenant_context
from pypdf import PdfReader

from bookings import pdf
from bookings.models import OrderProfile
from deals.models import Proposal
from deals.services import add_agency, add_contact
from matchmaking.models import Match
from tests.factories import (
    NOON,
    make_ad_unit,
    make_booking,
    make_campaign,
    make_episode,
    make_podcast,
    make_rollup,
    make_sponsor,
    make_user,
)
from tests.paper import needs_pango
from tracker.dashboards.proposals.document import shares_of
from tracker.dashboards.proposals.gather import Counted, WantedLine, document_of, weekly_downloads
from tracker.dashboards.proposals.paper import calendar_of, short, weeks_of
from tracker.dashboards.proposals.plan import offers_for
from tracker.dashboards.proposals.services import make_proposal, printed
from tracker.events.models import Event
from tracker.flags.services import switch
from tracker.lib import pango
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import DomainError

FIRST, LAST = date(2027, 4, 5), date(2027, 6, 27)


def text_of(content: bytes) -> str:
    pages = [page.extract_text() for page in PdfReader(BytesIO(content)).pages]
    return " ".join("\n".join(pages).replace("\u00a0", " ").split())


def a_deal(**fields):
    agency = add_agency(name="Brass & Cable", commission_permille=150, by=SYSTEM, at=NOON)
    add_contact(name="Elin Berg", title="Planner", email="elin@brass.example", agency=agency)
    sponsor = make_sponsor(name="Halden Cykel", agency=agency, category="Bicycles")
    owner = make_user(name="Johanna Ritter")
    given = {"name": "Summer season", "sponsor": sponsor, "owner": owner, "stage": "proposal"}
    return make_campaign(**{**given, "flight_first_day": FIRST, "flight_last_day": LAST, **fields})


def a_unit(title="The Long Commute", **fields):
    fields.setdefault("rate_cpm_cents", 2_650)
    fields.setdefault("name", "Mid-roll 1")
    return make_ad_unit(make_podcast(title=title, host_name="Ines Falk"), **fields)


def proposed(deal, lines, **fields):
    given = {"promise": "Five voices for the summer", "lead": "Families first.", "stands_until": date(2026, 12, 18)}
    return make_proposal(campaign=deal, lines=lines, by=SYSTEM, at=NOON, **{**given, **fields})


def content_of(proposal):
    with default_storage.open(proposal.file.file.name) as file:
        return file.read()


@needs_pango
def test_the_plan_says_each_line_and_what_it_comes_to_gross_and_net(tenant, real_paper):
    OrderProfile.objects.create(legal_name="Northlight Audio", number_prefix="NLA", measurement_of_record="megaphone")
    deal = a_deal()
    commute = WantedLine(a_unit(delivery="dynamic"), FIRST, LAST, 420_000, 2_650)
    gravel = WantedLine(a_unit("Gravel & Grit"), date(2027, 4, 19), date(2027, 6, 13), 180_001, 2_900)

    made = proposed(deal, [commute, gravel])

    # 420,000 x 26.50 / 1,000 = 11,130.00; 180,001 x 29.00 / 1,000 = 5,220.029, rounded to 5,220.03; sum 16,350.03.
    # Commission 15 % = 2,452.5045, rounded to 2,452.50. Average CPM = 16,350.03 / 600,001 x 1,000 = 27.2500...
    assert (made.number, made.version, made.impressions) == ("NLA-P-2026-0001", 1, 600_001)
    assert (made.gross_cents, made.net_cents) == (1_635_003, 1_389_753)
    text = text_of(content_of(made))
    for words in (
        *("Five voices for the summer", "Podcast media plan for Halden Cykel: Summer season", "Families first."),
        *("Northlight Audio", "NLA-P-2026-0001", "18 Dec 2026", "Elin Berg, Brass & Cable", "Johanna Ritter"),
        *("The Long Commute", "Gravel & Grit", "5 Apr – 27 Jun 2027", "19 Apr – 13 Jun 2027", "420,000", "180,001"),
        *("26.50", "29.00", "27.25", "11,130.00", "5,220.03", "16,350.03", "−2,452.50", "13,897.53", "68.1 %"),
        *("31.9 %", "Agency commission, 15 %", "counted by megaphone", "No rival from Bicycles in the same episode."),
        *("30 days from receipt", "This proposal binds nobody until an insertion order is signed.", "12 weeks"),
    ):
        assert words in text, words


@needs_pango
def test_the_paper_is_tagged_landscape_and_in_the_brand_of_the_house(tenant, real_paper):
    OrderProfile.objects.create(brand_colour="#3b2a6b", is_us_letter=True)

    made = proposed(a_deal(), [WantedLine(a_unit(), FIRST, LAST, 1_000, 2_650)])

    paper = PdfReader(BytesIO(content_of(made)))
    width, height = (round(float(side)) for side in paper.pages[0].mediabox[2:])
    assert (width, height) == (792, 612)
    assert len(paper.pages) == 6
    assert paper.trailer["/Root"]["/Lang"] == "en"
    assert paper.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert b"pdfuaid" in paper.trailer["/Root"]["/Metadata"].get_data()
    assert "Five voices" in paper.metadata.title
    # The cover is filled with the deep shade of the brand: #3b2a6b with 28 % of black.
    deep = " ".join(f"{round(channel * 0.72) / 255:.6f}" for channel in (0x3B, 0x2A, 0x6B))
    assert deep in " ".join(paper.pages[0].get_contents().get_data().decode("latin-1").split())


@needs_pango
def test_a_later_plan_is_the_next_version_and_another_deal_takes_the_next_number(tenant, real_paper):
    deal, lines = a_deal(), [WantedLine(a_unit(), FIRST, LAST, 1_000, 2_650)]

    first = proposed(deal, lines)
    second = proposed(deal, lines, promise="Better still")
    other = proposed(make_campaign(flight_first_day=FIRST, flight_last_day=LAST), lines)

    assert [(made.number, made.version) for made in (first, second, other)] == [
        ("ACME-P-2026-0001", 1),
        ("ACME-P-2026-0001", 2),
        ("ACME-P-2026-0002", 1),
    ]
    assert first.file.name == "ACME-P-2026-0001-v1.pdf"
    assert "ACME" not in first.file.file.name
    assert "Version 2" in text_of(content_of(second))
    told = Event.objects.filter(type="deal.proposal_made", subject_id=str(deal.pk)).order_by("seq")
    assert [event.data["version"] for event in told] == [1, 2]
    # 26.50 less 15 %, 3.975 rounded half up to 3.98.
    assert told[0].data["net_cents"] == 2_252
    assert told[0].data["digest"] == first.digest


@needs_pango
def test_equal_plans_are_equal_files(tenant, real_paper):
    words = {"number": "X", "version": 1, "promise": "P", "lead": "", "stands_until": LAST, "at": NOON}
    document = document_of(a_deal(), [WantedLine(a_unit(), FIRST, LAST, 1_000, 2_650)], **words)

    assert printed(document) == printed(document)


@needs_pango
def test_names_are_text_whatever_they_hold(tenant, real_paper):
    unit = a_unit("<b>Loud</b> & <img src=x> \u202eshow " + "very long " * 12)

    made = proposed(a_deal(name="<script>alert(1)</script>"), [WantedLine(unit, FIRST, LAST, 1_000, 0)])

    text = text_of(content_of(made))
    assert "<b>Loud</b> & <img src=x> show" in text
    assert "<script>alert(1)</script>" in text


@needs_pango
def test_shows_come_with_what_is_known_and_say_what_is_not(tenant, real_paper):
    switch(flag="ENABLE_MATCHMAKING", on=True)
    deal, known, unknown = a_deal(), a_unit(), a_unit("Quiet Corner")
    episode = make_episode(known.podcast, drops_at=NOON - timedelta(days=40))
    for back in range(1, 29):
        make_rollup(episode=episode, day=NOON.date() - timedelta(days=back), source="megaphone", downloads=1_000)
        make_rollup(episode=episode, day=NOON.date() - timedelta(days=back), source="op3", downloads=900)
    Match.objects.create(
        advertiser=deal.sponsor,
        podcast=known.podcast,
        score=Decimal("91.40"),
        rationale="Commuters who cycle.",
        signals={"topic_overlap": 0.9, "geo_overlap": 0.8, "inventory_fit": 1, "brand_safety": 1},
        updated_at=NOON,
    )

    made = proposed(deal, [WantedLine(unit, FIRST, LAST, 1_000, 2_650) for unit in (known, unknown)])

    text = text_of(content_of(made))
    # 28 days of 1,000 by the source with most downloads among those that counted every day: 7,000 a week, not 13,300.
    for words in ("7,000 a week", "91 of 100", "Commuters who cycle.", "not counted yet", "not scored"):
        assert words in text, words
    assert "No data on demographics, history for The Long Commute." in text
    assert weekly_downloads([known.podcast_id], today=NOON.date()) == {
        known.podcast_id: Counted(7_000, "megaphone", date(2026, 11, 20))
    }


def test_a_plan_needs_lines_and_takes_no_number_when_it_fails(tenant, monkeypatch):
    deal = a_deal()

    def code(lines):
        with pytest.raises(DomainError) as refusal:
            proposed(deal, lines)
        return refusal.value.code

    assert code([]) == "nothing_planned"
    line = WantedLine(a_unit(), FIRST, LAST, 1_000, 2_650)
    assert code([line] * 61) == "too_many_lines"
    monkeypatch.setattr(pango, "is_installed", lambda: False)
    assert code([line]) == "pdf_unavailable"
    assert not Proposal.objects.exists()
    assert not Event.objects.filter(type="deal.proposal_made").exists()


@needs_pango
@pytest.mark.own_database
def test_proposals_made_at_once_take_one_number_each(tenant):
    deals, unit = [a_deal() for _deal in range(4)], a_unit()
    line, start = WantedLine(unit, FIRST, LAST, 1_000, 2_650), Barrier(8)

    def one(deal):
        try:
            with tenant_context(tenant):
                start.wait(30)
                made = proposed(deal, [line])
                return (made.serial, made.version)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(one, deals * 2))

    assert sorted(made) == [(serial, version) for serial in (1, 2, 3, 4) for version in (1, 2)]


# --- what is offered ---
def test_one_free_unit_of_each_show_is_chosen_and_the_wish_is_shared_out(tenant):
    big, small = make_podcast(title="Big"), make_podcast(title="Small")
    sold = make_ad_unit(big, name="Mid", index=1, delivery="dynamic", rate_cpm_cents=3_000, impressions_per_day=3_000)
    make_ad_unit(big, name="Pre", position="pre", delivery="dynamic", rate_cpm_cents=2_000, impressions_per_day=3_000)
    make_ad_unit(small, name="Mid", delivery="dynamic", rate_cpm_cents=2_500, impressions_per_day=1_000)
    make_booking(ad_unit=sold, flight_start=NOON + timedelta(days=9), flight_end=NOON + timedelta(days=11))
    deal = a_deal(flight_first_day=date(2026, 12, 1), flight_last_day=date(2026, 12, 10), wanted_impressions=20_000)

    found = offers_for(deal, [big, small], at=NOON)

    # Ten days: 30,000 free on Big's pre-roll, 10,000 on Small's mid-roll; 20,000 wanted are shared three to one.
    assert [
        (offer.unit.podcast.title, offer.unit.name, offer.avail.answer, offer.is_chosen, offer.impressions)
        for offer in found
    ] == [
        ("Big", "Pre", "available", True, 15_000),
        ("Big", "Mid", "not", False, 0),
        ("Small", "Mid", "available", True, 5_000),
    ]
    assert found[0].gross_cents == 30_000


def test_without_a_wish_the_value_of_the_deal_buys_what_it_can(tenant):
    show = make_podcast()
    make_ad_unit(show, delivery="dynamic", rate_cpm_cents=2_000, impressions_per_day=1_000)
    ten_days = {"flight_first_day": date(2026, 12, 1), "flight_last_day": date(2026, 12, 10)}

    # 10,000 free at 20.00 cost 200.00; 50.00 buy 2,500 of them, and nothing buys more than is free.
    assert offers_for(a_deal(campaign_value=5_000, **ten_days), [show], at=NOON)[0].impressions == 2_500
    assert offers_for(a_deal(campaign_value=9_999_900, **ten_days), [show], at=NOON)[0].impressions == 10_000
    assert offers_for(a_deal(campaign_value=0, **ten_days), [show], at=NOON)[0].impressions == 10_000
    assert offers_for(a_deal(flight_first_day=None, flight_last_day=None), [show], at=NOON) == []


# --- figures ---
def test_shares_always_come_to_a_hundred():
    # Thirds are 33.3 each; the tenth that is missing goes to the largest, here the first of equals.
    assert shares_of([100, 100, 100]) == [Decimal("33.4"), Decimal("33.3"), Decimal("33.3")]
    assert shares_of([1_113_000, 522_000, 546_000, 514_500, 210_000]) == [
        *(Decimal("38.3"), Decimal("18.0"), Decimal("18.8"), Decimal("17.7"), Decimal("7.2")),
    ]
    assert shares_of([0, 0]) == [Decimal("0.0"), Decimal("0.0")]


def test_weeks_and_short_counts():
    assert [weeks_of("2027-04-05", last) for last in ("2027-04-05", "2027-04-11", "2027-04-12")] == [1, 1, 2]
    assert [short(count) for count in (840, 1_240, 9_940, 9_960, 68_900, 1_340_000)] == [
        *("840", "1.2k", "9.9k", "10k", "69k", "1.3M"),
    ]


def test_the_calendar_spreads_a_line_over_its_days(tenant):
    deal, unit = a_deal(), a_unit()
    words = {"number": "X", "version": 1, "promise": "P", "lead": "", "stands_until": LAST, "at": NOON}

    # Wednesday 7 to Tuesday 20 April: fourteen days of 1,000; five, seven and two of them in each week from Monday.
    weeks = calendar_of(document_of(deal, [WantedLine(unit, date(2027, 4, 7), date(2027, 4, 20), 14_000, 1)], **words))
    assert (weeks.by, [column.replace("\u00a0", " ") for column in weeks.columns], weeks.sums) == (
        *("week", ["5 Apr", "12 Apr", "19 Apr"], ["5.0k", "7.0k", "2.0k"]),
    )
    # A year is counted in months, and the bar leaves those out that it does not touch.
    line = WantedLine(unit, date(2027, 1, 1), date(2027, 12, 31), 365_000, 1)
    late = WantedLine(unit, date(2027, 12, 1), date(2027, 12, 31), 31_000, 1)
    months = calendar_of(document_of(deal, [line, late], **words))
    assert (months.by, len(months.columns), months.sums[1], months.sums[11]) == ("month", 12, "28k", "62k")
    assert [(len(bar.before), bar.width, len(bar.after)) for bar in months.bars] == [(0, 12, 0), (11, 1, 0)]


# --- the page ---
@pytest.fixture
def desk(tenant, client, salesperson, login):
    switch(flag="ENABLE_DEAL_PIPELINE", on=True)
    return login(client, salesperson)


def a_wish(shows=1):
    today = timezone.localdate()
    deal = a_deal(
        flight_first_day=today + timedelta(days=30),
        flight_last_day=today + timedelta(days=57),
        wanted_impressions=10_000 * shows,
    )
    for _show in range(shows):
        unit = make_ad_unit(make_podcast(), delivery="dynamic", rate_cpm_cents=2_000, impressions_per_day=1_000)
        deal.wanted_podcasts.add(unit.podcast)
    return deal


def address(deal):
    return f"/admin/deals/campaign/{deal.pk}/proposal/"


def sent(deal, **changes):
    unit = deal.wanted_podcasts.first().ad_units.get()
    day = deal.flight_first_day
    return {
        **{
            "promise": "Five voices",
            "lead": "",
            "stands_until": (timezone.localdate() + timedelta(days=9)).isoformat(),
        },
        **{"line": [str(unit.pk)], f"impressions-{unit.pk}": "12,000", f"cpm-{unit.pk}": "24.50"},
        **{f"first-{unit.pk}": day.isoformat(), f"last-{unit.pk}": (day + timedelta(days=6)).isoformat()},
        **{
            (f"{name}-{unit.pk}" if name in ("impressions", "cpm", "first", "last") else name): value
            for name, value in changes.items()
        },
    }


@needs_pango
def test_a_proposal_is_made_by_pressing_the_button_and_stands_on_the_deal(desk):
    deal = a_wish()
    assert f'href="{address(deal)}"' in desk.get(f"/admin/deals/campaign/{deal.pk}/").content.decode()
    assert 'value="10000"' in desk.get(address(deal)).content.decode()

    answer = desk.post(address(deal), sent(deal), follow=True)

    made = Proposal.objects.get()
    page = answer.content.decode()
    # 12,000 x 24.50 / 1,000 = 294.00 gross; less 15 % = 249.90.
    assert (made.gross_cents, made.net_cents, made.file.campaign) == (29_400, 24_990, deal)
    assert f"Proposal made: {made.number}, version 1" in page
    assert "€249.90 net, stands until" in page
    assert "12,000 impressions · gross €294.00 · net €249.90" in page
    file = desk.get(f"/admin/deals/campaign/{deal.pk}/file/{made.file_id}/")
    assert b"".join(file.streaming_content).startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"line": []}, "Choose at least one line for the plan."),
        ({"promise": ""}, "This field is required."),
        ({"stands_until": "2020-01-01"}, "This day has passed."),
        ({"impressions": "0"}, "Impressions are a whole number above 0."),
        ({"impressions": "many"}, "Impressions are a whole number above 0."),
        ({"cpm": "free"}, "A CPM is an amount such as 24.50."),
        ({"cpm": "nan"}, "A CPM is an amount such as 24.50."),
        ({"last": "2020-01-01"}, "The line ends before it begins."),
        ({"first": "soon"}, "Both days of the line are needed."),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_made(desk, changes, words):
    deal = a_wish()

    answer = desk.post(address(deal), sent(deal, **changes))

    assert answer.status_code == 409
    assert words in answer.content.decode()
    assert not Proposal.objects.exists()


def test_a_deal_without_flight_or_shows_says_what_it_lacks(desk):
    page = desk.get(address(make_campaign())).content.decode()

    assert "The deal names no shows." in page
    assert "The deal names no flight." in page


def test_the_form_takes_as_many_queries_for_one_show_as_for_five(desk):
    def queries(deal):
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(address(deal)).status_code == 200
        return len(captured)

    one, five = a_wish(1), a_wish(5)
    queries(one)
    assert queries(five) == queries(one)


def test_printing_takes_as_many_queries_for_one_line_as_for_five(tenant, monkeypatch):
    monkeypatch.setattr(pdf, "written", lambda html, **_options: b"%PDF-")
    monkeypatch.setattr(pdf, "require", lambda: None)

    def queries(count):
        deal = a_deal()
        lines = [WantedLine(a_unit(f"Show {count} {n}"), FIRST, LAST, 1_000, 2_650) for n in range(count)]
        with CaptureQueriesContext(connection) as captured:
            proposed(deal, lines)
        return len(captured)

    queries(1)
    assert queries(5) == queries(1)


def test_only_those_who_change_deals_of_this_house_propose(desk, login, ops_user, other_tenant):
    with tenant_context(other_tenant):
        foreign = make_campaign()
    assert desk.get(address(foreign)).status_code == 404
    assert desk.post(address(foreign), {}).status_code == 404

    deal = a_wish()
    login(desk, ops_user)
    assert desk.get(address(deal)).status_code == 403
    switch(flag="ENABLE_DEAL_PIPELINE", on=False)
    assert desk.get(address(deal)).status_code == 404
