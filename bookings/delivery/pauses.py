"""Spans in which a line does not run: kept as it is paused and resumed, or blacked out beforehand."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from bookings.models import DeliveryPause, IOBooking
from bookings.pacing import days_of
from tracker.lib.dates import day_start, local_day
from tracker.lib.errors import DomainError


def note_pause(booking: IOBooking, *, was: str, at: datetime) -> None:
    """Keep from when to when a line is paused. Called in the transaction that moves it."""
    if booking.status == IOBooking.Status.PAUSED:
        DeliveryPause.objects.create(booking=booking, starts_at=at, reason=booking.status_reason[:300])
    elif was == IOBooking.Status.PAUSED:
        running = DeliveryPause.objects.filter(booking=booking, kind=DeliveryPause.Kind.PAUSE, ends_at__isnull=True)
        for pause in running:
            # A clock that went back must not turn a pause inside out.
            pause.ends_at = max(at, pause.starts_at)
            pause.save(update_fields=["ends_at"])


def black_out(*, booking: IOBooking, starts_at: datetime, ends_at: datetime, reason: str) -> DeliveryPause:
    """Take days out of a line's flight before they come: whole local days inside the span are not eligible.

    Raises DomainError("blackout_not_in_order"), DomainError("reason_required").
    """
    if ends_at <= starts_at:
        raise DomainError("blackout_not_in_order", _("A blackout ends after it starts."))
    if not reason.strip():
        raise DomainError("reason_required", _("Say why the line does not run on these days."))
    return DeliveryPause.objects.create(
        booking=booking, kind=DeliveryPause.Kind.BLACKOUT, starts_at=starts_at, ends_at=ends_at, reason=reason[:300]
    )


def ineligible_days(first: date, last: date, zone: ZoneInfo, pauses: Iterable[DeliveryPause]) -> set[date]:
    """The days of a flight that lie wholly inside a pause or blackout, in the order's zone.

    A day on which the line ran for a while still counts: it had its chance to deliver.
    """
    left_out = set()
    for pause in pauses:
        begins = max(first, local_day(pause.starts_at, zone))
        ends = last if pause.ends_at is None else min(last, local_day(pause.ends_at, zone))
        for day in days_of(begins, ends):
            if pause.starts_at > day_start(day, zone):
                continue
            if pause.ends_at is None or pause.ends_at >= day_start(day + timedelta(days=1), zone):
                left_out.add(day)
    return left_out
