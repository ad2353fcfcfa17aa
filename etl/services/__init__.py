"""Every write about imports: starting one, running those that wait, telling how it ended."""

from etl.services.health import check_etl_health
from etl.services.leases import reap_lost_imports
from etl.services.running import run_waiting_imports
from etl.services.starting import cancel_import, import_checked, start_import
from etl.services.undoing import can_undo, undo_import

__all__ = [
    "can_undo",
    "cancel_import",
    "check_etl_health",
    "import_checked",
    "reap_lost_imports",
    "run_waiting_imports",
    "start_import",
    "undo_import",
]
