"""How lines stand: delivered against expected, what they earned, what they owe, what is read next."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import DateField, DateTimeField, ExpressionWrapper, Max, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from bookings.delivery.booking_pace import BookingPace, SpotPace, with_repairs
from bookings.delivery.inputs import Inputs, Sales, gather, past_episodes, read_counts, survey, zone_of
from bookings.delivery.paces import Pacer
from bookings.makegoods.value import value_of
from bookings.models import IOBooking, Makegood
from bookings.pacing import Bands
from deals.models import Sponsor
from metrics.models import DailyRollup, Episode, Podcast
from tracker.lib.dates import local_day
from tracker.lib.money import round_half_up

__all__ = [
    "BookingPace",
    "NextRead",
    "PendingMakegood",
    "SponsorRevenue",
    "SpotPace",
    "delivered_of",
    "last_measured_day",
    "makegoods_pending",
    "next_reads",
    "pacing_of",
    "sponsor_revenue",
    "sponsor_revenue_30_days",
    "sponsor_revenue_lately",
]

Status = IOBooking.Status
# Lines that count in delivery: sold and running, or run.
LIVE = (Status.SCHEDULED, Status.ACTIVE, Status.PAUSED, Status.MAKEGOOD, Status.COMPLETED)
REVENUE_DAYS = 30
# No guarantee window is longer; lines whose flight ended before earn nothing more.
LONGEST_WINDOW = 120
# Attributed cents by show, source and day.
Reported = dict[UUID, dict[str, dict[date, int]]]


def pacing_of(
    bookings: Iterable[IOBooking] | QuerySet[IOBooking],
    *,
    at: datetime,
    bands: Bands | None = None,
    known_at: datetime | None = None,
    in_bulk: bool = False,
) -> list[BookingPace]:
    """Return how each line stands, in the order given. The number of statements does not grow with the lines.

    in_bulk: for thousands of lines, which share few orders, units and shows: each is read once, in a statement a kind.
    known_at: by what was known then, from the kept restatements; `at` is then usually the same moment.
    """
    wanted, lines = _with_repairs(bookings, in_bulk=in_bulk)
    inputs = gather(lines, at=at, known_at=known_at)
    bands = bands or inputs.bands
    pacer = Pacer(inputs, bands)
    paces = {flight.booking.pk: pacer.pace(flight) for flight in inputs.flights}
    repaired: dict[UUID, int] = defaultdict(int)
    for line in lines:
        if line.makegood_of_id and line.status in LIVE:
            repaired[line.makegood_of_id] += paces[line.pk].own_delivered or 0
    return [with_repairs(paces[pk], repaired.get(pk, 0), bands) for pk in wanted if pk in paces]


_RELATED = ("order", "ad_unit__podcast", "campaign__sponsor", "episode")


def _with_repairs(
    bookings: Iterable[IOBooking] | QuerySet[IOBooking], *, in_bulk: bool
) -> tuple[list[UUID], list[IOBooking]]:
    """Return the ids asked for in their order, and these lines with the makegoods that repair them. One statement."""
    every = IOBooking.objects.all()
    related = every.prefetch_related(*_RELATED) if in_bulk else every.select_related(*_RELATED)
    if isinstance(bookings, QuerySet) and not bookings.query.is_sliced:
        asked = bookings.order_by().values("pk")
        repairs = Q(makegood_of__in=asked, status__in=LIVE)
        lines: list[Any] = list(
            related.filter(Q(pk__in=asked) | repairs)
            .annotate(is_asked=Q(pk__in=asked))
            .order_by(*bookings.query.order_by)
        )
        return [line.pk for line in lines if line.is_asked], lines
    wanted = [booking.pk for booking in bookings]
    return wanted, list(related.filter(Q(pk__in=wanted) | Q(makegood_of__in=wanted, status__in=LIVE)))


def usual_episode_downloads(shows: Iterable[UUID], *, source: str, window: int, at: datetime) -> dict[UUID, int]:
    """Return what each show's next episode will likely have at the end of its window; a show nobody knows is missing.

    Two statements. Source: DOMAIN, measuring (forecast of the unpublished).
    """
    inputs = past_episodes(shows, source=source, window=window, at=at)
    pacer = Pacer(inputs, Bands())
    levels = {show: pacer.histories.level(show, source, window) for show in inputs.episodes}
    return {show: round(level.middle) for show, level in levels.items() if level is not None}


def delivered_of(booking: IOBooking, *, at: datetime) -> int | None:
    """Return what a line itself delivered so far (makegoods apart), None when nothing was measured."""
    (pace,) = pacing_of([booking], at=at)
    return pace.own_delivered


@dataclass(frozen=True)
class SponsorRevenue:
    """What sponsors brought over some days, as two lines that are never added up.

    earned_cents: delivered x CPM, capped at the contract, by currency of the orders. attributed_cents: sales seen by
    codes and links, as `attributed_sources` reported them, in the house's currency: a floor, None where nobody
    reported any. The `*_by_day` hold cents of each day (a day without a number is not in it). `as_of` is None when
    nothing was measured.
    """

    first_day: date
    last_day: date
    as_of: date | None
    earned_cents: dict[str, int]
    earned_by_day: dict[str, dict[date, int]]
    attributed_cents: int | None
    attributed_by_day: dict[date, int]
    attributed_sources: tuple[str, ...]


def sponsor_revenue_30_days(
    *, podcasts: Iterable[Podcast] | QuerySet[Podcast], at: datetime, ending_days_ago: int = 0
) -> SponsorRevenue:
    """Return what the sponsors of some shows brought in the 30 days up to the last complete day.

    `ending_days_ago` moves the window back (30 = the 30 days before), so that two windows can be compared.
    """
    shows = [podcast.pk for podcast in podcasts]
    last = last_measured_day(shows, at=at) or at.astimezone(UTC).date() - timedelta(days=1)
    last -= timedelta(days=ending_days_ago)
    (revenue,) = sponsor_revenue(shows, at=at, windows=[(last - timedelta(days=REVENUE_DAYS - 1), last)])
    return revenue


def sponsor_revenue_lately(shows: list[UUID], *, at: datetime, days: int) -> tuple[SponsorRevenue, SponsorRevenue]:
    """Return what sponsors brought in so many days up to the last one that was measured, and in as many before these.

    Where nothing was ever measured the days end yesterday. Four statements.
    """
    yesterday = at.astimezone(UTC).date() - timedelta(days=1)
    measured = _measured_days(shows, at).order_by("-day").values("day")[:1]
    latest = Coalesce(Subquery(measured), Value(yesterday), output_field=DateField())
    reach = Value(timedelta(days=2 * days + LONGEST_WINDOW))
    since = ExpressionWrapper(latest - reach, output_field=DateTimeField())
    inputs = survey(_earning_lines(shows, since, at), at=at, shows=shows)
    last = inputs.measured_until or yesterday
    ends = (last, last - timedelta(days=days))
    now, before = _sponsor_revenue(inputs, shows, [(end - timedelta(days=days - 1), end) for end in ends])
    return now, before


def sponsor_revenue(shows: list[UUID], *, at: datetime, windows: Sequence[tuple[date, date]]) -> list[SponsorRevenue]:
    """Return what the sponsors of some shows brought in each window of days (both included), in the order given.

    What the windows share is read once: four statements, however many lines and windows there are.
    """
    begins = min(first for first, _last in windows)
    since = datetime.combine(begins - timedelta(days=LONGEST_WINDOW), time.min, tzinfo=UTC)
    return _sponsor_revenue(survey(_earning_lines(shows, since, at), at=at, shows=shows), shows, windows)


def _sponsor_revenue(inputs: Inputs, shows: list[UUID], windows: Sequence[tuple[date, date]]) -> list[SponsorRevenue]:
    begins, ends = min(first for first, _last in windows), max(last for _first, last in windows)
    read_counts(inputs, curves=False, sales=Sales(shows, begins, ends))
    pacer = Pacer(inputs, inputs.bands)
    earned: dict[str, dict[date, int]] = {}
    for flight in inputs.flights:
        per_day = earned.setdefault(flight.booking.order.currency, defaultdict(int))
        for day, cents in earned_by_day(flight.booking, flight.first, flight.last, pacer.delivered_by_day(flight)):
            per_day[day] += cents
    return [_revenue_of(window, inputs.measured_until, earned, inputs.sales) for window in windows]


def _revenue_of(
    window: tuple[date, date], as_of: date | None, earned: dict[str, dict[date, int]], reported: Reported
) -> SponsorRevenue:
    first, last = window
    inside = {
        currency: {day: cents for day, cents in days.items() if first <= day <= last}
        for currency, days in earned.items()
    }
    attributed, sources = _attributed(reported, first, last)
    return SponsorRevenue(
        first_day=first,
        last_day=last,
        as_of=as_of,
        earned_cents={currency: sum(days.values()) for currency, days in inside.items()},
        earned_by_day=inside,
        attributed_cents=sum(attributed.values()) if attributed else None,
        attributed_by_day=attributed,
        attributed_sources=sources,
    )


def earned_by_day(
    booking: IOBooking, first: date, last: date, delivered: dict[date, int]
) -> Iterable[tuple[date, int]]:
    """Yield (day, cents) that a line earned: delivered x CPM up to the contract; a flat fee by days that delivered.

    Cents of the days add up to the line's earned cents exactly, since each day is the step of a rounded total. A
    makegood earns nothing. Source: DOMAIN, measuring.
    """
    if booking.makegood_of_id:
        return
    total, earned = 0, 0
    flight_days = (last - first).days + 1
    for day in sorted(delivered):
        if booking.rate_type == IOBooking.RateType.FLAT:
            passed = min(flight_days, max(0, (day - first).days + 1))
            now = round_half_up(Decimal(booking.gross_cents) * passed / flight_days)
        else:
            total += delivered[day]
            now = min(booking.gross_cents, value_of(booking, min(total, booking.booked_impressions)))
        yield day, now - earned
        earned = now


@dataclass(frozen=True)
class PendingMakegood:
    """An open case on somebody's list. A proposed one is a warning: it is not in the sum of what is owed."""

    case: Makegood
    is_proposed: bool
    outstanding_impressions: int
    outstanding_cents: int
    due_on: date | None
    is_overdue: bool


