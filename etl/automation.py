"""Named jobs of imports."""

from datetime import datetime

from etl import services
from etl.models import Import
from etl.tasks import run_imports
from tracker.automation.registry import JobResult, job
from tracker.tenants.tasks import enqueue


@job("etl-health-check")
def check_etl_health(*, at: datetime) -> JobResult:
    """Say whether data still arrives, and alert when it stopped."""
    health = services.check_etl_health(at=at)
    return JobResult(f"Imports are {health.status}.", health.as_json())


@job("reap-imports")
def reap_imports(*, at: datetime) -> JobResult:
    """Give imports whose worker died to another one, and wake a worker for those that wait."""
    put_back = services.reap_lost_imports(at=at)
    waiting = Import.objects.filter(status=Import.Status.PENDING).count()
    if waiting:
        enqueue(run_imports)
    return JobResult(f"{put_back} put back, {waiting} wait.", {"put_back": put_back, "waiting": waiting})


@job("import-google-sheets", flag="ENABLE_GOOGLE_SHEETS_IMPORT")
def import_google_sheets(*, at: datetime) -> JobResult:
    """Import the connected sheets whose hour has come."""
    started = services.import_due_sheets(at=at)
    if started:
        enqueue(run_imports)
    return JobResult(f"{len(started)} sheets are being imported.", {"started": len(started)})
