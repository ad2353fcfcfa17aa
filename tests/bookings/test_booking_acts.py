"""What else is done and read on a booking's page: days left out, debts corrected, what was known, what a deal sold."""

from datetime import UTC, date, datetime, timedelta

import pytest

from bookings.delivery.attribution import attribution_of_campaign
from bookings.delivery.queries import pacing_of
from bookings.makegoods.services import open_makegood
from bookings.models import DeliveryPause, DeliveryPolicy, LinkClicks, Makegood, Redemption, VanityLink
from metrics.services import DayOfEpisode, record_metrics
from tests.bookings.deliveries import NOV, NOW, make_episode, make_line, make_show, make_sponsor, measure, nov
from tracker.events.models import Event
from tracker.flags.models import FlagOverride
from tracker.lib.actors import SYSTEM
from tracker.tenants.context import current_tenant


@pytest.fixture
def desk(client, login, sales_manager, monkeypatch):
    """A sales manager at the page of a booking, at nine in the morning of 21 November."""
    FlagOverride.objects.create(flag="ENABLE_IO_BOOKINGS", is_on=True)
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    login(client, sales_manager)
    return client


def page(desk, line, query: str = "") -> str:
    response = desk.get(f"/bookings/{line.pk}{query}")
    assert response.status_code == 200
    return response.content.decode()


# --- blackouts --------------------------------------------------------------------------------------------------------
def test_days_are_blacked_out_and_run_again(desk):
    show = make_show()
    line = make_line(show=show, booked=10_000, order={"time_zone": "Europe/Berlin"})
    measure(make_episode(show, nov(-30)), [400] * 20)
    black = {"first_day": "2026-11-05", "last_day": "2026-11-06", "reason": "mourning"}

    desk.post(f"/bookings/{line.pk}/blackouts", black)
    desk.post(f"/bookings/{line.pk}/blackouts", black)

    pause = DeliveryPause.objects.get()
    # Midnight in Berlin is 23:00 UTC the day before; the last day is included.
    assert (pause.starts_at, pause.ends_at) == (
        datetime(2026, 11, 4, 23, tzinfo=UTC),
        datetime(2026, 11, 6, 23, tzinfo=UTC),
    )
    # The flight begins at 00:00 UTC, 01:00 in Berlin, and ends on 1 December there: 31 days, 29 of them eligible.
    assert pacing_of([line], at=NOW)[0].days_total == 29
    assert [event.data["reason"] for event in Event.objects.filter(type="io.blacked_out")] == ["mourning"]
    assert "mourning" in page(desk, line)

    desk.post(f"/bookings/{line.pk}/blackouts/{pause.pk}/lift")

    assert not DeliveryPause.objects.exists()
    assert pacing_of([line], at=NOW)[0].days_total == 31


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"first_day": "2026-11-06", "last_day": "2026-11-05", "reason": "x"}, "on or after its first day"),
        ({"first_day": "2027-01-06", "last_day": "2027-01-07", "reason": "x"}, "The flight runs from 2026-11-01 to"),
        ({"first_day": "2026-11-06", "last_day": "2026-11-06", "reason": " "}, "Why:"),
        ({"first_day": "soon", "last_day": "2026-11-06", "reason": "x"}, "First day:"),
    ],
)
def test_a_blackout_that_makes_no_sense_is_refused(desk, form, said):
    line = make_line()

    answer = desk.post(f"/bookings/{line.pk}/blackouts", form, follow=True)

    assert said in answer.content.decode()
    assert not DeliveryPause.objects.exists()


def test_a_baked_in_line_has_no_days_to_black_out(desk):
    line = make_line(delivery="baked_in")

    answer = desk.post(
        f"/bookings/{line.pk}/blackouts",
        {"first_day": "2026-11-06", "last_day": "2026-11-06", "reason": "x"},
        follow=True,
    )

    assert "paced by its episodes" in answer.content.decode()


def test_those_who_read_only_change_nothing(client, login, tenant, advertiser_user, monkeypatch):
    FlagOverride.objects.create(flag="ENABLE_IO_BOOKINGS", is_on=True)
    line = make_line()
    advertiser_user.bindings.create(kind="sponsor", object_id=line.campaign.sponsor_id)
    login(client, advertiser_user)

    answers = [
        client.post(
            f"/bookings/{line.pk}/blackouts", {"first_day": "2026-11-06", "last_day": "2026-11-06", "reason": "x"}
        ),
        client.post(f"/bookings/{make_line().pk}/blackouts", {}),
    ]

    assert [answer.status_code for answer in answers] == [403, 404]
    assert not DeliveryPause.objects.exists()


# --- debts ------------------------------------------------------------------------------------------------------------
def test_what_a_case_owes_is_corrected_with_a_reason(desk):
    line = make_line()
    case = open_makegood(booking=line, reason="by_hand", owed_impressions=3_000, by=SYSTEM, at=NOW)

    desk.post(f"/bookings/{line.pk}/cases/{case.pk}/owed", {"owed_impressions": "2000", "reason": "agreed by phone"})

    case.refresh_from_db()
    # 2,000 x 25.00 / 1000 = 50.00.
    assert (case.owed_impressions, case.owed_cents) == (2_000, 5_000)
    assert [(entry.impressions, entry.note) for entry in case.entries.order_by("at", "entry_id")][-1] == (
        -1_000,
        "agreed by phone",
    )


