"""etl_health: did the data arrive: over all, and by each way in, against the rhythm it usually keeps."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from etl.models import Import
from etl.queries import DEGRADED_WITHIN, HEALTHY_WITHIN, EtlHealth, etl_health
from tracker.dashboards.cards import Card
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Column, Table

WORST_FIRST = ("unhealthy", "degraded", "healthy")
# A rhythm is learned from the imports of so many days; with fewer than the least nothing is expected.
LEARNED_FROM, LEAST_GAPS = timedelta(days=60), 3
WEEK = timedelta(days=7)
ONE_DELIVERY = timedelta(hours=1)
# How much later than usual is still in time.
PATIENCE = 1.25


@dataclass(frozen=True)
class WayIn:
    """One source and kind of file. `due_at`: when its rhythm lets the next one expect; None while none is learned."""

    source: str
    kind: str
    last_success_at: datetime | None
    rows_7_days: int
    status: str
    due_at: datetime | None
    is_late: bool
    last_error: str


@dataclass(frozen=True)
class Health:
    overall: EtlHealth
    ways: list[WayIn]

    @property
    def in_time(self) -> int:
        return sum(1 for way in self.ways if way.status == "healthy")

    @property
    def degraded(self) -> int:
        return sum(1 for way in self.ways if way.status == "degraded")

    @property
    def unhealthy(self) -> int:
        return sum(1 for way in self.ways if way.status == "unhealthy")

    @property
    def worst(self) -> WayIn | None:
        """A way in that is behind its own rhythm, or, where none is learned, failed at its last try."""
        return next((way for way in self.ways if way.status == "unhealthy" and (way.is_late or way.last_error)), None)


def load(scope: Scope) -> Health:
    """One statement for the whole, one for the ends of two months, one for rows of a week."""
    at = scope.at
    ended = (
        Import.objects.filter(is_dry_run=False, completed_at__gt=at - LEARNED_FROM, completed_at__lte=at)
        .order_by("completed_at")
        .values_list("source", "kind", "status", "completed_at", "error_message")
    )
    good: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    errors: dict[tuple[str, str], str] = {}
    for source, kind, status, completed_at, error in ended:
        if not kind:
            # A file of no known kind is nobody's delivery; it stands among the imports with its error.
            continue
        if status == Import.Status.COMPLETED:
            good[source, kind].append(completed_at)
            errors.pop((source, kind), None)
        else:
            errors[source, kind] = error
    rows = _rows_of_week(at)
    ways = [_way(key, good.get(key, []), rows.get(key, 0), errors.get(key, ""), at) for key in {*good, *errors}]
    ranked = sorted(ways, key=lambda way: (WORST_FIRST.index(way.status), way.source, way.kind))
    return Health(etl_health(at=at), ranked)


def _rows_of_week(at: datetime) -> dict[tuple[str, str], int]:
    found = (
        Import.objects.filter(is_dry_run=False, status=Import.Status.COMPLETED, completed_at__gt=at - WEEK)
        .order_by()
        .values_list("source", "kind")
        .annotate(rows=Sum("records_imported"))
    )
    return {(source, kind): rows for source, kind, rows in found}


def _way(key: tuple[str, str], good: Sequence[datetime], rows: int, error: str, at: datetime) -> WayIn:
    last = good[-1] if good else None
    gap = learned_gap(good)
    due = last + gap if last and gap else None
    return WayIn(
        source=key[0],
        kind=key[1],
        last_success_at=last,
        rows_7_days=rows,
        status=state_of(last, at),
        due_at=due,
        is_late=bool(last and gap and at > last + gap * PATIENCE),
        last_error=error,
    )


def learned_gap(times: Sequence[datetime]) -> timedelta | None:
    """Return the usual time between two imports: the middle of the gaps, or None while there are fewer than three.

    Imports within the same hour are one delivery: several files, or one that was mended and sent again.
    """
    apart: list[datetime] = []
    for moment in times:
        if not apart or moment - apart[-1] >= ONE_DELIVERY:
            apart.append(moment)
    gaps = [later - earlier for earlier, later in zip(apart, apart[1:], strict=False)]
    return median(gaps) if len(gaps) >= LEAST_GAPS else None


def state_of(last_success_at: datetime | None, at: datetime) -> str:
    """Return healthy, degraded or unhealthy. Source: CONTRACT, alerts."""
    if last_success_at is None or at - last_success_at > DEGRADED_WITHIN:
        return "unhealthy"
    return "healthy" if at - last_success_at <= HEALTHY_WITHIN else "degraded"


def as_json(data: Health) -> dict[str, Any]:
    return {**data.overall.as_json(), "sources": [_way_json(way) for way in data.ways]}


def _way_json(way: WayIn) -> dict[str, Any]:
    return {
        "source": way.source,
        "kind": way.kind,
        "status": way.status,
        "last_success_at": way.last_success_at.isoformat() if way.last_success_at else None,
        "rows_7_days": way.rows_7_days,
        "due_at": way.due_at.isoformat() if way.due_at else None,
        "is_late": way.is_late,
        "last_error": way.last_error,
    }


COLUMNS = [
    Column("source", _("Source")),
    Column("kind", _("Kind")),
    Column("status", _("State")),
    Column("last_success_at", _("Last good import"), "instant"),
    Column("rows_7_days", _("Rows, 7 days"), "number"),
    Column("due_at", _("Next due"), "instant"),
    Column("last_error", _("Last error")),
]


def as_table(data: Health) -> Table:
    rows = [
        [way.source, way.kind, way.status, way.last_success_at, way.rows_7_days, way.due_at, way.last_error]
        for way in data.ways
    ]
    return Table(COLUMNS, rows)


ETL_HEALTH = Card(
    name="etl_health",
    title=_("Sources"),
    template="dashboards/ops/etl.html",
    load=load,
    as_table=as_table,
    as_json=as_json,
    width="col-7",
)
