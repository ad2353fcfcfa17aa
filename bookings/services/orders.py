"""The paper around bookings."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.models import InsertionOrder
from bookings.numbering import next_number
from bookings.queries.house import order_profile
from bookings.queries.slots import usual_source
from deals.models import Campaign
from metrics.models import Podcast
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor
from tracker.lib.errors import Conflict, NotFound
from tracker.lib.rows import Rows, insert
from tracker.tenants.context import current_tenant

DRAFT = Rows(
    "SELECT {draft} FROM insertion_orders AS draft WHERE campaign_id = %(deal)s AND status = 'draft' FOR UPDATE",
    draft=InsertionOrder,
)


@transaction.atomic
def draft_order(
    *, campaign: Campaign, by: HasActor | Actor, at: datetime, podcast: Podcast | None = None
) -> InsertionOrder:
    """Return the draft order of a deal, made with the house's terms when there is none; its row is locked.

    Two at once end with one order: a constraint allows one draft a deal. Emits order.drafted when it made one. The
    measurement of record is the house's, or the source that counts `podcast` most steadily.
    """
    return locked_draft(campaign=campaign, by=by, at=at, podcast=podcast)


def locked_draft(*, campaign: Campaign, by: HasActor | Actor, at: datetime, podcast: Podcast | None) -> InsertionOrder:
    """Do what draft_order does, in the transaction of the caller, whom a refusal ends as a whole."""
    while (found := DRAFT.first({"deal": campaign.pk})) is None:
        order = _new_draft(campaign, podcast, at)
        if insert(order, unless_taken=True):
            emit("order.drafted", subject=order, by=by, at=at, data=_told(order))
            return order
    draft: InsertionOrder = found[0]
    return draft


def _new_draft(campaign: Campaign, podcast: Podcast | None, at: datetime) -> InsertionOrder:
    profile = order_profile()
    agency = campaign.agency or campaign.sponsor.agency
    return InsertionOrder(
        campaign=campaign,
        currency=campaign.currency,
        time_zone=current_tenant().time_zone,
        commission_permille=agency.commission_permille if agency else 0,
        measurement_of_record=profile.measurement_of_record or usual_source(podcast, at=at),
        guarantee_days=profile.guarantee_days,
        tolerance_permille=profile.tolerance_permille,
    )


# The terms of a draft; parties, currency and zone come with its deal and its lines.
ORDER_FIELDS = frozenset(
    (
        *("commission_permille", "measurement_of_record", "guarantee_days", "tolerance_permille"),
        *("buyer_reference", "external_ref"),
    )
)


@transaction.atomic
def change_order(*, order: InsertionOrder, by: HasActor | Actor, at: datetime, **changes: Any) -> InsertionOrder:
    """Change the terms of a draft. The same values again change and emit nothing.

    Emits order.changed with the names of the fields. Raises Conflict("order_not_draft"): what was sent is changed by
    a new version alone.
    """
    unknown = set(changes) - ORDER_FIELDS
    if unknown:
        raise TypeError(f"not to be changed on an order: {', '.join(sorted(unknown))}")
    order = InsertionOrder.objects.select_for_update().get(pk=order.pk)
    changed = sorted(name for name, value in changes.items() if getattr(order, name) != value)
    if not changed:
        return order
    if order.status != InsertionOrder.Status.DRAFT:
        message = _("This order is %(status)s; only a draft can be changed. Send a new version instead.")
        raise Conflict("order_not_draft", message % {"status": order.get_status_display()}, current=order.status)
    for name in changed:
        setattr(order, name, changes[name])
    order.save(update_fields=changed)
    emit("order.changed", subject=order, by=by, at=at, data={**_told(order), "fields": changed})
    return order


def order_zone_name(campaign: Campaign) -> str:
    """Return the name of the time zone in which the next line of a deal counts its days."""
    order = InsertionOrder.objects.filter(campaign=campaign, status=InsertionOrder.Status.DRAFT).first()
    return order.time_zone if order else current_tenant().time_zone


@transaction.atomic
def number_order(*, order: InsertionOrder, by: HasActor | Actor, at: datetime) -> InsertionOrder:
    """Give an order its number, once: when it is first sent or exported. Emits order.numbered."""
    locked = InsertionOrder.objects.select_for_update().filter(pk=order.pk).first()
    if locked is None:
        raise NotFound("not_found", _("There is no such order."))
    order = locked
    if order.number is None:
        order.number = next_number(prefix=order_profile().number_prefix, at=at)
        order.save(update_fields=["number"])
        emit("order.numbered", subject=order, by=by, at=at, data={**_told(order), "number": order.number})
    return order


def _told(order: InsertionOrder) -> dict[str, str]:
    return {"order_id": str(order.pk), "campaign_id": str(order.campaign_id)}
