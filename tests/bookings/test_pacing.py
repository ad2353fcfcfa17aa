"""Pacing worked by hand: the arithmetic stands in each test."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from bookings.pacing import (
    BEHIND,
    ON_TRACK,
    OVER,
    UNKNOWN,
    WATCH,
    Bands,
    Interval,
    Spot,
    baked_in_pace,
    dynamic_pace,
    exposure_cents,
    needed_per_day,
    notice_deadline,
    split_goal,
)

NOV = date(2026, 11, 1)


def day(number: int) -> date:
    return NOV + timedelta(days=number - 1)


def spot(goal, age, delivered, share, close=None) -> Spot:
    return Spot(
        goal=Decimal(goal),
        age=age,
        delivered=delivered,
        expected_share=None if share is None else Decimal(share),
        at_close=close,
    )


def test_a_dynamic_line_is_expected_by_its_days():
    # 30 days, 20 passed: 240,000 x 20/30 = 160,000; 163,900 of that is 102.4 %.
    pace = dynamic_pace(
        booked=240_000, first=day(1), last=day(30), as_of=day(20), delivered=163_900, recent=[8_000] * 7
    )

    assert pace.expected == 160_000
    assert pace.pacing_pct.quantize(Decimal("0.1")) == Decimal("102.4")
    assert pace.band == ON_TRACK
    # 163,900 + 8,000 a day x 10 days left; nothing is short.
    assert (pace.projection, pace.shortfall) == (243_900, 0)
    # (240,000 - 163,900) / 10
    assert pace.needed_per_day == 7_610
    assert (pace.days_left, pace.days_total) == (10, 30)


def test_paused_days_are_not_eligible():
    # 10 days, of which 3 are paused: 7 eligible, 4 of them passed by the 6th: 7,000 x 4/7 = 4,000.
    pace = dynamic_pace(
        booked=7_000,
        first=day(1),
        last=day(10),
        as_of=day(6),
        ineligible={day(2), day(3), day(9)},
        delivered=3_800,
        recent=[950] * 4,
    )

    assert pace.expected == 4_000
    assert pace.pacing_pct == 95
    assert pace.band == WATCH
    # Three eligible days are left: the 7th, 8th and 10th. 3,800 + 3 x 950 = 6,650; 350 short.
    assert (pace.days_left, pace.projection, pace.shortfall) == (3, 6_650, 350)


@pytest.mark.parametrize(
    ("delivered", "band"),
    [(9_899, WATCH), (9_900, ON_TRACK), (9_500, WATCH), (9_499, BEHIND), (11_000, ON_TRACK), (11_001, OVER)],
)
def test_bands_stand_at_95_99_and_110_percent(delivered, band):
    pace = dynamic_pace(booked=20_000, first=day(1), last=day(10), as_of=day(5), delivered=delivered, recent=[1])

    assert pace.expected == 10_000
    assert pace.band == band


def test_a_tenant_may_draw_its_own_bands():
    bands = Bands(watch_from=Decimal(80), on_track_from=Decimal(90), over_above=Decimal(120))

    assert bands.band_of(Decimal("89.9")) == WATCH
    assert bands.band_of(Decimal("79.9")) == BEHIND
    assert bands.band_of(Decimal(120)) == ON_TRACK
    assert bands.band_of(None) == UNKNOWN


def test_the_first_day_says_nothing_yet_but_shows_what_came():
    pace = dynamic_pace(booked=90_000, first=day(20), last=day(49), as_of=day(20), delivered=2_870, recent=[2_870])

    assert (pace.pacing_pct, pace.band, pace.expected, pace.projection) == (None, UNKNOWN, None, None)
    assert pace.unknown_reason == "first_day"
    assert pace.delivered == 2_870
    # (90,000 - 2,870) / 29 days left = 3,004.48
    assert pace.needed_per_day == 3_004


def test_before_the_flight_and_without_data_is_unknown_and_not_zero():
    before = dynamic_pace(booked=1_000, first=day(5), last=day(9), as_of=day(4), delivered=None)
    unmeasured = dynamic_pace(booked=1_000, first=day(5), last=day(9), as_of=None, delivered=None)
    silent = dynamic_pace(booked=1_000, first=day(5), last=day(9), as_of=day(7), delivered=None)

    assert [pace.unknown_reason for pace in (before, unmeasured, silent)] == ["not_started", "no_data", "no_data"]
    assert {pace.delivered for pace in (before, unmeasured, silent)} == {None}
    assert {pace.pacing_pct for pace in (before, unmeasured, silent)} == {None}


def test_the_last_day_expects_everything():
    pace = dynamic_pace(booked=9_000, first=day(1), last=day(9), as_of=day(12), delivered=8_100, recent=[900] * 7)

    assert (pace.expected, pace.pacing_pct, pace.band) == (9_000, 90, BEHIND)
    # Nothing is left to come, so the projection is what came, and there is no day to need anything on.
    assert (pace.projection, pace.projection_low, pace.projection_high) == (8_100, 8_100, 8_100)
    assert (pace.shortfall, pace.needed_per_day, pace.days_left) == (900, None, 0)


def test_a_one_day_flight_is_known_when_its_day_is_over():
    pace = dynamic_pace(booked=500, first=day(3), last=day(3), as_of=day(3), delivered=520, recent=[520])

    assert (pace.expected, pace.pacing_pct, pace.band, pace.days_total) == (500, 104, ON_TRACK, 1)


def test_a_baked_in_line_is_expected_by_the_curve():
    # Goals 20,000 each; F(age)/F(W): 0.94, 0.84, 0.71, 0.42; the fifth episode is not out and expects 0.
    shares = [("0.94", 24, 16_240), ("0.84", 17, 14_310), ("0.71", 10, 11_950), ("0.42", 3, 7_350)]
    spots = [
        spot(20_000, age, came, share, Interval(came / float(share), came / float(share), came / float(share)))
        for share, age, came in shares
    ]
    spots.append(spot(20_000, None, None, None, Interval(17_100, 17_100, 17_100)))

    pace = baked_in_pace(
        booked=100_000, first=date(2026, 10, 28), last=date(2026, 12, 25), as_of=day(20), spots=spots, days_left=35
    )

    # 18,800 + 16,800 + 14,200 + 8,400 = 58,200; 16,240 + 14,310 + 11,950 + 7,350 = 49,850.
    assert pace.expected == 58_200
    assert pace.delivered == 49_850
    assert pace.pacing_pct.quantize(Decimal("0.1")) == Decimal("85.7")
    assert pace.band == BEHIND
    # 16,240/0.94 + 14,310/0.84 + 11,950/0.71 + 7,350/0.42 + 17,100 =
    # 17,277 + 17,036 + 16,831 + 17,500 + 17,100
    assert (pace.projection, pace.shortfall) == (85_744, 14_256)
    # 14,256 x 32.00 / 1000 = 456.192
    assert exposure_cents(shortfall=pace.shortfall, cpm_cents=3_200) == 45_619
    # (100,000 - 49,850) / 35 = 1,432.86
    assert pace.needed_per_day == 1_433


def test_an_unpublished_episode_expects_nothing_and_a_line_without_episodes_is_unknown():
    pace = baked_in_pace(
        booked=10_000, first=day(1), last=day(30), as_of=day(9), spots=[spot(10_000, None, None, None)], days_left=40
    )

    assert (pace.pacing_pct, pace.unknown_reason, pace.delivered) == (None, "not_out", None)


def test_without_a_curve_the_count_is_shown_and_the_pacing_is_unknown():
    pace = baked_in_pace(
        booked=10_000, first=day(1), last=day(30), as_of=day(9), spots=[spot(10_000, 5, 2_000, None)], days_left=40
    )

    assert (pace.delivered, pace.pacing_pct, pace.unknown_reason) == (2_000, None, "no_curve")


def test_a_normal_young_episode_raises_no_alarm():
    # On day 2 a usual episode has half of what it will have, give or take a fifth; this one has 45 %.
    young = spot(10_000, 2, 4_500, "0.5", Interval(9_000, 7_200, 10_800))
    sure = spot(10_000, 20, 8_550, "0.95", Interval(9_000, 8_900, 9_100))

    def band_of(one: Spot) -> str:
        return baked_in_pace(booked=10_000, first=day(1), last=day(30), as_of=day(20), spots=[one], days_left=10).band

    # Both stand at 90 %: the first may well still reach its goal, the second will not.
    assert band_of(young) == WATCH
    assert band_of(sure) == BEHIND


def test_errors_of_episodes_add_up_in_squares():
    spots = [spot(5_000, 5, 2_500, "0.5", Interval(5_000, 4_700, 5_300)) for _ in range(4)]

    pace = baked_in_pace(booked=20_000, first=day(1), last=day(30), as_of=day(9), spots=spots, days_left=9)

    # Each is off by 300 either way: together by the root of 4 x 300², 600.
    assert (pace.projection_low, pace.projection, pace.projection_high) == (19_400, 20_000, 20_600)


def test_the_dynamic_interval_widens_with_the_days_left_and_ignores_the_rhythm_of_the_week():
    week = [1_000, 1_100, 1_200, 900, 800, 500, 600]
    pace = dynamic_pace(booked=40_000, first=day(1), last=day(30), as_of=day(28), delivered=24_400, recent=week * 4)

    # Every week is the same, so there is nothing uncertain about the days left: mean 871.43 x 2.
    assert (pace.projection_low, pace.projection, pace.projection_high) == (26_143, 26_143, 26_143)


def test_notice_is_due_14_days_before_measuring_closes_or_at_the_start():
    assert notice_deadline(first=date(2026, 10, 28), closes_on=date(2026, 12, 25)) == date(2026, 12, 11)
    assert notice_deadline(first=day(1), closes_on=day(7)) == day(1)


def test_goals_of_episodes_add_up_to_what_was_booked():
    assert split_goal(100, 3) == [34, 33, 33]
    assert split_goal(100, 0) == []
    assert needed_per_day(100, 120, 3) == 0
