"""What hosts are to say: the copy of a booking, and which of it is late."""

from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Prefetch, Q, QuerySet

from bookings.models import BookingCopy, CopyAlert, IOBooking
from bookings.queries.documents import working_days_before
from bookings.queries.house import order_profile
from tracker.lib.dates import local_day

# Copy matters for what is agreed: a hold may still go away, and what ended was read already.
WAITING_FOR_COPY = (IOBooking.Status.SCHEDULED, IOBooking.Status.ACTIVE)


def copies_of(booking: IOBooking) -> list[BookingCopy]:
    """Return the versions of a booking's copy, the newest first."""
    return list(BookingCopy.objects.filter(booking=booking).order_by("-number"))


def material_day(booking: IOBooking) -> date:
    """Return the day by which a booking's copy is due unless its copy names one: working days before its first read.

    In the order's zone. Source: the order's agreed values (materials).
    """
    return _material_day(booking, order_profile().materials_days)


class Late(NamedTuple):
    """A booking whose copy should be approved by now: why it is not, and since which day."""

    booking: IOBooking
    kind: str
    due_on: date
    copy: BookingCopy | None


def late_copies(*, at: datetime) -> list[Late]:
    """Return the scheduled and running lines of sponsors whose copy is late. Three statements, however many lines.

    Late is a copy that waits past its due day, or a read that is not produced elsewhere and has no copy at all past its
    material day, until its flight begins. A line whose newest version is approved is not late.
    """
    days = order_profile().materials_days
    # Working days span at most so many calendar days, weekends in.
    horizon = at + timedelta(days=days + 2 * (days // 5 + 1) + 1)
    waits = Q(copies__status__in=BookingCopy.OPEN, copies__due_on__lte=at.date(), flight_end__gt=at)
    nothing = Q(copies__isnull=True, flight_start__gt=at, flight_start__lt=horizon) & ~Q(ad_unit__read_type="produced")
    lines = (
        IOBooking.objects.filter(waits | nothing, status__in=WAITING_FOR_COPY)
        .select_related("order", "ad_unit__podcast", "campaign__owner", "campaign__sponsor")
        .prefetch_related(Prefetch("copies", BookingCopy.objects.order_by("-number"), to_attr="versions"))
        .order_by("flight_start", "io_id")
    )
    found = []
    for line in lines:
        today = local_day(at, ZoneInfo(line.order.time_zone))
        newest = next(iter(line.versions), None)  # type: ignore[attr-defined]
        due = newest.due_on if newest is not None and newest.due_on else _material_day(line, days)
        if today <= due:
            continue
        found.append(Late(line, _kind(newest), due, newest))
    return found


def standing_copy_alerts() -> QuerySet[CopyAlert]:
    """Return the alerts on late copy that are not cleared, the longest due first."""
    alerts = CopyAlert.objects.filter(cleared_at__isnull=True)
    return alerts.select_related("booking__ad_unit__podcast", "booking__campaign__sponsor").order_by("due_on", "pk")


def _kind(newest: BookingCopy | None) -> str:
    if newest is None:
        return CopyAlert.Kind.MISSING
    if newest.status == BookingCopy.Status.CHANGE_ASKED:
        return CopyAlert.Kind.CHANGE_ASKED
    return CopyAlert.Kind.WAITING


def _material_day(line: IOBooking, days: int) -> date:
    return working_days_before(local_day(line.flight_start, ZoneInfo(line.order.time_zone)), days)
