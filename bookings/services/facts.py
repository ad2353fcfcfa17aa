"""What the deals below are told of their bookings."""

from zoneinfo import ZoneInfo

from django.db import connection

from bookings.models import IOBooking
from deals.models import Campaign
from deals.services import note_live_booking
from tracker.lib.dates import local_day

Status = IOBooking.Status
RUNNING = [str(one) for one in (Status.ACTIVE, Status.PAUSED, Status.MAKEGOOD)]
GONE = [str(one) for one in (Status.CANCELLED, Status.EXPIRED)]
# Asked after every change of every line; what the deal says already is not written again.
_FACTS = """
SELECT deal.has_active_booking, deal.booked_from, first.flight_start, first.time_zone,
       EXISTS (SELECT FROM io_bookings WHERE campaign_id = deal.campaign_id AND status = ANY(%(running)s))
FROM campaigns AS deal
LEFT JOIN LATERAL (
    SELECT line.flight_start, paper.time_zone
    FROM io_bookings AS line JOIN insertion_orders AS paper ON paper.order_id = line.order_id
    WHERE line.campaign_id = deal.campaign_id AND line.status <> ALL(%(gone)s)
    ORDER BY line.flight_start LIMIT 1
) AS first ON true
WHERE deal.campaign_id = %(deal)s
"""


def note_facts_of_deal(campaign: Campaign) -> None:
    """Write on a deal whether a booking of it runs, and the first day of its earliest one that is not cancelled."""
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, {"running": RUNNING, "gone": GONE, "deal": campaign.pk})
        was_running, was_from, start, zone, running = cursor.fetchone()
    first = local_day(start, ZoneInfo(zone)) if start else None
    if (was_running, was_from) != (running, first):
        note_live_booking(campaign=campaign, live=running, booked_from=first)
