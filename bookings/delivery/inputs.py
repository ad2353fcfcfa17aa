"""What pacing needs to know of a set of lines, gathered in a fixed number of statements however many they are."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import F

from bookings.delivery import reads
from bookings.models import DeliveryPause, IOBooking
from bookings.pacing import Bands
from metrics.models import Episode, RollupOfSome
from tracker.lib.dates import last_day_of, local_day

Status = IOBooking.Status

# Episodes older than this teach a show's curve nothing about today.
CURVE_DAYS = 500
# How far back from its last day a show's sources are looked for.
SOURCE_DAYS = 60
RECENT_DAYS = 28
# A show with fewer closed episodes borrows from the house: from so many other shows, so many episodes each.
FEW_EPISODES = 9
HOUSE_SHOWS = 8
HOUSE_EPISODES = 20
# How late after its planned day an episode may come and still be measured to the end of its window.
LATE_DAYS = 60


@dataclass(frozen=True)
class Flight:
    """A line with its days: local dates of the order's zone, first and last included."""

    booking: IOBooking
    first: date
    last: date

    @property
    def podcast_id(self) -> UUID:
        return self.booking.ad_unit.podcast_id

    @property
    def is_baked_in(self) -> bool:
        return self.booking.ad_unit.delivery == "baked_in"

    @property
    def window(self) -> int:
        return max(1, self.booking.order.guarantee_days)


@dataclass(frozen=True)
class EpisodeDays:
    """Downloads of one episode by one source, by day since `first_day`; a day without a row is not in it."""

    first_day: date
    by_offset: dict[int, int]

    def total(self, days: int) -> int | None:
        known = [count for offset, count in self.by_offset.items() if offset < days]
        return sum(known) if known else None


@dataclass(frozen=True)
class Sales:
    """Of which shows and days (both included) the reported sales are read."""

    shows: Sequence[UUID]
    first: date
    last: date


# Episodes of each show; (episode, source) -> (first day, number of days) that are read.
Episodes = dict[UUID, list[Episode]]
Wanted = dict[tuple[UUID, str], tuple[date, int]]


