"""What links and codes saw of a sponsor's sales: floors, never totals, and never added to what was earned."""

import csv
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from bookings.delivery.policy import delivery_policy
from bookings.delivery.queries import BookingPace
from bookings.makegoods.value import value_of
from bookings.models import IOBooking, LinkClicks, Redemption, VanityLink
from deals.models import Sponsor
from tracker.lib.errors import DomainError
from tracker.lib.money import round_half_up

# Sales come in for a while after a flight ends; a read is heard late and remembered.
TAIL_DAYS = 30
COLUMNS = ("promo_code", "day", "orders", "revenue_cents")


@dataclass(frozen=True)
class Attribution:
    """What was seen of a line's effect. Every figure but the price is a floor; None is unknown.

    Money is cents of the house's currency, ratios are plain (ROAS 1.8 = 1.80 of sales for 1.00 spent). `surveyed_cents`
    is the revenue times the house's survey multiplier, an estimate that is labelled as one. `is_shared`: another line
    of the same sponsor and show uses the same code and link, so both show the same sales.
    """

    first_day: date
    last_day: date
    clicks: int | None
    orders: int | None
    revenue_cents: int | None
    spent_cents: int | None
    ecpm_cents: int | None
    cpa_cents: int | None
    roas: Decimal | None
    surveyed_cents: int | None
    is_shared: bool


def attribution_of(pace: BookingPace, *, at: datetime) -> Attribution:
    """Return what links and codes saw of a line, from its first day to thirty days after its last."""
    line = pace.booking
    today = at.astimezone(UTC).date()
    first, last = pace.first_day, min(pace.last_day + timedelta(days=TAIL_DAYS), today)
    sponsor, show = line.campaign.sponsor_id, line.ad_unit.podcast_id
    links = VanityLink.objects.filter(sponsor=sponsor, podcast=show)
    clicks = LinkClicks.objects.filter(link__in=links, day__gte=first, day__lte=last).aggregate(sum=Sum("clicks"))
    seen = Redemption.objects.filter(
        sponsor=sponsor, promo_code=folded(line.promo_code), day__gte=first, day__lte=last
    ).aggregate(orders=Sum("orders"), revenue=Sum("revenue_cents"))
    spent = _spent(pace)
    multiplier = delivery_policy().survey_multiplier
    revenue, orders = seen["revenue"], seen["orders"]
    twins = IOBooking.objects.filter(
        campaign__sponsor=sponsor,
        ad_unit__podcast=show,
        flight_start__lt=line.flight_end,
        flight_end__gt=line.flight_start,
    ).exclude(Q(pk=line.pk) | Q(status__in=["draft", "held", "cancelled", "expired"]))
    return Attribution(
        first_day=first,
        last_day=last,
        clicks=clicks["sum"] if clicks["sum"] is not None else (0 if links.exists() else None),
        orders=orders,
        revenue_cents=revenue,
        spent_cents=spent,
        ecpm_cents=_ratio(spent, pace.delivered, times=1000),
        cpa_cents=_ratio(spent, orders),
        roas=None if revenue is None or not spent else (Decimal(revenue) / spent).quantize(Decimal("0.01")),
        surveyed_cents=None if revenue is None or multiplier is None else round_half_up(Decimal(revenue) * multiplier),
        is_shared=twins.exists(),
    )


@dataclass(frozen=True)
class RedemptionsRead:
    """What became of a file of redemptions; issues are (line, column, reason)."""

    taken: int
    issues: tuple[tuple[int, str, str], ...]


@transaction.atomic
def import_redemptions(*, lines: Iterable[str], sponsor: Sponsor, source: str, at: datetime) -> RedemptionsRead:
    """Take a sponsor's report of sales by code and day: promo_code,day,orders[,revenue_cents].

    A row of the same code, day and source replaces the one before, so the same file twice changes nothing. Rows that
    cannot be read are named and left out. Raises DomainError("unreadable_file") for a file without the columns.
    """
    rows = csv.DictReader(lines)
    names = {(name or "").strip().lower() for name in rows.fieldnames or ()}
    missing = [column for column in COLUMNS[:3] if column not in names]
    if missing:
        message = _("The first line lacks %(missing)s. Expected: %(all)s.")
        raise DomainError("unreadable_file", message % {"missing": ", ".join(missing), "all": ",".join(COLUMNS)})
    issues: list[tuple[int, str, str]] = []
    taken: dict[tuple[str, date], Redemption] = {}
    for row in rows:
        cells = {(name or "").strip().lower(): (cell or "").strip() for name, cell in row.items() if name}
        try:
            redemption = _redemption(cells, sponsor, source, at)
        except DomainError as problem:
            issues.append((rows.line_num, problem.details["column"], problem.message))
            continue
        taken[redemption.promo_code, redemption.day] = redemption
    Redemption.objects.bulk_create(
        taken.values(),
        update_conflicts=True,
        unique_fields=["sponsor", "promo_code", "day", "source"],
        update_fields=["orders", "revenue_cents", "recorded_at"],
    )
    return RedemptionsRead(len(taken), tuple(issues))


def folded(code: str) -> str:
    """Return a promo code as it is compared."""
    return unicodedata.normalize("NFKC", code).strip().casefold()[:40]


def _redemption(cells: dict[str, str], sponsor: Sponsor, source: str, at: datetime) -> Redemption:
    code = folded(cells["promo_code"])
    if not code:
        raise DomainError("bad_cell", _("A code is missing."), column="promo_code")
    try:
        day = date.fromisoformat(cells["day"])
    except ValueError:
        message = _("“%(cell)s” is not a day; write it as 2026-11-20.") % {"cell": cells["day"][:40]}
        raise DomainError("bad_cell", message, column="day") from None
    revenue = cells.get("revenue_cents", "")
    return Redemption(
        sponsor=sponsor,
        promo_code=code,
        day=day,
        orders=_whole(cells["orders"], "orders"),
        revenue_cents=_whole(revenue, "revenue_cents") if revenue else None,
        source=source,
        recorded_at=at,
    )


def _whole(cell: str, column: str) -> int:
    if not cell.isascii() or not cell.isdigit() or len(cell) > 15:
        message = _("“%(cell)s” is not a whole number of at least 0.") % {"cell": cell[:40]}
        raise DomainError("bad_cell", message, column=column)
    return int(cell)


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


def _ratio(part: int | None, whole: int | None, *, times: int = 1) -> int | None:
    if part is None or not whole:
        return None
    return round_half_up(Decimal(part) * times / whole)
