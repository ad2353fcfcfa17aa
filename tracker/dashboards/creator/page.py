"""The page of a creator: what needs a person, the key figures, the cards."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from bookings.delivery.queries import BookingPace
from bookings.models import BookingCopy, DeliveryPause, DeliveryPolicy
from tracker.dashboards.cards import Loaded
from tracker.dashboards.creator import CARDS
from tracker.dashboards.creator.downloads import Downloads, downloads_of
from tracker.dashboards.creator.makegoods import Makegoods
from tracker.dashboards.creator.revenue import Revenue
from tracker.dashboards.made_of import HOUSE, SHOWS, SOLD
from tracker.dashboards.pages import Dashboard
from tracker.dashboards.scope import Period, Scope, creator_scope


@dataclass(frozen=True)
class Summary:
    """What stands above the cards; a part whose card failed is None."""

    as_of: date | None
    sources: list[str]
    worst: BookingPace | None
    revenue: Revenue | None
    downloads: Downloads | None
    makegoods: Makegoods | None
    period: Period


def summary(scope: Scope, cards: Mapping[str, Loaded]) -> Summary:
    """Read what the key figures need from the cards that were loaded anyway; downloads by a statement of their own."""

    def data(name: str) -> Any:
        return cards[name].data if name in cards else None

    revenue, pacing = data("sponsor_revenue"), data("pacing_vs_flight")
    period = Period(revenue.now.first_day, revenue.now.last_day, scope.period.days) if revenue else scope.period
    as_of = (revenue.now.as_of if revenue else None) or (pacing.as_of if pacing else None)
    return Summary(
        as_of=as_of,
        sources=pacing.sources if pacing else [],
        worst=pacing.worst if pacing else None,
        revenue=revenue,
        downloads=None if scope.only_card else downloads_of(scope, period),
        makegoods=data("makegoods_pending"),
        period=period,
    )


CREATOR = Dashboard(
    name="creator",
    permission="dashboards.view_creator",
    cards=CARDS,
    scope_of=creator_scope,
    summary=summary,
    template="dashboards/creator.html",
    tables=[*HOUSE, *SHOWS, *SOLD, BookingCopy, DeliveryPause, DeliveryPolicy],
)
