"""Every write about imports: starting one, running those that wait, telling how it ended."""

from etl.services.health import check_etl_health
from etl.services.leases import reap_lost_imports
from etl.services.profiles import save_profile
from etl.services.running import run_waiting_imports
from etl.services.sheets import connect_sheet, disconnect_sheet, import_due_sheets, start_sheet_import
from etl.services.starting import cancel_import, check_again, import_checked, start_import
from etl.services.undoing import can_undo, undo_import
from etl.services.waiting import dismiss_rows, link_episode
from etl.services.waiting_lines import answer_lines
from etl.services.waiting_sales import answer_code

__all__ = [
    "answer_code",
    "answer_lines",
    "can_undo",
    "cancel_import",
    "check_again",
    "check_etl_health",
    "connect_sheet",
    "disconnect_sheet",
    "dismiss_rows",
    "import_checked",
    "import_due_sheets",
    "link_episode",
    "reap_lost_imports",
    "run_waiting_imports",
    "save_profile",
    "start_import",
    "start_sheet_import",
    "undo_import",
]
