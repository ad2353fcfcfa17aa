"""The walk of a booking's status: one service for the admin, the API, the import and the hourly job."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.delivery.pauses import note_pause
from bookings.delivery.queries import delivered_of
from bookings.models import IOBooking, Makegood
from bookings.pricing import Cancellation, cancellation_of
from bookings.queries.house import order_profile
from bookings.services.bookings import locked_booking, told
from bookings.services.codes import attribution_for
from bookings.services.facts import note_facts_of_deal
from bookings.services.retry import retried
from bookings.services.slots import release_slot, take_slot
from bookings.services.wishes import check_dates
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor
from tracker.lib.errors import Conflict, DomainError

Status = IOBooking.Status


@retried
@transaction.atomic
def move_booking(
    *,
    booking: IOBooking,
    to: str,
    by: HasActor | Actor,
    at: datetime,
    reason: str = "",
    held_until: datetime | None = None,
    if_revision: int | None = None,
    is_record: bool = False,
    makegood_reason: str = "",
) -> IOBooking:
    """Move a booking to another status, judged from where it stands when its turn comes.

    The same status again changes and emits nothing. Emits io.status_changed; io.scheduled on the first entry into
    scheduled, io.delivered on the first into completed. Entering makegood opens the case (makegood_reason: one of
    Makegood.Reason; short when it delivered less than booked). Cancelling frees the slot and writes notice and charge.
    Raises DomainError("unknown_status"), Conflict("invalid_transition") naming the moves allowed from here,
    DomainError("reason_required"), Conflict("flight_not_over"), Conflict("hold_not_over"), Conflict("case_open"),
    Conflict("claim_window_closed"), Conflict("stale_revision"), and what taking a slot raises.
    Source: DOMAIN, bookings.
    """
    if to not in Status.values:
        message = _("There is no status “%(status)s”. The statuses are %(all)s.")
        words = {"status": to, "all": ", ".join(Status.values)}
        raise DomainError("unknown_status", message % words, status=400, field="status", statuses=list(Status.values))
    booking = locked_booking(booking, if_revision=if_revision)
    if booking.status == to:
        return booking
    reason = reason.strip()[:500]
    was = booking.move_to(to)
    booking.status_changed_at, booking.status_reason = at, reason
    booking.revision += 1
    fields = {"status", "status_changed_at", "status_reason", "revision", "updated_at"}
    fields |= _enter(booking, was, at=at, held_until=held_until, is_record=is_record)
    is_first_delivery = to == Status.COMPLETED and booking.completed_at is None
    if is_first_delivery:
        booking.completed_at = at
        fields.add("completed_at")
    booking.save(update_fields=fields)
    note_pause(booking, was=was, at=at)
    _tell(booking, was, is_first_delivery, by=by, at=at)
    if to == Status.MAKEGOOD:
        _open_case(booking, makegood_reason, by=by, at=at, note=reason)
    note_facts_of_deal(booking.campaign)
    return booking


def cancellation_preview(booking: IOBooking, *, at: datetime) -> Cancellation:
    """Return what cancelling a booking now would leave: until when its notice runs, and what is owed, in cents.

    A line that is not agreed yet (draft, held) owes nothing. Source: DOMAIN, bookings; T&C, cancellation.
    """
    if booking.status in (Status.DRAFT, Status.HELD, Status.EXPIRED):
        return Cancellation(notice_ends_at=at, charge_cents=0)
    baked_in_one = booking.episode is not None and booking.ad_unit.delivery == booking.ad_unit.Delivery.BAKED_IN
    return cancellation_of(
        gross_cents=booking.gross_cents,
        flight_start=booking.flight_start,
        flight_end=booking.flight_end,
        at=at,
        notice_days=order_profile().cancellation_notice_days,
        recorded_at=booking.episode.drops_at if baked_in_one and booking.episode else None,
    )


def _enter(booking: IOBooking, was: str, *, at: datetime, held_until: datetime | None, is_record: bool) -> set[str]:
    """Check and do what entering the new status asks; return the further columns it changed."""
    to = booking.status
    if to in (Status.HELD, Status.SCHEDULED):
        return _enter_slot(booking, at=at, held_until=held_until, is_record=is_record)
    if to in (Status.DRAFT, Status.EXPIRED):
        return _leave_slot(booking, was, at)
    if to == Status.CANCELLED:
        return _enter_cancelled(booking, was, at)
    if to == Status.COMPLETED:
        _check_completing(booking, was, at)
    if to == Status.MAKEGOOD and was == Status.COMPLETED:
        _check_claim_window(booking, at)
    return set()


def _enter_slot(booking: IOBooking, *, at: datetime, held_until: datetime | None, is_record: bool) -> set[str]:
    if not booking.ad_unit.is_active:
        raise Conflict("ad_unit_not_for_sale", _("%(unit)s is not for sale.") % {"unit": booking.ad_unit})
    check_dates(booking.ad_unit, booking.flight_start, booking.flight_end, at=at, is_record=is_record)
    attribution = attribution_for(
        sponsor=booking.campaign.sponsor,
        podcast=booking.ad_unit.podcast,
        promo_code=booking.promo_code,
        vanity_url=booking.vanity_url,
    )
    booking.promo_code, booking.vanity_url = attribution
    if booking.status == Status.HELD:
        if held_until is not None and held_until <= at:
            raise DomainError("hold_in_past", _("A hold ends in the future."), field="held_until")
        booking.held_until = held_until or at + timedelta(hours=order_profile().hold_hours)
        booking.hold_warned_at = None
    else:
        booking.held_until = None
    take_slot(booking, at=at)
    return {"promo_code", "vanity_url", "held_until", "hold_warned_at"}


def _leave_slot(booking: IOBooking, was: str, at: datetime) -> set[str]:
    if booking.status == Status.EXPIRED and booking.held_until and booking.held_until > at:
        message = _("This hold lasts until %(until)s; take it back to draft to end it sooner.")
        raise Conflict("hold_not_over", message % {"until": booking.held_until.isoformat()}, current=was)
    release_slot(booking)
    if booking.status == Status.DRAFT:
        booking.held_until = None
    return {"held_until"}


def _enter_cancelled(booking: IOBooking, was: str, at: datetime) -> set[str]:
    if not any(char.isalnum() for char in booking.status_reason):
        raise DomainError("reason_required", _("Say why the booking is cancelled."), status=400, field="reason")
    booking.status = was
    left = cancellation_preview(booking, at=at)
    booking.status = Status.CANCELLED
    booking.notice_ends_at, booking.cancel_charge_cents = left.notice_ends_at, left.charge_cents
    booking.held_until = None
    release_slot(booking)
    return {"notice_ends_at", "cancel_charge_cents", "held_until"}


def _check_completing(booking: IOBooking, was: str, at: datetime) -> None:
    has_reason = any(char.isalnum() for char in booking.status_reason)
    if has_reason:
        return
    open_cases = booking.makegoods.filter(status__in=Makegood.OPEN)
    if was == Status.MAKEGOOD and open_cases.exists():
        message = _("The makegood case of this booking is open. Settle it, or say why the booking is completed.")
        raise Conflict("case_open", message, current=was)
    if booking.flight_end <= at:
        return
    delivered = delivered_of(booking, at=at)
    if delivered is not None and delivered >= booking.booked_impressions:
        return
    message = _("The flight runs until %(end)s and the goal is not met. Say why the booking is completed early.")
    raise Conflict(
        "flight_not_over",
        message % {"end": booking.flight_end.isoformat()},
        current=was,
        delivered_impressions=delivered,
        booked_impressions=booking.booked_impressions,
    )


def _check_claim_window(booking: IOBooking, at: datetime) -> None:
    days = order_profile().claim_window_days
    last = max(booking.flight_end, booking.completed_at or booking.flight_end) + timedelta(days=days)
    if at > last:
        message = _("Claims were possible until %(last)s, %(days)s days after the line closed.")
        raise Conflict(
            "claim_window_closed", message % {"last": last.isoformat(), "days": days}, current=Status.COMPLETED
        )


def _tell(booking: IOBooking, was: str, is_first_delivery: bool, *, by: HasActor | Actor, at: datetime) -> None:
    data: dict[str, Any] = {
        "io_id": str(booking.pk),
        "campaign_id": str(booking.campaign_id),
        "from_status": str(was),
        "to_status": str(booking.status),
    }
    emit("io.status_changed", subject=booking, by=by, at=at, data={**data, "reason": booking.status_reason})
    if booking.status == Status.SCHEDULED:
        emit("io.scheduled", subject=booking, by=by, at=at, data=told(booking))
    if is_first_delivery:
        delivery = {
            "booked_impressions": booking.booked_impressions,
            "delivered_impressions": delivered_of(booking, at=at),
        }
        emit("io.delivered", subject=booking, by=by, at=at, data={**data, **delivery})


def _open_case(booking: IOBooking, reason: str, *, by: HasActor | Actor, at: datetime, note: str) -> None:
    # Cases book replacements through this package, so they are met at the call.
    from bookings.makegoods.services import open_makegood

    if not reason:
        delivered = delivered_of(booking, at=at)
        is_short = delivered is not None and delivered < booking.booked_impressions
        reason = Makegood.Reason.SHORT if is_short else Makegood.Reason.BY_HAND
    open_makegood(booking=booking, reason=reason, by=by, at=at, note=note)