@dataclass
class Inputs:
    """Everything read for a set of lines. Keys of a source's numbers are (id, source)."""

    at: datetime
    flights: list[Flight]
    # Read what was known then, in place of what is known now.
    known_at: datetime | None = None
    # Measure by this source, in place of the one each order names.
    source: str = ""
    source_of: dict[UUID, tuple[str, date]] = field(default_factory=dict)
    episodes: dict[UUID, list[Episode]] = field(default_factory=dict)
    episode_days: dict[tuple[UUID, str], EpisodeDays] = field(default_factory=dict)
    # Downloads so far by age in days, of episodes whose source told them so: snapshots, never spread over days.
    kept: dict[tuple[UUID, str], dict[int, int]] = field(default_factory=dict)
    show_days: dict[tuple[UUID, str], dict[date, int]] = field(default_factory=dict)
    single_days: dict[tuple[UUID, str], dict[date, int]] = field(default_factory=dict)
    pauses: dict[UUID, list[DeliveryPause]] = field(default_factory=dict)
    # Other lines that run on the shared units of these flights, and so share their impressions.
    sharers: list[Flight] = field(default_factory=list)
    # How this house judges, the usual way where nobody changed it.
    bands: Bands = field(default_factory=Bands)
    # The last complete day on which any source told anything of the shows that were asked for.
    measured_until: date | None = None
    # Reported sales in cents by show, source and day.
    sales: dict[UUID, dict[str, dict[date, int]]] = field(default_factory=dict)
    # How many shows are looked at.
    shows: int = 0

    @property
    def today(self) -> date:
        """The UTC day that is not over yet; metric days are UTC days."""
        return self.at.astimezone(UTC).date()

    def rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run one of the statements on the figures as they stand, or as they stood at `known_at`."""
        told = reads.TOLD if self.known_at is None else reads.TOLD_KNOWN
        ways = reads.FEW if self.shows <= RollupOfSome.FEW_SHOWS else reads.MANY
        ways = {name: way.format(figures=told["figures"]) for name, way in ways.items()}
        with connection.cursor() as cursor:
            cursor.execute(statement.format(**told, **ways), {**parameters, "known_at": self.known_at})
            return cursor.fetchall()


def gather(
    bookings: Iterable[IOBooking], *, at: datetime, known_at: datetime | None = None, source: str = ""
) -> Inputs:
    """Read all that pacing of these lines needs. Three statements at most, whatever their number, and one more where
    units are shared.

    known_at: what was known then, from the kept restatements. source: measured by it, whatever the orders name.
    """
    inputs = survey(bookings, at=at, known_at=known_at, source=source)
    read_counts(inputs)
    return inputs


def survey(
    bookings: Iterable[IOBooking],
    *,
    at: datetime,
    known_at: datetime | None = None,
    source: str = "",
    shows: Sequence[UUID] = (),
) -> Inputs:
    """Read by which source the lines are measured and when they pause, and who shares their units. One statement, two
    where units are shared; `shows` are looked at as well.
    """
    inputs = Inputs(at=at, flights=[_flight(booking) for booking in bookings], known_at=known_at, source=source)
    asked = sorted({*shows, *(flight.podcast_id for flight in inputs.flights)})
    if not asked:
        return inputs
    inputs.shows = len(asked)
    inputs.sharers = _sharers(inputs.flights)
    ((sources, pauses, bands),) = inputs.rows(
        reads.SURVEY,
        shows=asked,
        since=inputs.today - timedelta(days=SOURCE_DAYS),
        until=inputs.today,
        lines=[flight.booking.pk for flight in [*inputs.flights, *inputs.sharers]],
    )
    found: dict[UUID, dict[str, tuple[int, date]]] = defaultdict(dict)
    for show, name, days, last_day in json.loads(sources or "[]"):
        found[UUID(show)][name] = (days, date.fromisoformat(last_day))
    inputs.measured_until = max((last for known in found.values() for _days, last in known.values()), default=None)
    inputs.source_of = _chosen_sources(inputs, found)
    for booking, starts_at, ends_at in json.loads(pauses or "[]"):
        ends = datetime.fromisoformat(ends_at) if ends_at else None
        pause = DeliveryPause(booking_id=UUID(booking), starts_at=datetime.fromisoformat(starts_at), ends_at=ends)
        inputs.pauses.setdefault(pause.booking_id, []).append(pause)
    if bands:
        inputs.bands = Bands(*(Decimal(limit) for limit in json.loads(bands)))
    return inputs


def read_counts(inputs: Inputs, *, curves: bool = True, sales: Sales | None = None) -> None:
    """Read the counts of surveyed lines: their episodes, then what these and the shows had. Two statements at most.

    curves: with what their shows' curves are learned from; without it the counts of the lines themselves. sales: the
    shows and days of which the reported sales are read as well.
    """
    helpers = _read_episodes(inputs, curves=curves)
    wanted = _wanted_days(inputs)
    wanted.update(_wanted_of(helpers, _needy(inputs) if helpers else {}))
    dynamic = [flight for flight in inputs.flights if not flight.is_baked_in]
    _read(
        inputs,
        wanted,
        singles=_single_spans(inputs, [flight for flight in dynamic if flight.booking.episode_id is not None]),
        shows=[flight for flight in dynamic if flight.booking.episode_id is None],
        sales=sales,
    )
    inputs.episodes.update(helpers)


def past_episodes(shows: Iterable[UUID], *, source: str, window: int, at: datetime) -> Inputs:
    """Read the last closed episodes of some shows, for what they say of the next one. Two statements."""
    shows = list(shows)
    inputs = Inputs(at=at, flights=[], shows=len(shows))
    closed = Episode.objects.filter(
        podcast__in=shows,
        drops_at__gte=at - timedelta(days=CURVE_DAYS),
        drops_at__lt=at - timedelta(days=window),
    )
    wanted: dict[tuple[UUID, str], tuple[date, int]] = {}
    by_show: dict[UUID, list[Episode]] = defaultdict(list)
    for episode in closed.order_by("-drops_at"):
        first = drop_day(episode)
        if first is not None and len(by_show[episode.podcast_id]) < HOUSE_EPISODES:
            by_show[episode.podcast_id].insert(0, episode)
            wanted[episode.pk, source] = (first, window)
    inputs.episodes = dict(by_show)
    _read(inputs, wanted)
    return inputs


def drop_day(episode: Episode) -> date | None:
    """The UTC day on which an episode came out or is to: ages count from it, since metric days are UTC days."""
    return None if episode.drops_at is None else episode.drops_at.astimezone(UTC).date()


def zone_of(booking: IOBooking) -> ZoneInfo:
    return ZoneInfo(booking.order.time_zone or "UTC")


def _flight(booking: IOBooking) -> Flight:
    zone = zone_of(booking)
    return Flight(
        booking=booking, first=local_day(booking.flight_start, zone), last=last_day_of(booking.flight_end, zone)
    )


def _sharers(flights: Sequence[Flight]) -> list[Flight]:
    """The other lines of shared units whose flights meet one of these: sold and running, run, or cut short."""
    shared = [flight.booking for flight in flights if flight.booking.ad_unit.is_shared]
    if not shared:
        return []
    running = [Status.SCHEDULED, Status.ACTIVE, Status.PAUSED, Status.MAKEGOOD, Status.COMPLETED, Status.CANCELLED]
    others = (
        IOBooking.objects.filter(
            ad_unit__in={booking.ad_unit_id for booking in shared},
            status__in=running,
            flight_start__lt=max(booking.flight_end for booking in shared),
            flight_end__gt=min(booking.flight_start for booking in shared),
        )
        .exclude(pk__in=[booking.pk for booking in shared])
        # Cancelled before it began: it never ran.
        .exclude(status=Status.CANCELLED, status_changed_at__lte=F("flight_start"))
    )
    return [_flight(booking) for booking in others.select_related("order", "ad_unit")]


def _chosen_sources(inputs: Inputs, found: dict[UUID, dict[str, tuple[int, date]]]) -> dict[UUID, tuple[str, date]]:
    """The source each line is measured by, and that source's last complete day for the show.

    An order that names its measurement of record is measured by it alone; another one by the source that measured the
    show on most of its latest days. Sources are never added up.
    """
    chosen = {}
    for flight in inputs.flights:
        sources = found[flight.podcast_id]
        wanted = inputs.source or flight.booking.order.measurement_of_record
        if not wanted and sources:
            wanted = min(sources, key=lambda name: (-sources[name][0], name))
        if wanted in sources:
            chosen[flight.booking.pk] = (wanted, sources[wanted][1])
    return chosen


def _read_episodes(inputs: Inputs, *, curves: bool) -> Episodes:
    """Read the episodes of the shows that carry baked-in lines, in the order in which they drop.

    Returned are episodes of other shows: those that help where a show has too few to learn its curve from.
    """
    baked_in = [flight for flight in inputs.flights if flight.is_baked_in]
    if not baked_in:
        return {}
    taught_since = inputs.at - timedelta(days=CURVE_DAYS)
    first = min(flight.booking.flight_start - timedelta(days=1) for flight in baked_in)
    learners = (
        sorted({(f.podcast_id, f.window) for f in baked_in if f.booking.pk in inputs.source_of}) if curves else []
    )
    parameters = {
        "shows": sorted({flight.podcast_id for flight in baked_in}),
        "since": min(taught_since, first) if curves else first,
        "named": [flight.booking.episode_id for flight in baked_in if flight.booking.episode_id],
        "learners": [show for show, _window in learners],
        "windows": [window for _show, window in learners],
        "today": inputs.today,
        "at": inputs.at,
        "taught_since": taught_since,
        "few": FEW_EPISODES,
        "house_shows": HOUSE_SHOWS,
        "house_episodes": HOUSE_EPISODES,
    }
    helpers: Episodes = defaultdict(list)
    own: Episodes = defaultdict(list)
    for episode in Episode.objects.raw(reads.EPISODES, parameters):
        is_helper = vars(episode)["is_helper"]
        (helpers if is_helper else own)[episode.podcast_id].append(episode)
    inputs.episodes = own
    return helpers


def _wanted_days(inputs: Inputs) -> Wanted:
    """The days by age of every episode that a baked-in line counts or learns from, as far as its windows reach."""
    wanted: Wanted = {}

    def want(episode: Episode, source: str, first: date, days: int) -> None:
        first_before, days_before = wanted.get((episode.pk, source), (first, 0))
        wanted[episode.pk, source] = (min(first, first_before), max(days, days_before))

    windows: dict[tuple[UUID, str], int] = {}
    for flight in inputs.flights:
        measured = inputs.source_of.get(flight.booking.pk)
        if not flight.is_baked_in or measured is None:
            continue
        show = (flight.podcast_id, measured[0])
        windows[show] = max(flight.window, windows.get(show, 0))
        named = flight.booking.episode
        if named is not None:
            first = drop_day(named) or flight.first
            late = 0 if named.is_published else LATE_DAYS
            want(named, measured[0], first, flight.window + late + max(0, (flight.first - first).days))
    for (podcast_id, source), window in windows.items():
        for episode in inputs.episodes.get(podcast_id, ()):
            first_day = drop_day(episode)
            if first_day is not None:
                want(episode, source, first_day, window + (0 if episode.is_published else LATE_DAYS))
    return wanted


def _needy(inputs: Inputs) -> dict[str, int]:
    """source -> days: what is to be learned from other shows, where a show has too few episodes of its own."""
    needy: dict[str, int] = {}
    closed_by_show: dict[tuple[UUID, int], int] = {}
    for flight in inputs.flights:
        measured = inputs.source_of.get(flight.booking.pk)
        if not flight.is_baked_in or measured is None:
            continue
        show = (flight.podcast_id, flight.window)
        if show not in closed_by_show:
            closed_by_show[show] = _closed_episodes(inputs, *show)
        if closed_by_show[show] < FEW_EPISODES:
            needy[measured[0]] = max(needy.get(measured[0], 0), flight.window)
    return needy


def _wanted_of(helpers: Episodes, needy: dict[str, int]) -> Wanted:
    days = [(episode, drop_day(episode)) for episodes in helpers.values() for episode in episodes]
    return {
        (episode.pk, source): (first, reach)
        for episode, first in days
        if first is not None
        for source, reach in needy.items()
    }


def _closed_episodes(inputs: Inputs, show: UUID, window: int) -> int:
    """How many episodes of a show have come to the end of their window."""
    last = inputs.today - timedelta(days=window)
    days = (drop_day(episode) for episode in inputs.episodes.get(show, ()))
    return sum(1 for day in days if day is not None and day <= last)


def _single_spans(inputs: Inputs, flights: Sequence[Flight]) -> Wanted:
    """The days of single episodes that dynamic lines need which run in one episode alone."""
    spans: dict[tuple[UUID, str], tuple[date, date]] = {}
    for flight in flights:
        measured = inputs.source_of.get(flight.booking.pk)
        if measured is None or flight.booking.episode_id is None:
            continue
        key = (flight.booking.episode_id, measured[0])
        first, last = spans.get(key, (flight.first, flight.last))
        spans[key] = (min(first, flight.first), max(last, flight.last))
    return {key: (first, (last - first).days + 1) for key, (first, last) in spans.items()}


def _read(
    inputs: Inputs,
    wanted: Wanted,
    *,
    singles: Wanted | None = None,
    shows: Sequence[Flight] = (),
    sales: Sales | None = None,
) -> None:
    """Read all counts in one statement: of episodes by age, of single episodes by day, of whole shows, and sales."""
    measured = [
        (flight, inputs.source_of[flight.booking.pk][0]) for flight in shows if flight.booking.pk in inputs.source_of
    ]
    first = min((flight.first for flight, _source in measured), default=inputs.today)
    asked = [("episode", *key, *span) for key, span in wanted.items()]
    asked += [("single", *key, *span) for key, span in (singles or {}).items()]
    if not (asked or measured or sales):
        return
    kinds, ids, sources, firsts, days = map(list, zip(*asked, strict=True)) if asked else ([], [], [], [], [])
    rows = inputs.rows(
        _counts(episodes=bool(wanted), singles=bool(singles), shows=bool(measured), sales=sales is not None),
        kinds=kinds,
        ids=ids,
        sources=sources,
        firsts=firsts,
        days=days,
        until=inputs.today,
        shows=sorted({flight.podcast_id for flight, _source in measured}),
        show_sources=sorted({source for _flight, source in measured}),
        first=first,
        last=max((flight.last for flight, _source in measured), default=first),
        sales_shows=list(sales.shows) if sales else [],
        sales_first=sales.first if sales else inputs.today,
        sales_last=sales.last if sales else inputs.today,
    )
    for kind, key, source, offsets, counts in rows:
        by_offset = dict(zip(offsets, counts, strict=True))
        if kind == "episode":
            inputs.episode_days[key, source] = EpisodeDays(wanted[key, source][0], by_offset)
        elif kind == "kept":
            inputs.kept[key, source] = by_offset
        elif kind == "single":
            inputs.single_days[key, source] = _dated((singles or {})[key, source][0], by_offset)
        elif kind == "show":
            inputs.show_days[key, source] = _dated(first, by_offset)
        elif sales is not None:
            inputs.sales.setdefault(key, {})[source] = _dated(sales.first, by_offset)


def _counts(*, episodes: bool, singles: bool, shows: bool, sales: bool) -> str:
    """Return the statement that reads what is wanted: the server plans all that it is sent, whatever it then finds."""
    chosen = [
        (reads.EPISODE_COUNTS, episodes or singles),
        (reads.KEPT_COUNTS, episodes),
        (reads.SHOW_COUNTS, shows),
        (reads.SALES, sales),
    ]
    return "UNION ALL".join(statement for statement, is_wanted in chosen if is_wanted)


def _dated(first: date, by_offset: dict[int, int]) -> dict[date, int]:
    return {first + timedelta(days=offset): count for offset, count in by_offset.items()}
