"""The advertiser's dashboard: fit, price, room, delivery and documents, and nobody else's numbers."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django_tenants.utils import tenant_context

from bookings.models import InsertionOrder, LinkClicks, PromoCode, Redemption, VanityLink
from matchmaking.models import Match
from matchmaking.services import recalculate_matches
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
from tracker.dashboards.advertiser.cpm import shrunk
from tracker.lib.actors import SYSTEM

PAGE = "/dashboard/advertiser"
JSON = "/api/v1/dashboard/advertiser"


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch):
    for flag in ("ENABLE_NEW_DASHBOARD_CARDS", "ENABLE_MATCHMAKING", "ENABLE_IO_BOOKINGS"):
        monkeypatch.setenv(flag, "1")
    with time_machine.travel(NOON, tick=False):
        yield


def sold(sponsor, *, unit=None, impressions=10_000, cpm=2_500, status="scheduled", start=None, **fields):
    """A line in dollars, the house's currency."""
    start = start or NOON + timedelta(days=2)
    return make_booking(
        at=min(NOON, start - timedelta(days=5)),
        ad_unit=unit or make_ad_unit(delivery="dynamic"),
        campaign=make_campaign(stage="won", sponsor=sponsor, name=f"{sponsor} winter"),
        flight_start=start,
        flight_end=start + timedelta(days=28),
        booked_impressions=impressions,
        booked_cpm_cents=cpm,
        order_fields={"currency": "USD", "measurement_of_record": "host", "time_zone": "UTC"},
        booking_fields={"status": status},
        **fields,
    )


def match(sponsor, podcast, score, **fields):
    defaults = {"confidence": Decimal(1), "signals": {"topic_overlap": 0.95}, "updated_at": NOON, "rationale": "Walks."}
    defaults["in_advertiser_top"] = True
    return Match.objects.create(advertiser=sponsor, podcast=podcast, score=Decimal(score), **{**defaults, **fields})


def test_fit_stands_in_the_order_of_scores_with_its_reasons(api):
    sponsor = make_sponsor()
    match(sponsor, make_podcast(title="Undertow"), "58.20")
    match(sponsor, make_podcast(title="Slow Signal"), "77.90", confidence=Decimal("0.8"), rationale="Renewed twice.")
    match(make_sponsor(), make_podcast(), "99.00")

    fit = api.get(JSON, {"advertiser_id": str(sponsor.pk)}).json()["audience_fit_summary"]

    assert [(line["podcast"], line["score"]) for line in fit] == [("Slow Signal", 77.9), ("Undertow", 58.2)]
    assert (fit[0]["confidence"], fit[0]["rationale"]) == (0.8, "Renewed twice.")


def test_fit_says_when_too_little_is_known_to_list_a_show(client, login, administrator):
    sponsor = make_sponsor(name="Zyxt")
    make_podcast(categories=["Technology"])
    page = f"{PAGE}?advertiser_id={sponsor.pk}"
    assert "No match has been calculated yet" in login(client, administrator).get(page).content.decode()

    recalculate_matches(by=SYSTEM, at=NOON)

    assert "Too little is known yet" in client.get(page).content.decode()


def test_the_projected_cpm_is_weighted_by_volume_and_drawn_to_the_house(api):
    mid, pre = make_ad_unit(position="mid", delivery="dynamic"), make_ad_unit(position="pre", delivery="dynamic")
    sold(make_sponsor(), unit=mid, impressions=30_000, cpm=3_000)
    sold(make_sponsor(), unit=mid, impressions=10_000, cpm=2_000, start=NOON + timedelta(days=40))
    sold(make_sponsor(), unit=pre, impressions=10_000, cpm=1_000)
    # Older than 12 months, and another currency: not comparable.
    sold(make_sponsor(), unit=pre, impressions=90_000, cpm=9_000, start=NOON - timedelta(days=400), status="completed")

    prices = api.get(JSON).json()["projected_cpm"]

    # House: (30,000 x 30 + 10,000 x 20 + 10,000 x 10) / 50,000 = 24.00 over 3 lines.
    assert (prices["house_mean_cents"], prices["house_lines"]) == (2_400, 3)
    # Mid: own (30,000 x 30 + 10,000 x 20) / 40,000 = 27.50; (2 x 27.50 + 4 x 24.00) / 6 = 25.1666 -> 25.17.
    # Pre: own 10.00; (1 x 10.00 + 4 x 24.00) / 5 = 21.20.
    assert [(p["position"], p["cpm_cents"], p["comparable_lines"]) for p in prices["by_position"]] == [
        ("mid", 2_517, 2),
        ("pre", 2_120, 1),
    ]


