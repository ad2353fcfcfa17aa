"""Prices by hand: every cent of the arithmetic stands in the test."""

from datetime import UTC, datetime, timedelta

import pytest

from bookings.pricing import OrderTotals, cancellation_of, order_totals, price_by_cpm

DAY = timedelta(days=1)
START = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cpm_cents", "impressions", "cents"),
    [
        (2650, 240_000, 636_000),  # 240 x 26.50 = 6,360.00
        (2500, 1, 3),  # 2.5 cents, up
        (2499, 1, 2),  # 2.499 cents, down
        (500, 1, 1),  # half a cent, up
        (0, 1_000_000, 0),
        (1999, 33_333, 66_633),  # 66,632.667
    ],
)
def test_a_line_is_rounded_half_up_once(cpm_cents, impressions, cents):
    assert price_by_cpm(cpm_cents=cpm_cents, impressions=impressions) == cents


def test_a_negative_price_is_an_error():
    with pytest.raises(ValueError, match="not negative"):
        price_by_cpm(cpm_cents=-1, impressions=1000)


def test_commission_is_taken_once_per_order_and_net_is_what_remains():
    # 1.01 + 1.01 + 1.01 = 3.03; 15 % = 0.4545, half up 0.45; per line it would have been 3 x 0.15 = 0.45 by luck,
    # so with 12.5 %: 0.37875 -> 0.38 once, against 3 x 0.13 = 0.39.
    assert order_totals([101, 101, 101], commission_permille=125) == OrderTotals(303, 38, 265)


@pytest.mark.parametrize(
    ("cancelled", "charge"),
    [
        (START - 30 * DAY, 0),  # the notice ends before the flight
        (START - 14 * DAY, 0),  # at its very start
        (START - 13 * DAY, 1_000),  # one of 28 days
        (START + 3 * DAY, 17_000),  # 3 days ran, 14 of notice
        (START + 20 * DAY, 28_000),  # the notice outlasts the flight
    ],
)
def test_a_cancelled_flight_owes_the_days_until_its_notice_ends(cancelled, charge):
    left = cancellation_of(
        gross_cents=28_000, flight_start=START, flight_end=START + 28 * DAY, at=cancelled, notice_days=14
    )

    assert left.charge_cents == charge
    assert left.notice_ends_at == cancelled + 14 * DAY


@pytest.mark.parametrize(("drops_in", "charge"), [(13, 28_000), (14, 0), (-5, 28_000)])
def test_a_baked_in_read_is_owed_in_full_when_it_drops_within_the_notice(drops_in, charge):
    left = cancellation_of(
        gross_cents=28_000,
        flight_start=START,
        flight_end=START + 28 * DAY,
        at=START,
        notice_days=14,
        recorded_at=START + drops_in * DAY,
    )

    assert left.charge_cents == charge
