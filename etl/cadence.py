"""The rhythm of each way in, learned from its imports: when the next is due, and what is late."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, cast
from uuid import UUID

from django.db.models import Sum
from django.utils.translation import gettext as _

from etl.models import Import
from etl.queries import DEGRADED_WITHIN, HEALTHY_WITHIN

WORST_FIRST = ("unhealthy", "degraded", "healthy")
# A rhythm is learned from the imports of so many days; with fewer than the least nothing is expected.
LEARNED_FROM, LEAST_GAPS = timedelta(days=60), 3
WEEK = timedelta(days=7)
ONE_DELIVERY = timedelta(hours=1)
# How much later than usual is still in time.
PATIENCE = 1.25


@dataclass(frozen=True)
class WayIn:
    """One source and kind of file. `due_at`: when its rhythm lets the next one expect; None while none is learned.

    last_error and failed_import: of the last try, where that failed.
    """

    source: str
    kind: str
    last_success_at: datetime | None
    rows_7_days: int
    status: str
    due_at: datetime | None
    is_late: bool
    last_error: str
    failed_import: UUID | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "kind": self.kind,
            "status": self.status,
            "last_success_at": self.last_success_at.isoformat() if self.last_success_at else None,
            "rows_7_days": self.rows_7_days,
            "due_at": self.due_at.isoformat() if self.due_at else None,
            "is_late": self.is_late,
            "last_error": self.last_error,
        }


def ways_in(*, at: datetime) -> list[WayIn]:
    """Return every way in by which data came in two months, the worst first. Two statements."""
    ended = (
        Import.objects.filter(is_dry_run=False, completed_at__gt=at - LEARNED_FROM, completed_at__lte=at)
        .order_by("completed_at")
        .values_list("source", "kind", "metadata__profile", "status", "completed_at", "error_message", "pk")
    )
    good: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    errors: dict[tuple[str, str], tuple[str, UUID]] = {}
    for source, found, profile, status, completed_at, error, import_id in ended:
        # A host's files come in the rhythm of that host.
        kind = profile or found
        if not kind:
            # A file of no known kind is nobody's delivery; it stands among the imports with its error.
            continue
        if status == Import.Status.COMPLETED:
            good[source, kind].append(cast(datetime, completed_at))
            errors.pop((source, kind), None)
        else:
            errors[source, kind] = (error, import_id)
    rows = _rows_of_week(at)
    ways = [_way(key, good.get(key, []), rows.get(key, 0), errors.get(key), at) for key in {*good, *errors}]
    return sorted(ways, key=lambda way: (WORST_FIRST.index(way.status), way.source, way.kind))


def _rows_of_week(at: datetime) -> dict[tuple[str, str], int]:
    found = (
        Import.objects.filter(is_dry_run=False, status=Import.Status.COMPLETED, completed_at__gt=at - WEEK)
        .order_by()
        .values_list("source", "kind", "metadata__profile")
        .annotate(rows=Sum("records_imported"))
    )
    rows: dict[tuple[str, str], int] = defaultdict(int)
    for source, kind, profile, count in found:
        rows[source, profile or kind] += count
    return rows


def _way(
    key: tuple[str, str], good: Sequence[datetime], rows: int, error: tuple[str, UUID] | None, at: datetime
) -> WayIn:
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
        last_error=error[0] if error else "",
        failed_import=error[1] if error else None,
    )


def shown_kind(kind: str) -> str:
    """Return what comes in by a way in, in words."""
    names = {
        "metrics_daily": _("Metrics files"),
        "io_bookings": _("Bookings files"),
        "io_orders": _("Order files"),
        "redemptions": _("Sales by promo code"),
    }
    return str(names.get(kind, kind))


def learned_gap(times: Sequence[datetime]) -> timedelta | None:
    """Return the usual time between two imports: the middle of the gaps, or None while there are fewer than three.

    Imports within the same hour are one delivery: several files, or one that was mended and sent again.
    """
    apart: list[datetime] = []
    for moment in times:
        if not apart or moment - apart[-1] >= ONE_DELIVERY:
            apart.append(moment)
    gaps = [later - earlier for earlier, later in zip(apart, apart[1:], strict=False)]
    usual = median(gap.total_seconds() for gap in gaps) if len(gaps) >= LEAST_GAPS else None
    return None if usual is None else timedelta(seconds=usual)


def state_of(last_success_at: datetime | None, at: datetime) -> str:
    """Return healthy, degraded or unhealthy. Source: CONTRACT, alerts."""
    if last_success_at is None or at - last_success_at > DEGRADED_WITHIN:
        return "unhealthy"
    return "healthy" if at - last_success_at <= HEALTHY_WITHIN else "degraded"
