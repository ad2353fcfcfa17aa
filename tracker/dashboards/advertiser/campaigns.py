"""How an advertiser's lines deliver: those in flight, the worst first, then those to come."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from bookings.delivery.queries import BookingPace, pacing_of
from bookings.models import IOBooking
from tracker.dashboards.cards import Card
from tracker.dashboards.creator.pacing import COLUMNS, Pacing, pace_json, worst_first
from tracker.dashboards.creator.pacing import as_table as pacing_table
from tracker.dashboards.made_of import PACING
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Table

Status = IOBooking.Status
LIVE = (Status.ACTIVE, Status.PAUSED, Status.MAKEGOOD)


@dataclass(frozen=True)
class Campaigns(Pacing):
    """Lines of one advertiser; `paces` holds those in flight first."""

    has_sponsor: bool = True

    @property
    def live(self) -> list[BookingPace]:
        return [pace for pace in self.paces if pace.booking.status in LIVE]

    @property
    def delivered(self) -> int | None:
        known = [pace.delivered for pace in self.live if pace.delivered is not None]
        return sum(known) if known else None

    @property
    def pacing_pct(self) -> Decimal | None:
        """Delivered against expected over the live lines that know both."""
        known = [pace for pace in self.live if pace.delivered is not None and pace.expected]
        expected = sum((pace.expected or Decimal(0) for pace in known), Decimal(0))
        return 100 * Decimal(sum(pace.delivered or 0 for pace in known)) / expected if expected else None


def load(scope: Scope) -> Campaigns:
    if scope.sponsor is None:
        return Campaigns([], has_sponsor=False)
    lines = IOBooking.objects.filter(campaign__sponsor=scope.sponsor, status__in=[*LIVE, Status.SCHEDULED])
    paces = pacing_of(lines, at=scope.at)
    live = [pace for pace in paces if pace.booking.status in LIVE]
    coming = sorted((pace for pace in paces if pace.booking.status not in LIVE), key=lambda pace: pace.first_day)
    return Campaigns([*worst_first(live), *coming])


def as_json(data: Campaigns) -> list[dict[str, Any]]:
    return [pace_json(pace) for pace in data.paces]


def as_table(data: Campaigns) -> Table:
    return Table(COLUMNS, pacing_table(data).rows)


CAMPAIGNS = Card(
    name="campaigns",
    title=_("Campaigns"),
    template="dashboards/advertiser/campaigns.html",
    load=load,
    as_table=as_table,
    as_json=as_json,
    width="col-8",
    flag="ENABLE_IO_BOOKINGS",
    made_of=PACING,
)
