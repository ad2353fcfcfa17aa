"""Orders that wait for a signature, and those signed lately."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, Sum
from django.utils.translation import gettext_lazy as _

from bookings.models import InsertionOrder, IOBooking, OrderProfile
from bookings.queries import order_profile
from tracker.dashboards.cards import Card
from tracker.dashboards.made_of import DEAL_NAMES
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Column, Table
from tracker.lib import words

Status = InsertionOrder.Status
# A signed order stays in view for so long.
SIGNED_DAYS = 30


@dataclass(frozen=True)
class Document:
    """One order. first_line: a line of it, by which its PDF is named; sign_by: the last day the house asks for."""

    order: InsertionOrder
    gross_cents: int
    first_line: UUID | None
    sign_by: date | None

    @property
    def is_open(self) -> bool:
        return self.order.status == Status.SENT


@dataclass(frozen=True)
class Documents:
    documents: list[Document]

    @property
    def open(self) -> list[Document]:
        return [document for document in self.documents if document.is_open]


def load(scope: Scope) -> Documents:
    """Three statements: the orders with their sums, the house's days for signing, a line of each order."""
    if scope.sponsor is None:
        return Documents([])
    standing = ~Q(lines__status__in=[IOBooking.Status.CANCELLED, IOBooking.Status.EXPIRED])
    recent = scope.at - timedelta(days=SIGNED_DAYS)
    orders = (
        InsertionOrder.objects.filter(campaign__sponsor=scope.sponsor)
        .filter(Q(status=Status.SENT) | Q(status=Status.SIGNED, signed_at__gte=recent))
        .select_related("campaign")
        .annotate(gross=Sum("lines__gross_cents", filter=standing))
        .order_by("sent_at", "order_id")
    )
    found = sorted(orders, key=lambda order: order.status != Status.SENT)
    days = order_profile().signing_days if found else 0
    lines = _first_lines(found)
    return Documents(
        [Document(order, order.gross or 0, lines.get(order.pk), _sign_by(order.sent_at, days)) for order in found]
    )


def _first_lines(orders: list[InsertionOrder]) -> dict[UUID, UUID]:
    rows = IOBooking.objects.filter(order__in=[order.pk for order in orders]).order_by("order_id", "line_number")
    found: dict[UUID, UUID] = {}
    for order_id, io_id in rows.values_list("order_id", "io_id"):
        found.setdefault(order_id, io_id)
    return found


def _sign_by(sent_at: datetime | None, days: int) -> date | None:
    return sent_at.astimezone(words.house_zone()).date() + timedelta(days=days) if sent_at else None


def as_json(data: Documents) -> list[dict[str, Any]]:
    return [
        {
            "order_id": str(one.order.pk),
            "number": one.order.number,
            "version": one.order.version,
            "status": one.order.status,
            "campaign_id": str(one.order.campaign_id),
            "campaign": one.order.campaign.name,
            "gross_cents": one.gross_cents,
            "currency": one.order.currency,
            "sign_by": one.sign_by.isoformat() if one.sign_by else None,
            "signed_at": one.order.signed_at.isoformat() if one.order.signed_at else None,
        }
        for one in data.documents
    ]


COLUMNS = [
    Column("number", _("Order")),
    Column("version", _("Version"), "number"),
    Column("campaign", _("Campaign")),
    Column("status", _("State")),
    Column("gross_cents", _("Gross"), "cents"),
    Column("currency", _("Currency")),
    Column("sign_by", _("Sign by"), "day"),
]


def as_table(data: Documents) -> Table:
    rows = [
        [
            one.order.number,
            one.order.version,
            one.order.campaign.name,
            one.order.status,
            one.gross_cents,
            one.order.currency,
            one.sign_by,
        ]
        for one in data.documents
    ]
    return Table(COLUMNS, rows)


DOCUMENTS = Card(
    name="documents",
    title=_("To sign"),
    template="dashboards/advertiser/documents.html",
    load=load,
    as_table=as_table,
    as_json=as_json,
    width="col-4",
    flag="ENABLE_IO_BOOKINGS",
    made_of=[InsertionOrder, IOBooking, DEAL_NAMES, OrderProfile],
)