def test_many_lines_outweigh_the_mean_of_the_house():
    assert shrunk(Decimal(3_000), 0, Decimal(2_000)) == 2_000
    assert shrunk(Decimal(3_000), 4, Decimal(2_000)) == 2_500
    assert shrunk(Decimal(3_000), 996, Decimal(2_000)) == 2_996


def test_nothing_sold_is_an_unknown_price(api):
    assert api.get(JSON).json()["projected_cpm"] == {
        "currency": "USD",
        "house_mean_cents": None,
        "house_lines": 0,
        "by_position": [],
    }


def test_the_calendar_counts_slots_of_episodes_that_are_free_held_sold_and_yours(api):
    show = make_podcast(title="Slow Signal")
    # Weeks from Monday 16 November: an episode in each of the weeks of 23 and 30 November and 7 December.
    episodes = [
        make_episode(show, drops_at=datetime(2026, 11, 24, 6, tzinfo=UTC) + timedelta(days=7 * n)) for n in range(3)
    ]
    mids = [make_ad_unit(show, position="mid", name=f"Mid {n}", rate_cpm_cents=2_600) for n in (1, 2)]
    mine, other = make_sponsor(), make_sponsor()
    flight = {"flight_start": NOON, "flight_end": NOON + timedelta(days=40), "at": NOON}
    for unit, episode, sponsor in ((mids[0], 0, mine), (mids[0], 1, other), (mids[0], 2, other), (mids[1], 2, other)):
        make_booking(ad_unit=unit, episode=episodes[episode], campaign=make_campaign(sponsor=sponsor), **flight)

    answer = api.get(JSON, {"advertiser_id": str(mine.pk), "weeks": "5"}).json()
    (row,) = answer["inventory_calendar"]

    assert (row["podcast"], row["position"], row["rate_cpm_cents"]) == ("Slow Signal", "mid", 2_600)
    assert [(week["week"], week["state"], week["free"], week["slots"]) for week in row["weeks"]] == [
        ("2026-11-16", "none", 0, 0),
        ("2026-11-23", "mine", 1, 2),
        ("2026-11-30", "some", 1, 2),
        ("2026-12-07", "sold", 0, 2),
        ("2026-12-14", "none", 0, 0),
    ]


def test_weeks_without_a_planned_episode_follow_the_shows_usual_days(api):
    show = make_podcast(release_weekdays=[1, 3])
    make_ad_unit(show)

    (row,) = api.get(JSON, {"weeks": "2"}).json()["inventory_calendar"]

    # It is Saturday: this week's Tuesday and Thursday are past; next week has both.
    assert [(week["state"], week["free"]) for week in row["weeks"]] == [("none", 0), ("free", 2)]


def test_a_dynamic_slot_is_free_only_when_the_whole_week_is(api):
    unit = make_ad_unit(delivery="dynamic")
    sold(make_sponsor(), unit=unit, start=datetime(2026, 11, 30, tzinfo=UTC))

    (row,) = api.get(JSON, {"weeks": "8"}).json()["inventory_calendar"]

    # The flight takes the four weeks from 30 November.
    assert [week["state"] for week in row["weeks"]] == ["free", "free", "sold", "sold", "sold", "sold", "free", "free"]


def test_codes_and_links_are_floors_and_sources_are_not_added(api):
    sponsor, show = make_sponsor(), make_podcast(title="Slow Signal")
    PromoCode.objects.create(sponsor=sponsor, podcast=show, code="SIGNAL15", folded="signal15")
    PromoCode.objects.create(sponsor=sponsor, podcast=make_podcast(title="Undertow"), code="TIDE", folded="tide")
    link = VanityLink.objects.create(sponsor=sponsor, podcast=show, path="signal")
    LinkClicks.objects.create(link=link, day=date(2026, 11, 19), clicks=40)
    LinkClicks.objects.create(link=link, day=date(2026, 9, 1), clicks=500)
    for day, source in ((19, "shop"), (20, "shop"), (20, "survey")):
        Redemption.objects.create(
            sponsor=sponsor,
            promo_code="signal15",
            day=date(2026, 11, day),
            orders=5,
            revenue_cents=20_000,
            source=source,
            recorded_at=NOON,
        )

    seen = api.get(JSON, {"advertiser_id": str(sponsor.pk)}).json()["attribution"]

    assert (seen["orders"], seen["revenue_cents"], seen["clicks"], seen["is_floor"]) == (10, 40_000, 40, True)
    silent = next(code for code in seen["codes"] if code["promo_code"] == "TIDE")
    assert (silent["orders"], silent["revenue_cents"], silent["clicks"]) == (None, None, None)


