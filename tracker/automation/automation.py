"""Upkeep of the platform's own tables, as a named job of every tenant."""

from datetime import datetime, timedelta

from django.contrib.sessions.models import Session

from tracker.api.idempotency import forget_old_answers
from tracker.automation.models import JobRun
from tracker.automation.registry import JobResult, job
from tracker.events.models import Attempt

RUNS_KEPT = timedelta(days=90)
TRIES_KEPT = timedelta(days=30)


@job("tidy-up")
def tidy_up(*, at: datetime) -> JobResult:
    """Delete what nobody asks for any more: kept answers, ended sessions, old runs of jobs and tries of webhooks."""
    counts = {
        "answers": forget_old_answers(at=at),
        "sessions": Session.objects.filter(expire_date__lt=at).delete()[0],
        "runs": JobRun.objects.filter(finished_at__lt=at - RUNS_KEPT).delete()[0],
        "tries": Attempt.objects.filter(at__lt=at - TRIES_KEPT).delete()[0],
    }
    return JobResult(f"Deleted {sum(counts.values())} rows that nobody needs any more.", counts)
