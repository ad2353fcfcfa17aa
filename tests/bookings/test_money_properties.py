"""Money of delivery, whatever the numbers: exact to the cent, capped at the contract, and its parts add up."""

from decimal import ROUND_HALF_UP, Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from bookings.delivery.billing import _gross
from bookings.makegoods.value import value_of
from bookings.models import IOBooking
from bookings.pacing import Bands, dynamic_pace, exposure_cents, needed_per_day, split_goal
from bookings.pricing import order_totals
from tests.bookings.deliveries import NOV
from tracker.lib.money import round_half_up, share_of

CENTS, COUNTS = st.integers(0, 100_000), st.integers(0, 10_000_000)
PERMILLE = st.integers(0, 1_000)


def line_of(*, cpm: int, booked: int, rate: str = "cpm", gross: int | None = None, **fields) -> IOBooking:
    price = round_half_up(Decimal(booked) * cpm / 1000) if gross is None else gross
    return IOBooking(booked_cpm_cents=cpm, booked_impressions=booked, gross_cents=price, rate_type=rate, **fields)


@given(cpm=CENTS, impressions=COUNTS)
@example(cpm=1, impressions=500)
@example(cpm=2_500, impressions=1)
def test_impressions_are_worth_their_cpm_rounded_half_up_once(cpm, impressions):
    exact = Decimal(cpm) * impressions / 1000

    assert value_of(line_of(cpm=cpm, booked=impressions), impressions) == exact.quantize(Decimal(1), ROUND_HALF_UP)
    assert exposure_cents(shortfall=impressions, cpm_cents=cpm) == exact.quantize(Decimal(1), ROUND_HALF_UP)


@given(cpm=CENTS, booked=COUNTS, made_good=COUNTS)
def test_what_is_made_good_and_credited_is_what_was_owed(cpm, booked, made_good):
    line, made_good = line_of(cpm=cpm, booked=booked), min(made_good, booked)

    credit = value_of(line, booked) - value_of(line, made_good)

    assert 0 <= credit <= value_of(line, booked)
    # Priced by itself, the rest is worth the same to the cent that is rounded once.
    assert abs(credit - value_of(line, booked - made_good)) <= 1


@given(cpm=CENTS, booked=st.integers(1, 10_000_000), count=COUNTS, more=COUNTS)
def test_a_bill_by_delivery_never_exceeds_the_contract_and_never_falls_with_delivery(cpm, booked, count, more):
    line = line_of(cpm=cpm, booked=booked)

    gross, later = _gross(line, count, 30, 30)[1], _gross(line, count + more, 30, 30)[1]

    assert 0 <= gross <= later <= line.gross_cents
    assert _gross(line, booked, 30, 30)[1] == line.gross_cents


@given(fee=st.integers(0, 10**9), days=st.integers(1, 366), ran=st.integers(0, 366))
def test_a_flat_fee_is_billed_by_the_days_it_ran(fee, days, ran):
    line = line_of(cpm=0, booked=1_000, rate="flat", gross=fee)
    ran = min(ran, days)

    gross, rest = _gross(line, None, ran, days)[1], _gross(line, None, days - ran, days)[1]

    assert 0 <= gross <= fee
    # The days that ran and those that did not are the whole fee, to the cent that each is rounded by.
    assert abs(gross + rest - fee) <= 1


@given(cpm=CENTS, booked=st.integers(1, 10_000_000), count=st.none() | COUNTS)
def test_a_makegood_bills_nothing(cpm, booked, count):
    replacement = line_of(cpm=cpm, booked=booked, gross=0, makegood_of_id="01a1fec1-1fc4-750f-b03c-a5e6389a964d")

    assert _gross(replacement, count, 30, 30)[1] == 0


@given(gross=st.lists(st.integers(0, 10**9), max_size=8), permille=PERMILLE)
def test_gross_is_commission_and_net(gross, permille):
    totals = order_totals(gross, commission_permille=permille)

    assert totals.gross_cents == sum(gross) == totals.commission_cents + totals.net_cents
    assert totals.commission_cents == share_of(sum(gross), permille=permille)
    assert 0 <= totals.commission_cents <= totals.gross_cents


@given(booked=COUNTS, parts=st.integers(1, 60))
def test_the_goals_of_episodes_add_up_and_differ_by_one_at_most(booked, parts):
    goals = split_goal(booked, parts)

    assert sum(goals) == booked
    assert max(goals) - min(goals) <= 1


@given(
    booked=st.integers(1, 1_000_000),
    days=st.integers(2, 90),
    elapsed=st.integers(2, 90),
    recent=st.lists(st.integers(0, 50_000), min_size=1, max_size=28),
)
def test_a_pace_is_of_one_piece(booked, days, elapsed, recent):
    elapsed = min(elapsed, days)
    delivered = sum(recent)
    first = NOV
    pace = dynamic_pace(
        booked=booked,
        first=first,
        last=first.fromordinal(first.toordinal() + days - 1),
        as_of=first.fromordinal(first.toordinal() + elapsed - 1),
        delivered=delivered,
        recent=recent,
    )

    assert pace.expected == Decimal(booked) * elapsed / days <= booked
    assert pace.shortfall == max(0, booked - pace.projection)
    assert pace.projection >= delivered
    assert pace.projection_low is None or delivered <= pace.projection_low <= pace.projection <= pace.projection_high
    assert pace.needed_per_day == needed_per_day(booked, delivered, days - elapsed)
    assert pace.band == Bands().band_of(pace.pacing_pct)
