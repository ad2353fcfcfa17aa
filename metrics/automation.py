"""Named jobs of figures."""

from datetime import datetime

from metrics import services
from metrics.retention import border_of, close_months
from tracker.automation.registry import JobResult, job
from tracker.lib.actors import SYSTEM
from tracker.tenants.context import current_tenant

_WORDS = {
    "refreshed": "The daily view was refreshed.",
    "clean": "Nothing was recorded since the last refresh.",
    "busy": "Another refresh is at it.",
}


@job("refresh-metrics-daily")
def refresh_metrics_daily(*, at: datetime) -> JobResult:
    """Bring the materialized view for outside readers up to date."""
    outcome = services.refresh_metrics_daily(by=SYSTEM, at=at)
    return JobResult(_WORDS[outcome], {"outcome": outcome})


@job("retain-detail", is_long=True)
def retain_detail(*, at: datetime) -> JobResult:
    """Add up and drop the daily detail that is older than this house's policy allows."""
    months = current_tenant().detail_kept_months
    if not months:
        return JobResult("Daily detail is kept for good here.", {"days": 0})
    closed = close_months(border=border_of(today=at.date(), kept_months=months))
    words = f"Detail before {closed.border} was added up to {closed.months} months; {closed.days} daily rows went."
    return JobResult(words, {"months": closed.months, "days": closed.days, "replaced": closed.replaced})
