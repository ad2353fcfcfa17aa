"""What links and codes saw of a sponsor's sales: floors, never totals, and never added to what was earned."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from django.db.models import Q

from bookings.delivery.booking_pace import BookingPace
from bookings.delivery.policy import delivery_policy
from bookings.delivery.queries import LIVE, pacing_of
from bookings.delivery.redemptions import folded
from bookings.makegoods.value import value_of
from bookings.models import IOBooking, LinkClicks, Redemption, VanityLink
from deals.models import Campaign
from tracker.lib.money import round_half_up
from tracker.tenants.context import current_tenant

# Sales come in for a while after a flight ends; a read is heard late and remembered.
TAIL_DAYS = 30


@dataclass(frozen=True)
class Attribution:
    """What was seen of the effect of a line, or of all lines of a campaign. None is unknown.

    Clicks, orders and revenue are floors, and so is the return on spend; the cost of a sale is a ceiling. Sales are
    cents of the house's currency, spending is cents of the order's; ROAS (1.8 = 1.80 of sales for 1.00 spent) is known
    where the two are one. What was spent is what was earned: it is set against the sales and never added to them.
    `surveyed_cents` is the revenue times the house's `survey_multiplier`, an estimate that is labelled as one.
    `is_shared`: another line of the same sponsor and show, that is not among these, uses the same code and link, so
    both show the same sales.
    """

    first_day: date
    last_day: date
    lines: int
    clicks: int | None
    orders: int | None
    new_customers: int | None
    revenue_cents: int | None
    spent_cents: int | None
    ecpm_cents: int | None
    cpa_cents: int | None
    roas: Decimal | None
    survey_multiplier: Decimal | None
    surveyed_cents: int | None
    is_shared: bool


def attribution_of(pace: BookingPace, *, at: datetime) -> Attribution:
    """Return what links and codes saw of a line, from its first day to thirty days after its last. Five statements."""
    return _seen_of([pace], at)


def attribution_of_campaign(campaign: Campaign, *, at: datetime) -> Attribution | None:
    """Return what links and codes saw of all lines of a campaign that have begun; None while none has.

    A click and a sale count once, however many lines share a link or a code. The number of statements does not grow
    with the lines.
    """
    lines = IOBooking.objects.filter(campaign=campaign, status__in=LIVE, flight_start__lte=at, makegood_of__isnull=True)
    paces = pacing_of(lines.order_by("flight_start", "io_id"), at=at)
    return _seen_of(paces, at) if paces else None


def _seen_of(paces: Sequence[BookingPace], at: datetime) -> Attribution:
    today = at.astimezone(UTC).date()
    spans = {pace.booking.pk: (pace.first_day, min(pace.last_day + timedelta(days=TAIL_DAYS), today)) for pace in paces}
    orders, revenue, new_customers = _sales(paces, spans)
    spent, delivered = _sum_if_known(_spent(pace) for pace in paces), _sum_if_known(pace.delivered for pace in paces)
    currencies = {pace.booking.order.currency for pace in paces}
    if len(currencies) > 1:
        # Currencies are never added up, and never set against each other.
        spent = None
    is_comparable = currencies == {current_tenant().currency}
    multiplier = delivery_policy().survey_multiplier
    return Attribution(
        first_day=min(first for first, _last in spans.values()),
        last_day=max(last for _first, last in spans.values()),
        lines=len(paces),
        clicks=_clicks(paces, spans),
        orders=orders,
        new_customers=new_customers,
        revenue_cents=revenue,
        spent_cents=spent,
        ecpm_cents=_ratio(spent, delivered, times=1000),
        cpa_cents=_ratio(spent, orders),
        roas=_return(revenue, spent) if is_comparable else None,
        survey_multiplier=multiplier,
        surveyed_cents=None if revenue is None or multiplier is None else round_half_up(Decimal(revenue) * multiplier),
        is_shared=_is_shared(paces),
    )


# The first and last day on which what was seen is put down to a line, by line.
Spans = dict[UUID, tuple[date, date]]


def _clicks(paces: Sequence[BookingPace], spans: Spans) -> int | None:
    """Clicks on the links of these lines' pairs of sponsor and show, each day once; None where there is no link."""
    pairs: dict[tuple[UUID, UUID], list[tuple[date, date]]] = defaultdict(list)
    for pace in paces:
        pairs[pace.booking.campaign.sponsor_id, pace.booking.ad_unit.podcast_id].append(spans[pace.booking.pk])
    links = VanityLink.objects.filter(
        sponsor__in={sponsor for sponsor, _show in pairs}, podcast__in={show for _sponsor, show in pairs}
    ).values_list("pk", "sponsor", "podcast")
    pair_of = {link: (sponsor, show) for link, sponsor, show in links}
    if not pair_of:
        return None
    rows = LinkClicks.objects.filter(link__in=pair_of, day__range=_reach(spans)).values_list("link", "day", "clicks")
    return sum(clicks for link, day, clicks in rows if _is_within(day, pairs[pair_of[link]]))


