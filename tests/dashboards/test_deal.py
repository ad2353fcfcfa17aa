"""The page of one deal, with what stands on it from bookings, shows and matches."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import tenant_context

from bookings.makegoods.services import open_makegood
from bookings.models import InsertionOrder
from bookings.services import move_booking, number_order, schedule_booking
from deals.alerts import check_pipeline_alerts
from deals.models import DealFile
from deals.papers import add_file
from deals.services import change_deal, move_deal, note_on_deal
from matchmaking.models import Match
from tests.factories import make_ad_unit, make_booking, make_campaign, make_episode, make_podcast, make_sponsor
from tracker.dashboards.deal import free_in_flight, timeline
from tracker.flags.services import switch
from tracker.lib.actors import SYSTEM, Actor
from tracker.lib.errors import DomainError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def address(deal, *rest):
    return f"/admin/deals/campaign/{deal.pk}/" + "".join(f"{part}/" for part in rest)


@pytest.fixture
def desk(tenant, client, salesperson, login):
    for flag in ("ENABLE_DEAL_PIPELINE", "ENABLE_IO_BOOKINGS", "ENABLE_MATCHMAKING"):
        switch(flag=flag, on=True)
    return login(client, salesperson)


def test_the_page_shows_the_deal_and_what_belongs_to_it(desk, salesperson):
    show = make_podcast(title="Slow Signal")
    deal = make_campaign(name="Winter layers", stage="negotiation", campaign_value=123_400, owner=salesperson)
    deal.wanted_podcasts.add(show)
    make_booking(campaign=deal, ad_unit=make_ad_unit(show, name="Mid-roll one"))
    Match.objects.create(
        advertiser=deal.sponsor, podcast=show, score=Decimal("81.50"), rationale="Same topics.", updated_at=NOON
    )
    note_on_deal(campaign=deal, text="Budget is set.", kind="call", by=salesperson, at=NOON)

    page = desk.get(address(deal)).content.decode()

    for words in ("Winter layers", "€1,234", "Slow Signal", "Mid-roll one", "81.5", "Same topics.", "Budget is set."):
        assert words in page


def test_a_deal_without_anything_has_words_for_each_gap(desk):
    page = desk.get(address(make_campaign())).content.decode()

    for words in (
        "Nothing is planned.",
        "no flight yet",
        "No show is chosen yet.",
        "Nothing is booked yet.",
        "No files yet.",
    ):
        assert words in page


def test_free_is_counted_by_episode_and_by_flight(tenant):
    show = make_podcast()
    pre, run = make_ad_unit(show, name="Pre", position="pre"), make_ad_unit(show, name="Run", delivery="dynamic")
    for week in range(1, 5):
        make_episode(show, drops_at=NOON + timedelta(weeks=week))
    deal = make_campaign(flight_first_day=date(2026, 11, 23), flight_last_day=date(2026, 12, 20))
    deal.wanted_podcasts.add(show)

    def free():
        [(found, units)] = free_in_flight(deal, [show])
        assert found == show
        return {unit.unit.name: (unit.free, unit.of) for unit in units}

    assert free() == {"Pre": (4, 4), "Run": (1, 1)}

    two_weeks = {"flight_start": NOON + timedelta(days=3), "flight_end": NOON + timedelta(days=17)}
    make_booking(ad_unit=pre, **two_weeks)
    make_booking(ad_unit=run, **two_weeks)
    assert free() == {"Pre": (2, 4), "Run": (0, 1)}
    assert free_in_flight(make_campaign(), [show]) is None


def test_the_timeline_tells_everything_newest_first(tenant, salesperson, sales_manager):
    deal = make_campaign(stage="lead")
    change_deal(campaign=deal, by=salesperson, at=NOON, next_step="Call", expected_close_on=date(2026, 12, 1))
    note_on_deal(
        campaign=deal, text="They asked for a price.", kind="mail", by=salesperson, at=NOON + timedelta(hours=1)
    )
    move_deal(
        campaign=deal, to="proposal", by=sales_manager, at=NOON + timedelta(hours=2), reason="Met them", force=True
    )
    booking = make_booking(campaign=deal, at=NOON + timedelta(hours=3))

    steps = timeline(deal, [booking])

    assert {step.title for step in steps[:2]} == {"Insertion order drafted", "Booking scheduled"}
    assert [(step.title, step.text) for step in steps[2:]] == [
        ("Moved from lead to proposal (an exception)", "Met them"),
        ("Mail", "They asked for a price."),
        ("Changed: expected close on, next step", ""),
    ]
    assert steps[2].who == str(sales_manager)


def test_bookings_orders_imports_alerts_and_cases_stand_on_the_timeline(tenant, salesperson):
    show = make_podcast(title="Slow Signal")
    deal = make_campaign(stage="won", flight_first_day=date(2026, 11, 25))
    file = Actor(kind="import", id="1", label="io_bookings.csv")
    booking = schedule_booking(
        campaign=deal,
        ad_unit=make_ad_unit(show, name="Mid-roll one"),
        flight_start=NOON + timedelta(days=1),
        flight_end=NOON + timedelta(days=29),
        booked_impressions=10_000,
        booked_cpm_cents=2_500,
        by=file,
        at=NOON,
    )
    add_file(campaign=deal, file=SimpleUploadedFile("brief.pdf", b"x"), by=salesperson, at=NOON + timedelta(hours=1))
    number_order(order=booking.order, by=salesperson, at=NOON + timedelta(hours=2))
    check_pipeline_alerts(at=NOON + timedelta(hours=3))
    booking = move_booking(booking=booking, to="active", by=SYSTEM, at=NOON + timedelta(days=1))
    open_makegood(booking=booking, reason="missing", owed_impressions=500, by=salesperson, at=NOON + timedelta(days=2))

    steps = [(step.title, step.who, step.text) for step in timeline(deal, [booking])]

    number = booking.order.__class__.objects.get().number
    line = f"{booking.ad_unit} · Slow Signal"
    assert steps[:5] == [
        ("Makegood case opened", str(salesperson), line),
        ("Booking moved", "The tracker", f"{line}: from scheduled to active"),
        ("Alert", "The tracker", "The flight begins on 22 Nov and no order was accepted."),
        ("Insertion order numbered", str(salesperson), number),
        ("File kept: brief.pdf", str(salesperson), ""),
    ]
    assert ("Booking scheduled", "Import of io_bookings.csv", line) in steps


def test_the_page_takes_as_many_queries_for_one_show_as_for_five(desk):
    def queries(deal):
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(address(deal)).status_code == 200
        return len(captured)

    def deal_with(count):
        deal = make_campaign(flight_first_day=date(2026, 11, 23), flight_last_day=date(2026, 12, 20))
        for _show in range(count):
            show = make_podcast()
            make_episode(show)
            deal.wanted_podcasts.add(show)
            make_booking(campaign=deal, ad_unit=make_ad_unit(show))
        return deal

    one, five = deal_with(1), deal_with(5)
    queries(one)
    assert queries(five) == queries(one)


def test_notes_are_written_by_post_alone(desk):
    deal = make_campaign()

    assert desk.get(address(deal, "note")).status_code == 405
    desk.post(address(deal, "note"), {"text": "Called.", "kind": "call"})
    told = desk.post(address(deal, "note"), {"text": "  "}, follow=True).content.decode()

    assert [(note.kind, note.text) for note in deal.deal_notes.all()] == [("call", "Called.")]
    assert "Write down what happened." in told


def test_a_file_is_kept_and_handed_out_as_a_download(desk):
    deal = make_campaign()
    upload = SimpleUploadedFile("../brief <b>.html", b"<script>alert(1)</script>", content_type="text/html")

    desk.post(address(deal, "file"), {"file": upload})

    kept = DealFile.objects.get()
    answer = desk.get(address(deal, "file", kept.pk))
    assert (kept.name, kept.size) == ("brief <b>.html", 25)
    assert "brief" not in kept.file.name
    assert b"".join(answer.streaming_content) == b"<script>alert(1)</script>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment")
    assert desk.get(address(make_campaign(), "file", kept.pk)).status_code == 404


def test_files_have_limits(tenant, salesperson, monkeypatch):
    deal = make_campaign()

    def code(file):
        with pytest.raises(DomainError) as refusal:
            add_file(campaign=deal, file=file, by=salesperson, at=NOON)
        return refusal.value.code

    assert code(SimpleUploadedFile("a.txt", b"")) == "empty_file"
    monkeypatch.setattr("deals.papers.MOST_BYTES", 3)
    assert code(SimpleUploadedFile("a.txt", b"four")) == "too_large"
    monkeypatch.setattr("deals.papers.MOST_FILES", 1)
    add_file(campaign=deal, file=SimpleUploadedFile("a.txt", b"a"), by=salesperson, at=NOON)
    assert code(SimpleUploadedFile("a.txt", b"a")) == "too_many_files"


def test_the_draft_order_is_made_once(desk):
    deal = make_campaign(stage="won")

    first = desk.post(address(deal, "draft-order"))
    second = desk.post(address(deal, "draft-order"))

    order = InsertionOrder.objects.get()
    assert (order.campaign, order.status) == (deal, "draft")
    assert first["Location"] == second["Location"] == f"/admin/bookings/insertionorder/{order.pk}/change/"
    switch(flag="ENABLE_IO_BOOKINGS", on=False)
    assert desk.post(address(deal, "draft-order")).status_code == 404


def test_a_deal_of_another_house_has_no_page(desk, other_tenant):
    with tenant_context(other_tenant):
        foreign = make_campaign(name="Foreign secret")

    assert desk.get(address(foreign)).status_code == 404
    assert desk.post(address(foreign, "note"), {"text": "x"}).status_code == 404
    assert desk.post(address(foreign, "draft-order")).status_code == 404


def test_rights_are_asked_for_each_act(tenant, client, login, ops_user, creator_user):
    deal = make_campaign(sponsor=make_sponsor(name="Quiet sponsor"))
    login(client, ops_user)
    assert client.get(address(deal)).status_code == 404

    switch(flag="ENABLE_DEAL_PIPELINE", on=True)
    switch(flag="ENABLE_IO_BOOKINGS", on=True)
    assert client.get(address(deal)).status_code == 200
    assert client.post(address(deal, "note"), {"text": "x"}).status_code == 403
    assert client.post(address(deal, "file"), {}).status_code == 403
    assert client.post(address(deal, "draft-order")).status_code == 403

    login(client, creator_user)
    assert client.get(address(deal)).status_code == 302
