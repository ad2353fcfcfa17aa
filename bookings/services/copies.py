"""Copy: what a host is to say. Sales writes it, the show's people accept it or ask for a change."""

from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.models import BookingCopy, CopyAlert, IOBooking
from bookings.queries.copies import late_copies, material_day
from bookings.services.bookings import locked_booking
from tracker.events.services import emit
from tracker.lib.actors import SYSTEM, Actor, HasActor, actor_of
from tracker.lib.errors import Conflict, DomainError

Status = BookingCopy.Status
MOST_WORDS = 8_000
LONGEST_DISCLOSURE = 300


@transaction.atomic
def propose_copy(
    *,
    booking: IOBooking,
    talking_points: str,
    by: HasActor | Actor,
    at: datetime,
    must_say: str = "",
    disclosure: str = "",
    due_on: date | None = None,
) -> BookingCopy:
    """Write the next version of a booking's copy; it waits for the show's people.

    A version that still waited is replaced; an approved one stays in force until the new one is approved. due_on is
    the material day of the order unless given. Emits copy.proposed. Raises DomainError("talking_points_required"),
    DomainError("too_long"), Conflict("booking_ended").
    """
    texts = {"talking_points": talking_points.strip(), "must_say": must_say.strip(), "disclosure": disclosure.strip()}
    _check_texts(texts)
    line = locked_booking(booking)
    if line.status in IOBooking.ENDED:
        raise Conflict("booking_ended", _("This booking has ended; its copy is not written any more."))
    last = line.copies.order_by("-number").first()
    line.copies.filter(status__in=BookingCopy.OPEN).update(status=Status.REPLACED)
    copy = BookingCopy.objects.create(
        booking=line,
        number=last.number + 1 if last else 1,
        due_on=due_on or material_day(line),
        written_by=actor_of(by).as_json(),
        written_at=at,
        **texts,
    )
    emit("copy.proposed", subject=line, by=by, at=at, data=_told(copy))
    return copy


@transaction.atomic
def accept_copy(*, copy: BookingCopy, by: HasActor | Actor, at: datetime) -> BookingCopy:
    """Approve a version: it is frozen from here, and the one approved before it is replaced. Again changes nothing.

    Emits copy.approved. Raises Conflict("copy_replaced") for a version that a newer one took the place of.
    """
    found = _locked(copy)
    if found.status == Status.APPROVED:
        return found
    _check_open(found)
    BookingCopy.objects.filter(booking=found.booking_id, status=Status.APPROVED).update(status=Status.REPLACED)
    return _decide(found, Status.APPROVED, "", by=by, at=at)


@transaction.atomic
def ask_for_change(*, copy: BookingCopy, answer: str, by: HasActor | Actor, at: datetime) -> BookingCopy:
    """Send a version back with what should change. The same answer again changes nothing.

    Emits copy.change_asked. Raises DomainError("answer_required"), Conflict("copy_approved"),
    Conflict("copy_replaced").
    """
    answer = answer.strip()
    if not answer:
        raise DomainError("answer_required", _("Write what should change."), field="answer")
    if len(answer) > MOST_WORDS:
        raise _too_long("answer", MOST_WORDS)
    found = _locked(copy)
    if found.status == Status.APPROVED:
        raise Conflict("copy_approved", _("This version is approved already. Ask the sales desk for a new one."))
    if found.status == Status.CHANGE_ASKED and found.answer == answer:
        return found
    _check_open(found)
    return _decide(found, Status.CHANGE_ASKED, answer, by=by, at=at)


@transaction.atomic
def check_late_copies(*, at: datetime) -> tuple[int, int]:
    """Raise an alert on each booking whose copy is late, once, and clear those that are so no more.

    Returns (raised, cleared). Emits copy.late once for each alert raised. Source: CONTRACT, alerts.
    """
    late = {(one.booking.pk, one.kind): one for one in late_copies(at=at)}
    standing = {
        (alert.booking_id, alert.kind): alert
        for alert in CopyAlert.objects.select_for_update().filter(cleared_at__isnull=True)
    }
    gone = [alert.pk for key, alert in standing.items() if key not in late]
    CopyAlert.objects.filter(pk__in=gone).update(cleared_at=at)
    raised = 0
    for key, one in late.items():
        if key in standing:
            continue
        alert, is_new = CopyAlert.objects.get_or_create(
            booking=one.booking, kind=one.kind, cleared_at=None, defaults={"due_on": one.due_on, "raised_at": at}
        )
        if not is_new:
            continue
        raised += 1
        if one.copy is not None:
            BookingCopy.objects.filter(pk=one.copy.pk).update(late_told_at=at)
        emit("copy.late", subject=one.booking, by=SYSTEM, at=at, data=_told_late(alert))
    return raised, len(gone)


def _decide(copy: BookingCopy, status: str, answer: str, *, by: HasActor | Actor, at: datetime) -> BookingCopy:
    copy.status, copy.answer = status, answer
    copy.decided_by, copy.decided_at = actor_of(by).as_json(), at
    copy.save(update_fields=["status", "answer", "decided_by", "decided_at"])
    type = "copy.approved" if status == Status.APPROVED else "copy.change_asked"
    emit(type, subject=copy.booking, by=by, at=at, data={**_told(copy), "answer": answer})
    return copy


def _locked(copy: BookingCopy) -> BookingCopy:
    """Return the version as it stands now; its booking is locked, so that two answers come one after the other."""
    locked_booking(IOBooking(pk=copy.booking_id))
    return BookingCopy.objects.select_related("booking").get(pk=copy.pk)


def _check_open(copy: BookingCopy) -> None:
    if copy.status not in BookingCopy.OPEN:
        raise Conflict("copy_replaced", _("A newer version took this one's place. Reload the page and read that one."))


def _check_texts(texts: dict[str, str]) -> None:
    if not texts["talking_points"]:
        message = _("Write the talking points: what the host should speak about.")
        raise DomainError("talking_points_required", message, field="talking_points")
    for name, text in texts.items():
        most = LONGEST_DISCLOSURE if name == "disclosure" else MOST_WORDS
        if len(text) > most:
            raise _too_long(name, most)


def _too_long(field: str, most: int) -> DomainError:
    return DomainError("too_long", _("%(most)s characters at most.") % {"most": f"{most:,}"}, field=field)


def _told(copy: BookingCopy) -> dict[str, object]:
    return {
        "copy_id": str(copy.pk),
        "io_id": str(copy.booking_id),
        "campaign_id": str(copy.booking.campaign_id),
        "version": copy.number,
        "due_on": copy.due_on.isoformat() if copy.due_on else None,
    }


def _told_late(alert: CopyAlert) -> dict[str, object]:
    booking = alert.booking
    return {
        "io_id": str(booking.pk),
        "campaign_id": str(booking.campaign_id),
        "kind": str(alert.kind),
        "due_on": alert.due_on.isoformat(),
        "owner_id": str(booking.campaign.owner_id) if booking.campaign.owner_id else None,
    }
