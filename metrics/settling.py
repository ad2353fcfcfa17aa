"""Figures of days that are differences of snapshots: two of all downloads that lie one day apart give the later day.

Nothing else is ever made of snapshots, and what a file said of a day itself is left alone.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import cast
from uuid import UUID

from metrics.models import Episode, EpisodeSnapshot, ListenerMetric, MetricBatch, MetricSource
from metrics.services import DayOfEpisode, record_metrics
from metrics.undoing import drop_derived

DayOf = tuple[date, UUID, str]


def settle_days(days: Iterable[DayOf], *, at: datetime, label: str, import_id: UUID | None) -> None:
    """Make the figures of these (day, episode, source) what the snapshots say now. Under `lock_facts`.

    A difference below 0 gives no figure: a source that takes back says nothing about the day.
    """
    wanted = set(days)
    if not wanted:
        return
    stands, told = _standing(wanted)
    now = {key: downloads for key, downloads in _differences(wanted).items() if key not in told}
    record_metrics(
        rows=[
            DayOfEpisode(day=day, episode_id=episode_id, source=source, downloads=downloads)
            for (day, episode_id, source), downloads in now.items()
        ],
        at=at,
        label=label,
        import_id=import_id,
        is_derived=True,
    )
    if gone := [codes for key, codes in stands.items() if key not in now]:
        batch = MetricBatch.objects.create(
            import_id=import_id,
            label=label[:200],
            first_day=min(one[0] for one in gone),
            last_day=max(one[0] for one in gone),
            recorded_at=at,
            is_derived=True,
        )
        drop_derived(days=gone, by_batch=batch.code)


def _differences(days: set[DayOf]) -> dict[DayOf, int]:
    totals = {
        (episode_id, source, as_of): downloads
        for episode_id, source, as_of, downloads in EpisodeSnapshot.objects.filter(
            episode_id__in={one[1] for one in days},
            window_days=None,
            as_of__gte=min(one[0] for one in days) - timedelta(days=1),
            as_of__lte=max(one[0] for one in days),
        ).values_list("episode_id", "source", "as_of", "downloads")
    }
    found = {}
    for day, episode_id, source in days:
        now, before = (totals.get((episode_id, source, on)) for on in (day, day - timedelta(days=1)))
        if now is not None and before is not None and now >= before:
            found[day, episode_id, source] = now - before
    return found


def _standing(days: set[DayOf]) -> tuple[dict[DayOf, tuple[date, int, int]], set[DayOf]]:
    """Return the codes (day, episode, source) of those days whose figure is a difference of snapshots, and those days
    whose downloads a file told itself."""
    codes: dict[int, UUID] = dict(Episode.objects.filter(pk__in={one[1] for one in days}).values_list("code", "pk"))
    sources = dict(MetricSource.objects.filter(name__in={one[2] for one in days}).values_list("code", "name"))
    rows = ListenerMetric.objects.filter(
        day__in={one[0] for one in days},
        episode__in=list(codes),
        source__in=list(sources),
        breakdown=0,
        downloads__isnull=False,
    ).values_list("day", "episode_id", "source_id", "batch__is_derived")
    derived, told = {}, set()
    for day, episode, source, is_derived in cast(Iterable[tuple[date, int, int, bool]], rows):
        key = (day, codes[episode], sources[source])
        if is_derived:
            derived[key] = (day, episode, source)
        else:
            told.add(key)
    return {key: value for key, value in derived.items() if key in days}, told & days
