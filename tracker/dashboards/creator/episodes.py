"""latest_episodes: how the newest episodes gather downloads, against the show's usual at the same age."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from decimal import Decimal
from statistics import median
from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext_lazy as _

from metrics.models import DailyRollup, Episode
from tracker.dashboards.cards import Card
from tracker.dashboards.made_of import FACTS
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Column, Table

SHOWN = 4
# A show's usual is the middle of so many episodes before; with fewer than the least it has none.
COMPARED, LEAST = 12, 3
# Curves are compared over the first month; later days hardly move them.
LONGEST_AGE = 30


@dataclass(frozen=True)
class Curve:
    """An episode's downloads by age: `so_far[n]` after n + 1 complete days; `usual` the show's own at the same ages.

    change: the last day against the usual at the same age, as a share; None where there is no usual yet.
    """

    episode: Episode
    source: str
    so_far: list[int]
    usual: list[float]

    @property
    def day(self) -> int:
        return len(self.so_far)

    @property
    def downloads(self) -> int:
        return self.so_far[-1]

    @property
    def change(self) -> Decimal | None:
        if len(self.usual) < self.day or not self.usual[self.day - 1]:
            return None
        return Decimal(self.downloads) / Decimal(str(self.usual[self.day - 1])) - 1


@dataclass(frozen=True)
class Latest:
    curves: list[Curve]


def load(scope: Scope) -> Latest:
    """Read the newest episodes and those they are compared with, then their days: two statements."""
    ranked = Window(RowNumber(), partition_by=F("podcast_id"), order_by=F("drops_at").desc())
    episodes = list(
        Episode.objects.filter(podcast__in=scope.podcast_ids, is_published=True, drops_at__lte=scope.at)
        .annotate(rank=ranked)
        .filter(rank__lte=SHOWN + COMPARED)
        .select_related("podcast")
        .order_by("-drops_at")
    )
    totals = _running_totals(episodes, before=scope.at.astimezone(UTC).date())
    by_show: dict[UUID, list[Episode]] = defaultdict(list)
    for episode in episodes:
        by_show[episode.podcast_id].append(episode)
    curves = []
    for episode in episodes:
        if len(curves) == SHOWN:
            break
        if curve := _curve(episode, by_show[episode.podcast_id], totals):
            curves.append(curve)
    return Latest(curves)


Totals = Mapping[UUID, Mapping[str, list[int]]]


def _running_totals(episodes: Sequence[Episode], *, before: date) -> dict[UUID, dict[str, list[int]]]:
    """Downloads so far by age of each episode and source. A gap ends a curve: what came after it is not known."""
    dropped = {episode.pk: episode.drops_at.astimezone(UTC).date() for episode in episodes if episode.drops_at}
    if not dropped:
        return {}
    first = min(dropped.values())
    told = DailyRollup.objects.of_episodes(dropped).filter(day__gte=first, day__lt=before, downloads__isnull=False)
    young = told.filter(day__lte=F("episode__drops_at") + timedelta(days=LONGEST_AGE))
    days, counts = ArrayAgg("day", order_by="day"), ArrayAgg("downloads", order_by="day")
    totals: dict[UUID, dict[str, list[int]]] = defaultdict(dict)
    grouped = young.order_by().values("episode_id", "source").annotate(days=days, counts=counts)
    for episode_id, source, days, counts in grouped.values_list("episode_id", "source", "days", "counts"):
        totals[episode_id][source] = _running(dropped[episode_id], dict(zip(days, counts, strict=True)))
    return totals


def _running(day: date, counted: Mapping[date, int]) -> list[int]:
    """Downloads so far by the end of each day from the first one on, to the first day that is not known."""
    running: list[int] = []
    while day in counted and len(running) < LONGEST_AGE:
        running.append(counted[day] + (running[-1] if running else 0))
        day += timedelta(days=1)
    return running


def _curve(episode: Episode, siblings: Sequence[Episode], totals: Totals) -> Curve | None:
    """The curve by the source that knows most of this episode; its usual by the same source, from earlier episodes."""
    known = totals.get(episode.pk, {})
    source = max(known, key=lambda name: (len(known[name]), name), default="")
    if not source or not known[source]:
        return None
    earlier = [other for other in siblings if other.drops_at < episode.drops_at][:COMPARED]
    histories = [totals.get(other.pk, {}).get(source, []) for other in earlier]
    return Curve(episode, source, known[source], usual_curve(histories, upto=len(known[source])))


def usual_curve(histories: Sequence[Sequence[int]], *, upto: int) -> list[float]:
    """Return the middle of what earlier episodes had at each age, as far as at least three of them reach."""
    usual = []
    for age in range(upto):
        reached = [history[age] for history in histories if len(history) > age]
        if len(reached) < LEAST:
            break
        usual.append(float(median(reached)))
    return usual


def as_json(data: Latest) -> list[dict[str, Any]]:
    return [
        {
            "episode_id": str(curve.episode.pk),
            "podcast_id": str(curve.episode.podcast_id),
            "title": str(curve.episode),
            "podcast": curve.episode.podcast.title,
            "day": curve.day,
            "downloads": curve.downloads,
            "usual_downloads": round(curve.usual[curve.day - 1]) if len(curve.usual) >= curve.day else None,
            "source": curve.source,
        }
        for curve in data.curves
    ]


COLUMNS = [
    Column("episode_id", _("Episode id")),
    Column("title", _("Episode")),
    Column("podcast", _("Show")),
    Column("day", _("Day"), "number"),
    Column("downloads", _("Downloads so far"), "number"),
    Column("usual_downloads", _("Usual at that age"), "number"),
    Column("source", _("Source")),
]


def as_table(data: Latest) -> Table:
    """The points of every curve: one row for each complete day of an episode."""
    rows = [
        [
            curve.episode.pk,
            str(curve.episode),
            curve.episode.podcast.title,
            day,
            downloads,
            round(curve.usual[day - 1]) if len(curve.usual) >= day else None,
            curve.source,
        ]
        for curve in data.curves
        for day, downloads in enumerate(curve.so_far, start=1)
    ]
    return Table(COLUMNS, rows)


LATEST_EPISODES = Card(
    name="latest_episodes",
    title=_("Latest episodes"),
    template="dashboards/creator/episodes.html",
    load=load,
    as_table=as_table,
    as_json=as_json,
    width="col-5",
    has_chart=True,
    made_of=FACTS,
)
