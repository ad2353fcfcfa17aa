"""Printing an order."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from bookings import pdf
from bookings.models import InsertionOrder, IOBooking
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

    Emits io.pdf_exported. Raises DomainError("pdf_unavailable") with the remedy when Pango is missing (nothing is
    numbered then), DomainError("order_too_long").
    """
    pdf.require()
    with transaction.atomic():
        order = number_order(order=InsertionOrder(pk=booking.order_id), by=by, at=at)
        document = document_of(order)
        content = pdf.render(document, standing_of(order))
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
                "version": order.version,
                "digest": document.digest,
            },
        )
    return Printed(f"{order.number}-v{order.version}.pdf", content, document.digest)
