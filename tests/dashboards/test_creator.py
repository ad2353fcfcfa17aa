"""The creator's dashboard: the numbers by hand, page and JSON alike, and nobody else's shows."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import tenant_context

from bookings.models import IOBooking
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

PAGE = "/dashboard/creator"
JSON = "/api/v1/dashboard/creator"
FLIGHT_START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch):
    monkeypatch.setenv("ENABLE_NEW_DASHBOARD_CARDS", "1")
    with time_machine.travel(NOON, tick=False):
        yield


def show_in_flight(*, title="Slow Signal", sponsor="Harbor & Pine", daily=1_000, sales_cents=None):
    """A show with 30,000 downloads sold at a CPM of 25.00 over November, dynamic, and 20 measured days of `daily`."""
    show = make_podcast(title=title)
    episode = make_episode(show, drops_at=FLIGHT_START - timedelta(days=90), title=f"{title} one", number=1)
    booking = make_booking(
        at=FLIGHT_START - timedelta(days=10),
        ad_unit=make_ad_unit(show, delivery="dynamic"),
        campaign=make_campaign(stage="won", sponsor=make_sponsor(name=sponsor)),
        flight_start=FLIGHT_START,
        flight_end=datetime(2026, 12, 1, tzinfo=UTC),
        booked_impressions=30_000,
        booked_cpm_cents=2_500,
        order_fields={"measurement_of_record": "host", "currency": "USD", "time_zone": "UTC"},
        booking_fields={"status": IOBooking.Status.ACTIVE},
    )
    for offset in range(20):
        figures = {"downloads": daily} | ({"revenue_cents": sales_cents} if sales_cents is not None else {})
        make_rollup(episode=episode, day=date(2026, 11, 1) + timedelta(days=offset), source="host", **figures)
    return show, booking


def test_the_json_holds_the_numbers_worked_by_hand(api):
    _show, booking = show_in_flight(daily=950, sales_cents=300)

    answer = api.get(JSON)

    body = answer.json()
    (pacing,) = body["pacing_vs_flight"]
    # 20 of 30 days: 20,000 of 30,000 expected; 20 x 950 = 19,000 delivered; 19,000 / 20,000 = 95 %.
    assert pacing["io_id"] == str(booking.pk)
    assert (pacing["expected_impressions"], pacing["delivered_impressions"]) == (20_000, 19_000)
    assert (pacing["pacing_pct"], pacing["band"]) == (95.0, "watch")
    # 10 days are left: 19,000 + 10 x 950 = 28,500 projected, 1,500 short, 1,500 x 25.00 / 1,000 = 37.50 at risk.
    assert (pacing["projected_impressions"], pacing["shortfall"], pacing["exposure_cents"]) == (28_500, 1_500, 3_750)
    # 11,000 are missing in 10 days.
    assert pacing["needed_per_day"] == 1_100
    revenue = body["sponsor_revenue"]
    # 19,000 x 25.00 / 1,000 = 475.00 earned; 20 x 3.00 = 60.00 attributed.
    assert (revenue["first_day"], revenue["last_day"]) == ("2026-10-22", "2026-11-20")
    assert (revenue["earned"]["cents"], revenue["earned"]["previous_cents"]) == (47_500, 0)
    assert (revenue["attributed"]["cents"], revenue["attributed"]["is_floor"]) == (6_000, True)
    assert body["makegoods_pending"] == []


def test_the_page_shows_what_the_json_says(client, api, login, administrator):
    show_in_flight(daily=950, sales_cents=300)

    body = api.get(JSON).json()
    html = login(client, administrator).get(PAGE).content.decode()

    assert body["pacing_vs_flight"][0]["pacing_pct"] == 95.0
    for figure in (
        "95.0\xa0%",
        "19,000",
        "63.3\xa0% delivered / 66.7\xa0% expected",
        "28,500",
        "1,100",
        "$475",
        "$60.00",
    ):
        assert figure in html


def test_a_creator_sees_their_own_shows_alone(client, login):
    mine, _booking = show_in_flight(title="Slow Signal", sponsor="Harbor & Pine")
    theirs, _other = show_in_flight(title="Undertow", sponsor="Quillo")
    creator = make_user(role="creator", bindings={"podcast": [mine.pk]})

    html = login(client, creator).get(PAGE).content.decode()
    by_id = client.get(PAGE, {"podcast_id": str(theirs.pk)})

    assert "Harbor &amp; Pine" in html
    assert "Quillo" not in html
    assert "Undertow" not in html
    assert by_id.status_code == 404


def test_the_api_binds_a_creators_key_to_their_shows(tenant, api_of):
    mine, booking = show_in_flight(title="Slow Signal")
    theirs, _other = show_in_flight(title="Undertow")
    key = api_of(tenant, role="creator", bindings={"podcast": [mine.pk]})

    assert [line["io_id"] for line in key.get(JSON).json()["pacing_vs_flight"]] == [str(booking.pk)]
    assert key.get(JSON, {"podcast_id": str(mine.pk)}).status_code == 200
    refused = key.get(JSON, {"podcast_id": str(theirs.pk)})
    assert (refused.status_code, refused.json()["code"]) == (404, "podcast_not_found")


def test_a_creator_without_a_show_sees_nothing(client, login, creator_user):
    show_in_flight(sponsor="Quillo")

    html = login(client, creator_user).get(PAGE).content.decode()

    assert "Quillo" not in html
    assert "No booking is in flight" in html


def test_an_advertiser_may_not_look_at_the_creators_page(client, login, tenant, api_of, advertiser_user):
    assert login(client, advertiser_user).get(PAGE).status_code == 403
    assert api_of(tenant, role="advertiser").get(JSON).status_code == 403


def test_another_tenants_show_is_not_found(api, other_tenant):
    with tenant_context(other_tenant):
        foreign = make_podcast(title="Undertow")

    assert api.get(JSON, {"podcast_id": str(foreign.pk)}).status_code == 404
    assert api.get(JSON, {"podcast_id": str(uuid.uuid4())}).status_code == 404
    assert "Undertow" not in api.get(JSON).content.decode()


def test_switched_off_the_api_names_its_flag_and_the_page_is_not_there(client, api, login, administrator, monkeypatch):
    monkeypatch.setenv("ENABLE_NEW_DASHBOARD_CARDS", "0")

    refused = api.get(JSON)

    assert (refused.status_code, refused.json()["flag"]) == (403, "ENABLE_NEW_DASHBOARD_CARDS")
    assert login(client, administrator).get(PAGE).status_code == 404


def test_missing_figures_are_unknown_and_not_zero(client, api, login, administrator):
    make_booking(
        at=FLIGHT_START - timedelta(days=10),
        ad_unit=make_ad_unit(make_podcast(), delivery="dynamic"),
        flight_start=FLIGHT_START,
        booking_fields={"status": IOBooking.Status.ACTIVE},
    )

    (pacing,) = api.get(JSON).json()["pacing_vs_flight"]
    html = login(client, administrator).get(PAGE).content.decode()

    assert (pacing["delivered_impressions"], pacing["pacing_pct"], pacing["unknown_reason"]) == (None, None, "no_data")
    assert "expected: unknown" in html
    assert "Nothing measured yet" in html


def test_one_card_stands_alone_for_printing(client, login, administrator):
    show_in_flight()

    html = login(client, administrator).get(PAGE, {"card": "pacing_vs_flight"}).content.decode()

    assert 'id="pacing_vs_flight"' in html
    assert 'id="sponsor_revenue"' not in html
    assert client.get(PAGE, {"card": "nothing"}).status_code == 404


def test_each_card_has_its_csv_with_the_same_figures(client, login, administrator):
    show_in_flight(daily=950, sales_cents=300, sponsor="=HYPERLINK(1)")

    pacing = login(client, administrator).get("/dashboard/creator/pacing_vs_flight.csv")
    revenue = client.get("/dashboard/creator/sponsor_revenue.csv").content.decode().split("\r\n")

    head, line = pacing.content.decode().strip().split("\r\n")
    row = dict(zip(head.split(","), line.split(","), strict=True))
    assert pacing["Content-Type"] == "text/csv; charset=utf-8"
    assert (row["delivered_impressions"], row["expected_impressions"], row["exposure_cents"]) == (
        "19000",
        "20000",
        "3750",
    )
    # A name that a spreadsheet would take for a formula is text.
    assert row["advertiser"] == "'=HYPERLINK(1)"
    # 950 x 25.00 / 1,000 = 23.75 a day.
    assert revenue[0] == "day,earned_cents,attributed_cents"
    assert "2026-11-20,2375,300" in revenue
    assert "2026-10-22,," in revenue


def test_the_period_of_the_address_is_kept_and_a_wrong_one_is_told(client, login, administrator, api):
    show_in_flight()

    week = api.get(JSON, {"days": "7"}).json()["sponsor_revenue"]
    chosen = api.get(JSON, {"from": "2026-11-01", "until": "2026-11-02"}).json()["sponsor_revenue"]
    refused = api.get(JSON, {"from": "2026-11-02", "until": "2026-11-01"})
    html = login(client, administrator).get(PAGE, {"days": "many"}).content.decode()

    # 7 x 1,000 x 25.00 / 1,000 = 175.00; 2 x 1,000 x 25.00 / 1,000 = 50.00.
    assert (week["first_day"], week["earned"]["cents"]) == ("2026-11-14", 17_500)
    assert (chosen["last_day"], chosen["earned"]["cents"]) == ("2026-11-02", 5_000)
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_period")
    assert "days is a whole number from 1 to 366." in html


def test_a_card_that_fails_is_told_and_the_rest_stands(client, login, administrator, monkeypatch):
    show_in_flight(sponsor="Harbor & Pine")
    monkeypatch.setattr("tracker.dashboards.creator.makegoods.makegoods_pending", lambda **_given: 1 / 0)

    html = login(client, administrator).get(PAGE).content.decode()

    assert "This card did not load" in html
    assert "Harbor &amp; Pine" in html


def test_the_number_of_queries_does_not_grow_with_the_lines(client, login, administrator):
    show_in_flight(title="One")
    login(client, administrator).get(PAGE)
    with CaptureQueriesContext(connection) as one:
        client.get(PAGE)

    for title in ("Two", "Three"):
        show_in_flight(title=title)
    with CaptureQueriesContext(connection) as three:
        client.get(PAGE)

    assert len(three) == len(one)


def test_the_root_leads_each_role_to_their_page(client, login, creator_user):
    assert client.get("/").status_code == 302
    assert login(client, creator_user).get("/").headers["Location"] == PAGE
