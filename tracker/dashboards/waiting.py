"""The counts of the side bar: what waits for this person, and whether some of it is overdue."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from bookings.models import InsertionOrder, Makegood
from deals.alerts import standing_alerts
from etl.models import Import
from tracker.lib import words

OWED = [status for status in Makegood.OPEN if status != Makegood.Status.PROPOSED]


@dataclass(frozen=True)
class Waiting:
    number: int
    is_overdue: bool = False


def waiting_for(user: Any, features: frozenset[str]) -> dict[str, Waiting]:
    """Return what waits, by name of entry; one of which nothing waits is missing. One statement for each at most.

    deals: those with a standing alert; makegoods: owed cases; imports: not done yet; to_sign: orders of one's own.
    """
    counts: dict[str, Waiting] = {}
    if user.is_staff:
        if "ENABLE_DEAL_PIPELINE" in features and user.has_perm("deals.view_campaign"):
            alerts = standing_alerts().order_by().select_related(None)
            counts["deals"] = Waiting(alerts.aggregate(n=Count("campaign", distinct=True))["n"])
        if "ENABLE_IO_BOOKINGS" in features and user.has_perm("bookings.view_makegood"):
            late = Count("pk", filter=Q(due_on__lt=words.today()))
            found = Makegood.objects.filter(status__in=OWED).aggregate(n=Count("pk"), late=late)
            counts["makegoods"] = Waiting(found["n"], bool(found["late"]))
        if "ENABLE_ETL_CSV_UPLOAD" in features and user.has_perm("etl.view_import"):
            running = Import.objects.filter(status__in=[Import.Status.PENDING, Import.Status.PROCESSING])
            counts["imports"] = Waiting(running.count())
    elif user.role.bound_to == "sponsor" and "ENABLE_IO_BOOKINGS" in features:
        mine = InsertionOrder.objects.filter(campaign__sponsor__in=user.bound_ids("sponsor") or ())
        counts["to_sign"] = Waiting(mine.filter(status=InsertionOrder.Status.SENT).count())
    return {name: waiting for name, waiting in counts.items() if waiting.number}
