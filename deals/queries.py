"""Reads about deals. Amounts are integer cents of one currency; currencies are never added up."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Count, Q, QuerySet, Sum

from deals.models import Campaign, Credit, GuardRule, Sponsor, StageRule
from deals.names import name_key
from deals.rules import DEFAULT_STAGES, GUARDS, OPEN_STAGES, Guard, StageSetting
from tracker.lib.money import round_half_up

Stage = Campaign.Stage


@dataclass(frozen=True)
class StageLine:
    """One stage of the pipeline in one currency. weighted_cents: value times the stage's probability, rounded once."""

    stage: str
    deals: int
    value_cents: int
    weighted_cents: int


@dataclass(frozen=True)
class MonthLine:
    """One month (its first day; None where the deal does not say) of a forecast."""

    month: date | None
    deals: int
    value_cents: int
    weighted_cents: int


@dataclass(frozen=True)
class Forecast:
    """What the pipeline promises in one currency. `commit_cents` and `best_case_cents` are not weighted."""

    currency: str
    deals: int
    value_cents: int
    weighted_cents: int
    commit_cents: int
    best_case_cents: int
    by_stage: list[StageLine]
    by_close_month: list[MonthLine]
    by_flight_month: list[MonthLine]


@dataclass(frozen=True)
class WinLoss:
    """Deals closed in a period in one currency. Rates are 0 to 1; None (unknown) when nothing closed."""

    currency: str
    won: int
    lost: int
    won_cents: int
    lost_cents: int
    rate_by_count: Decimal | None
    rate_by_value: Decimal | None
    reasons: list[tuple[str, int]] = field(default_factory=list)


def stage_settings() -> dict[str, StageSetting]:
    """Return the rules of every stage by its name: the house's own where it has them, else the defaults."""
    settings = dict(DEFAULT_STAGES)
    for own in StageRule.objects.all():
        settings[own.stage] = StageSetting(
            own.stage, own.probability_percent, own.expected_days, own.alert_days, own.stalled_days
        )
    return settings


def guard_levels() -> dict[str, str]:
    """Return off, warn or block for every guard by its code."""
    own = dict(GuardRule.objects.values_list("code", "level"))
    return {guard.code: own.get(guard.code, guard.level) for guard in GUARDS}


def unmet_guards(campaign: Campaign, *, to: str) -> list[tuple[Guard, str]]:
    """Return (guard, level) for what the deal lacks for a stage, blocking ones first."""
    levels = guard_levels()
    lacking = [
        (guard, levels[guard.code])
        for guard in GUARDS
        if to in guard.stages and levels[guard.code] != GuardRule.Level.OFF and _lacks(campaign, guard.code)
    ]
    return sorted(lacking, key=lambda finding: finding[1] != GuardRule.Level.BLOCK)


def _lacks(campaign: Campaign, code: str) -> bool:
    match code:
        case "value_missing":
            return campaign.campaign_value == 0
        case "close_missing":
            return campaign.expected_close_on is None
        case "flight_missing":
            return campaign.flight_first_day is None or campaign.flight_last_day is None
        case "contact_missing":
            return not campaign.sponsor.contacts.exists()
        case "credit_hold":
            return _is_on_hold(campaign)
        case "order_missing":
            return not campaign.has_accepted_order
    raise KeyError(code)


def _is_on_hold(campaign: Campaign) -> bool:
    """Return whether those who would pay are on hold: the sponsor, or the agency that buys for it."""
    agency = campaign.agency or campaign.sponsor.agency
    return campaign.sponsor.credit_status == Credit.HOLD or (agency is not None and agency.credit_status == Credit.HOLD)


def deal_currencies() -> list[str]:
    """Return the currencies in which there are deals, the most used one first."""
    counted = Campaign.objects.values("currency").annotate(deals=Count("pk")).order_by("-deals", "currency")
    return [row["currency"] for row in counted]


def pipeline_by_stage(*, currency: str, deals: QuerySet[Campaign] | None = None) -> list[StageLine]:
    """Return one line for each open stage, in their order, with a line of zeros for an empty one.

    Deals in other currencies are left out, never converted. `deals` narrows to a filtered set.
    Source: DOMAIN, pipeline numbers.
    """
    found = (Campaign.objects.all() if deals is None else deals).filter(currency=currency, stage__in=OPEN_STAGES)
    counted = {
        row["stage"]: row
        for row in found.order_by().values("stage").annotate(deals=Count("pk"), cents=Sum("campaign_value"))
    }
    return _stage_lines({stage: (row["deals"], row["cents"]) for stage, row in counted.items()}, stage_settings())


def _stage_lines(counted: dict[str, tuple[int, int]], settings: dict[str, StageSetting]) -> list[StageLine]:
    lines = []
    for stage in OPEN_STAGES:
        deals, cents = counted.get(stage, (0, 0))
        lines.append(StageLine(stage, deals, cents, _weighted(cents, settings[stage])))
    return lines


