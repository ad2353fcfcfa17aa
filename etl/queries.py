"""Reads about imports: their history, one import's state, and whether data still arrives."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from deals.models import Sponsor
from etl.models import Import, RowIssue, WaitingRow

# CONTRACT, alerts.
HEALTHY_WITHIN = timedelta(hours=6)
DEGRADED_WITHIN = timedelta(hours=24)


@dataclass(frozen=True)
class EtlHealth:
    """Whether data still arrives: healthy (last success within 6 h), degraded (24 h), unhealthy (older, or none)."""

    status: str
    last_success_at: datetime | None
    completed_24h: int
    failed_24h: int
    waiting: int

    def as_json(self) -> dict[str, Any]:
        told = asdict(self)
        told["last_success_at"] = self.last_success_at.isoformat() if self.last_success_at else None
        return told


def import_history() -> QuerySet[Import]:
    """Return all imports, newest first."""
    return Import.objects.order_by("-created_at", "-import_id")


def waiting_rows() -> QuerySet[WaitingRow]:
    """Return the rows that wait for a person, of imports that were made and not taken back, oldest import first."""
    rows = WaitingRow.objects.filter(
        state=WaitingRow.State.WAITING,
        import_run__is_dry_run=False,
        import_run__status=Import.Status.COMPLETED,
        import_run__undone_at=None,
    )
    return rows.order_by("import_run__created_at", "line", "row_id")


def sponsors_in_order() -> QuerySet[Sponsor]:
    """Return the advertisers that were not merged into another, by name."""
    return Sponsor.objects.filter(merged_into=None).order_by("name")


def issues_of(import_run: Import) -> QuerySet[RowIssue]:
    """Return what could not be taken of an import, in the order of its lines."""
    return RowIssue.objects.filter(import_run=import_run).order_by("line", "id")


def etl_health(*, at: datetime) -> EtlHealth:
    """Return how the imports stand at an instant. Dry runs do not count. Source: CONTRACT, alerts."""
    day_ago = at - timedelta(hours=24)
    ended = Q(completed_at__gt=day_ago, completed_at__lte=at, is_dry_run=False)
    good = Q(status=Import.Status.COMPLETED, is_dry_run=False, completed_at__lte=at)
    found = Import.objects.aggregate(
        last_success_at=Max("completed_at", filter=good),
        completed_24h=Count("pk", filter=ended & Q(status=Import.Status.COMPLETED)),
        failed_24h=Count("pk", filter=ended & Q(status=Import.Status.FAILED)),
        waiting=Count("pk", filter=Q(status__in=[Import.Status.PENDING, Import.Status.PROCESSING])),
    )
    return EtlHealth(status=_state(found["last_success_at"], at), **found)


def _state(last_success_at: datetime | None, at: datetime) -> str:
    if last_success_at is None or at - last_success_at > DEGRADED_WITHIN:
        return "unhealthy"
    return "healthy" if at - last_success_at <= HEALTHY_WITHIN else "degraded"
