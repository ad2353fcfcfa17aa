"""Expected against delivered: the arithmetic of pacing, without database and clock.

Downloads are counts, shares are 0 to 1, `pacing_pct` is percent, money is integer cents. What is not known is None,
never 0. Source of every formula: DOMAIN, measuring.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from math import sqrt

from tracker.lib.money import round_half_up

ON_TRACK, WATCH, BEHIND, OVER, UNKNOWN = "on_track", "watch", "behind", "over", "unknown"

# The standard normal quantile that leaves 10 % on each side: an 80 % interval.
Z80 = 1.2815515655446004
# What a normal interval of few days lacks: Student's t over z, by degrees of freedom.
_T80 = {1: 3.078, 2: 1.886, 3: 1.638, 4: 1.533, 5: 1.476, 6: 1.440, 7: 1.415, 8: 1.397, 9: 1.383, 10: 1.372}


@dataclass(frozen=True)
class Bands:
    """From which pacing on a line counts as what; percent. Source: DOMAIN (Triton, T&C bonus rule)."""

    watch_from: Decimal = Decimal(95)
    on_track_from: Decimal = Decimal(99)
    over_above: Decimal = Decimal(110)

    def band_of(self, pacing_pct: Decimal | None) -> str:
        if pacing_pct is None:
            return UNKNOWN
        if pacing_pct > self.over_above:
            return OVER
        if pacing_pct >= self.on_track_from:
            return ON_TRACK
        return WATCH if pacing_pct >= self.watch_from else BEHIND

    def calmed(self, band: str, *, goal: int, low: int | None, high: int | None) -> str:
        """One step milder while the goal lies within the projection's interval: a normal young episode is no alarm."""
        if low is None or high is None or low == high or not low <= goal <= high:
            return band
        return {BEHIND: WATCH, WATCH: ON_TRACK, OVER: ON_TRACK}.get(band, band)


@dataclass(frozen=True)
class Interval:
    """A number not known yet: the best guess, and the bounds that hold it four times in five (None: nobody can say)."""

    middle: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Spot:
    """One read of a baked-in line: what was promised on this episode, how old it is, what came.

    age: complete days counted since the drop day (1 = the drop day is over); None while it is not out.
    expected_share: F(age) / F(W), None when no curve is known yet.
    at_close: what the episode will have when its window closes.
    """

    goal: Decimal
    age: int | None
    delivered: int | None
    expected_share: Decimal | None
    at_close: Interval | None


@dataclass(frozen=True)
class Pace:
    """How a line stands. Empty numbers are unknown; `unknown_reason` says why there is no pacing."""

    booked: int
    delivered: int | None = None
    expected: Decimal | None = None
    pacing_pct: Decimal | None = None
    band: str = UNKNOWN
    projection: int | None = None
    projection_low: int | None = None
    projection_high: int | None = None
    needed_per_day: int | None = None
    shortfall: int | None = None
    days_left: int = 0
    days_total: int = 0
    unknown_reason: str = ""


def days_of(first: date, last: date) -> list[date]:
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def eligible_days(first: date, last: date, ineligible: Collection[date] = ()) -> list[date]:
    """Return the days of a flight on which the line may run: all but paused and blackout days (Triton)."""
    left_out = set(ineligible)
    return [day for day in days_of(first, last) if day not in left_out]


def dynamic_pace(
    *,
    booked: int,
    first: date,
    last: date,
    as_of: date | None,
    ineligible: Collection[date] = (),
    delivered: int | None,
    recent: Sequence[int] = (),
    bands: Bands = Bands(),
) -> Pace:
    """Pace a dynamic line: expected = goal x eligible days elapsed / eligible days in all.

    `as_of` is the last complete day of the measurement of record, `delivered` what came in the flight up to it,
    `recent` the downloads of the latest eligible days that were measured, oldest first (up to 28 are used).
    """
    days = eligible_days(first, last, ineligible)
    total = len(days)
    if as_of is None:
        return Pace(booked=booked, days_total=total, days_left=total, unknown_reason="no_data")
    elapsed = sum(1 for day in days if day <= as_of)
    left = total - elapsed
    if as_of < first or not elapsed:
        return Pace(booked=booked, days_total=total, days_left=left, unknown_reason="not_started")
    if delivered is None:
        return Pace(booked=booked, days_total=total, days_left=left, unknown_reason="no_data")
    if elapsed == 1 and total > 1:
        first_day = Pace(booked=booked, days_total=total, days_left=left, unknown_reason="first_day")
        return replace(first_day, delivered=delivered, needed_per_day=needed_per_day(booked, delivered, left))
    close = _dynamic_close(delivered, recent, left)
    return _judged(
        booked=booked,
        delivered=delivered,
        expected=Decimal(booked) * elapsed / total,
        close=close,
        days_left=left,
        days_total=total,
        bands=bands,
        calm=False,
    )


