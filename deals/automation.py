"""The named jobs of the sales desk."""

from datetime import datetime

from deals import alerts
from tracker.automation.registry import JobResult, job


@job("pipeline-alerts", flag="ENABLE_DEAL_PIPELINE")
def pipeline_alerts(*, at: datetime) -> JobResult:
    """Look over the pipeline: raise alerts that are new, clear those that are no longer so."""
    run = alerts.check_pipeline_alerts(at=at)
    return JobResult(
        f"{run.raised} alerts raised, {run.cleared} cleared, {run.standing} standing.",
        {"raised": run.raised, "cleared": run.cleared, "standing": run.standing},
    )
