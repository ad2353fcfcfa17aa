"""Offering slots for what is owed, and the sponsor's answer through a private link."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.makegoods.ranking import RankedSlot
from bookings.makegoods.services import confirm_proposal, locked, move_case, write_entry
from bookings.models import IOBooking, Makegood, MakegoodEntry, MakegoodOffer, MakegoodOption
from bookings.services import schedule_booking
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import Conflict, DomainError, NotFound

ANSWER_WITHIN_DAYS = 10
MOST_OPTIONS = 6

Status = Makegood.Status


class Offered(NamedTuple):
    """An offer and the secret of its link, which is told here once and kept nowhere."""

    offer: MakegoodOffer
    token: str


@transaction.atomic
def offer_makegood(
    *, case: Makegood, slots: Sequence[RankedSlot], by: HasActor | Actor, at: datetime, message: str = ""
) -> Offered:
    """Offer slots for all that is unsettled of a case, best first. A waiting offer is withdrawn for the new one.

    A proposed case becomes a debt by it. Emits makegood.offered on the first offer.
    Raises DomainError("no_slots"), Conflict("case_not_offerable").
    """
    if not slots:
        raise DomainError("no_slots", _("Choose at least one slot to offer."))
    case = locked(case)
    if case.status == Status.PROPOSED:
        case = confirm_proposal(case=case, by=by, at=at)
    if case.status not in (Status.OPENED, Status.OFFERED):
        message = _("This case is %(status)s; slots can be offered only while it is opened or offered.")
        raise Conflict("case_not_offerable", message % {"status": case.get_status_display()}, current=case.status)
    case.offers.filter(answer="").update(answer=MakegoodOffer.Answer.WITHDRAWN, answered_at=at)
    unsettled = case.unsettled_impressions
    case.offered_impressions += unsettled
    write_entry(case, MakegoodEntry.Bucket.OFFERED, unsettled, by, at)
    if case.status == Status.OPENED:
        move_case(case, Status.OFFERED, by, at)
    else:
        case.save(update_fields=["offered_impressions"])
    token = secrets.token_urlsafe(32)
    offer = MakegoodOffer.objects.create(
        makegood=case,
        token_digest=_digest(token),
        message=message,
        offered_at=at,
        expires_at=at + timedelta(days=ANSWER_WITHIN_DAYS),
    )
    MakegoodOption.objects.bulk_create(
        MakegoodOption(
            offer=offer,
            rank=rank,
            ad_unit=slot.ad_unit,
            episode=slot.episode,
            flight_start=slot.flight_start,
            flight_end=slot.flight_end,
            forecast_impressions=slot.forecast_impressions,
            fit=slot.fit,
            reason=slot.reason[:300],
        )
        for rank, slot in enumerate(slots[:MOST_OPTIONS], start=1)
    )
    return Offered(offer, token)


def offer_of_link(token: str) -> MakegoodOffer:
    """Return the offer that a private link opens. Raises NotFound("no_such_offer") for any other token."""
    offers = MakegoodOffer.objects.select_related(
        "makegood__booking__campaign__sponsor", "makegood__booking__ad_unit__podcast", "makegood__booking__order"
    )
    offer = offers.filter(token_digest=_digest(token)).exclude(answer=MakegoodOffer.Answer.WITHDRAWN).first()
    if offer is None:
        raise NotFound("no_such_offer", _("This link leads to no offer. Ask your contact for a new one."))
    return offer


@transaction.atomic
def withdraw_offer(*, offer: MakegoodOffer, by: HasActor | Actor, at: datetime) -> MakegoodOffer:
    """Take an offer back before it is answered: its link leads nowhere, and what was on offer is unsettled again.

    A second press changes nothing. Emits makegood.opened. Raises Conflict("offer_answered").
    """
    case = locked(offer.makegood)
    offer = MakegoodOffer.objects.select_for_update().get(pk=offer.pk)
    if offer.answer == MakegoodOffer.Answer.WITHDRAWN:
        return offer
    if offer.answer:
        raise _answered(offer)
    offer.answer, offer.answered_at = MakegoodOffer.Answer.WITHDRAWN, at
    offer.save(update_fields=["answer", "answered_at"])
    write_entry(case, MakegoodEntry.Bucket.OFFERED, -case.offered_impressions, by, at)
    case.offered_impressions = 0
    move_case(case, Status.OPENED, by, at)
    return offer


@transaction.atomic
def accept_offer(
    *,
    offer: MakegoodOffer,
    option_id: UUID,
    name: str,
    at: datetime,
    note: str = "",
    by: HasActor | Actor | None = None,
) -> IOBooking:
    """Take one of the slots: its replacement is booked at price 0 and the case is scheduled, or nothing happens.

    `by` is who answers when they are known to us; else it is whoever holds the link, by the name that they write.
    A second press of the same answer gives the same booking. Emits makegood.accepted and makegood.scheduled.
    Raises Conflict("offer_answered"), Conflict("offer_expired"), DomainError("name_required"),
    NotFound("no_such_option"), and what booking the slot raises (slot_taken, ...): then the offer waits on.
    """
    case = locked(offer.makegood)
    offer = MakegoodOffer.objects.select_for_update().get(pk=offer.pk)
    option = offer.options.select_related("ad_unit", "episode").filter(pk=option_id).first()
    if option is None:
        raise NotFound("no_such_option", _("This slot is not part of the offer."))
    if option.is_chosen and case.replacement is not None:
        return case.replacement
    by = _answering(offer, name, at, by)
    replacement = schedule_booking(
        campaign=case.booking.campaign,
        booked_impressions=case.offered_impressions,
        booked_cpm_cents=case.booking.booked_cpm_cents,
        makegood_of=case.booking.makegood_of or case.booking,
        by=by,
        at=at,
        **option.as_choice(),
    )
    option.is_chosen = True
    option.save(update_fields=["is_chosen"])
    _record_answer(offer, MakegoodOffer.Answer.ACCEPTED, name, note, at)
    move_case(case, Status.ACCEPTED, by, at)
    case.replacement = replacement
    case.due_on = option.flight_end.date()
    move_case(case, Status.SCHEDULED, by, at)
    return replacement


@transaction.atomic
def decline_offer(
    *, offer: MakegoodOffer, name: str, at: datetime, note: str = "", by: HasActor | Actor | None = None
) -> Makegood:
    """Say no to all slots: what was on offer is unsettled again, and the case waits for a credit.

    Emits makegood.declined. Raises as accept_offer does.
    """
    case = locked(offer.makegood)
    offer = MakegoodOffer.objects.select_for_update().get(pk=offer.pk)
    if offer.answer == MakegoodOffer.Answer.DECLINED:
        return case
    by = _answering(offer, name, at, by)
    _record_answer(offer, MakegoodOffer.Answer.DECLINED, name, note, at)
    write_entry(case, MakegoodEntry.Bucket.OFFERED, -case.offered_impressions, by, at, note=note)
    case.offered_impressions = 0
    return move_case(case, Status.DECLINED, by, at, reason=note[:500])


def _answering(offer: MakegoodOffer, name: str, at: datetime, by: HasActor | Actor | None) -> Actor:
    """Check that an offer can still be answered, and by whom."""
    if offer.answer:
        raise _answered(offer)
    if at >= offer.expires_at:
        raise Conflict("offer_expired", _("This offer has expired. Ask your contact for a new one."))
    if not name.strip():
        raise DomainError("name_required", _("Write your name, so that both sides know who agreed."), field="name")
    return actor_of(by) if by is not None else Actor(kind="link", id=str(offer.pk), label=name.strip()[:200])


def _answered(offer: MakegoodOffer) -> Conflict:
    return Conflict("offer_answered", _("This offer was answered already."), answer=offer.answer)


def _record_answer(offer: MakegoodOffer, answer: str, name: str, note: str, at: datetime) -> None:
    offer.answer, offer.answered_at = answer, at
    offer.answered_by, offer.answer_note = name.strip()[:200], note.strip()[:2000]
    offer.save(update_fields=["answer", "answered_at", "answered_by", "answer_note"])


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
