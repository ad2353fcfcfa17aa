"""sponsor_revenue: earned and attributed by day, two lines that are never added up, beside the period before."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from bookings.delivery.queries import SponsorRevenue, sponsor_revenue, sponsor_revenue_lately
from bookings.models import AdUnit, DeliveryPause, DeliveryPolicy, InsertionOrder, IOBooking
from tracker.dashboards.cards import Card
from tracker.dashboards.made_of import FACTS
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Column, Table
from tracker.lib import charts, words


@dataclass(frozen=True)
class Revenue:
    """Two windows of one length: the one in view, and the one before. Cents of `currency`.

    Earned money in other currencies stands apart in `others`; nothing is converted.
    """

    now: SponsorRevenue
    before: SponsorRevenue
    currency: str

    @property
    def earned_cents(self) -> int | None:
        """None when nothing was ever measured: unknown, not nothing earned."""
        return None if self.now.as_of is None else self.now.earned_cents.get(self.currency, 0)

    @property
    def earned_change(self) -> Decimal | None:
        return change(self.earned_cents, self.before.earned_cents.get(self.currency))

    @property
    def attributed_cents(self) -> int | None:
        return self.now.attributed_cents

    @property
    def attributed_change(self) -> Decimal | None:
        return change(self.now.attributed_cents, self.before.attributed_cents)

    @property
    def others(self) -> dict[str, int]:
        return {code: cents for code, cents in self.now.earned_cents.items() if code != self.currency and cents}

    @property
    def days(self) -> list[date]:
        return [
            self.now.first_day + timedelta(days=n) for n in range((self.now.last_day - self.now.first_day).days + 1)
        ]

    def earned_on(self, day: date) -> int | None:
        return self.now.earned_by_day.get(self.currency, {}).get(day)

    def attributed_on(self, day: date) -> int | None:
        return self.now.attributed_by_day.get(day)

    @cached_property
    def chart(self) -> charts.LineChart:
        earned = [_major(self.earned_on(day)) for day in self.days]
        attributed = [_major(self.attributed_on(day)) for day in self.days]
        return charts.line_chart(
            lines=[
                charts.Line(_now("Attributed"), attributed, tone=2, end_label=self._last(attributed)),
                charts.Line(_now("Earned"), earned, tone=1, end_label=self._last(earned)),
            ],
            x_labels=[words.day(day, year=False) for day in self.days],
            label=_now("Two lines: earned and attributed revenue a day"),
            y_label=words.short_number,
            tips=self._tips(),
        )

    def _tips(self) -> list[list[str]]:
        """What is told of each day: a heading, then a text for each line in their order."""
        unknown, house = words.unknown(), words.house_currency()
        told_attributed, told_earned, at_least = _now("Attributed: %s"), _now("Earned: %s"), _now("at least %s")
        tips = []
        for day in self.days:
            earned, attributed = self.earned_on(day), self.attributed_on(day)
            tips.append(
                [
                    words.day(day, weekday=True),
                    told_attributed % (unknown if attributed is None else at_least % words.money(attributed, house)),
                    told_earned % (unknown if earned is None else words.money(earned, self.currency)),
                ]
            )
        return tips

    def _last(self, values: list[Decimal | None]) -> str:
        known = [value for value in values if value is not None]
        return words.money(int(known[-1] * 100), self.currency) if known else ""

    @property
    def has_lines(self) -> bool:
        return any(self.now.earned_by_day.get(self.currency, {})) or bool(self.now.attributed_by_day)


def change(now: int | None, before: int | None) -> Decimal | None:
    """Return now / before - 1 as a share, or None where there is nothing to compare with."""
    return None if now is None or not before else Decimal(now) / Decimal(before) - 1


def _major(cents: int | None) -> Decimal | None:
    return None if cents is None else Decimal(cents) / 100


def load(scope: Scope) -> Revenue:
    """Four statements. Days counted back begin at the last one that was measured, not at yesterday."""
    shows, period = scope.podcast_ids, scope.period
    if period.days is not None:
        now, before = sponsor_revenue_lately(shows, at=scope.at, days=period.days)
    else:
        windows = [(period.first, period.last), (period.before.first, period.before.last)]
        now, before = sponsor_revenue(shows, at=scope.at, windows=windows)
    return Revenue(now, before, words.house_currency())


def as_json(data: Revenue) -> dict[str, Any]:
    return {
        "first_day": data.now.first_day.isoformat(),
        "last_day": data.now.last_day.isoformat(),
        "as_of": data.now.as_of.isoformat() if data.now.as_of else None,
        "earned": {
            "currency": data.currency,
            "cents": data.earned_cents,
            "previous_cents": data.before.earned_cents.get(data.currency, 0) if data.now.as_of else None,
            "other_currencies": data.others,
            "by_day": [{"day": day.isoformat(), "cents": data.earned_on(day)} for day in data.days],
        },
        "attributed": {
            "currency": data.currency,
            "cents": data.attributed_cents,
            "previous_cents": data.before.attributed_cents,
            "is_floor": True,
            "sources": list(data.now.attributed_sources),
            "by_day": [{"day": day.isoformat(), "cents": data.attributed_on(day)} for day in data.days],
        },
    }


def as_table(data: Revenue) -> Table:
    columns = [
        Column("day", _("Day"), "day"),
        Column("earned_cents", _("Earned"), "cents"),
        Column("attributed_cents", _("Attributed, at least"), "cents"),
    ]
    return Table(columns, [[day, data.earned_on(day), data.attributed_on(day)] for day in data.days], data.currency)


SPONSOR_REVENUE = Card(
    name="sponsor_revenue",
    title=_("Sponsor revenue"),
    template="dashboards/creator/revenue.html",
    load=load,
    as_table=as_table,
    as_json=as_json,
    width="col-7",
    has_chart=True,
    made_of=[AdUnit, InsertionOrder, IOBooking, *FACTS, DeliveryPause, DeliveryPolicy],
)
