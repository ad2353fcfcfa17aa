"""Named jobs of figures."""

from datetime import datetime

from metrics import services
from tracker.automation.registry import JobResult, job
from tracker.lib.actors import SYSTEM

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