def test_a_correction_needs_a_reason_and_never_exceeds_what_was_booked(desk):
    line = make_line(booked=10_000)
    case = open_makegood(booking=line, reason="by_hand", owed_impressions=3_000, by=SYSTEM, at=NOW)

    for form in ({"owed_impressions": "2000"}, {"owed_impressions": "10001", "reason": "more"}):
        desk.post(f"/bookings/{line.pk}/cases/{case.pk}/owed", form)

    assert Makegood.objects.get().owed_impressions == 3_000


# --- what was known ---------------------------------------------------------------------------------------------------
def test_the_page_tells_what_was_known_on_a_day(desk):
    show = make_show()
    line = make_line(show=show, booked=30_000)
    episode = make_episode(show, nov(-30))
    told = [
        DayOfEpisode(day=NOV + timedelta(days=n), episode_id=episode.pk, source="podtrail", downloads=900)
        for n in range(4)
    ]
    record_metrics(rows=told, at=nov(5, 6))
    restated = [DayOfEpisode(day=NOV, episode_id=episode.pk, source="podtrail", downloads=500)]
    record_metrics(rows=restated, at=nov(12, 6))

    then, now = page(desk, line, "?known_on=2026-11-06"), page(desk, line)

    # Four days of 900 were known on the 6th; since the 12th the first of them is 500.
    assert "one knew" in then
    assert "<dt>Delivered</dt><dd>3,600</dd>" in then
    assert "one knew" not in now
    assert pacing_of([line], at=NOW)[0].delivered == 3_200


# --- attribution of a deal --------------------------------------------------------------------------------------------
def two_lines_of_a_deal():
    """Two CPM lines of one deal on one show, one after the other, sharing code and link, 500 downloads a day."""
    show, sponsor = make_show(), make_sponsor()
    measure(make_episode(show, nov(-30)), [500] * 20)
    both = {"show": show, "sponsor": sponsor, "order": {"currency": current_tenant().currency}}
    first = make_line(booked=5_000, start=nov(1), end=nov(11), promo_code="SALT", **both)
    second = make_line(booked=8_000, start=nov(11), end=nov(21), promo_code="salt ", **both)
    second.campaign = first.campaign
    second.save()
    link = VanityLink.objects.create(sponsor=sponsor, podcast=show, path="salt")
    return first, second, link


def sold(sponsor, day: int, orders: int, cents: int, source: str = "sponsor report") -> None:
    Redemption.objects.create(
        sponsor=sponsor,
        promo_code="salt",
        day=date(2026, 11, day),
        orders=orders,
        revenue_cents=cents,
        source=source,
        recorded_at=NOW,
    )


def test_a_deals_sales_are_counted_once_however_many_lines_share_them(tenant):
    first, second, link = two_lines_of_a_deal()
    sponsor = first.campaign.sponsor
    for day, clicks in ((2, 30), (12, 20)):
        LinkClicks.objects.create(link=link, day=date(2026, 11, day), clicks=clicks)
    # Outside every flight and its tail.
    LinkClicks.objects.create(link=link, day=date(2026, 10, 2), clicks=999)
    sold(sponsor, 3, 4, 20_000)
    sold(sponsor, 15, 6, 30_000)
    sold(sponsor, 15, 9, 45_000, source="second report")
    DeliveryPolicy.objects.create(survey_multiplier="3.2")

    seen = attribution_of_campaign(first.campaign, at=NOW)

    # 30 + 20 clicks, 4 + 6 orders and 500.00 by the source that tells most days; the other is not added.
    assert (seen.lines, seen.clicks, seen.orders, seen.revenue_cents) == (2, 50, 10, 50_000)
    # 5,000 + 5,000 delivered at 25.00: 125.00 + 125.00 spent. eCPM 25.00, a sale 25.00, 500 / 250 = 2.00 back.
    assert (seen.spent_cents, seen.ecpm_cents, seen.cpa_cents, str(seen.roas)) == (25_000, 2_500, 2_500, "2.00")
    # 500.00 x 3.2.
    assert seen.surveyed_cents == 160_000
    assert not seen.is_shared


def test_a_deal_without_links_and_codes_has_no_figures_rather_than_zeros(tenant):
    line = make_line()

    seen = attribution_of_campaign(line.campaign, at=NOW)

    assert (seen.clicks, seen.orders, seen.revenue_cents, seen.cpa_cents, seen.roas) == (None, None, None, None, None)
    assert attribution_of_campaign(line.campaign, at=nov(-5)) is None


def test_sales_in_one_currency_are_not_set_against_spending_in_another(tenant):
    line = make_line(order={"currency": "JPY"}, promo_code="SALT", start=nov(1))
    measure(make_episode(line.ad_unit.podcast, nov(-30)), [500] * 20)
    sold(line.campaign.sponsor, 3, 4, 20_000)

    seen = attribution_of_campaign(line.campaign, at=NOW)

    assert (seen.revenue_cents, seen.spent_cents, seen.roas) == (20_000, 25_000, None)


def test_another_deal_of_the_pair_is_told_of(tenant):
    first, _second, _link = two_lines_of_a_deal()
    make_line(show=first.ad_unit.podcast, sponsor=first.campaign.sponsor)

    assert attribution_of_campaign(first.campaign, at=NOW).is_shared


def test_the_page_marks_floors_and_shows_the_whole_deal(desk):
    first, _second, _link = two_lines_of_a_deal()
    sold(first.campaign.sponsor, 3, 4, 20_000)
    DeliveryPolicy.objects.create(survey_multiplier="3.2")

    words = page(desk, first)

    for said in (
        "Whole deal, 2 bookings",
        "Clicks, at least",
        "Sales, at least",
        "Cost a sale, at most",
        "an estimate",
    ):
        assert said in words
    assert "times 3.2" in words
