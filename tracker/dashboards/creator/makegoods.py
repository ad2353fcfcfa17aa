"""makegoods_pending: what is owed, until when, and the slot that is proposed for it."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _

from bookings.delivery.queries import PendingMakegood, makegoods_pending
from bookings.models import Makegood
from metrics.models import Episode, Podcast
from tracker.dashboards.cards import Card
from tracker.dashboards.made_of import LINES
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Column, Table

SHOWN = 20


@dataclass(frozen=True)
class Makegoods:
    """Open cases, the next due first. Proposed ones are warnings: they are not in the sums."""

    cases: list[PendingMakegood]

    @property
    def owed(self) -> list[PendingMakegood]:
        return [case for case in self.cases if not case.is_proposed]

    @property
    def owed_impressions(self) -> int:
        return sum(case.outstanding_impressions for case in self.owed)

    @property
    def next_due_on(self) -> date | None:
        return min((case.due_on for case in self.owed if case.due_on), default=None)

    @property
    def is_overdue(self) -> bool:
        return any(case.is_overdue for case in self.owed)

    @property
    def has_proposed(self) -> bool:
        return any(case.is_proposed for case in self.cases)

    @property
    def shown(self) -> list[PendingMakegood]:
        return self.cases[:SHOWN]

    @property
    def hidden(self) -> int:
        return max(0, len(self.cases) - SHOWN)


def load(scope: Scope) -> Makegoods:
    return Makegoods(makegoods_pending(at=scope.at, podcasts=scope.podcasts))


def as_json(data: Makegoods) -> list[dict[str, Any]]:
    return [case_json(pending) for pending in data.cases]


def case_json(pending: PendingMakegood) -> dict[str, Any]:
    """One case as partners read it. Impressions are downloads still owed; a proposed case owes nothing yet."""
    case, booking = pending.case, pending.case.booking
    slot = case.replacement
    return {
        "makegood_id": str(case.pk),
        "io_id": str(booking.pk),
        "campaign_id": str(booking.campaign_id),
        "podcast_id": str(booking.ad_unit.podcast_id),
        "podcast": booking.ad_unit.podcast.title,
        "advertiser": booking.campaign.sponsor.name,
        "status": case.status,
        "reason": case.reason,
        "is_proposed": pending.is_proposed,
        "outstanding_impressions": pending.outstanding_impressions,
        "outstanding_cents": pending.outstanding_cents,
        "currency": booking.order.currency,
        "due_on": pending.due_on.isoformat() if pending.due_on else None,
        "is_overdue": pending.is_overdue,
        "replacement_io_id": str(slot.pk) if slot else None,
        "replacement_flight_start": slot.flight_start.isoformat() if slot else None,
    }


COLUMNS = [
    Column("makegood_id", _("Case")),
    Column("advertiser", _("Sponsor")),
    Column("podcast", _("Show")),
    Column("reason", _("Reason")),
    Column("status", _("State")),
    Column("outstanding_impressions", _("Owed"), "number"),
    Column("outstanding_cents", _("Worth"), "cents"),
    Column("currency", _("Currency")),
    Column("due_on", _("Until"), "day"),
]


def as_table(data: Makegoods) -> Table:
    return Table(COLUMNS, [[case_json(pending)[column.key] for column in COLUMNS] for pending in data.cases])


MAKEGOODS_PENDING = Card(
    name="makegoods_pending",
    title=_("Makegoods pending"),
    template="dashboards/creator/makegoods.html",
    load=load,
    as_table=as_table,
    as_json=as_json,
    width="col-7",
    made_of=[*LINES, Makegood, Podcast, Episode],
)