def test_an_advertiser_sees_their_own_alone(client, login, tenant, api_of):
    mine, theirs = make_sponsor(name="Harbor & Pine"), make_sponsor(name="Quillo")
    show = make_podcast(title="Slow Signal")
    for sponsor in (mine, theirs):
        booking = sold(sponsor)
        InsertionOrder.objects.filter(pk=booking.order_id).update(
            status="sent", number=f"IO-{sponsor.name[:2]}", sent_at=NOON - timedelta(days=4)
        )
        match(sponsor, show, "70.00", rationale=f"For {sponsor.name}.")
    person = make_user(role="advertiser", bindings={"sponsor": [mine.pk]})
    key = api_of(tenant, role="advertiser", bindings={"sponsor": [mine.pk]})

    html = login(client, person).get(PAGE).content.decode()
    body = key.get(JSON)

    assert "Harbor &amp; Pine winter" in html
    assert "IO-Ha" in html
    # Sent four days ago, to be signed within the house's 14 days.
    assert "Tue 1 Dec" in html
    assert "Quillo" not in html + body.content.decode()
    assert "IO-Qu" not in html + body.content.decode()
    assert client.get(PAGE, {"advertiser_id": str(theirs.pk)}).status_code == 404
    assert key.get(JSON, {"advertiser_id": str(theirs.pk)}).status_code == 404
    assert client.get("/dashboard/advertiser/campaigns.csv", {"advertiser_id": str(theirs.pk)}).status_code == 404


def test_an_advertiser_without_a_sponsor_sees_no_campaign(client, login, advertiser_user):
    sold(make_sponsor(name="Quillo"))

    html = login(client, advertiser_user).get(PAGE).content.decode()

    assert "No advertiser is bound to you yet." in html
    assert "Quillo" not in html


def test_another_tenants_advertiser_is_not_found(api, other_tenant):
    with tenant_context(other_tenant):
        foreign = make_sponsor(name="Undertow Oats")

    assert api.get(JSON, {"advertiser_id": str(foreign.pk)}).status_code == 404


def test_delivery_of_live_flights_is_told_with_what_was_expected(client, login):
    sponsor = make_sponsor()
    show = make_podcast()
    unit = make_ad_unit(show, delivery="dynamic")
    episode = make_episode(show, drops_at=NOON - timedelta(days=90))
    sold(sponsor, unit=unit, impressions=28_000, status="active", start=datetime(2026, 11, 7, tzinfo=UTC))
    for day in range(7, 21):
        make_rollup(episode=episode, day=date(2026, 11, day), source="host", downloads=900)
    person = make_user(role="advertiser", bindings={"sponsor": [sponsor.pk]})

    html = login(client, person).get(PAGE).content.decode()

    # 14 of 28 days: 14,000 expected, 14 x 900 = 12,600 delivered, 90.0 %.
    assert "12,600" in html
    assert "90.0\xa0% of expected by now" in html


def test_cards_of_switched_off_features_are_not_there(api, client, login, administrator, monkeypatch):
    monkeypatch.setenv("ENABLE_MATCHMAKING", "0")
    monkeypatch.setenv("ENABLE_IO_BOOKINGS", "0")

    body = api.get(JSON).json()
    html = login(client, administrator).get(PAGE).content.decode()

    assert body["audience_fit_summary"] is None
    assert 'id="campaigns"' not in html
    assert 'id="inventory_calendar"' in html


def test_creators_and_ops_do_not_see_the_page(client, login, creator_user, ops_user):
    assert login(client, creator_user).get(PAGE).status_code == 403
    assert login(client, ops_user).get(PAGE).status_code == 403


def test_a_wrong_number_of_weeks_is_told(api):
    refused = api.get(JSON, {"weeks": "0"})

    assert (refused.status_code, refused.json()["code"]) == (400, "bad_weeks")