def baked_in_pace(
    *,
    booked: int,
    first: date,
    last: date,
    as_of: date | None,
    spots: Sequence[Spot],
    days_left: int,
    bands: Bands = Bands(),
) -> Pace:
    """Pace a baked-in line: expected = sum over the episodes that are out of goal x F(age) / F(W).

    Episodes that are not out expect 0. `days_left` counts to the day on which measuring closes.
    """
    total = (last - first).days + 1
    blank = Pace(booked=booked, days_total=total, days_left=days_left)
    if as_of is None:
        return _why(blank, "no_data")
    out = [spot for spot in spots if spot.age is not None]
    known = [spot.delivered for spot in out if spot.delivered is not None]
    if not out:
        return _why(blank, "not_out")
    if not known:
        return _why(blank, "no_data")
    delivered = sum(known)
    shares = [spot.expected_share for spot in out]
    if any(share is None for share in shares):
        return _why(blank, "no_curve", delivered=delivered)
    if max(spot.age or 0 for spot in out) == 1:
        return _why(blank, "first_day", delivered=delivered)
    expected = sum((spot.goal * (spot.expected_share or 0) for spot in out), Decimal(0))
    return _judged(
        booked=booked,
        delivered=delivered,
        expected=expected,
        close=_sum_of([spot.at_close for spot in spots]),
        days_left=days_left,
        days_total=total,
        bands=bands,
        calm=True,
    )


def pacing_pct_of(delivered: int | None, expected: Decimal | None) -> Decimal | None:
    """Return 100 x delivered / expected, or None when either is unknown or nothing is expected yet."""
    if delivered is None or expected is None or expected <= 0:
        return None
    return 100 * Decimal(delivered) / expected


def exposure_cents(*, shortfall: int | None, cpm_cents: int) -> int | None:
    """Return the money at risk: shortfall x CPM / 1000, rounded half up once."""
    return None if shortfall is None else round_half_up(Decimal(shortfall) * cpm_cents / 1000)


def notice_deadline(*, first: date, closes_on: date) -> date:
    """Return the last day for telling the sponsor: 14 days before measuring closes, or the flight's start if the flight
    is shorter (T&C)."""
    return max(first, closes_on - timedelta(days=14))


def needed_per_day(booked: int, delivered: int, days_left: int) -> int | None:
    """Return (goal - delivered) / days left, rounded half up; None when no day is left."""
    if days_left <= 0:
        return None
    return round_half_up(Decimal(max(0, booked - delivered)) / days_left)


def split_goal(booked: int, parts: int) -> list[Decimal]:
    """Return what each of `parts` episodes is promised: equal whole shares, the first ones taking the odd ones."""
    if parts <= 0:
        return []
    share, odd = divmod(booked, parts)
    return [Decimal(share + (1 if index < odd else 0)) for index in range(parts)]


def _judged(
    *,
    booked: int,
    delivered: int,
    expected: Decimal,
    close: Interval | None,
    days_left: int,
    days_total: int,
    bands: Bands,
    calm: bool,
) -> Pace:
    pct = pacing_pct_of(delivered, expected)
    projection = low = high = None
    if close is not None:
        projection = round_half_up(Decimal(close.middle))
        low, high = _whole(close.low), _whole(close.high)
    band = bands.band_of(pct)
    return Pace(
        booked=booked,
        delivered=delivered,
        expected=expected,
        pacing_pct=pct,
        band=bands.calmed(band, goal=booked, low=low, high=high) if calm else band,
        projection=projection,
        projection_low=low,
        projection_high=high,
        needed_per_day=needed_per_day(booked, delivered, days_left),
        shortfall=None if projection is None else max(0, booked - projection),
        days_left=days_left,
        days_total=days_total,
        unknown_reason="" if pct is not None else "nothing_expected",
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else round_half_up(Decimal(value))


def _why(blank: Pace, reason: str, *, delivered: int | None = None) -> Pace:
    needed = None if delivered is None else needed_per_day(blank.booked, delivered, blank.days_left)
    return replace(blank, delivered=delivered, needed_per_day=needed, unknown_reason=reason)


def _dynamic_close(delivered: int, recent: Sequence[int], left: int) -> Interval | None:
    """delivered + trailing 7-day mean x days left; the spread of the days tells the interval."""
    if left == 0:
        return Interval(delivered, delivered, delivered)
    week = recent[-7:]
    if not week:
        return None
    middle = delivered + sum(week) / len(week) * left
    spread = _daily_spread(recent[-28:])
    if spread is None:
        return Interval(middle, None, None)
    sigma, freedom = spread
    wide = _T80.get(freedom, Z80) * sigma * sqrt(left + left * left / len(week))
    return Interval(middle, max(float(delivered), middle - wide), middle + wide)


def _daily_spread(days: Sequence[int]) -> tuple[float, int] | None:
    """Standard deviation of one day around its usual, and its degrees of freedom; None from a single day.

    Days a week apart are compared where there are two weeks, so that the rhythm of the week is no spread.
    """
    if len(days) >= 14:
        steps = [later - earlier for earlier, later in zip(days, days[7:], strict=False)]
        return sqrt(sum(step * step for step in steps) / len(steps) / 2), len(steps)
    if len(days) < 2:
        return None
    mean = sum(days) / len(days)
    return sqrt(sum((day - mean) ** 2 for day in days) / (len(days) - 1)), len(days) - 1


def _sum_of(parts: Sequence[Interval | None]) -> Interval | None:
    """Add what is projected for each episode; their errors are their own, so they add in squares."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or not known:
        return None
    # Whole downloads for each episode, so that the rows of a table add up to its foot.
    middle = sum(round_half_up(Decimal(part.middle)) for part in known)
    if any(part.low is None or part.high is None for part in known):
        return Interval(middle, None, None)
    below = sqrt(sum((part.middle - (part.low or 0)) ** 2 for part in known))
    above = sqrt(sum(((part.high or 0) - part.middle) ** 2 for part in known))
    return Interval(middle, middle - below, middle + above)
