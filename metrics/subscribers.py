"""What figures do when something happened elsewhere."""

from metrics import services
from tracker.events.models import Event
from tracker.events.services import subscribe
from tracker.lib.actors import SYSTEM


@subscribe("etl.import_completed", "etl.import_undone", "etl.rows_taken")
def refresh_daily_view(event: Event) -> None:
    """Show outside readers what an import brought. Pages need no refresh: they read the rollup."""
    services.refresh_metrics_daily(by=SYSTEM, at=event.at)
