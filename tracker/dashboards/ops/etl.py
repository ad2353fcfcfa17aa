"""etl_health: did the data arrive: over all, and by each way in, against the rhythm it usually keeps."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from etl.cadence import WayIn, learned_gap, ways_in
from etl.models import Import
from etl.queries import EtlHealth, etl_health
from tracker.dashboards.cards import Card
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Column, Table


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
    return Health(etl_health(at=scope.at), ways_in(at=scope.at))


def as_json(data: Health) -> dict[str, Any]:
    return {**data.overall.as_json(), "sources": [way.as_json() for way in data.ways]}


__all__ = ["ETL_HEALTH", "Health", "WayIn", "learned_gap"]

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
    made_of=[Import],
)
