"""Downloads of some shows over two windows, each show by the one source that knows most of it."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from metrics.queries import daily_series
from tracker.dashboards.creator.revenue import change
from tracker.dashboards.scope import Period, Scope


@dataclass(frozen=True)
class Downloads:
    """now and before: downloads of two windows of one length; None where nothing was measured."""

    now: int | None
    before: int | None

    @property
    def change(self) -> Decimal | None:
        return change(self.now, self.before)


def downloads_of(scope: Scope, period: Period) -> Downloads:
    """Return the downloads of the shows in view in a period and in the one before it. One statement."""
    figures = daily_series(podcast_ids=scope.podcast_ids, first_day=period.before.first, last_day=period.last)
    by_show: dict[UUID, dict[str, dict[date, int]]] = defaultdict(lambda: defaultdict(dict))
    for figure in figures:
        if figure.downloads is not None:
            by_show[figure.podcast_id][figure.source][figure.day] = figure.downloads
    days: dict[date, int] = defaultdict(int)
    for sources in by_show.values():
        # Sources are never added up: the one with most days speaks for the show.
        source = min(sources, key=lambda name: (-len(sources[name]), name))
        for day, count in sources[source].items():
            days[day] += count
    return Downloads(_sum(days, period), _sum(days, period.before))


def _sum(days: dict[date, int], period: Period) -> int | None:
    inside = [count for day, count in days.items() if period.first <= day <= period.last]
    return sum(inside) if inside else None
