"""projected_cpm: what a thousand downloads will likely cost, by position and length, and what that is based on."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Sum
from django.utils.translation import gettext_lazy as _

from bookings.models import AdUnit, InsertionOrder, IOBooking
from tracker.dashboards.cards import Card
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Column, Table
from tracker.lib import words
from tracker.lib.money import round_half_up

YEAR = timedelta(days=365)
# A group of so many lines weighs as much as the house's mean; with fewer it is drawn to the mean.
PRIOR_LINES = 4
SOLD = (
    IOBooking.Status.SCHEDULED,
    IOBooking.Status.ACTIVE,
    IOBooking.Status.PAUSED,
    IOBooking.Status.MAKEGOOD,
    IOBooking.Status.COMPLETED,
)


@dataclass(frozen=True)
class Price:
    """One position and length. cents: for a thousand downloads; lines: comparable lines of the last 12 months."""

    position: str
    duration_seconds: int
    cents: int
    lines: int
    impressions: int

    @property
    def label(self) -> Any:
        return AdUnit.Position(self.position).label


@dataclass(frozen=True)
class Prices:
    """The most sold first. house_cents: the mean over all comparable lines, None when none was sold."""

    prices: list[Price]
    house_cents: int | None
    house_lines: int
    currency: str

    @property
    def main(self) -> Price | None:
        return self.prices[0] if self.prices else None


def load(scope: Scope) -> Prices:
    """One statement. Flat fees, makegoods and other currencies are not comparable and left out."""
    currency = words.house_currency()
    rows = list(
        IOBooking.objects.filter(
            status__in=SOLD,
            rate_type=IOBooking.RateType.CPM,
            makegood_of__isnull=True,
            order__currency=currency,
            flight_start__gte=scope.at - YEAR,
        )
        .order_by()
        .values("ad_unit__position", "ad_unit__duration_seconds")
        .annotate(
            lines=Count("pk"),
            impressions=Sum("booked_impressions"),
            spend=Sum(F("booked_cpm_cents") * F("booked_impressions")),
        )
    )
    lines = sum(row["lines"] for row in rows)
    impressions = sum(row["impressions"] for row in rows)
    if not impressions:
        return Prices([], None, 0, currency)
    mean = Decimal(sum(row["spend"] for row in rows)) / impressions
    prices = [
        Price(
            position=row["ad_unit__position"],
            duration_seconds=row["ad_unit__duration_seconds"],
            cents=round_half_up(shrunk(Decimal(row["spend"]) / row["impressions"], row["lines"], mean)),
            lines=row["lines"],
            impressions=row["impressions"],
        )
        for row in rows
        if row["impressions"]
    ]
    ranked = sorted(prices, key=lambda price: (-price.impressions, price.position, price.duration_seconds))
    return Prices(ranked, round_half_up(mean), lines, currency)


def shrunk(own: Decimal, lines: int, mean: Decimal) -> Decimal:
    """Return a group's CPM drawn to the house's mean the more, the fewer lines it has. Source: DOMAIN, measuring."""
    return (own * lines + mean * PRIOR_LINES) / (lines + PRIOR_LINES)


def as_json(data: Prices) -> dict[str, Any]:
    return {
        "currency": data.currency,
        "house_mean_cents": data.house_cents,
        "house_lines": data.house_lines,
        "by_position": [
            {
                "position": price.position,
                "duration_seconds": price.duration_seconds,
                "cpm_cents": price.cents,
                "comparable_lines": price.lines,
                "booked_impressions": price.impressions,
            }
            for price in data.prices
        ],
    }


COLUMNS = [
    Column("position", _("Position")),
    Column("duration_seconds", _("Seconds"), "number"),
    Column("cpm_cents", _("Projected CPM"), "cents"),
    Column("comparable_lines", _("Comparable lines"), "number"),
    Column("booked_impressions", _("Booked downloads"), "number"),
]


def as_table(data: Prices) -> Table:
    rows = [[p.position, p.duration_seconds, p.cents, p.lines, p.impressions] for p in data.prices]
    return Table(COLUMNS, rows, data.currency)


PROJECTED_CPM = Card(
    name="projected_cpm",
    title=_("Projected CPM"),
    template="dashboards/advertiser/cpm.html",
    load=load,
    as_table=as_table,
    as_json=as_json,
    width="col-5",
    made_of=[AdUnit, InsertionOrder, IOBooking],
)
