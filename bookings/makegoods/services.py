"""Every step of a makegood case, and the ledger line that goes with it."""

from datetime import date, datetime, timedelta

from django.db import models, transaction

from bookings.delivery.queries import delivered_of
from bookings.makegoods.value import value_of
from bookings.models import IOBooking, Makegood, MakegoodEntry
from bookings.services.moves import move_booking
from metrics.models import Episode
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import Conflict, DomainError

# A case should be settled within this many days; the lists and reminders go by it.
SETTLE_WITHIN_DAYS = 30

# A line that stands in makegood is completed when its last case has ended.
ENDED = ("fulfilled", "credited", "waived")

Bucket = MakegoodEntry.Bucket
Status = Makegood.Status
Reason = Makegood.Reason


@transaction.atomic
def open_makegood(
    *,
    booking: IOBooking,
    reason: str,
    owed_impressions: int | None = None,
    by: HasActor | Actor,
    at: datetime,
    note: str = "",
    episode: Episode | None = None,
    due_on: date | None = None,
    spot_goal: int | None = None,
) -> Makegood:
    """Open the case of one press (a booking, a reason, and an episode where one read is meant).

    Without `owed_impressions` the case owes what the line is known to lack: booked less delivered, less what other
    cases of the line owe already; with `spot_goal` (a bad read) that goal, as far as no case owes it yet. A press that
    has an open case gets that case back, unchanged; a proposal that comes true is opened. All cases of a line together
    never owe more than it booked.
    Emits makegood.opened. Raises Conflict("owed_exceeds_booked"), DomainError("owed_not_negative"), and
    Conflict("is_makegood") for a replacement: what it lacks is owed by the case that it repairs.
    Source: DOMAIN, bookings.
    """
    if booking.makegood_of_id is not None:
        raise Conflict("is_makegood", "This line is a makegood itself; what it lacks is owed by the case it repairs.")
    # The lock on the line puts all openings of its cases in one row, whoever presses.
    booking = IOBooking.objects.select_for_update().get(pk=booking.pk)
    standing = _standing_case(booking, reason, episode)
    if standing is not None and standing.status != Status.PROPOSED:
        return standing
    delivered = delivered_of(booking, at=at)
    if owed_impressions is None and spot_goal is not None:
        owed_impressions = min(spot_goal, _room(booking, apart_from=standing))
    owed = _owed_now(booking, owed_impressions, delivered, apart_from=standing)
    due_on = due_on or (at + timedelta(days=SETTLE_WITHIN_DAYS)).date()
    if standing is not None:
        return _open_proposal(standing, reason, owed, delivered, due_on, by, at, note)
    case = Makegood.objects.create(
        booking=booking,
        episode=episode,
        status=Status.OPENED,
        status_changed_at=at,
        reason=reason,
        owed_impressions=owed,
        owed_cents=value_of(booking, owed),
        delivered_impressions=delivered,
        due_on=due_on,
        note=note,
        opened_at=at,
    )
    write_entry(case, Bucket.OWED, owed, by, at, cents=case.owed_cents, note=note)
    emit("makegood.opened", subject=case, by=by, at=at, data=case_data(case))
    return case


@transaction.atomic
def propose_makegood(
    *, booking: IOBooking, owed_impressions: int, due_on: date, by: HasActor | Actor, at: datetime, note: str = ""
) -> Makegood:
    """Warn that a line is projected to close short: a proposed case, not owed yet.

    A proposal that stands is brought up to date. Emits makegood.proposed once. Source: DOMAIN, bookings.
    """
    booking = IOBooking.objects.select_for_update().get(pk=booking.pk)
    owed = min(owed_impressions, _room(booking))
    standing = _standing_case(booking, Reason.PROJECTED_SHORT, None)
    if standing is not None:
        if standing.status == Status.PROPOSED and standing.owed_impressions != owed:
            standing.owed_impressions = owed
            standing.owed_cents = value_of(booking, owed)
            standing.save(update_fields=["owed_impressions", "owed_cents"])
        return standing
    case = Makegood.objects.create(
        booking=booking,
        status=Status.PROPOSED,
        status_changed_at=at,
        reason=Reason.PROJECTED_SHORT,
        owed_impressions=owed,
        owed_cents=value_of(booking, owed),
        due_on=due_on,
        note=note,
        opened_at=at,
    )
    emit("makegood.proposed", subject=case, by=by, at=at, data=case_data(case))
    return case


