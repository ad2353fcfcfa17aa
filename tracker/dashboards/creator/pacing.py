"""pacing_vs_flight: every live line of some shows, delivered against expected, the worst first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from bookings.delivery.queries import BookingPace, pacing_of
from bookings.models import IOBooking
from tracker.dashboards.cards import Card
from tracker.dashboards.made_of import PACING
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Column, Table

# A page shows this many; the CSV and the API have them all.
SHOWN = 50
WORST_FIRST = ("behind", "watch", "on_track", "over", "unknown")
Status = IOBooking.Status


@dataclass(frozen=True)
class Pacing:
    """All live lines, the worst first."""

    paces: list[BookingPace]

    @property
    def shown(self) -> list[BookingPace]:
        return self.paces[:SHOWN]

    @property
    def hidden(self) -> int:
        return max(0, len(self.paces) - SHOWN)

    @property
    def worst(self) -> BookingPace | None:
        """The line that most needs a person: behind, the most money at risk, and something left to do about it."""
        behind = [
            pace
            for pace in self.paces
            if pace.band == "behind" and pace.booking.status == Status.ACTIVE and not pace.is_measuring_closed
        ]
        return max(behind, key=lambda pace: pace.exposure_cents or 0, default=None)

    @property
    def as_of(self) -> date | None:
        return max((pace.as_of for pace in self.paces if pace.as_of), default=None)

    @property
    def sources(self) -> list[str]:
        return sorted({pace.source for pace in self.paces if pace.source})


def live_lines(scope: Scope) -> QuerySet[IOBooking]:
    """Lines in flight, or with measuring still open: sold, begun, and not settled."""
    live = Q(status__in=[Status.ACTIVE, Status.PAUSED, Status.MAKEGOOD])
    begun = Q(status=Status.SCHEDULED, flight_start__lte=scope.at)
    return IOBooking.objects.filter(live | begun, ad_unit__podcast__in=scope.podcast_ids)


def worst_first(paces: Iterable[BookingPace]) -> list[BookingPace]:
    def rank(pace: BookingPace) -> tuple[Any, ...]:
        pct = Decimal("Infinity") if pace.pacing_pct is None else pace.pacing_pct
        return WORST_FIRST.index(pace.band), pct, pace.first_day, str(pace.booking.pk)

    return sorted(paces, key=rank)


def load(scope: Scope) -> Pacing:
    return Pacing(worst_first(pacing_of(live_lines(scope), at=scope.at)))


def as_json(data: Pacing) -> list[dict[str, Any]]:
    return [pace_json(pace) for pace in data.paces]


def pace_json(pace: BookingPace) -> dict[str, Any]:
    """One line as partners read it. Counts are downloads, `*_pct` percent, `*_cents` cents of `currency`."""
    booking = pace.booking
    return {
        "io_id": str(booking.pk),
        "campaign_id": str(booking.campaign_id),
        "podcast_id": str(booking.ad_unit.podcast_id),
        "podcast": booking.ad_unit.podcast.title,
        "advertiser": booking.campaign.sponsor.name,
        "ad_unit": booking.ad_unit.name,
        "delivery": booking.ad_unit.delivery,
        "status": booking.status,
        "flight_start": booking.flight_start.isoformat(),
        "flight_end": booking.flight_end.isoformat(),
        "booked_impressions": pace.booked,
        "delivered_impressions": pace.delivered,
        "expected_impressions": _whole(pace.expected),
        "delivered_pct": _pct(pace.delivered_share),
        "expected_pct": _pct(pace.expected_share),
        "pacing_pct": None if pace.pacing_pct is None else round(float(pace.pacing_pct), 2),
        "band": pace.band,
        "unknown_reason": pace.unknown_reason,
        "projected_impressions": pace.projection,
        "projected_low": pace.projection_low,
        "projected_high": pace.projection_high,
        "needed_per_day": pace.needed_per_day,
        "shortfall": pace.shortfall,
        "exposure_cents": pace.exposure_cents,
        "currency": booking.order.currency,
        "days_left": pace.days_left,
        "notice_by": pace.notice_by.isoformat(),
        "as_of": pace.as_of.isoformat() if pace.as_of else None,
        "source": pace.source,
        "basis": pace.basis,
    }


def _whole(value: Decimal | None) -> int | None:
    return None if value is None else round(value)


def _pct(share: Decimal | None) -> float | None:
    return None if share is None else round(float(share) * 100, 2)


COLUMNS = [
    Column("io_id", _("Booking")),
    Column("advertiser", _("Sponsor")),
    Column("podcast", _("Show")),
    Column("ad_unit", _("Ad unit")),
    Column("first_day", _("First day"), "day"),
    Column("last_day", _("Last day"), "day"),
    Column("booked_impressions", _("Booked"), "number"),
    Column("delivered_impressions", _("Delivered"), "number"),
    Column("expected_impressions", _("Expected"), "number"),
    Column("pacing_pct", _("Pacing"), "pct"),
    Column("band", _("Band")),
    Column("projected_impressions", _("Projected"), "number"),
    Column("projected_low", _("Projected, low"), "number"),
    Column("projected_high", _("Projected, high"), "number"),
    Column("needed_per_day", _("Needed a day"), "number"),
    Column("exposure_cents", _("At risk"), "cents"),
    Column("currency", _("Currency")),
    Column("as_of", _("As of"), "day"),
    Column("source", _("Source")),
]


def as_table(data: Pacing) -> Table:
    return Table(COLUMNS, [_row(pace) for pace in data.paces])


def _row(pace: BookingPace) -> list[Any]:
    booking = pace.booking
    return [
        booking.pk,
        booking.campaign.sponsor.name,
        booking.ad_unit.podcast.title,
        booking.ad_unit.name,
        pace.first_day,
        pace.last_day,
        pace.booked,
        pace.delivered,
        _whole(pace.expected),
        None if pace.pacing_pct is None else round(pace.pacing_pct, 2),
        pace.band,
        pace.projection,
        pace.projection_low,
        pace.projection_high,
        pace.needed_per_day,
        pace.exposure_cents,
        booking.order.currency,
        pace.as_of,
        pace.source,
    ]


PACING_VS_FLIGHT = Card(
    name="pacing_vs_flight",
    title=_("Pacing against flight"),
    template="dashboards/creator/pacing.html",
    load=load,
    as_table=as_table,
    as_json=as_json,
    made_of=PACING,
)
