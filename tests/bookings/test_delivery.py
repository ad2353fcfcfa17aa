"""Delivery of real lines: what is counted, from which source, up to which day."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.delivery.queries import makegoods_pending, next_reads, pacing_of, sponsor_revenue_30_days
from bookings.models import DeliveryPause, IOBooking
from metrics.services import DayOfEpisode, record_metrics
from tests.bookings.deliveries import (
    HALVING,
    NOV,
    NOW,
    make_episode,
    make_line,
    make_show,
    make_sponsor,
    measure,
    nov,
    teach_curve,
)
from tests.bookings.deliveries import make_episode as episode_of


def pace_of(line: IOBooking, at: datetime = NOW):
    (pace,) = pacing_of([line], at=at)
    return pace


def test_a_dynamic_line_counts_the_whole_show_in_its_flight(tenant):
    show = make_show()
    line = make_line(show=show, booked=30_000)
    measure(episode_of(show, nov(-30)), [300] * 20)
    # A day before the flight does not count; nor does today, which is not over.
    measure(episode_of(show, nov(-20)), [9_999, *[600] * 20, 7_777], first=NOV - timedelta(days=1))

    pace = pace_of(line)

    # 20 days x (300 + 600) = 18,000 of 30,000 x 20/30 = 20,000: 90 %.
    assert (pace.delivered, pace.expected, pace.pacing_pct, pace.band) == (18_000, 20_000, 90, "behind")
    assert (pace.as_of, pace.source, pace.days_left, pace.days_total) == (date(2026, 11, 20), "podtrail", 10, 30)
    # 18,000 + 900 x 10 = 27,000; 3,000 short x 25.00 / 1000 = 75.00.
    assert (pace.projection, pace.shortfall, pace.exposure_cents) == (27_000, 3_000, 7_500)


def test_sources_are_never_added_and_the_measurement_of_record_decides(tenant):
    show = make_show()
    episode = episode_of(show, nov(-30))
    measure(episode, [100] * 20)
    measure(episode, [90] * 20, source="earprint")
    measure(episode, [80] * 3, source="third")

    named = make_line(show=show, order={"measurement_of_record": "earprint"})
    unnamed = make_line(show=show, order={"measurement_of_record": ""})
    unmeasured = make_line(show=show, order={"measurement_of_record": "elsewhere"})

    assert (pace_of(named).delivered, pace_of(named).source) == (1_800, "earprint")
    # Two sources measured 20 days each: the first by name, never their sum.
    assert (pace_of(unnamed).delivered, pace_of(unnamed).source) == (1_800, "earprint")
    assert (pace_of(unmeasured).delivered, pace_of(unmeasured).unknown_reason) == (None, "no_data")


def test_paused_days_neither_expect_nor_count(tenant):
    show = make_show()
    line = make_line(show=show, booked=27_000, end=nov(31))
    measure(episode_of(show, nov(-30)), [1_000] * 20)
    # From the 3rd, 10:00 to the 7th, 10:00: the 4th, 5th and 6th are whole days.
    DeliveryPause.objects.create(booking=line, starts_at=nov(3, 10), ends_at=nov(7, 10))

    pace = pace_of(line)

    # 27 eligible days, 17 elapsed: 27,000 x 17/27 = 17,000; 17 days of 1,000.
    assert (pace.expected, pace.delivered, pace.pacing_pct) == (17_000, 17_000, 100)
    assert (pace.days_total, pace.days_left) == (27, 10)


def test_a_line_that_is_paused_now_expects_no_further_day_until_it_runs_again(tenant):
    show = make_show()
    line = make_line(show=show, booked=10_000, status="paused")
    measure(episode_of(show, nov(-30)), [1_000] * 20)
    DeliveryPause.objects.create(booking=line, starts_at=nov(11))

    pace = pace_of(line)

    assert (pace.expected, pace.delivered, pace.days_left) == (10_000, 10_000, 0)


def test_days_are_those_of_the_orders_zone_right_across_a_change_of_clocks(tenant):
    # 24 October to 26 October in Berlin; the clocks go back on the 25th, which has 25 hours.
    show = make_show()
    start = datetime(2026, 10, 23, 22, tzinfo=UTC)
    line = make_line(
        show=show,
        start=start,
        end=datetime(2026, 10, 26, 23, tzinfo=UTC),
        booked=300,
        order={"time_zone": "Europe/Berlin"},
    )
    measure(episode_of(show, nov(-60)), [9, 100, 100, 100, 9], first=date(2026, 10, 23))

    pace = pace_of(line)

    assert (pace.first_day, pace.last_day, pace.days_total) == (date(2026, 10, 24), date(2026, 10, 26), 3)
    assert (pace.delivered, pace.expected, pace.pacing_pct) == (300, 300, 100)


def test_a_one_day_flight_and_the_first_day_of_a_longer_one(tenant):
    show = make_show()
    measure(episode_of(show, nov(-30)), [50] * 20)

    one_day = pace_of(make_line(show=show, start=nov(20), end=nov(21), booked=50))
    first_day = pace_of(make_line(show=show, start=nov(20), end=nov(30), booked=500))
    tomorrow = pace_of(make_line(show=show, start=nov(21), end=nov(30), booked=500))

    assert (one_day.delivered, one_day.pacing_pct, one_day.is_measuring_closed) == (50, 100, True)
    assert (first_day.delivered, first_day.pacing_pct, first_day.unknown_reason) == (50, None, "first_day")
    assert (tomorrow.delivered, tomorrow.unknown_reason) == (None, "not_started")


def test_restated_counts_replace_what_was_known(tenant):
    show = make_show()
    line = make_line(show=show, booked=3_000)
    episode = episode_of(show, nov(-30))
    measure(episode, [100] * 20)
    before = pace_of(line).delivered

    measure(episode, [40])

    assert (before, pace_of(line).delivered) == (2_000, 1_940)


def test_missing_days_are_told_and_blank_is_not_zero(tenant):
    show = make_show()
    line = make_line(show=show, booked=3_000)
    measure(episode_of(show, nov(-30)), [100] * 5 + [None, None] + [100] * 13)
    silent = make_line(show=make_show())

    assert (pace_of(line).delivered, pace_of(line).days_missing) == (1_800, 2)
    assert (pace_of(silent).delivered, pace_of(silent).delivered_share, pace_of(silent).band) == (None, None, "unknown")


def test_a_baked_in_line_follows_the_shows_own_curve(tenant):
    show = make_show()
    teach_curve(show)
    line = make_line(show=show, delivery="baked_in", booked=6_400, start=nov(10), end=nov(25), cpm_cents=3_000)
    # Out for 10 days and 3 days as of the 20th, and one still to come.
    measure(episode_of(show, nov(11, 5)), [1_520, 760, 380, 190, 95, 95, 0, 0, 0, 0], first=date(2026, 11, 11))
    measure(episode_of(show, nov(18, 5)), [1_600, 800, 400], first=date(2026, 11, 18))

    pace = pace_of(line)

    # F(10)/F(30) = 1, F(3)/F(30) = 2,800/3,200 = 0.875: 3,200 + 2,800 = 6,000; came 3,040 + 2,800 = 5,840.
    assert pace.expected == pytest.approx(Decimal(6_000), abs=Decimal("0.01"))
    assert (pace.delivered, pace.episodes_out, pace.episodes_in_all) == (5_840, 2, 2)
    assert round(pace.pacing_pct, 1) == Decimal("97.3")
    assert pace.band == "watch"
    # 3,040 has come to its end; 2,800 / 0.875 = 3,200.
    assert (pace.projection, pace.shortfall, pace.exposure_cents) == (6_240, 160, 480)
    assert [spot.day for spot in pace.spots] == [10, 3]
    assert pace.closes_on == date(2026, 12, 17)
    assert pace.curve_episodes == 12
    assert pace.curve_error == pytest.approx(0)


def test_an_episode_that_is_not_out_expects_nothing_and_is_forecast(tenant):
    show = make_show()
    teach_curve(show)
    line = make_line(show=show, delivery="baked_in", booked=6_000, start=nov(10), end=nov(30))
    measure(episode_of(show, nov(15, 5)), [1_600, 800, 400, 200, 100, 100], first=date(2026, 11, 15))
    make_episode(show, nov(26, 5), is_published=False)

    pace = pace_of(line)

    assert (pace.episodes_out, pace.episodes_in_all) == (1, 2)
    assert pace.expected == pytest.approx(Decimal(3_000))
    # 3,200 for the one that is out, and the show's usual 3,200 for the one to come.
    assert (pace.delivered, pace.projection) == (3_200, 6_400)
    assert (pace.spots[1].day, pace.spots[1].delivered, pace.spots[1].expected) == (None, None, 0)


def test_release_days_promise_episodes_that_nobody_planned_yet(tenant):
    show = make_show(release_weekdays=[2])
    teach_curve(show)
    line = make_line(show=show, delivery="baked_in", booked=9_000, start=nov(16), end=nov(35))
    # Wednesday the 18th is out; the 25th of November and the 2nd of December are Wednesdays to come.
    measure(episode_of(show, nov(18, 5)), [1_600, 800, 400], first=date(2026, 11, 18))

    pace = pace_of(line)

    assert (pace.episodes_out, pace.episodes_in_all) == (1, 3)
    # A third of the goal on each: 3,000 x 0.875.
    assert pace.expected == pytest.approx(Decimal(2_625))


def test_a_late_drop_counts_from_the_day_it_came(tenant):
    show = make_show()
    teach_curve(show)
    # Planned for the 10th and never marked as out; its downloads begin on the 14th.
    episode = make_episode(show, nov(10, 5), is_published=False)
    line = make_line(delivery="baked_in", episode=episode, booked=3_200, start=nov(10), end=nov(20))
    measure(episode, [1_600, 800, 400], first=date(2026, 11, 14))

    pace = pace_of(line, at=nov(17, 9))

    assert (pace.spots[0].first_day, pace.spots[0].day) == (date(2026, 11, 14), 3)
    assert (pace.delivered, pace.pacing_pct) == (2_800, pytest.approx(100))


def test_an_episode_counts_to_the_end_of_its_window_and_no_further(tenant):
    show = make_show()
    teach_curve(show)
    episode = make_episode(show, datetime(2026, 10, 1, 5, tzinfo=UTC))
    line = make_line(
        delivery="baked_in", episode=episode, booked=3_000, start=datetime(2026, 10, 1, tzinfo=UTC), end=nov(1)
    )
    measure(episode, [100] * 50, first=date(2026, 10, 1))

    pace = pace_of(line)

    assert (pace.delivered, pace.expected, pace.closes_on) == (3_000, 3_000, date(2026, 10, 30))
    assert pace.is_measuring_closed


def test_without_any_curve_a_young_episode_is_unknown(tenant):
    show = make_show()
    line = make_line(show=show, delivery="baked_in", start=nov(10), end=nov(30))
    measure(episode_of(show, nov(11, 5)), [500] * 10, first=date(2026, 11, 11))

    pace = pace_of(line)

    assert (pace.delivered, pace.pacing_pct, pace.unknown_reason) == (5_000, None, "no_curve")


def test_a_show_with_few_episodes_borrows_the_houses_curve(tenant):
    teach_curve(make_show(), scale=10)
    newcomer = make_show()
    line = make_line(show=newcomer, delivery="baked_in", booked=640, start=nov(10), end=nov(30))
    measure(episode_of(newcomer, nov(18, 5)), [320, 160, 80], first=date(2026, 11, 18))
    companion = make_line(show=make_show(), delivery="baked_in")

    alone = pace_of(line)
    others = pacing_of([line, companion, *IOBooking.objects.none()], at=NOW)[0]

    assert alone.basis == others.basis == "house_curve"
    assert alone.pacing_pct == pytest.approx(100)


def test_what_a_makegood_delivers_counts_for_its_line(tenant):
    show = make_show()
    line = make_line(show=show, booked=10_000, start=nov(1), end=nov(6), status="makegood")
    measure(episode_of(show, nov(-30)), [1_400] * 20)
    make_line(show=show, booked=3_000, start=nov(10), end=nov(12), makegood_of=line, gross_cents=0)

    pace = pace_of(line)

    # 5 x 1,400 = 7,000 of its own, 2 x 1,400 = 2,800 by the makegood.
    assert (pace.own_delivered, pace.makegood_delivered, pace.delivered) == (7_000, 2_800, 9_800)
    assert pace.pacing_pct == 98


@pytest.mark.parametrize("delivery", ["dynamic", "baked_in"])
def test_pacing_asks_as_often_for_one_line_as_for_many(tenant, delivery):
    def lines(count: int) -> list[IOBooking]:
        made = []
        for _ in range(count):
            show = make_show()
            teach_curve(show, episodes=3)
            measure(episode_of(show, nov(11, 5)), [100] * 10, first=date(2026, 11, 11))
            made.append(make_line(show=show, delivery=delivery))
        return made

    one, many = lines(1), lines(5)

    with CaptureQueriesContext(
        connection,
    ) as for_one:
        pacing_of(one, at=NOW)
    with CaptureQueriesContext(connection) as for_many:
        paces = pacing_of(many, at=NOW)

    assert len(for_many) == len(for_one) <= 4
    assert [pace.booking for pace in paces] == many


def test_revenue_is_earned_up_to_the_contract_and_never_summed_with_what_is_attributed(tenant):
    show = make_show()
    # 12.50 per thousand; 1,000 a day for 20 days, but only 15,000 were sold.
    make_line(show=show, booked=15_000, cpm_cents=1_250)
    measure(episode_of(show, nov(-30)), [1_000] * 20, revenue_cents=321)
    measure(episode_of(show, nov(-30)), [None, 5, 5], source="pixel", revenue_cents=999)

    revenue = sponsor_revenue_30_days(podcasts=[show], at=NOW)

    # 15,000 x 12.50 / 1000 = 187.50
    assert revenue.earned_cents == {"EUR": 18_750}
    assert sum(revenue.earned_by_day["EUR"].values()) == 18_750
    # 20 x 3.21 by the source that told most days; the other one is not added.
    assert (revenue.attributed_cents, revenue.attributed_sources) == (6_420, ("podtrail",))
    assert (revenue.first_day, revenue.last_day) == (date(2026, 10, 22), date(2026, 11, 20))


def test_a_makegood_earns_nothing(tenant):
    show = make_show()
    line = make_line(show=show, booked=1_000, start=nov(1), end=nov(3), status="makegood")
    make_line(show=show, booked=1_000, start=nov(5), end=nov(8), makegood_of=line, gross_cents=0)
    measure(episode_of(show, nov(-30)), [100] * 20)

    assert sponsor_revenue_30_days(podcasts=[show], at=NOW).earned_cents == {"EUR": 500}


def test_next_reads_are_the_planned_episodes_and_the_flights_that_start(tenant):
    show = make_show()
    planned = make_episode(show, nov(25, 5))
    make_episode(show, nov(60, 5))
    baked_in = make_line(show=show, delivery="baked_in", promo_code="SALT", status="scheduled")
    dynamic = make_line(show=show, start=nov(24), end=nov(30), status="scheduled")
    make_line(show=show, start=nov(2), end=nov(30))
    make_line(show=show, start=nov(24), end=nov(30), status="cancelled")

    reads = next_reads(podcasts=[show], at=NOW)

    assert [(read.booking, read.episode, read.on.day, read.promo_code) for read in reads] == [
        (dynamic, None, 24, ""),
        (baked_in, planned, 25, "SALT"),
    ]


def test_a_sponsor_without_cases_has_no_makegoods_pending(tenant):
    assert makegoods_pending(at=NOW, sponsor=make_sponsor()) == []


def test_the_curve_of_the_simulated_past_is_as_written():
    assert sum(HALVING) == 3_200
    assert len(HALVING) == 30


def test_what_was_known_on_a_day_is_told_from_the_kept_restatements(tenant):
    show = make_show()
    line = make_line(show=show, booked=3_000)
    episode = episode_of(show, nov(-30))
    record_metrics(rows=[DayOfEpisode(NOV, episode.pk, "podtrail", downloads=500)], at=nov(3))
    record_metrics(rows=[DayOfEpisode(NOV, episode.pk, "podtrail", downloads=400)], at=nov(10))
    record_metrics(rows=[DayOfEpisode(date(2026, 11, 2), episode.pk, "podtrail", downloads=70)], at=nov(12))

    def known(day: int):
        (pace,) = pacing_of([line], at=NOW, known_at=nov(day))
        return pace.delivered

    assert [known(day) for day in (2, 3, 9, 10, 11, 12)] == [None, 500, 500, 400, 400, 470]
    assert pace_of(line).delivered == 470