def _sales(paces: Sequence[BookingPace], spans: Spans) -> tuple[int | None, int | None, int | None]:
    """Orders, revenue and new customers that named the codes of these lines, each day of a code once.

    Where two sources report one code, the one that reports most days is taken; sources are never added up.
    """
    codes: dict[str, list[tuple[date, date]]] = defaultdict(list)
    for pace in paces:
        if code := folded(pace.booking.promo_code):
            codes[code].append(spans[pace.booking.pk])
    rows = Redemption.objects.filter(
        sponsor__in={pace.booking.campaign.sponsor_id for pace in paces},
        promo_code__in=codes,
        day__range=_reach(spans),
    ).values_list("promo_code", "source", "day", "orders", "revenue_cents", "new_customers")
    told: dict[str, dict[str, list[tuple[int | None, ...]]]] = defaultdict(lambda: defaultdict(list))
    for code, source, day, *figures in rows:
        if _is_within(day, codes[code]):
            told[code][source].append(tuple(figures))
    kept = [
        row
        for sources in told.values()
        for row in sources[min(sources, key=lambda name, days=sources: (-len(days[name]), name))]  # type: ignore[misc]
    ]
    orders, revenue, new_customers = (_sum_of_known(row[place] for row in kept) for place in range(3))
    return orders, revenue, new_customers


def _is_shared(paces: Sequence[BookingPace]) -> bool:
    """Whether a line that is not among these runs for the same sponsor on the same show at the same time."""
    meets = Q(pk__in=[])
    for pace in paces:
        line = pace.booking
        meets |= Q(
            campaign__sponsor=line.campaign.sponsor_id,
            ad_unit__podcast=line.ad_unit.podcast_id,
            flight_start__lt=line.flight_end,
            flight_end__gt=line.flight_start,
        )
    own = [pace.booking.pk for pace in paces]
    others = IOBooking.objects.filter(meets, status__in=LIVE).exclude(pk__in=own).exclude(makegood_of__in=own)
    return others.exists()


def _reach(spans: Spans) -> tuple[date, date]:
    return min(first for first, _last in spans.values()), max(last for _first, last in spans.values())


def _is_within(day: date, spans: Iterable[tuple[date, date]]) -> bool:
    return any(first <= day <= last for first, last in spans)


def _sum_of_known(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _sum_if_known(values: Iterable[int | None]) -> int | None:
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _spent(pace: BookingPace) -> int | None:
    """What the sponsor pays for what was delivered so far: delivered x CPM up to the contract, or the flat fee."""
    line = pace.booking
    if line.makegood_of_id is not None:
        return 0
    if line.rate_type == IOBooking.RateType.FLAT:
        return line.gross_cents
    if pace.own_delivered is None:
        return None
    return min(line.gross_cents, value_of(line, min(pace.own_delivered, line.booked_impressions)))


def _return(revenue: int | None, spent: int | None) -> Decimal | None:
    return None if revenue is None or not spent else (Decimal(revenue) / spent).quantize(Decimal("0.01"), ROUND_HALF_UP)


def _ratio(part: int | None, whole: int | None, *, times: int = 1) -> int | None:
    if part is None or not whole:
        return None
    return round_half_up(Decimal(part) * times / whole)
