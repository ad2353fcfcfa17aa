"""What the deals below are told of their bookings."""

from datetime import date, datetime
from typing import Any, NamedTuple
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
COLUMNS = """
deal.has_active_booking, deal.booked_from, first.flight_start, first.time_zone,
EXISTS (SELECT FROM io_bookings WHERE campaign_id = deal.campaign_id AND status = ANY(%(running)s))
"""
FROM_DEAL = """
FROM campaigns AS deal
LEFT JOIN LATERAL (
    SELECT line.flight_start, paper.time_zone
    FROM io_bookings AS line JOIN insertion_orders AS paper ON paper.order_id = line.order_id
    WHERE line.campaign_id = deal.campaign_id AND line.status <> ALL(%(gone)s)
    ORDER BY line.flight_start LIMIT 1
) AS first ON true
WHERE deal.campaign_id = %(deal)s
"""
_FACTS = f"SELECT {COLUMNS} {FROM_DEAL}"


class Facts(NamedTuple):
    """What a deal says of its bookings, and what is so: the earliest that is not cancelled, whether one runs."""

    said_running: bool
    said_from: date | None
    first_start: datetime | None
    first_zone: str | None
    is_running: bool


def asked_of(campaign: Campaign) -> dict[str, Any]:
    """Return what the statement needs to know."""
    return {"running": RUNNING, "gone": GONE, "deal": campaign.pk}


def note_facts_of_deal(campaign: Campaign) -> None:
    """Write on a deal whether a booking of it runs, and the first day of its earliest one that is not cancelled."""
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, asked_of(campaign))
        _note(campaign, Facts(*cursor.fetchone()))


def note_new_line(campaign: Campaign, booking: IOBooking, before: Facts) -> None:
    """Do the same after a line that does not run yet was written, of the facts before it."""
    if before.first_start is None or booking.flight_start < before.first_start:
        before = before._replace(first_start=booking.flight_start, first_zone=booking.order.time_zone)
    _note(campaign, before)


def _note(campaign: Campaign, facts: Facts) -> None:
    first = local_day(facts.first_start, ZoneInfo(facts.first_zone)) if facts.first_start and facts.first_zone else None
    if (facts.said_running, facts.said_from) != (facts.is_running, first):
        note_live_booking(campaign=campaign, live=facts.is_running, booked_from=first)
