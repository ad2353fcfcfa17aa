"""How a line stands: the figures that pages, jobs and the API read."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from bookings.curve import Growth
from bookings.makegoods.value import value_of
from bookings.models import IOBooking
from bookings.pacing import Bands, needed_per_day, pacing_pct_of
from metrics.models import Episode


@dataclass(frozen=True)
class SpotPace:
    """One episode of a baked-in line. `day` is its age in complete days, None while it is not out; `curve` is what
    projects it, None when nothing does or its window is over."""

    episode: Episode
    goal: Decimal
    day: int | None
    first_day: date | None
    delivered: int | None
    expected: Decimal | None
    pacing_pct: Decimal | None
    band: str
    projection: int | None
    projection_low: int | None
    projection_high: int | None
    curve: Growth | None

    @property
    def curve_error(self) -> float | None:
        """The back-tested error, as a share, of what the curve projects at this age."""
        return None if self.curve is None else self.curve.error


@dataclass(frozen=True)
class BookingPace:
    """How a line stands on `as_of`, the last complete day of `source`.

    Counts are downloads, shares are 0 to 1 of what was booked, `pacing_pct` is percent, money is cents. What is not
    known is None, and `unknown_reason` says why: no_data, not_started, first_day, not_out, no_curve, nothing_expected.
    `basis`: straight (dynamic), curve (baked-in, the show's own), house_curve (too few own episodes). `delivered` holds
    what makegoods of the line delivered too; `own_delivered` does not.
    `is_shared`: the unit's impressions are split among the lines that run on it.
    """

    booking: IOBooking
    booked: int
    delivered: int | None
    delivered_share: Decimal | None
    expected: Decimal | None
    expected_share: Decimal | None
    pacing_pct: Decimal | None
    band: str
    projection: int | None
    projection_low: int | None
    projection_high: int | None
    needed_per_day: int | None
    shortfall: int | None
    exposure_cents: int | None
    as_of: date | None
    source: str
    basis: str
    first_day: date
    last_day: date
    episodes_out: int | None
    episodes_in_all: int | None
    days_left: int
    days_total: int
    closes_on: date
    notice_by: date
    own_delivered: int | None
    makegood_delivered: int
    curve_episodes: int | None
    days_missing: int
    spots: tuple[SpotPace, ...]
    unknown_reason: str
    is_shared: bool = False

    @property
    def curve_error(self) -> float | None:
        """The curve's back-tested error at the ages of the line's young episodes, weighed by what is projected."""
        known = [(spot.curve_error, spot.projection or 0) for spot in self.spots if spot.curve_error is not None]
        weight = sum(projection for _error, projection in known)
        return sum(error * projection for error, projection in known) / weight if weight else None

    @property
    def is_measuring_closed(self) -> bool:
        """Whether every day that counts for this line has been measured."""
        return self.as_of is not None and self.as_of >= self.closes_on


def with_repairs(pace: BookingPace, repaired: int, bands: Bands) -> BookingPace:
    """Count what makegoods of a line delivered in its delivery (DOMAIN: in delivery, never in revenue)."""
    if not repaired:
        return pace
    delivered = (pace.own_delivered or 0) + repaired
    pct = pacing_pct_of(delivered, pace.expected)
    projection = None if pace.projection is None else pace.projection + repaired
    shortfall = None if projection is None else max(0, pace.booked - projection)
    low = None if pace.projection_low is None else pace.projection_low + repaired
    high = None if pace.projection_high is None else pace.projection_high + repaired
    band = bands.band_of(pct)
    return replace(
        pace,
        delivered=delivered,
        delivered_share=share_of_booked(delivered, pace.booked),
        makegood_delivered=repaired,
        pacing_pct=pct,
        band=band if pace.basis == "straight" else bands.calmed(band, goal=pace.booked, low=low, high=high),
        projection=projection,
        projection_low=low,
        projection_high=high,
        shortfall=shortfall,
        exposure_cents=exposure_of(pace.booking, shortfall),
        needed_per_day=needed_per_day(pace.booked, delivered, pace.days_left),
    )


def share_of_booked(part: int | Decimal | None, whole: int) -> Decimal | None:
    return None if part is None or not whole else Decimal(part) / whole


def exposure_of(booking: IOBooking, shortfall: int | None) -> int | None:
    if shortfall is None:
        return None
    return 0 if booking.makegood_of_id else value_of(booking, shortfall)
