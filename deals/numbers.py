"""The numbers of the desk: who wins what, how long it takes, how far the goals are. One currency at a time."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from statistics import median
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from deals.models import Campaign, Goal
from deals.queries import share
from tracker.lib import charts, words
from tracker.lib.dates import day_start
from tracker.lib.money import round_half_up
from tracker.tenants.context import tenant_zone

Stage = Campaign.Stage

# Upper bounds of the size classes, in cents of the deal's currency.
SIZES = (100_000, 500_000, 2_000_000)


@dataclass(frozen=True)
class WinRate:
    """Won and lost deals of one owner, source, category or size. Rates are 0 to 1."""

    label: str
    won: int
    lost: int
    won_cents: int
    lost_cents: int

    @property
    def by_count(self) -> Decimal | None:
        return share(self.won, self.won + self.lost)

    @property
    def by_value(self) -> Decimal | None:
        return share(self.won_cents, self.won_cents + self.lost_cents)


@dataclass(frozen=True)
class CycleTime:
    """Days from opening to winning; None while nothing was won."""

    deals: int
    median_days: Decimal | None
    longest_days: int | None


@dataclass(frozen=True)
class GoalPace:
    """A person's goal of a quarter: expected is the goal's share of the days that have passed, today included.

    pace_pct is won / expected in percent; None before the quarter begins. open_cents is what stands in negotiation.
    """

    person: str
    goal_cents: int
    won_cents: int
    expected_cents: int
    open_cents: int
    pace_pct: Decimal | None

    @property
    def band(self) -> str:
        """Return how the pace is told: behind below 95 %, watch below 99 %, else on track."""
        if self.pace_pct is None:
            return ""
        return "behind" if self.pace_pct < 95 else "watch" if self.pace_pct < 99 else "on_track"

    @property
    def bar(self) -> charts.PaceBar:
        return charts.pace_bar(
            goal=self.goal_cents, delivered=self.won_cents, expected=self.expected_cents, band=self.band
        )


DIMENSIONS: dict[str, Any] = {
    "owner": gettext_lazy("Owner"),
    "source": gettext_lazy("Source"),
    "category": gettext_lazy("Category"),
    "size": gettext_lazy("Size"),
}


def closed_deals(*, first: date, last: date, currency: str) -> QuerySet[Campaign]:
    """Return the deals of one currency that were won or lost from `first` to `last`, in the house's days."""
    zone = tenant_zone()
    since, until = day_start(first, zone), day_start(last + timedelta(days=1), zone)
    return Campaign.objects.filter(currency=currency, closed_at__gte=since, closed_at__lt=until)


def win_rates(*, by: str, first: date, last: date, currency: str) -> list[WinRate]:
    """Return win rates for each owner, source, category or size that closed something, the most closed first."""
    label = _labels(by, currency)
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    deals = closed_deals(first=first, last=last, currency=currency).select_related("owner", "sponsor")
    for deal in deals.only("stage", "campaign_value", "source", "owner__name", "owner__email", "sponsor__category"):
        row = counts[label(deal)]
        place = 0 if deal.stage == Stage.WON else 1
        row[place] += 1
        row[place + 2] += deal.campaign_value
    rates = [WinRate(name, *row) for name, row in counts.items()]
    return sorted(rates, key=lambda rate: (-(rate.won + rate.lost), rate.label))


def cycle_time(*, first: date, last: date, currency: str) -> CycleTime:
    """Return how long the deals won in a period took, from the first call to won, in days."""
    won = closed_deals(first=first, last=last, currency=currency).filter(stage=Stage.WON)
    days = [(closed - opened).days for opened, closed in won.values_list("opened_at", "closed_at") if closed]
    if not days:
        return CycleTime(0, None, None)
    return CycleTime(len(days), Decimal(str(median(days))).quantize(Decimal("0.1")), max(days))


def goals(*, first: date, last: date, today: date, currency: str) -> list[GoalPace]:
    """Return every goal of the quarter from `first` to `last` with what was won for it, the largest goal first."""
    quarter = {"year": first.year, "quarter": (first.month + 2) // 3, "currency": currency}
    won = _sum_by_owner(closed_deals(first=first, last=last, currency=currency).filter(stage=Stage.WON))
    talking = _sum_by_owner(Campaign.objects.filter(currency=currency, stage=Stage.NEGOTIATION))
    passed = min(max((today - first).days + 1, 0), (last - first).days + 1)
    part = Fraction(passed, (last - first).days + 1)
    paces = []
    for goal in Goal.objects.filter(**quarter).select_related("user").order_by("-amount_cents", "user__name"):
        expected = round_half_up(Decimal(goal.amount_cents) * part.numerator / part.denominator)
        done = won.get(goal.user_id, 0)
        pace = (Decimal(done) * 100 / expected).quantize(Decimal("0.1")) if expected else None
        paces.append(GoalPace(str(goal.user), goal.amount_cents, done, expected, talking.get(goal.user_id, 0), pace))
    return paces


def _sum_by_owner(deals: QuerySet[Campaign]) -> dict[Any, int]:
    sums: defaultdict[Any, int] = defaultdict(int)
    for owner, cents in deals.values_list("owner_id", "campaign_value"):
        sums[owner] += cents
    return sums


def _labels(by: str, currency: str) -> Callable[[Campaign], str]:
    match by:
        case "owner":
            return lambda deal: str(deal.owner) if deal.owner else _("Nobody")
        case "source":
            return lambda deal: deal.source or _("Not said")
        case "category":
            return lambda deal: deal.sponsor.category or _("Not said")
        case "size":
            return lambda deal: _size(deal.campaign_value, currency)
    raise KeyError(by)


def _size(cents: int, currency: str) -> str:
    bound = next((bound for bound in SIZES if cents < bound), None)
    if bound is None:
        return _("%(amount)s and more") % {"amount": words.money_whole(SIZES[-1], currency)}
    return _("below %(amount)s") % {"amount": words.money_whole(bound, currency)}
