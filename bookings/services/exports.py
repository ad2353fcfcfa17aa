"""Printing an order."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from bookings import pdf
from bookings.models import InsertionOrder, IOBooking, OrderVersion
from bookings.queries.documents import document_of, standing_of
from bookings.services.orders import number_order
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor


@dataclass(frozen=True)
class Printed:
    """A printed order: the file's name, its bytes, and the hash of what it says."""

    file_name: str
    content: bytes
    digest: str


def export_pdf(*, booking: IOBooking, by: HasActor | Actor, at: datetime) -> Printed:
    """Print the order of a booking. The order takes its number when it has none yet.

    A sent order is the file that was kept when it was sent (or signed): the same bytes each time, whatever changed in
    the product since. Emits io.pdf_exported. Raises DomainError("pdf_unavailable") with the remedy when Pango is
    missing (nothing is numbered then), DomainError("order_too_long").
    """
    kept = OrderVersion.objects.filter(order_id=booking.order_id).select_related("order").order_by("-number").first()
    printed = _kept(kept) if kept is not None else _drawn(booking, by, at)
    with transaction.atomic():
        order = InsertionOrder.objects.get(pk=booking.order_id)
        emit(
            "io.pdf_exported",
            subject=booking,
            by=by,
            at=at,
            data={
                "io_id": str(booking.pk),
                "campaign_id": str(booking.campaign_id),
                "order_id": str(order.pk),
                "number": order.number,
                "version": kept.number if kept else order.version,
                "digest": printed.digest,
            },
        )
    return printed


def _kept(version: OrderVersion) -> Printed:
    content = bytes(version.signed_pdf or version.pdf or b"")
    return Printed(f"{version.order.number}-v{version.number}.pdf", content, version.digest)


def _drawn(booking: IOBooking, by: HasActor | Actor, at: datetime) -> Printed:
    """Number the order and say what it says; typeset that afterwards, so that no lock is held meanwhile."""
    pdf.require()
    with transaction.atomic():
        order = number_order(order=InsertionOrder(pk=booking.order_id), by=by, at=at)
        document, standing = document_of(order), standing_of(order)
        html = pdf.order_html(document, standing)
    content = pdf.written(html, identifier=pdf.identifier_of(document), logo_png=standing.logo_png)
    return Printed(f"{order.number}-v{order.version}.pdf", content, document.digest)
