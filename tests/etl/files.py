"""Files to upload, as text."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from etl.models import Import
from etl.services import run_waiting_imports, start_import
from tracker.lib.actors import SYSTEM

METRICS_HEADER = "day,episode_id,source,downloads,listeners,completion_rate,ctr,conversions,revenue_cents"
BOOKINGS_HEADER = (
    "deal_id,ad_unit_id,episode_id,flight_start,flight_end,booked_impressions,booked_cpm_cents,promo_code,vanity_url"
)


def metrics_csv(*rows: str) -> str:
    return "\n".join([METRICS_HEADER, *rows]) + "\n"


def upload(text: str | bytes, name: str = "metrics.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode() if isinstance(text, str) else text, content_type="text/csv")


def bring_in(text: str | bytes, *, name: str = "metrics.csv", **options) -> Import:
    """Upload a file and let the worker run; return the import as it ended."""
    run = start_import(file=upload(text, name), by=SYSTEM, at=timezone.now(), **options)
    run_waiting_imports()
    run.refresh_from_db()
    return run


def issues(run: Import) -> list[tuple[int, str, str, str]]:
    """Return (line, column, value, code) of what could not be taken."""
    return list(run.issues.order_by("line", "id").values_list("line", "column", "value", "code"))
