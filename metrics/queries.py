"""Reads over shows and their daily figures. Days are UTC days; sources are never added up; None means unknown.

Everything here reads the daily rollup, which is true the moment an import commits, and where it is silent the days that
were told of a whole show; nothing reads breakdown facts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import BigIntegerField, F, Max, Min, OuterRef, QuerySet, Subquery, Sum, Value

from metrics.models import AudienceShare, DailyRollup, Episode, MetricSource, Podcast, ShowFigure


@dataclass(frozen=True)
class Window:
    """Days, both included, in which one source's downloads of an episode (or of a whole show) are asked for."""

    podcast_id: UUID
    source: str
    first_day: date
    last_day: date
    episode_id: UUID | None = None


@dataclass(frozen=True)
class DailyFigure:
    """One day of a show by one source: sums over its episodes. A sum of nothing is None, not 0."""

    podcast_id: UUID
    day: date
    source: str
    downloads: int | None
    conversions: int | None
    revenue_cents: int | None


@dataclass(frozen=True)
class AudienceOf:
    """One dimension of a show's audience: shares 0-1 of the known part, the unknown share of the whole apart."""

    dimension: str
    source: str
    as_of: date
    shares: dict[str, Decimal] = field(default_factory=dict)
    unknown: Decimal = Decimal(0)


def downloads_in_window(
    *, podcast_id: UUID, source: str, first_day: date, last_day: date, episode_id: UUID | None = None
) -> int | None:
    """Return the downloads that `source` counted from first_day to last_day, both included; None if it told nothing."""
    window = Window(podcast_id, source, first_day, last_day, episode_id)
    return downloads_in_windows([window])[0]


def downloads_in_windows(windows: Sequence[Window]) -> list[int | None]:
    """Return the downloads of each window, in their order, by one query whatever their number."""
    if not windows:
        return []
    columns: dict[str, Any] = {
        "podcasts": [w.podcast_id for w in windows],
        "episodes": [w.episode_id for w in windows],
        "sources": [w.source for w in windows],
        "firsts": [w.first_day for w in windows],
        "lasts": [w.last_day for w in windows],
    }
    with connection.cursor() as cursor:
        cursor.execute(_WINDOWS, columns)
        found = dict(cursor.fetchall())
    return [None if found.get(n) is None else int(found[n]) for n in range(1, len(windows) + 1)]


_WINDOWS = """
SELECT w.n, sum(r.downloads)
FROM unnest(%(podcasts)s::uuid[], %(episodes)s::uuid[], %(sources)s::text[], %(firsts)s::date[], %(lasts)s::date[])
  WITH ORDINALITY AS w (podcast_id, episode_id, source, first_day, last_day, n)
JOIN metrics_daily_rollup r ON r.podcast_id = w.podcast_id AND r.source = w.source
  AND r.day BETWEEN w.first_day AND w.last_day AND (w.episode_id IS NULL OR r.episode_id = w.episode_id)
GROUP BY w.n
"""


def daily_series(
    *, podcast_ids: Iterable[UUID], first_day: date, last_day: date, source: str | None = None
) -> list[DailyFigure]:
    """Return a figure for each (show, source, day) with data, by day; of one source, or of each beside the others.

    Downloads are the sum over the episodes; where a source tells nothing of them on a day, what it told of the whole
    show. One statement.
    """
    ids = sorted(podcast_ids)
    rows = DailyRollup.objects.of_shows(ids).filter(day__range=(first_day, last_day))
    whole = ShowFigure.objects.filter(
        podcast_id__in=ids, first_day=F("last_day"), first_day__range=(first_day, last_day), downloads__isnull=False
    )
    if source is not None:
        rows, whole = rows.filter(source=source), whole.filter(source=source)
    place, sums = ("podcast_id", "day", "source"), (Sum("downloads"), Sum("conversions"), Sum("revenue_cents"))
    nothing = Value(None, output_field=BigIntegerField())
    of_episodes = rows.order_by().values_list(*place, Value(False)).annotate(*sums)
    of_shows = (
        whole.order_by()
        .values_list("podcast_id", "first_day", "source", Value(True), "downloads")
        .annotate(conversions=nothing, revenue_cents=nothing)
    )
    found: dict[tuple, list[int | None]] = {}
    for podcast_id, day, name, is_whole, *told in of_episodes.union(of_shows, all=True):
        given = [_whole(one) for one in told]
        figures = found.setdefault((day, podcast_id, name), given)
        for n, value in enumerate(given):
            # A figure of the whole show only fills what its episodes leave open.
            if value is not None and (figures[n] is None or not is_whole):
                figures[n] = value
    return [
        DailyFigure(podcast_id, day, name, downloads, conversions, revenue_cents)
        for (day, podcast_id, name), (downloads, conversions, revenue_cents) in sorted(found.items())
    ]