def makegoods_pending(
    *, at: datetime, podcasts: Iterable[Podcast] | None = None, sponsor: Sponsor | None = None
) -> list[PendingMakegood]:
    """Return the open cases of some shows or of a sponsor, the next due first, proposals last. One statement."""
    cases = Makegood.objects.filter(status__in=Makegood.OPEN).select_related(
        "booking__order",
        "booking__ad_unit__podcast",
        "booking__campaign__sponsor",
        "episode",
        "replacement__episode",
        "replacement__ad_unit",
    )
    if podcasts is not None:
        cases = cases.filter(booking__ad_unit__podcast__in=[podcast.pk for podcast in podcasts])
    if sponsor is not None:
        cases = cases.filter(booking__campaign__sponsor=sponsor)
    today = at.astimezone(UTC).date()
    pending = [
        PendingMakegood(
            case=case,
            is_proposed=case.status == Makegood.Status.PROPOSED,
            outstanding_impressions=case.outstanding_impressions,
            outstanding_cents=case.owed_cents - value_of(case.booking, case.fulfilled_impressions),
            due_on=case.due_on,
            is_overdue=case.due_on is not None and case.due_on < today,
        )
        for case in cases
    ]
    return sorted(pending, key=lambda one: (one.is_proposed, one.due_on or date.max, str(one.case.pk)))


