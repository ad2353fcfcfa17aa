"""Sending an order and signing it. What was sent is frozen; a change is a new version.

Order: draft -> sent -> signed, and back to sent by a version that needs a new signature.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email
from django.db import transaction
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from bookings import pdf
from bookings.differences import MINOR, differences, gravest
from bookings.document import OrderDocument, Signature, Standing, clean
from bookings.links import site_address
from bookings.models import InsertionOrder, IOBooking, OrderSignature, OrderVersion, SigningLink
from bookings.queries.documents import document_of, lines_of_order, standing_of
from bookings.queries.house import order_profile
from bookings.secrets import hash_of, new_secret
from bookings.services.moves import move_booking
from bookings.services.orders import number_order
from deals.services import note_accepted_order
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.dates import local_day
from tracker.lib.errors import Conflict, DomainError, NotFound

Status = InsertionOrder.Status
MOST_RECIPIENTS = 10
# How long the link lives that a signed-in reader opens from a page.
READER_LINK = timedelta(hours=1)


@dataclass(frozen=True)
class Sent:
    """A version that was sent: `is_new` when it was made by this sending, `signing_url` for its readers alone."""

    version: OrderVersion
    signing_url: str
    is_new: bool


def send_order(*, order: InsertionOrder, to: Sequence[str], by: HasActor | Actor, at: datetime, note: str = "") -> Sent:
    """Freeze an order as a version, and mail it with its PDF and a private link to read and sign it.

    An order that says what its last version says is sent again as that version, under a new link; the old link ends.
    The first version, and any with a material or critical change, needs the buyer's signature; after a minor change a
    signed order stays signed. Emits order.sent (and order.numbered). Raises DomainError("recipient_invalid"),
    Conflict("order_without_lines"), Conflict("line_is_draft"), Conflict("order_cancelled"),
    DomainError("pdf_unavailable"), DomainError("mail_failed") when the mail server refuses (the version stands; send
    again).
    """
    recipients = _checked_recipients(to)
    pdf.require()
    with transaction.atomic():
        version, is_new = _freeze(order, by, at)
        url = _open_link(version, recipients, at)
        data = {
            "order_id": str(version.order_id),
            "campaign_id": str(version.order.campaign_id),
            "number": version.order.number,
            "version": version.number,
            "severity": version.severity,
            "to": recipients,
        }
        emit("order.sent", subject=version.order, by=by, at=at, data=data)
    _mail(version, recipients, url, note)
    return Sent(version, url, is_new)


@transaction.atomic
def sign_order(*, secret: str, name: str, title: str, digest: str, at: datetime) -> OrderVersion:
    """Sign a version as its buyer, through its private link. A second signature changes nothing.

    Holds of the order become scheduled, the deal learns that its order was accepted. Emits order.signed. Raises
    NotFound("link_unknown") for a link that never was, was revoked or has expired, DomainError("name_required"),
    Conflict("version_changed") when the hash that was read is not the version's, Conflict("version_replaced").
    """
    link = signing_link(secret, at=at)
    order = InsertionOrder.objects.select_for_update().get(pk=link.version.order_id)
    version = link.version
    if version.signatures.filter(side=OrderSignature.Side.BUYER).exists():
        return version
    name, title = clean(name)[:120], clean(title)[:120]
    if not any(char.isalpha() for char in name):
        raise DomainError("name_required", _("Write your name to sign."), field="name")
    if not title:
        raise DomainError("title_required", _("Write your title to sign, such as Marketing lead."), field="title")
    if digest != version.digest:
        raise Conflict("version_changed", _("This page shows an older text. Reload it and read again."))
    if order.status != Status.SENT or version.number != order.version:
        raise Conflict("version_replaced", _("This version is not the one to sign any more. Ask for the latest one."))
    OrderSignature.objects.create(
        version=version, side=OrderSignature.Side.BUYER, name=name, title=title, digest=digest, signed_at=at
    )
    order.status, order.signed_at = Status.SIGNED, at
    order.save(update_fields=["status", "signed_at"])
    version.order = order
    version.signed_pdf = pdf.render(OrderDocument.from_json(version.document), standing_of_version(version))
    version.save(update_fields=["signed_pdf"])
    by = Actor(kind="link", id=str(link.pk), label=name)
    for hold in order.lines.filter(status=IOBooking.Status.HELD).order_by("io_id"):
        move_booking(booking=hold, to=IOBooking.Status.SCHEDULED, by=by, at=at, reason=_("The order was signed."))
    note_accepted_order(campaign=order.campaign, accepted=True)
    emit(
        "order.signed",
        subject=order,
        by=by,
        at=at,
        data={
            "order_id": str(order.pk),
            "campaign_id": str(order.campaign_id),
            "number": order.number,
            "version": version.number,
            "name": name,
            "title": title,
            "digest": digest,
        },
    )
    return version


def signing_link(secret: str, *, at: datetime) -> SigningLink:
    """Return the link of a secret, with its version. Raises NotFound("link_unknown")."""
    link = (
        SigningLink.objects.select_related("version__order__campaign__sponsor")
        .filter(token_hash=hash_of(secret), revoked_at__isnull=True)
        .first()
    )
    if link is None or link.expires_at <= at:
        raise NotFound("link_unknown", _("This link is not valid any more. Ask the sender for a new one."))
    return link


def signing_address(*, order: InsertionOrder, reader: str, at: datetime) -> str:
    """Make a private link, for an hour, to an order's latest version for somebody who is signed in; its address.

    Links that were mailed stay as they are. Raises NotFound("version_unknown") for an order that was never sent.
    """
    version = order.versions.order_by("-number").first()
    if version is None:
        raise NotFound("version_unknown", _("This order was not sent yet."))
    secret, hashed = new_secret()
    SigningLink.objects.create(
        version=version, token_hash=hashed, sent_to=[reader], created_at=at, expires_at=at + READER_LINK
    )
    return f"{site_address()}/sign/{secret}"


def standing_of_version(version: OrderVersion) -> Standing:
    """Return where a version stands: sent, signed, or replaced by a later one."""
    order = version.order
    standing = standing_of(order)
    zone = ZoneInfo(order.time_zone)
    signatures = tuple(
        Signature(side=one.side, name=one.name, title=one.title, at=f"{one.signed_at:%-d %b %Y, %H:%M} UTC")
        for one in version.signatures.order_by("signed_at")
    )
    buyer = next((one for one in version.signatures.all() if one.side == OrderSignature.Side.BUYER), None)
    sent_on = local_day(version.sent_at, zone)
    state = "signed" if buyer or not version.needs_signature else "sent"
    if version.number != order.version:
        state = "replaced"
    return replace(
        standing,
        state=state,
        issued_on=sent_on.isoformat(),
        sign_by=(sent_on + timedelta(days=order_profile().signing_days)).isoformat(),
        signed_on=local_day(buyer.signed_at, zone).isoformat() if buyer else "",
        replaces=version.number - 1 or None,
        replaced_by=order.version if state == "replaced" else None,
        changes=tuple(version.changes),
        signatures=signatures,
    )


def _freeze(order: InsertionOrder, by: HasActor | Actor, at: datetime) -> tuple[OrderVersion, bool]:
    order = number_order(order=order, by=by, at=at)
    if order.status == Status.CANCELLED:
        raise Conflict("order_cancelled", _("This order is cancelled; it cannot be sent."))
    _check_lines(order)
    last = order.versions.order_by("-number").first()
    order.version = last.number if last else 1
    document = document_of(order)
    if last is not None and last.digest == document.digest:
        last.order = order
        return last, False
    if last is not None:
        order.version = last.number + 1
        before, document = OrderDocument.from_json(last.document), document_of(order)
        changes = differences(before, document)
    else:
        order.version, changes = 1, []
    severity = gravest(changes) if last else OrderVersion.Severity.FIRST
    needs_signature = severity != MINOR or order.status != Status.SIGNED
    order.sent_at = at
    if needs_signature:
        order.status, order.signed_at = Status.SENT, None
    order.save(update_fields=["version", "status", "sent_at", "signed_at"])
    version = OrderVersion.objects.create(
        order=order,
        number=order.version,
        document=document.as_json(),
        digest=document.digest,
        severity=severity,
        changes=_sentences(changes, order.version, needs_signature),
        sent_at=at,
        sent_by=actor_of(by).as_json(),
        needs_signature=needs_signature,
    )
    OrderSignature.objects.create(
        version=version,
        side=OrderSignature.Side.PUBLISHER,
        name=clean(actor_of(by).label)[:120],
        title=_("for the publisher"),
        digest=version.digest,
        signed_at=at,
    )
    version.pdf = pdf.render(document, standing_of_version(version))
    version.save(update_fields=["pdf"])
    note_accepted_order(campaign=order.campaign, accepted=order.status == Status.SIGNED)
    return version, True


def _check_lines(order: InsertionOrder) -> None:
    lines = list(lines_of_order(order))
    gone = (IOBooking.Status.CANCELLED, IOBooking.Status.EXPIRED)
    if not lines or all(line.status in gone for line in lines):
        raise Conflict("order_without_lines", _("This order has no line that stands. Book one first."))
    drafts = [line.line_number for line in lines if line.status == IOBooking.Status.DRAFT]
    if drafts:
        message = _("Line %(lines)s is a draft: hold or schedule it first, so that its slot is safe.")
        raise Conflict("line_is_draft", message % {"lines": ", ".join(map(str, drafts))}, lines=drafts)


def _sentences(changes: list, number: int, needs_signature: bool) -> list[str]:
    if not changes:
        return []
    shown = "; ".join(change.sentence for change in changes[:12])
    more = _(" and %(count)s more") % {"count": len(changes) - 12} if len(changes) > 12 else ""
    ask = _("A new signature is needed.") if needs_signature else _("No new signature is needed.")
    words = {"before": number - 1, "changes": f"{shown}{more}", "ask": ask}
    return [_("Changed since version %(before)s: %(changes)s. %(ask)s") % words]


def _checked_recipients(to: Sequence[str]) -> list[str]:
    addresses = list(dict.fromkeys(address.strip() for address in to if address.strip()))
    if not addresses or len(addresses) > MOST_RECIPIENTS:
        message = _("Give one to %(most)s mail addresses.") % {"most": MOST_RECIPIENTS}
        raise DomainError("recipient_invalid", message, field="to")
    for address in addresses:
        try:
            validate_email(address)
        except ValidationError:
            message = _("“%(address)s” is no mail address.") % {"address": address[:80]}
            raise DomainError("recipient_invalid", message, field="to") from None
    return addresses


def _open_link(version: OrderVersion, recipients: list[str], at: datetime) -> str:
    """Make the link of a version, end the older ones of its order, and return its address, which is kept nowhere."""
    SigningLink.objects.filter(version__order_id=version.order_id, revoked_at__isnull=True).update(revoked_at=at)
    secret, hashed = new_secret()
    # Signing has its own term on the paper; the link outlives it a little, so that the copy can still be fetched.
    expires = at + timedelta(days=order_profile().signing_days + 14)
    SigningLink.objects.create(
        version=version, token_hash=hashed, sent_to=recipients, created_at=at, expires_at=expires
    )
    return f"{site_address()}/sign/{secret}"


def _mail(version: OrderVersion, recipients: list[str], url: str, note: str) -> None:
    document = OrderDocument.from_json(version.document)
    context = {"version": version, "document": document, "url": url, "note": note.strip()[:2000]}
    subject = _("Insertion order %(number)s, version %(version)s: %(campaign)s") % {
        "number": document.number,
        "version": version.number,
        "campaign": document.campaign,
    }
    reply_to = [document.publisher.email] if document.publisher.email else None
    mail = EmailMultiAlternatives(
        subject=clean(subject)[:200],
        body=render_to_string("bookings/mail/order.txt", context),
        to=recipients,
        reply_to=reply_to,
    )
    mail.attach(f"{document.number}-v{version.number}.pdf", bytes(version.pdf or b""), "application/pdf")
    try:
        mail.send()
    except OSError as problem:
        message = _("Version %(version)s was made, but the mail server did not take the mail. Send it again.")
        raise DomainError("mail_failed", message % {"version": version.number}, status=502) from problem
