"""What figures do when something happened elsewhere."""

from metrics.refreshing import refresh_in_turn
from tracker.events.models import Event
from tracker.events.services import subscribe
from tracker.lib.actors import SYSTEM


@subscribe("etl.import_completed", "etl.import_undone", "etl.rows_taken")
def refresh_daily_view(event: Event) -> None:
    """Show outside readers what an import brought, or soon. Pages need no refresh: they read the rollup."""
    refresh_in_turn(by=SYSTEM, at=event.at)