@dataclass(frozen=True)
class NextRead:
    """A read that is coming: `on` is the local day of the order's zone on which its episode drops, or on which a
    dynamic line starts. `has_promo` tells whether there is a code to say."""

    booking: IOBooking
    episode: Episode | None
    on: date
    promo_code: str
    is_makegood: bool


def next_reads(*, podcasts: Iterable[Podcast], at: datetime, days: int = 14) -> list[NextRead]:
    """Return what the hosts of some shows read in the coming days, the next first. Two statements.

    A baked-in line is read in its episode, or in every planned episode that drops in its flight; a dynamic line once,
    when its flight starts.
    """
    shows = [podcast.pk for podcast in podcasts]
    until = at + timedelta(days=days)
    lines = IOBooking.objects.filter(
        Q(flight_start__lt=until, flight_end__gt=at) | Q(episode__drops_at__gte=at, episode__drops_at__lt=until),
        ad_unit__podcast__in=shows,
        status__in=[Status.SCHEDULED, Status.ACTIVE],
    ).select_related("order", "ad_unit__podcast", "campaign__sponsor", "episode")
    coming: dict[UUID, list[Episode]] = defaultdict(list)
    for episode in Episode.objects.filter(podcast__in=shows, drops_at__gte=at, drops_at__lt=until).order_by("drops_at"):
        coming[episode.podcast_id].append(episode)
    reads = [read for line in lines for read in _reads_of(line, coming[line.ad_unit.podcast_id], at, until)]
    return sorted(reads, key=lambda read: (read.on, str(read.booking.pk)))