def episode_days(
    *, episode_ids: Iterable[UUID], source: str, first_day: date | None = None, last_day: date | None = None
) -> QuerySet:
    """Return rows {episode_id, day, downloads} of one source, by episode and day; for curves and pacing by episode."""
    rows = DailyRollup.objects.of_episodes(episode_ids).filter(source=source)
    if first_day is not None:
        rows = rows.filter(day__gte=first_day)
    if last_day is not None:
        rows = rows.filter(day__lte=last_day)
    return rows.order_by("episode_id", "day").values("episode_id", "day", "downloads")


def last_complete_days(
    *, today: date, podcast_ids: Iterable[UUID] | None = None, source: str | None = None
) -> dict[tuple[UUID, str], date]:
    """Return the last day with data before `today` (UTC) of each (podcast_id, source). Today itself is not over.

    A pair without data is missing. Source: DOMAIN, measuring: `as_of`.
    """
    rows = DailyRollup.objects.filter(day__lt=today)
    if podcast_ids is not None:
        rows = rows.filter(podcast_id__in=list(podcast_ids))
    if source is not None:
        rows = rows.filter(source=source)
    found = rows.order_by().values_list("podcast_id", "source").annotate(last=Max("day"))
    return {(podcast_id, name): last for podcast_id, name, last in found}


def as_of(*, today: date, source: str, podcast_id: UUID | None = None) -> date | None:
    """Return the last complete day of a source, for one show or for the whole house; None when it never told any."""
    podcasts = None if podcast_id is None else [podcast_id]
    days = last_complete_days(today=today, podcast_ids=podcasts, source=source)
    return max(days.values(), default=None)


def last_day_of_show() -> Subquery:
    """Return the last day with figures of each show of a queryset of podcasts, for annotate()."""
    figures = DailyRollup.objects.filter(podcast_id=OuterRef("pk")).order_by("-day")
    return Subquery(figures.values("day")[:1])


def first_days(*, podcast_ids: Iterable[UUID]) -> dict[tuple[UUID, str], date]:
    """Return the first day with data of each (podcast_id, source)."""
    rows = DailyRollup.objects.filter(podcast_id__in=list(podcast_ids))
    found = rows.order_by().values_list("podcast_id", "source").annotate(first=Min("day"))
    return {(podcast_id, name): first for podcast_id, name, first in found}


def mean_downloads_per_day(*, podcast_ids: Iterable[UUID], source: str, until: date, days: int = 28) -> dict[UUID, int]:
    """Return the mean daily downloads of each show in the `days` days up to `until`; a show without data is missing."""
    figures = daily_series(
        podcast_ids=podcast_ids, source=source, first_day=until - timedelta(days=days - 1), last_day=until
    )
    seen: dict[UUID, list[int]] = {}
    for figure in figures:
        if figure.downloads is not None:
            seen.setdefault(figure.podcast_id, []).append(figure.downloads)
    return {podcast_id: round(sum(counts) / len(counts)) for podcast_id, counts in seen.items()}


def source_names() -> list[str]:
    """Return the names of all sources that ever told a figure here, in order."""
    return list(MetricSource.objects.order_by("name").values_list("name", flat=True))


def sources_of(*, podcast_id: UUID) -> list[str]:
    """Return the names of the sources with figures of this show, in order."""
    rows = DailyRollup.objects.filter(podcast_id=podcast_id).order_by("source")
    return list(rows.values_list("source", flat=True).distinct())


def audience_summary(*, podcast_ids: Iterable[UUID]) -> dict[UUID, dict[str, AudienceOf]]:
    """Return {podcast_id: {dimension: AudienceOf}}, each dimension by its newest report.

    Of two reports of the same day the source that stands first in the alphabet is taken, so that the answer is the
    same each time. A show or dimension without a report is missing: unknown, not zero.
    """
    rows = AudienceShare.objects.filter(podcast_id__in=list(podcast_ids)).order_by(
        "podcast_id", "dimension", "-as_of", "source", "-share", "value"
    )
    summary: dict[UUID, dict[str, AudienceOf]] = {}
    for row in rows:
        dimensions = summary.setdefault(row.podcast_id, {})
        found = dimensions.setdefault(
            row.dimension, AudienceOf(dimension=row.dimension, source=row.source, as_of=row.as_of)
        )
        if (found.source, found.as_of) != (row.source, row.as_of):
            continue
        if row.value:
            found.shares[row.value] = row.share
        else:
            dimensions[row.dimension] = AudienceOf(found.dimension, found.source, found.as_of, found.shares, row.share)
    return summary


def shows_in_order() -> QuerySet[Podcast]:
    """Return the shows that are not archived, by title."""
    return Podcast.objects.filter(is_archived=False).order_by("title")


def episodes_of(*, podcast_id: UUID) -> QuerySet[Episode]:
    """Return a show's episodes, newest first; those without a date last."""
    return Episode.objects.filter(podcast_id=podcast_id).order_by("-drops_at", "-number", "title")


def _whole(value: Decimal | int | None) -> int | None:
    return None if value is None else int(value)
