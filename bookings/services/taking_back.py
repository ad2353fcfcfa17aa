"""Taking a line out that a file booked: for undoing an import, while nobody has touched the line since."""

from datetime import datetime

from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from bookings.models import InsertionOrder, IOBooking
from bookings.services.bookings import locked_booking, told
from bookings.services.facts import note_facts_of_deal
from bookings.services.retry import retried
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor
from tracker.lib.errors import Conflict


@retried
@transaction.atomic
def unbook(
    *, booking: IOBooking, by: HasActor | Actor, at: datetime, if_revision: int, order_made_since: datetime
) -> None:
    """Remove a line and free its slot, as if it had never been booked; its draft order goes too if it was made since
    then for this line alone.

    Emits io.unbooked. Raises Conflict("stale_revision"), Conflict("booking_needed") once it has run, its order was sent
    or anything else speaks of it.
    """
    booking = locked_booking(booking, if_revision=if_revision)
    order, campaign = booking.order, booking.campaign
    untouched = booking.status in (IOBooking.Status.SCHEDULED, IOBooking.Status.DRAFT)
    if not untouched or order.status != InsertionOrder.Status.DRAFT:
        raise Conflict("booking_needed", _("This booking is under way or on a sent order; cancel it, with a reason."))
    emit("io.unbooked", subject=booking, by=by, at=at, data=told(booking))
    try:
        with transaction.atomic():
            booking.delete()
    except ProtectedError:
        raise Conflict("booking_needed", _("Other papers speak of this booking; cancel it, with a reason.")) from None
    is_new = order.created_at >= order_made_since and order.number is None
    if is_new and not order.lines.exists() and not order.versions.exists():
        order.delete()
    note_facts_of_deal(campaign)
