"""The nightly run."""

from datetime import datetime

from django.utils.translation import gettext as _

from matchmaking import services
from tracker.automation.registry import JobResult, job
from tracker.lib.actors import Actor

NIGHTLY = Actor(kind="job", id="recalculate-matches", label="Nightly matches")


@job("recalculate-matches", flag="ENABLE_MATCHMAKING", is_long=True)
def recalculate_matches(*, at: datetime) -> JobResult:
    """Score every pair anew and leave the best of both sides."""
    run = services.recalculate_matches(by=NIGHTLY, at=at)
    summary = _("%(pairs)s pairs scored, %(written)s matches written, %(deleted)s taken away.") % run.counts
    return JobResult(summary=summary, counts=run.counts)