@transaction.atomic
def withdraw_proposal(*, case: Makegood, by: HasActor | Actor, at: datetime, reason: str) -> Makegood:
    """Take a warning back: the projection recovered, or the flight closed in full. Emits makegood.withdrawn."""
    case = locked(case)
    if case.status == Status.WITHDRAWN:
        return case
    return move_case(case, Status.WITHDRAWN, by, at, reason=reason)


@transaction.atomic
def confirm_proposal(*, case: Makegood, by: HasActor | Actor, at: datetime) -> Makegood:
    """Make a projected shortfall a debt before the flight closes, so that it can be offered for.

    Emits makegood.opened. A case that is past being proposed stays as it is.
    """
    case = locked(case)
    if case.status != Status.PROPOSED:
        return case
    owed = min(case.owed_impressions, _room(case.booking, apart_from=case))
    due_on = case.due_on or (at + timedelta(days=SETTLE_WITHIN_DAYS)).date()
    return _open_proposal(case, case.reason, owed, delivered_of(case.booking, at=at), due_on, by, at, case.note)


@transaction.atomic
def adjust_owed(*, case: Makegood, owed_impressions: int, by: HasActor | Actor, at: datetime, reason: str) -> Makegood:
    """Correct what an opened case owes, because the source restated its numbers or a person knows better.

    Only before anything is offered, and never below what was settled already. Emits makegood.adjusted.
    Raises Conflict("case_not_open"), Conflict("owed_exceeds_booked"), Conflict("owed_below_settled").
    """
    case = locked(case)
    if case.status != Status.OPENED:
        raise Conflict("case_not_open", f"This case is {case.status}; what it owes can be corrected only while opened.")
    owed = _owed_now(case.booking, owed_impressions, None, apart_from=case)
    settled = case.owed_impressions - case.unsettled_impressions
    if owed < settled:
        raise Conflict("owed_below_settled", f"{settled} of this case are settled already; it cannot owe {owed}.")
    change, was_cents = owed - case.owed_impressions, case.owed_cents
    if change == 0:
        return case
    case.owed_impressions = owed
    case.owed_cents = value_of(case.booking, owed)
    case.save(update_fields=["owed_impressions", "owed_cents"])
    write_entry(case, Bucket.OWED, change, by, at, cents=case.owed_cents - was_cents, note=reason)
    emit("makegood.adjusted", subject=case, by=by, at=at, data=case_data(case, reason=reason))
    return case


@transaction.atomic
def credit_makegood(*, case: Makegood, by: HasActor | Actor, at: datetime, reason: str = "") -> Makegood:
    """End a case by giving money back for all that is still outstanding. A second press changes nothing.

    The credit is the value owed less the value already made good, so the two always add up to what was owed. What a
    booked replacement delivered until now counts as made good, and it runs no further: nobody gets both.
    Emits makegood.credited.
    """
    case = locked(case)
    if case.status == Status.CREDITED:
        return case
    if case.status == Status.PROPOSED:
        case = confirm_proposal(case=case, by=by, at=at)
    if case.status == Status.SCHEDULED:
        _end_replacement(case, by, at, reason=reason or "credited")
    outstanding = case.outstanding_impressions
    case.credited_cents = case.owed_cents - value_of(case.booking, case.fulfilled_impressions)
    _clear_offer(case, by, at)
    case.credited_impressions += outstanding
    write_entry(case, Bucket.CREDITED, outstanding, by, at, cents=case.credited_cents, note=reason)
    return move_case(case, Status.CREDITED, by, at, reason=reason)


