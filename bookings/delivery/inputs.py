"""What pacing needs to know of a set of lines, gathered in a fixed number of statements however many they are."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Count

from bookings.models import DeliveryPause, IOBooking
from metrics.models import Episode
from tracker.lib.dates import last_day_of, local_day

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

# The figures as they stand, or as they stood: each is valid from the batch that told it to the one that restated it.
_FIGURES = "metrics_daily_rollup"
_FIGURES_KNOWN = """(
    SELECT kept.day, episodes.episode_id, episodes.podcast_id, metric_sources.name AS source, kept.downloads
    FROM (
        SELECT day, episode_code, source_code, downloads, told.recorded_at AS since, NULL::timestamptz AS until
        FROM listener_metrics_totals JOIN metric_batches AS told ON told.code = batch_code
        UNION ALL
        SELECT day, episode_code, source_code, downloads, told.recorded_at, restated.recorded_at
        FROM listener_metrics_replaced
        JOIN metric_batches AS told ON told.code = batch_code
        JOIN metric_batches AS restated ON restated.code = replaced_by
        WHERE breakdown_code = 0
    ) AS kept
    JOIN episodes ON episodes.code = kept.episode_code
    JOIN metric_sources ON metric_sources.code = kept.source_code
    WHERE kept.since <= %(known_at)s AND (kept.until IS NULL OR kept.until > %(known_at)s)
)"""

_SOURCES = """
SELECT podcast_id, source, count(DISTINCT day), max(day) FROM {figures} AS rollup
WHERE podcast_id = ANY(%(shows)s) AND day >= %(since)s AND day < %(until)s AND downloads IS NOT NULL
GROUP BY podcast_id, source
"""

_EPISODE_DAYS = """
SELECT wanted.episode_id, wanted.source,
       array_agg(rollup.day - wanted.first_day ORDER BY rollup.day), array_agg(rollup.downloads ORDER BY rollup.day)
FROM unnest(%(ids)s::uuid[], %(sources)s::text[], %(firsts)s::date[], %(days)s::int[])
  AS wanted(episode_id, source, first_day, days)
JOIN {figures} AS rollup
  ON rollup.episode_id = wanted.episode_id AND rollup.source = wanted.source
 AND rollup.day >= wanted.first_day AND rollup.day < wanted.first_day + wanted.days
 AND rollup.day < %(until)s AND rollup.downloads IS NOT NULL
GROUP BY wanted.episode_id, wanted.source
"""

# One span of days for all shows: days beyond a show's own lines cost less than looking each show up by itself.
_SHOW_DAYS = """
SELECT podcast_id, source, day, sum(downloads)::bigint FROM {figures} AS rollup
WHERE podcast_id = ANY(%(ids)s) AND source = ANY(%(sources)s) AND day BETWEEN %(first)s AND %(last)s
  AND day < %(until)s AND downloads IS NOT NULL
GROUP BY podcast_id, source, day
"""


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
    show_days: dict[tuple[UUID, str], dict[date, int]] = field(default_factory=dict)
    single_days: dict[tuple[UUID, str], dict[date, int]] = field(default_factory=dict)
    pauses: dict[UUID, list[DeliveryPause]] = field(default_factory=dict)

    @property
    def today(self) -> date:
        """The UTC day that is not over yet; metric days are UTC days."""
        return self.at.astimezone(UTC).date()

    def rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run one of the statements below on the figures as they stand, or as they stood at `known_at`."""
        figures = _FIGURES if self.known_at is None else _FIGURES_KNOWN
        with connection.cursor() as cursor:
            cursor.execute(statement.format(figures=figures), {**parameters, "known_at": self.known_at})
            return cursor.fetchall()


