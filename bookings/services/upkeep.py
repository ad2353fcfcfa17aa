"""What the clock does to bookings: flights begin, measuring closes, holds end."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from bookings.delivery.queries import pacing_of
from bookings.models import IOBooking, Makegood
from bookings.services.bookings import locked_booking
from bookings.services.moves import move_booking
from tracker.events.services import emit
from tracker.lib.actors import Actor
from tracker.lib.dates import local_day
from tracker.lib.errors import DomainError

logger = logging.getLogger(__name__)

CLOCK = Actor(kind="job", id="move-bookings", label="The clock")
Status = IOBooking.Status
# A line whose last days nobody reports is completed without them once they are this late.
LATE_FIGURES = timedelta(days=7)
WARNED_BEFORE = timedelta(days=1)
A_RUN = 500


@dataclass(frozen=True)
class Moved:
    """How many bookings the clock started and completed, and how many refused to move."""

    started: int
    completed: int
    refused: int


def move_due_bookings(*, at: datetime) -> Moved:
    """Start scheduled lines whose flight has begun, and close active ones whose measuring has closed.

    A line that closed below booked x (1 - tolerance) goes to makegood, which opens its case; others are completed.
    Flights are instants, so a change of the clocks moves nothing. Each line moves in a transaction of its own.
    Source: DOMAIN, bookings.
    """
    started = completed = refused = 0
    for line in IOBooking.objects.filter(status=Status.SCHEDULED, flight_start__lte=at).order_by("flight_start")[
        :A_RUN
    ]:
        moved = _moved(line, Status.ACTIVE, at)
        started, refused = started + moved, refused + (not moved)
    ending = IOBooking.objects.filter(status=Status.ACTIVE, flight_end__lte=at).order_by("flight_end")[:A_RUN]
    for pace in pacing_of(ending, at=at):
        line = pace.booking
        today = local_day(at, ZoneInfo(line.order.time_zone))
        is_over = today > pace.closes_on
        if not is_over or not (pace.is_measuring_closed or today > pace.closes_on + LATE_FIGURES):
            continue
        least = line.booked_impressions * (1000 - line.order.tolerance_permille)
        # What a makegood lacks is owed by the case that it repairs.
        counts = pace.delivered is not None and line.makegood_of_id is None
        is_short = counts and (pace.delivered or 0) * 1000 < least
        moved = _moved(line, Status.MAKEGOOD if is_short else Status.COMPLETED, at)
        completed, refused = completed + moved, refused + (not moved)
    return Moved(started=started, completed=completed, refused=refused)


@dataclass(frozen=True)
class HoldsEnded:
    """How many holds ended, and how many owners were told that theirs ends within a day."""

    expired: int
    warned: int


def end_holds(*, at: datetime) -> HoldsEnded:
    """End holds whose time is over, and announce those that end within a day, each once.

    Emits io.hold_ending with the owner's key; a hold that was bought or given back in the meantime is left alone.
    """
    over = IOBooking.objects.filter(status=Status.HELD, held_until__lte=at).order_by("held_until")[:A_RUN]
    expired = sum(_moved(hold, Status.EXPIRED, at) for hold in over)
    soon = IOBooking.objects.filter(
        status=Status.HELD, held_until__gt=at, held_until__lte=at + WARNED_BEFORE, hold_warned_at__isnull=True
    ).order_by("held_until")[:A_RUN]
    return HoldsEnded(expired=expired, warned=sum(_warned(hold, at) for hold in soon))


def _moved(booking: IOBooking, to: str, at: datetime) -> bool:
    try:
        reason = Makegood.Reason.SHORT if to == Status.MAKEGOOD else ""
        move_booking(booking=booking, to=to, by=CLOCK, at=at, if_revision=booking.revision, makegood_reason=reason)
    except DomainError as refusal:
        logger.warning("booking %s was not moved to %s: %s", booking.pk, to, refusal.code)
        return False
    return True


@transaction.atomic
def _warned(booking: IOBooking, at: datetime) -> bool:
    hold = locked_booking(booking)
    if hold.status != Status.HELD or hold.hold_warned_at is not None or hold.held_until is None:
        return False
    hold.hold_warned_at = at
    hold.save(update_fields=["hold_warned_at", "updated_at"])
    emit(
        "io.hold_ending",
        subject=hold,
        by=CLOCK,
        at=at,
        data={
            "io_id": str(hold.pk),
            "campaign_id": str(hold.campaign_id),
            "held_until": hold.held_until.isoformat(),
            "owner_id": str(hold.campaign.owner_id) if hold.campaign.owner_id else None,
        },
    )
    return True