@transaction.atomic
def waive_makegood(*, case: Makegood, by: HasActor | Actor, at: datetime, reason: str) -> Makegood:
    """End a case because the sponsor lets it go. Needs a reason; a second press changes nothing.

    Emits makegood.waived. Raises DomainError("reason_required").
    """
    case = locked(case)
    if case.status == Status.WAIVED:
        return case
    if not reason.strip():
        raise DomainError("reason_required", "Say why nothing is made good; a waiver needs its reason.")
    outstanding = case.outstanding_impressions
    case.waived_impressions += outstanding
    write_entry(case, Bucket.WAIVED, outstanding, by, at, note=reason)
    return move_case(case, Status.WAIVED, by, at, reason=reason)


@transaction.atomic
def settle_replacement(
    *, case: Makegood, delivered: int, by: HasActor | Actor, at: datetime, reason: str = ""
) -> Makegood:
    """Count what the replacement delivered once its own measuring closed (or 0 when it was cancelled).

    All of it delivered: the case is fulfilled. Less: what came is fulfilled, the rest is opened again, so that nothing
    owed is lost. More is the sponsor's gain and counts once. Emits makegood.fulfilled or makegood.opened.
    """
    case = locked(case)
    if case.status != Status.SCHEDULED:
        return case
    on_offer, replacement = case.offered_impressions, case.replacement
    came = min(on_offer, max(0, delivered))
    case.offered_impressions = 0
    case.fulfilled_impressions += came
    write_entry(case, Bucket.OFFERED, -on_offer, by, at)
    write_entry(case, Bucket.FULFILLED, came, by, at, replacement=replacement, note=reason)
    if case.unsettled_impressions == 0:
        return move_case(case, Status.FULFILLED, by, at, reason=reason)
    case.replacement = None
    case.due_on = (at + timedelta(days=SETTLE_WITHIN_DAYS)).date()
    return move_case(case, Status.OPENED, by, at, reason=reason)


def case_data(case: Makegood, **more: str | int) -> dict[str, str | int]:
    return {
        "makegood_id": str(case.pk),
        "io_id": str(case.booking_id),
        "reason": case.reason,
        "status": case.status,
        "owed_impressions": case.owed_impressions,
        "owed_cents": case.owed_cents,
        "outstanding_impressions": case.outstanding_impressions,
        **{key: value for key, value in more.items() if value != ""},
    }


def locked(case: Makegood) -> Makegood:
    """Lock a case, its line first: the same order for everybody, so that no two wait for each other."""
    IOBooking.objects.select_for_update().get(pk=case.booking_id)
    return Makegood.objects.select_for_update(of=("self",)).select_related("booking").get(pk=case.pk)


def move_case(case: Makegood, to: str, by: HasActor | Actor, at: datetime, *, reason: str = "") -> Makegood:
    """Move a locked case, save it whole and tell it (makegood.<state>)."""
    was = case.move_to(to)
    case.status_changed_at = at
    case.status_reason = reason
    case.save()
    emit(f"makegood.{to}", subject=case, by=by, at=at, data=case_data(case, from_status=was, note=reason))
    if to in ENDED:
        _complete_line(case.booking, by, at)
    return case


def write_entry(
    case: Makegood,
    bucket: str,
    impressions: int,
    by: HasActor | Actor,
    at: datetime,
    *,
    cents: int = 0,
    note: str = "",
    replacement: IOBooking | None = None,
) -> None:
    """Add a line to the ledger; a line of nothing is not written."""
    if impressions == 0 and cents == 0:
        return
    MakegoodEntry.objects.create(
        makegood=case,
        bucket=bucket,
        impressions=impressions,
        cents=cents,
        at=at,
        by=actor_of(by).as_json(),
        note=note[:500],
        replacement=replacement,
    )