def pipeline_forecast(*, today: date, currency: str) -> Forecast:
    """Return what the open deals of one currency promise, as of `today`.

    Commit = negotiation + what was won in the current quarter; best case = all open. By close month a deal counts in
    the month of its expected close; by flight month its value is spread over its flight days. Deals that do not say
    stand under month None. Three statements. Source: DOMAIN, pipeline numbers.
    """
    settings = stage_settings()
    open_deals = list(
        Campaign.objects.filter(currency=currency, stage__in=OPEN_STAGES).only(
            "stage", "campaign_value", "expected_close_on", "flight_first_day", "flight_last_day"
        )
    )
    counted: dict[str, tuple[int, int]] = {}
    for deal in open_deals:
        deals, cents = counted.get(deal.stage, (0, 0))
        counted[deal.stage] = (deals + 1, cents + deal.campaign_value)
    stages = _stage_lines(counted, settings)
    value = sum(line.value_cents for line in stages)
    won = Campaign.objects.filter(currency=currency, stage=Stage.WON, closed_at__date__gte=quarter_start(today))
    won_cents = won.aggregate(cents=Sum("campaign_value"))["cents"] or 0
    negotiated = next(line.value_cents for line in stages if line.stage == Stage.NEGOTIATION)
    return Forecast(
        currency=currency,
        deals=sum(line.deals for line in stages),
        value_cents=value,
        weighted_cents=sum(line.weighted_cents for line in stages),
        commit_cents=negotiated + won_cents,
        best_case_cents=value,
        by_stage=stages,
        by_close_month=_by_month(open_deals, settings, _close_months),
        by_flight_month=_by_month(open_deals, settings, _flight_months),
    )


def win_loss(*, since: datetime, until: datetime, currency: str) -> WinLoss:
    """Return what was won and lost in [since, until) in one currency, with the reasons for loss, most frequent first.

    Win rate = won / (won + lost), by count and by value, as shares of four decimals. Source: DOMAIN, pipeline numbers.
    """
    closed = Campaign.objects.filter(currency=currency, closed_at__gte=since, closed_at__lt=until)
    sums = closed.aggregate(
        won=Count("pk", filter=Q(stage=Stage.WON)),
        lost=Count("pk", filter=Q(stage=Stage.LOST)),
        won_cents=Sum("campaign_value", filter=Q(stage=Stage.WON), default=0),
        lost_cents=Sum("campaign_value", filter=Q(stage=Stage.LOST), default=0),
    )
    reasons = Counter(closed.filter(stage=Stage.LOST).values_list("lost_reason", flat=True))
    return WinLoss(
        currency=currency,
        **sums,
        rate_by_count=share(sums["won"], sums["won"] + sums["lost"]),
        rate_by_value=share(sums["won_cents"], sums["won_cents"] + sums["lost_cents"]),
        reasons=sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0])),
    )


def possible_duplicates(name: str, *, but_not: Sponsor | None = None) -> QuerySet[Sponsor]:
    """Return live sponsors whose name or one of whose aliases is the same but for its spelling."""
    found = Sponsor.objects.filter(Q(name_key=name_key(name)) | Q(aliases__contains=[name]), merged_into__isnull=True)
    return (found.exclude(pk=but_not.pk) if but_not else found).order_by("name")


def quarter_start(day: date) -> date:
    """Return the first day of the calendar quarter of a day."""
    return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)


def share(part: int, whole: int) -> Decimal | None:
    """Return part / whole with four decimals, or None (unknown) when there is no whole."""
    return None if whole == 0 else (Decimal(part) / Decimal(whole)).quantize(Decimal("0.0001"))


def _weighted(cents: int, setting: StageSetting) -> int:
    return round_half_up(Decimal(cents) * setting.probability_percent / 100)


def _by_month(deals: Iterable[Campaign], settings: dict[str, StageSetting], months_of) -> list[MonthLine]:
    """Add up deals by the months that `months_of` names; each deal-month is rounded once, sums add rounded lines."""
    counts: Counter[date | None] = Counter()
    cents: defaultdict[date | None, int] = defaultdict(int)
    weighted: defaultdict[date | None, int] = defaultdict(int)
    for deal in deals:
        for month, amount in months_of(deal):
            counts[month] += 1
            cents[month] += amount
            weighted[month] += _weighted(amount, settings[deal.stage])
    ordered = sorted(counts, key=lambda month: (month is None, month or date.min))
    return [MonthLine(month, counts[month], cents[month], weighted[month]) for month in ordered]


def _close_months(deal: Campaign) -> list[tuple[date | None, int]]:
    day = deal.expected_close_on
    return [(day.replace(day=1) if day else None, deal.campaign_value)]


def _flight_months(deal: Campaign) -> list[tuple[date | None, int]]:
    first, last = deal.flight_first_day, deal.flight_last_day
    if first is None or last is None:
        return [(None, deal.campaign_value)]
    return [*spread_over_months(deal.campaign_value, first=first, last=last)]


def spread_over_months(cents: int, *, first: date, last: date) -> list[tuple[date, int]]:
    """Return (month, cents) with an amount spread evenly over the days from first to last, both included.

    The parts are whole cents and add up to the amount: each is the rounded sum so far less the one before.
    """
    days = (last - first).days + 1
    parts, month, gone, given = [], first.replace(day=1), 0, 0
    while month <= last:
        following = (month + timedelta(days=32)).replace(day=1)
        gone += (min(following - timedelta(days=1), last) - max(month, first)).days + 1
        so_far = round_half_up(Decimal(cents) * gone / days)
        parts.append((month, so_far - given))
        month, given = following, so_far
    return parts
