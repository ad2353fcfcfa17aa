"""win_loss: what was won and lost in a period, why, how long it took, and the period before."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from django.utils.translation import gettext_lazy as _

from deals.models import Campaign
from deals.queries import WinLoss, share, win_loss
from tracker.dashboards.cards import Card
from tracker.dashboards.scope import Period, Scope
from tracker.dashboards.tables import Column, Table
from tracker.lib import words
from tracker.lib.dates import flight_bounds

Stage = Campaign.Stage
REASONS_SHOWN = 5


@dataclass(frozen=True)
class Outcome:
    """One period in one currency, and how the one before it went.

    reasons: (reason, deals, cents) of what was lost, the most money first. days_to_close: the middle of the won deals.
    """

    period: Period
    currency: str
    now: WinLoss
    before_won: int
    before_lost: int
    days_to_close: float | None
    reasons: list[tuple[str, int, int]]

    @property
    def closed(self) -> int:
        return self.now.won + self.now.lost

    @property
    def before_closed(self) -> int:
        return self.before_won + self.before_lost

    @property
    def before_rate(self) -> Decimal | None:
        return share(self.before_won, self.before_closed)

    @property
    def top_reasons(self) -> list[tuple[str, int, int]]:
        return self.reasons[:REASONS_SHOWN]

    @property
    def without_reason(self) -> int:
        return sum(deals for reason, deals, _cents in self.reasons if not reason)


def load(scope: Scope) -> Outcome:
    """Two statements for the period, one for the closings of both periods."""
    zone, currency, period = words.house_zone(), words.house_currency(), scope.period
    since, until = flight_bounds(period.first, period.last, zone)
    before_since, _until = flight_bounds(scope.before.first, scope.before.last, zone)
    closings = list(
        Campaign.objects.filter(currency=currency, closed_at__gte=before_since, closed_at__lt=until).values_list(
            "stage", "campaign_value", "lost_reason", "created_at", "closed_at"
        )
    )
    before = [row[0] for row in closings if _in(row[4], scope.before, zone)]
    took = [
        (closed - made) / timedelta(days=1)
        for stage, _cents, _reason, made, closed in closings
        if stage == Stage.WON and closed >= since and closed >= made
    ]
    return Outcome(
        period=period,
        currency=currency,
        now=win_loss(since=since, until=until, currency=currency),
        before_won=before.count(Stage.WON),
        before_lost=before.count(Stage.LOST),
        days_to_close=median(took) if took else None,
        reasons=_reasons([row for row in closings if row[4] >= since]),
    )


def _in(moment: datetime, period: Period, zone: Any) -> bool:
    return period.first <= moment.astimezone(zone).date() <= period.last


def _reasons(rows: list[tuple[Any, ...]]) -> list[tuple[str, int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for stage, cents, reason, _made, _closed in rows:
        if stage == Stage.LOST:
            deals, so_far = found.get(reason, (0, 0))
            found[reason] = (deals + 1, so_far + cents)
    return sorted(((reason, *both) for reason, both in found.items()), key=lambda row: (-row[2], -row[1], row[0]))


def as_json(data: Outcome) -> dict[str, Any]:
    now = data.now
    return {
        "first_day": data.period.first.isoformat(),
        "last_day": data.period.last.isoformat(),
        "currency": data.currency,
        "won": now.won,
        "lost": now.lost,
        "won_cents": now.won_cents,
        "lost_cents": now.lost_cents,
        "win_rate": None if now.rate_by_count is None else float(now.rate_by_count),
        "win_rate_by_value": None if now.rate_by_value is None else float(now.rate_by_value),
        "days_to_close_median": data.days_to_close if data.days_to_close is None else round(data.days_to_close, 1),
        "reasons": [{"reason": reason, "deals": deals, "cents": cents} for reason, deals, cents in data.reasons],
        "previous": {
            "won": data.before_won,
            "lost": data.before_lost,
            "win_rate": None if data.before_rate is None else float(data.before_rate),
        },
    }


COLUMNS = [
    Column("outcome", _("Outcome")),
    Column("reason", _("Reason")),
    Column("deals", _("Deals"), "number"),
    Column("cents", _("Value"), "cents"),
]


def as_table(data: Outcome) -> Table:
    rows: list[list[Any]] = [["won", "", data.now.won, data.now.won_cents]]
    rows += [["lost", reason, deals, cents] for reason, deals, cents in data.reasons]
    return Table(COLUMNS, rows, data.currency)


WIN_LOSS = Card(
    name="win_loss",
    title=_("Won and lost"),
    template="dashboards/ops/win_loss.html",
    load=load,
    as_table=as_table,
    as_json=as_json,
    width="col-4",
    made_of=[Campaign],
)