def _reads_of(line: IOBooking, coming: list[Episode], at: datetime, until: datetime) -> list[NextRead]:
    zone = zone_of(line)

    def read(moment: datetime, episode: Episode | None) -> NextRead:
        return NextRead(line, episode, local_day(moment, zone), line.promo_code, line.makegood_of_id is not None)

    if line.ad_unit.delivery == "dynamic":
        return [read(line.flight_start, line.episode)] if at <= line.flight_start < until else []
    dated = [(episode.drops_at, episode) for episode in coming if episode.drops_at is not None]
    if line.episode_id is not None:
        return [read(drop, episode) for drop, episode in dated if episode.pk == line.episode_id]
    return [read(drop, episode) for drop, episode in dated if line.flight_start <= drop < line.flight_end]


def _earning_lines(shows: list[UUID], since: Any, at: datetime) -> QuerySet[IOBooking]:
    """Lines whose days can lie in the windows: their flight, or their guarantee window, is not over before they begin.

    A day's earnings are a step of a running total, so a line is read from its own first day on. `since` is an instant,
    or an expression of one, a longest guarantee window before the first day.
    """
    return IOBooking.objects.filter(
        ad_unit__podcast__in=shows, status__in=LIVE, makegood_of__isnull=True, flight_start__lt=at, flight_end__gt=since
    ).select_related("order", "ad_unit__podcast", "episode")


def last_measured_day(shows: list[UUID], *, at: datetime) -> date | None:
    """Return the last complete day on which any source told downloads of these shows; None when none ever did."""
    return _measured_days(shows, at).aggregate(last=Max("day"))["last"]


def _measured_days(shows: list[UUID], at: datetime) -> QuerySet[DailyRollup]:
    today = at.astimezone(UTC).date()
    return DailyRollup.objects.of_shows(shows).filter(day__lt=today, downloads__isnull=False)


def _attributed(reported: Reported, first: date, last: date) -> tuple[dict[date, int], tuple[str, ...]]:
    """Attributed cents by day: for each show by the one source that reported most days, since sources never add up."""
    total: dict[date, int] = defaultdict(int)
    chosen = set()
    for sources in reported.values():
        inside = {
            name: {day: cents for day, cents in days.items() if first <= day <= last} for name, days in sources.items()
        }
        source = min(inside, key=lambda name: (-len(inside[name]), name))
        if inside[source]:
            chosen.add(source)
        for day, cents in inside[source].items():
            total[day] += cents
    return dict(total), tuple(sorted(chosen))
