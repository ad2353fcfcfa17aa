"""The named jobs of the sales desk."""

from datetime import datetime

from deals import alerts, digest
from tracker.automation.registry import JobResult, job


@job("pipeline-alerts", flag="ENABLE_DEAL_PIPELINE")
def pipeline_alerts(*, at: datetime) -> JobResult:
    """Look over the pipeline: raise alerts that are new, clear those that are no longer so."""
    run = alerts.check_pipeline_alerts(at=at)
    return JobResult(
        f"{run.raised} alerts raised, {run.cleared} cleared, {run.standing} standing.",
        {"raised": run.raised, "cleared": run.cleared, "standing": run.standing},
    )


@job("desk-digest", flag="ENABLE_DEAL_PIPELINE")
def desk_digest(*, at: datetime) -> JobResult:
    """Bring the alerts up to date, then send every owner with standing ones the letter of the morning."""
    alerts.check_pipeline_alerts(at=at)
    run = digest.send_digests(at=at)
    return JobResult(f"{run.sent} morning mails sent, {run.failed} failed.", {"sent": run.sent, "failed": run.failed})