def _complete_line(booking: IOBooking, by: HasActor | Actor, at: datetime) -> None:
    booking = IOBooking.objects.get(pk=booking.pk)
    if booking.status != IOBooking.Status.MAKEGOOD:
        return
    if not booking.makegoods.filter(status__in=Makegood.OPEN).exists():
        move_booking(booking=booking, to=IOBooking.Status.COMPLETED, by=by, at=at, reason="makegood settled")


def _standing_case(booking: IOBooking, reason: str, episode: Episode | None) -> Makegood | None:
    """The open case of this press. A flight that closes short finds the proposal that foresaw it."""
    cases = Makegood.objects.filter(booking=booking, episode=episode, status__in=Makegood.OPEN)
    same = cases.filter(reason=reason).first()
    if same is not None or reason not in (Reason.SHORT, Reason.BY_HAND) or episode is not None:
        return same
    return cases.filter(reason=Reason.PROJECTED_SHORT).first()


def _open_proposal(
    case: Makegood,
    reason: str,
    owed: int,
    delivered: int | None,
    due_on: date,
    by: HasActor | Actor,
    at: datetime,
    note: str,
) -> Makegood:
    case.reason = reason
    case.owed_impressions = owed
    case.owed_cents = value_of(case.booking, owed)
    case.delivered_impressions = delivered
    case.due_on = due_on
    case.note = note or case.note
    write_entry(case, Bucket.OWED, owed, by, at, cents=case.owed_cents, note=note)
    return move_case(case, Status.OPENED, by, at)


def _owed_now(booking: IOBooking, wanted: int | None, delivered: int | None, *, apart_from: Makegood | None) -> int:
    room = _room(booking, apart_from=apart_from)
    if wanted is None:
        return max(0, room - (delivered or 0))
    if wanted < 0:
        raise DomainError("owed_not_negative", "What is owed cannot be negative.")
    if wanted > room:
        raise Conflict(
            "owed_exceeds_booked",
            f"This booking of {booking.booked_impressions} has cases already; at most {room} more can be owed.",
            at_most=room,
        )
    return wanted


def _room(booking: IOBooking, *, apart_from: Makegood | None = None) -> int:
    """How much of what was booked no case owes yet."""
    cases = Makegood.objects.filter(booking=booking, status__in=Makegood.OWING)
    if apart_from is not None:
        cases = cases.exclude(pk=apart_from.pk)
    owed = cases.aggregate(owed=models.Sum("owed_impressions"))["owed"] or 0
    return max(0, booking.booked_impressions - owed)


def _end_replacement(case: Makegood, by: HasActor | Actor, at: datetime, *, reason: str) -> None:
    """Count what a replacement delivered so far for its case, and let it run no further."""
    replacement = case.replacement
    if replacement is None:
        return
    came = min(case.offered_impressions, max(0, delivered_of(replacement, at=at) or 0))
    case.offered_impressions -= came
    case.fulfilled_impressions += came
    write_entry(case, Bucket.OFFERED, -came, by, at)
    write_entry(case, Bucket.FULFILLED, came, by, at, replacement=replacement, note=reason)
    running = (IOBooking.Status.SCHEDULED, IOBooking.Status.ACTIVE, IOBooking.Status.PAUSED)
    if replacement.status in running:
        move_booking(booking=replacement, to=IOBooking.Status.CANCELLED, by=by, at=at, reason=reason)


def _clear_offer(case: Makegood, by: HasActor | Actor, at: datetime) -> None:
    """Take back what is on offer, with its waiting links and its replacement's claim to fulfil the case."""
    if case.offered_impressions:
        write_entry(case, Bucket.OFFERED, -case.offered_impressions, by, at)
        case.offered_impressions = 0
    case.offers.filter(answer="").update(answer="withdrawn", answered_at=at)
