"""Sales that named a code and clicks on links, show by show: a floor, never the total."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, Sum
from django.utils.translation import gettext_lazy as _

from bookings.models import LinkClicks, PromoCode, Redemption, VanityLink
from metrics.models import Podcast
from tracker.dashboards.cards import Card
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Column, Table
from tracker.lib import words

DAYS = 30


@dataclass(frozen=True)
class Code:
    """One code and the show it points to. orders and cents: at least so many, None where nobody reported any.

    clicks: on the vanity link of the same show; None where there is no link.
    """

    code: str
    podcast: str
    orders: int | None
    cents: int | None
    clicks: int | None
    source: str


@dataclass(frozen=True)
class Attribution:
    codes: list[Code]
    first_day: date
    last_day: date
    currency: str
    has_sponsor: bool = True

    @property
    def orders(self) -> int | None:
        known = [code.orders for code in self.codes if code.orders is not None]
        return sum(known) if known else None

    @property
    def clicks(self) -> int | None:
        known = {code.podcast: code.clicks for code in self.codes if code.clicks is not None}
        return sum(known.values()) if known else None

    @property
    def cents(self) -> int | None:
        known = [code.cents for code in self.codes if code.cents is not None]
        return sum(known) if known else None


def load(scope: Scope) -> Attribution:
    """Three statements: the codes of the advertiser with their shows, what was reported in 30 days, the clicks."""
    last = scope.today - timedelta(days=1)
    first = last - timedelta(days=DAYS - 1)
    currency = words.house_currency()
    if scope.sponsor is None:
        return Attribution([], first, last, currency, has_sponsor=False)
    codes = PromoCode.objects.filter(sponsor=scope.sponsor).select_related("podcast").order_by("podcast__title", "code")
    reported = _reported(scope, first, last)
    clicks = _clicks(scope, first, last)
    lines = [_code(code, reported.get(code.folded, {}), clicks.get(code.podcast_id)) for code in codes]
    return Attribution(sorted(lines, key=lambda line: -(line.cents or 0)), first, last, currency)


# code -> source -> (days told, orders, cents or None)
Reported = dict[str, dict[str, tuple[int, int, int | None]]]


def _reported(scope: Scope, first: date, last: date) -> Reported:
    rows = Redemption.objects.filter(sponsor=scope.sponsor, day__gte=first, day__lte=last)
    found: Reported = defaultdict(dict)
    for code, source, orders, cents in rows.values_list("promo_code", "source", "orders", "revenue_cents"):
        days, so_far, money = found[code].get(source, (0, 0, None))
        found[code][source] = (days + 1, so_far + orders, money if cents is None else (money or 0) + cents)
    return found


def _clicks(scope: Scope, first: date, last: date) -> dict[UUID, int]:
    """Clicks on the advertiser's links by show; a link that nobody followed has 0, a show without one is missing."""
    inside = Q(clicks__day__gte=first, clicks__day__lte=last)
    rows = VanityLink.objects.filter(sponsor=scope.sponsor).order_by().values_list("podcast_id")
    return dict(rows.annotate(n=Sum("clicks__clicks", filter=inside, default=0)))


def _code(code: PromoCode, sources: dict[str, tuple[int, int, int | None]], clicks: int | None) -> Code:
    """Sources are never added up: the one that told most days speaks for a code."""
    if not sources:
        return Code(code.code, code.podcast.title, None, None, clicks, "")
    source = min(sources, key=lambda name: (-sources[name][0], name))
    _days, orders, cents = sources[source]
    return Code(code.code, code.podcast.title, orders, cents, clicks, source)


def as_json(data: Attribution) -> dict[str, Any]:
    return {
        "first_day": data.first_day.isoformat(),
        "last_day": data.last_day.isoformat(),
        "currency": data.currency,
        "is_floor": True,
        "orders": data.orders,
        "revenue_cents": data.cents,
        "clicks": data.clicks,
        "codes": [
            {
                "promo_code": code.code,
                "podcast": code.podcast,
                "orders": code.orders,
                "revenue_cents": code.cents,
                "clicks": code.clicks,
                "source": code.source,
            }
            for code in data.codes
        ],
    }


COLUMNS = [
    Column("promo_code", _("Code")),
    Column("podcast", _("Show")),
    Column("orders", _("Orders, at least"), "number"),
    Column("revenue_cents", _("Sales, at least"), "cents"),
    Column("clicks", _("Clicks, at least"), "number"),
    Column("source", _("Reported by")),
]


def as_table(data: Attribution) -> Table:
    return Table(
        COLUMNS, [[c.code, c.podcast, c.orders, c.cents, c.clicks, c.source] for c in data.codes], data.currency
    )


ATTRIBUTION = Card(
    name="attribution",
    title=_("Codes and links"),
    template="dashboards/advertiser/attribution.html",
    load=load,
    as_table=as_table,
    as_json=as_json,
    width="col-7",
    made_of=[PromoCode, Podcast, Redemption, VanityLink, LinkClicks],
)
