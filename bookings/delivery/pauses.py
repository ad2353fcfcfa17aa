"""Spans in which a line does not run: kept as it is paused and resumed, or blacked out beforehand."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.models import DeliveryPause, IOBooking
from bookings.pacing import days_of
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor
from tracker.lib.dates import day_start, last_day_of, local_day
from tracker.lib.errors import Conflict, DomainError


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


@transaction.atomic
def black_out(
    *,
    booking: IOBooking,
    first_day: date,
    last_day: date,
    reason: str,
    by: HasActor | Actor,
    at: datetime,
) -> DeliveryPause:
    """Take days (both included, in the order's zone) out of a dynamic line's flight: they are not eligible.

    The same days again give the blackout that stands. Emits io.blacked_out. Raises DomainError("reason_required"),
    DomainError("blackout_not_in_order"), DomainError("blackout_outside_flight"), Conflict("blackout_not_dynamic") for
    a baked-in line, which is paced by its episodes.
    """
    booking = IOBooking.objects.select_for_update(of=("self",)).select_related("order", "ad_unit").get(pk=booking.pk)
    if not reason.strip():
        raise DomainError("reason_required", _("Say why the line does not run on these days."), field="reason")
    if last_day < first_day:
        raise DomainError("blackout_not_in_order", _("A blackout ends on or after its first day."), field="last_day")
    if booking.ad_unit.delivery != "dynamic":
        raise Conflict("blackout_not_dynamic", _("A baked-in line is paced by its episodes, not by days."))
    zone = ZoneInfo(booking.order.time_zone or "UTC")
    flight = local_day(booking.flight_start, zone), last_day_of(booking.flight_end, zone)
    if last_day < flight[0] or first_day > flight[1]:
        raise DomainError(
            "blackout_outside_flight",
            _("The flight runs from %(first)s to %(last)s; these days are not in it.")
            % {"first": flight[0].isoformat(), "last": flight[1].isoformat()},
            field="first_day",
        )
    pause, is_new = DeliveryPause.objects.get_or_create(
        booking=booking,
        kind=DeliveryPause.Kind.BLACKOUT,
        starts_at=day_start(first_day, zone),
        ends_at=day_start(last_day + timedelta(days=1), zone),
        defaults={"reason": reason.strip()[:300]},
    )
    if is_new:
        data = {"first_day": first_day.isoformat(), "last_day": last_day.isoformat(), "reason": pause.reason}
        emit("io.blacked_out", subject=booking, by=by, at=at, data={"io_id": str(booking.pk), **data})
    return pause


@transaction.atomic
def lift_blackout(*, booking: IOBooking, pause_id: UUID, by: HasActor | Actor, at: datetime) -> None:
    """Let a line run on days that were blacked out. A second press changes nothing. Emits io.blackout_lifted."""
    booking = IOBooking.objects.select_for_update().get(pk=booking.pk)
    blackouts = DeliveryPause.objects.filter(booking=booking, kind=DeliveryPause.Kind.BLACKOUT, pk=pause_id)
    if blackouts.delete()[0]:
        emit("io.blackout_lifted", subject=booking, by=by, at=at, data={"io_id": str(booking.pk)})


def blackouts_of(booking: IOBooking) -> list[tuple[DeliveryPause, date, date]]:
    """Return the spans on which a line does not run, oldest first, with their first and last day in its zone; a pause
    that lasts ends with the flight."""
    zone = ZoneInfo(booking.order.time_zone or "UTC")
    return [
        (pause, local_day(pause.starts_at, zone), last_day_of(pause.ends_at or booking.flight_end, zone))
        for pause in DeliveryPause.objects.filter(booking=booking).order_by("starts_at", "pk")
    ]


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
