"""What the deals below are told of their bookings."""

from zoneinfo import ZoneInfo

from bookings.models import IOBooking
from deals.models import Campaign
from deals.services import note_live_booking
from tracker.lib.dates import local_day

Status = IOBooking.Status
RUNNING = (Status.ACTIVE, Status.PAUSED, Status.MAKEGOOD)


def note_facts_of_deal(campaign: Campaign) -> None:
    """Write on a deal whether a booking of it runs, and the first day of its earliest one that is not cancelled."""
    rows = list(
        IOBooking.objects.filter(campaign=campaign)
        .exclude(status__in=[Status.CANCELLED, Status.EXPIRED])
        .order_by("flight_start")
        .values_list("status", "flight_start", "order__time_zone")
    )
    first = local_day(rows[0][1], ZoneInfo(rows[0][2])) if rows else None
    running = any(status in RUNNING for status, _start, _zone in rows)
    note_live_booking(campaign=campaign, live=running, booked_from=first)