def gather(
    bookings: Iterable[IOBooking], *, at: datetime, known_at: datetime | None = None, source: str = ""
) -> Inputs:
    """Read all that pacing of these lines needs. Eleven statements at most, whatever their number.

    known_at: what was known then, from the kept restatements. source: measured by it, whatever the orders name.
    """
    flights = [_flight(booking) for booking in bookings]
    inputs = Inputs(at=at, flights=flights, known_at=known_at, source=source)
    if not flights:
        return inputs
    inputs.source_of = _sources(inputs)
    inputs.pauses = _pauses(flights)
    inputs.episodes = _episodes(inputs)
    inputs.episode_days = _episode_days(inputs)
    _add_house_history(inputs)
    dynamic = [flight for flight in flights if not flight.is_baked_in]
    inputs.show_days = _ranges(inputs, [flight for flight in dynamic if flight.booking.episode_id is None])
    inputs.single_days = _single_days(inputs, [flight for flight in dynamic if flight.booking.episode_id is not None])
    return inputs


def past_episodes(shows: Iterable[UUID], *, source: str, window: int, at: datetime) -> Inputs:
    """Read the last closed episodes of some shows, for what they say of the next one. Two statements."""
    inputs = Inputs(at=at, flights=[])
    closed = Episode.objects.filter(
        podcast__in=list(shows),
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
    inputs.episode_days = _read_episode_days(inputs, wanted)
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


def _sources(inputs: Inputs) -> dict[UUID, tuple[str, date]]:
    """The source each line is measured by, and that source's last complete day for the show.

    An order that names its measurement of record is measured by it alone; another one by the source that measured the
    show on most of its latest days. Sources are never added up.
    """
    shows = sorted({flight.podcast_id for flight in inputs.flights})
    found: dict[UUID, dict[str, tuple[int, date]]] = defaultdict(dict)
    since = inputs.today - timedelta(days=SOURCE_DAYS)
    for podcast_id, source, days, last_day in inputs.rows(_SOURCES, shows=shows, since=since, until=inputs.today):
        found[podcast_id][source] = (days, last_day)
    silent = [show for show in shows if show not in found]
    if silent:
        # Shows that fell silent long ago: whatever was counted last.
        for podcast_id, source, days, last_day in inputs.rows(_SOURCES, shows=silent, since=date.min, until=since):
            found[podcast_id][source] = (days, last_day)
    chosen = {}
    for flight in inputs.flights:
        sources = found[flight.podcast_id]
        wanted = inputs.source or flight.booking.order.measurement_of_record
        if not wanted and sources:
            wanted = min(sources, key=lambda name: (-sources[name][0], name))
        if wanted in sources:
            chosen[flight.booking.pk] = (wanted, sources[wanted][1])
    return chosen


def _pauses(flights: Sequence[Flight]) -> dict[UUID, list[DeliveryPause]]:
    pauses: dict[UUID, list[DeliveryPause]] = defaultdict(list)
    for pause in DeliveryPause.objects.filter(booking__in=[flight.booking.pk for flight in flights]):
        pauses[pause.booking_id].append(pause)
    return pauses


def _episodes(inputs: Inputs) -> dict[UUID, list[Episode]]:
    """Episodes of the shows that carry baked-in lines, in the order in which they drop."""
    baked_in = [flight for flight in inputs.flights if flight.is_baked_in]
    since = inputs.at - timedelta(days=CURVE_DAYS)
    since = min([since, *(flight.booking.flight_start - timedelta(days=1) for flight in baked_in)])
    named = [flight.booking.episode_id for flight in baked_in if flight.booking.episode_id]
    shows = {flight.podcast_id for flight in baked_in}
    fields = ("podcast_id", "title", "number", "drops_at", "is_published")
    rows = Episode.objects.filter(podcast__in=shows, drops_at__gte=since) | Episode.objects.filter(pk__in=named)
    episodes: dict[UUID, list[Episode]] = defaultdict(list)
    for episode in rows.only(*fields).order_by("drops_at", "pk"):
        episodes[episode.podcast_id].append(episode)
    return episodes


def _episode_days(inputs: Inputs) -> dict[tuple[UUID, str], EpisodeDays]:
    """Downloads by age of every episode that a baked-in line counts or learns from, as far as its windows reach."""
    wanted: dict[tuple[UUID, str], tuple[date, int]] = {}

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
    return _read_episode_days(inputs, wanted)


def _add_house_history(inputs: Inputs) -> None:
    """Read what other shows' episodes did, where a show has too few of its own to learn its curve from."""
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
    if not needy:
        return
    window = max(needy.values())
    closed = Episode.objects.filter(
        drops_at__gte=inputs.at - timedelta(days=CURVE_DAYS), drops_at__lt=inputs.at - timedelta(days=window)
    ).exclude(podcast__in=list(inputs.episodes))
    shows = closed.order_by().values("podcast").annotate(count=Count("pk")).order_by("-count", "podcast")
    helpers: dict[UUID, list[Episode]] = defaultdict(list)
    wanted: dict[tuple[UUID, str], tuple[date, int]] = {}
    for episode in closed.filter(podcast__in=[row["podcast"] for row in shows[:HOUSE_SHOWS]]).order_by("-drops_at"):
        first = drop_day(episode)
        if first is None or len(helpers[episode.podcast_id]) >= HOUSE_EPISODES:
            continue
        helpers[episode.podcast_id].insert(0, episode)
        wanted.update({(episode.pk, source): (first, reach) for source, reach in needy.items()})
    inputs.episodes.update(helpers)
    inputs.episode_days.update(_read_episode_days(inputs, wanted))


def _closed_episodes(inputs: Inputs, show: UUID, window: int) -> int:
    """How many episodes of a show have come to the end of their window."""
    last = inputs.today - timedelta(days=window)
    days = (drop_day(episode) for episode in inputs.episodes.get(show, ()))
    return sum(1 for day in days if day is not None and day <= last)


def _read_episode_days(
    inputs: Inputs, wanted: dict[tuple[UUID, str], tuple[date, int]]
) -> dict[tuple[UUID, str], EpisodeDays]:
    keys = list(wanted)
    rows = inputs.rows(
        _EPISODE_DAYS,
        ids=[episode for episode, _source in keys],
        sources=[source for _episode, source in keys],
        firsts=[wanted[key][0] for key in keys],
        days=[wanted[key][1] for key in keys],
        until=inputs.today,
    )
    return {
        (episode_id, source): EpisodeDays(wanted[episode_id, source][0], dict(zip(offsets, counts, strict=True)))
        for episode_id, source, offsets, counts in rows
    }


def _ranges(inputs: Inputs, flights: Sequence[Flight]) -> dict[tuple[UUID, str], dict[date, int]]:
    """Downloads of whole shows by day, over the days that their lines span together."""
    measured = [
        (flight, inputs.source_of[flight.booking.pk][0]) for flight in flights if flight.booking.pk in inputs.source_of
    ]
    days: dict[tuple[UUID, str], dict[date, int]] = defaultdict(dict)
    if not measured:
        return days
    rows = inputs.rows(
        _SHOW_DAYS,
        ids=sorted({flight.podcast_id for flight, _source in measured}),
        sources=sorted({source for _flight, source in measured}),
        first=min(flight.first for flight, _source in measured),
        last=max(flight.last for flight, _source in measured),
        until=inputs.today,
    )
    for podcast_id, source, day, downloads in rows:
        days[podcast_id, source][day] = downloads
    return days


def _single_days(inputs: Inputs, flights: Sequence[Flight]) -> dict[tuple[UUID, str], dict[date, int]]:
    """Downloads of single episodes by day, for dynamic lines that run in one episode alone."""
    spans: dict[tuple[UUID, str], tuple[date, date]] = {}
    for flight in flights:
        measured = inputs.source_of.get(flight.booking.pk)
        if measured is None or flight.booking.episode_id is None:
            continue
        key = (flight.booking.episode_id, measured[0])
        first, last = spans.get(key, (flight.first, flight.last))
        spans[key] = (min(first, flight.first), max(last, flight.last))
    keys = list(spans)
    rows = inputs.rows(
        _EPISODE_DAYS,
        ids=[episode for episode, _source in keys],
        sources=[source for _episode, source in keys],
        firsts=[spans[key][0] for key in keys],
        days=[(spans[key][1] - spans[key][0]).days + 1 for key in keys],
        until=inputs.today,
    )
    days: dict[tuple[UUID, str], dict[date, int]] = defaultdict(dict)
    for episode_id, source, offsets, counts in rows:
        first = spans[episode_id, source][0]
        for offset, count in zip(offsets, counts, strict=True):
            days[episode_id, source][first + timedelta(days=offset)] = count
    return days
