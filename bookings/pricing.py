"""What a line costs, what an order adds up to, what a cancellation leaves to pay. Pure; money is integer cents."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from tracker.lib.money import round_half_up, share_of


def price_by_cpm(*, cpm_cents: int, impressions: int) -> int:
    """Return the gross price in cents of a line sold per thousand impressions.

    Rounds half up to the cent, once. Raises ValueError if either is negative. Source: DOMAIN, money and time.
    """
    if cpm_cents < 0 or impressions < 0:
        raise ValueError("price and impressions are not negative")
    return round_half_up(Decimal(cpm_cents) * impressions / 1000)


@dataclass(frozen=True)
class OrderTotals:
    """Gross, commission and net of an order, in cents of its currency; net = gross - commission."""

    gross_cents: int
    commission_cents: int
    net_cents: int


def order_totals(line_gross_cents: Iterable[int], *, commission_permille: int) -> OrderTotals:
    """Add up rounded lines and take the agency's commission once, rounded half up. permille=150 is 15 %.

    Source: DOMAIN, money and time.
    """
    gross = sum(line_gross_cents)
    commission = share_of(gross, permille=commission_permille)
    return OrderTotals(gross_cents=gross, commission_cents=commission, net_cents=gross - commission)


@dataclass(frozen=True)
class Cancellation:
    """What cancelling leaves: the instant until which the notice runs, and what is owed, in cents."""

    notice_ends_at: datetime
    charge_cents: int


def cancellation_of(
    *,
    gross_cents: int,
    flight_start: datetime,
    flight_end: datetime,
    at: datetime,
    notice_days: int,
    recorded_at: datetime | None = None,
) -> Cancellation:
    """Return the notice and the charge of a line cancelled at `at`.

    What runs until the notice ends is owed pro rata of the flight's time, rounded half up once. `recorded_at` is the
    drop of the one episode a baked-in line is read in: owed in full when it drops before the notice ends, else not at
    all. Source: T&C, cancellation; DOMAIN, bookings.
    """
    notice_ends_at = at + timedelta(days=notice_days)
    if recorded_at is not None:
        return Cancellation(notice_ends_at, gross_cents if recorded_at < notice_ends_at else 0)
    ran = max(timedelta(0), min(flight_end, notice_ends_at) - flight_start)
    share = Decimal(ran // timedelta(microseconds=1)) / Decimal(
        (flight_end - flight_start) // timedelta(microseconds=1)
    )
    return Cancellation(notice_ends_at, round_half_up(gross_cents * share))
