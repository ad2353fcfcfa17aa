"""The morning mail about deadlines: what one person's makegoods and proofs need, in one letter, not one letter each."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.core.mail import EmailMultiAlternatives
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.models import Aircheck, DeliveryDigest, IOBooking, Makegood
from tracker.accounts.models import Role, User
from tracker.lib import words
from tracker.lib.dates import local_day
from tracker.tenants.context import current_tenant, tenant_zone

logger = logging.getLogger(__name__)

# A deadline is told from so many days before it on, every morning until it is met.
TELL_DAYS = 3


@dataclass(frozen=True)
class DigestItem:
    """One deadline of the letter: of a case or a proof. `url` leads to the place where it is met."""

    due_on: date
    is_overdue: bool
    booking: IOBooking
    sentence: str
    url: str


@dataclass(frozen=True)
class DigestRun:
    sent: int
    failed: int
    items: int


def send_digests(*, at: datetime) -> DigestRun:
    """Send everybody with deadlines one letter for today; a second run of the day sends none again.

    Cases go to the owner of the deal, or to the sales managers where it has none; proofs that are overdue to the
    creators of the show, or else as cases do. A letter that cannot be sent is logged, leaves no mark, and is tried
    again by the next run. Today is the house's. The number of reading statements does not grow with the deadlines.
    """
    today = local_day(at, tenant_zone())
    told = set(DeliveryDigest.objects.filter(day=today).values_list("user_id", flat=True))
    sent = failed = items = 0
    for person, deadlines in _by_person(today).items():
        if person.pk in told:
            continue
        try:
            if _send(person, deadlines, day=today, at=at):
                sent, items = sent + 1, items + len(deadlines)
        except OSError:
            logger.exception("The morning mail about deadlines of one person could not be sent.")
            failed += 1
    return DigestRun(sent=sent, failed=failed, items=items)


def _by_person(today: date) -> dict[User, list[DigestItem]]:
    cases, proofs = _cases_due(today), _proofs_overdue(today)
    if not cases and not proofs:
        return {}
    managers = list(User.objects.filter(role=Role.Code.SALES_MANAGER, is_active=True).order_by("pk"))
    creators = _creators_of({proof.booking.ad_unit.podcast_id for proof in proofs})
    letters: dict[User, list[DigestItem]] = defaultdict(list)
    for case in cases:
        for person in _desk_of(case.booking, managers):
            letters[person].append(_case_item(case, today))
    for proof in proofs:
        for person in creators.get(proof.booking.ad_unit.podcast_id) or _desk_of(proof.booking, managers):
            letters[person].append(_proof_item(proof))
    return {person: sorted(items, key=lambda item: item.due_on) for person, items in letters.items()}


_LINE = ("booking__campaign__sponsor", "booking__campaign__owner", "booking__ad_unit__podcast", "booking__order")


def _cases_due(today: date) -> list[Makegood]:
    due = Makegood.objects.filter(status__in=Makegood.OPEN, due_on__lte=today + timedelta(days=TELL_DAYS))
    # What is booked as a replacement runs by itself; nobody can do anything about it.
    return list(due.exclude(status=Makegood.Status.SCHEDULED).select_related(*_LINE).order_by("due_on", "pk"))


def _proofs_overdue(today: date) -> list[Aircheck]:
    late = Aircheck.objects.filter(verdict=Aircheck.Verdict.WAITING, submitted_at__isnull=True, due_on__lt=today)
    ended = Q(booking__status__in=[IOBooking.Status.CANCELLED, IOBooking.Status.EXPIRED])
    return list(late.exclude(ended).select_related(*_LINE, "episode").order_by("due_on", "pk"))


def _creators_of(shows: Iterable[UUID]) -> dict[UUID, list[User]]:
    """The active creators of each show."""
    people: dict[UUID, list[User]] = defaultdict(list)
    bound = User.objects.filter(role=Role.Code.CREATOR, is_active=True, bindings__kind="podcast").distinct()
    for person in bound.filter(bindings__object_id__in=list(shows)).prefetch_related("bindings").order_by("pk"):
        for binding in person.bindings.all():
            people[binding.object_id].append(person)
    return people


def _desk_of(booking: IOBooking, managers: list[User]) -> list[User]:
    owner = booking.campaign.owner
    return [owner] if owner is not None and owner.is_active else managers


def _case_item(case: Makegood, today: date) -> DigestItem:
    due_on = case.due_on or today
    facts = {
        "count": words.number(case.outstanding_impressions),
        "worth": words.money(case.owed_cents, case.booking.order.currency),
        "status": case.get_status_display(),
        "day": words.day(due_on),
    }
    if case.status == Makegood.Status.PROPOSED:
        sentence = _("%(count)s downloads will be missing (%(worth)s): tell the sponsor until %(day)s.")
        facts["count"] = words.number(case.owed_impressions)
    else:
        sentence = _("%(count)s downloads owed (%(worth)s), %(status)s: settle until %(day)s.")
    return DigestItem(due_on, due_on < today, case.booking, sentence % facts, _address(case.booking) + "#mk")


def _proof_item(proof: Aircheck) -> DigestItem:
    facts = {"read": proof.episode or proof.booking.ad_unit, "day": words.day(proof.due_on)}
    sentence = _("The proof of the read in %(read)s was due on %(day)s.") % facts
    return DigestItem(proof.due_on, True, proof.booking, sentence, _address(proof.booking, "proof"))


def _address(booking: IOBooking, page: str = "booking-detail") -> str:
    return current_tenant().address + reverse(f"bookings:{page}", args=[booking.pk])


def _send(person: User, items: list[DigestItem], *, day: date, at: datetime) -> bool:
    try:
        with transaction.atomic():
            DeliveryDigest.objects.create(user=person, day=day, sent_at=at, items=len(items))
            _letter(person, items, day=day).send()
    except IntegrityError:
        # Another run sent it in the meantime.
        return False
    return True


def _letter(person: User, items: list[DigestItem], *, day: date) -> EmailMultiAlternatives:
    house = current_tenant().name
    count = ngettext("%(count)s deadline needs you", "%(count)s deadlines need you", len(items)) % {"count": len(items)}
    late = sum(item.is_overdue for item in items)
    context = {"person": person, "items": items, "late": late, "day": day, "house": house, "headline": count}
    letter = EmailMultiAlternatives(
        subject=_("%(house)s: %(count)s") % {"house": house, "count": count},
        body=render_to_string("bookings/mail/deadlines.txt", context),
        to=[person.email],
    )
    letter.attach_alternative(render_to_string("bookings/mail/deadlines.html", context), "text/html")
    return letter
