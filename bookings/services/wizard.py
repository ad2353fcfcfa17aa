"""An order in one go: the lines that sales chose for a won deal, judged together, booked together or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.models import AdUnit, InsertionOrder, IOBooking
from bookings.pricing import OrderTotals, order_totals
from bookings.services.bookings import schedule_booking
from bookings.services.orders import draft_order
from bookings.services.retry import retried
from bookings.services.slots import lock_show
from bookings.services.wishes import OPENING
from deals.models import Campaign
from metrics.models import Episode
from tracker.lib.actors import Actor, HasActor
from tracker.lib.dates import flight_bounds
from tracker.lib.errors import Conflict, DomainError

MOST_LINES = 100


@dataclass(frozen=True)
class ChosenLine:
    """A line that sales wants: days are inclusive, in the order's zone; the CPM is cents."""

    key: str
    ad_unit: AdUnit
    episode: Episode | None
    first_day: date
    last_day: date
    impressions: int
    cpm_cents: int


@dataclass(frozen=True)
class Judged:
    """What an order of the chosen lines would be: cents by line, refusals by line, totals of the lines that stand.

    Lines that the draft order has already count in totals and impressions.
    """

    gross_cents: dict[str, int]
    refusals: dict[str, DomainError]
    totals: OrderTotals
    impressions: int
    currency: str
    order: InsertionOrder


@retried
def judge_lines(
    *, campaign: Campaign, lines: Sequence[ChosenLine], status: str, by: HasActor | Actor, at: datetime
) -> Judged:
    """Say what booking these lines would come to, by booking them and taking everything back: nothing stays.

    So a line is judged by the very rules that book it, beside the others that were chosen with it.
    """
    with transaction.atomic():
        judged = _booked(campaign, lines, status, by, at)
        transaction.set_rollback(True)
    return judged


@retried
@transaction.atomic
def book_lines(
    *, campaign: Campaign, lines: Sequence[ChosenLine], status: str, by: HasActor | Actor, at: datetime
) -> Judged:
    """Book the chosen lines of a won deal into its draft order, all of them or none.

    Emits what schedule_booking emits, for each. Raises Conflict("deal_not_won"), DomainError("no_line_chosen"),
    DomainError("too_many_lines"), Conflict("lines_refused") when any line is refused (judge_lines says which).
    """
    if campaign.stage != Campaign.Stage.WON:
        raise Conflict("deal_not_won", _("An order is made from a won deal. Move the deal to won first."))
    if not lines:
        raise DomainError("no_line_chosen", _("Choose a line first."))
    judged = _booked(campaign, lines, status, by, at)
    if judged.refusals:
        message = _("%(count)s of the chosen lines cannot be booked; nothing was.") % {"count": len(judged.refusals)}
        raise Conflict("lines_refused", message, lines=sorted(judged.refusals))
    return judged


def _booked(campaign: Campaign, lines: Sequence[ChosenLine], status: str, by: HasActor | Actor, at: datetime) -> Judged:
    if len(lines) > MOST_LINES:
        raise DomainError("too_many_lines", _("Choose %(most)s lines at most.") % {"most": MOST_LINES})
    if status not in OPENING:
        raise DomainError("unknown_status", _("Lines are booked as held, scheduled or draft."), field="status")
    # One order of locks for everybody, so that two wizards wait for each other and never for ever.
    for podcast_id in sorted({line.ad_unit.podcast_id for line in lines}):
        lock_show(podcast_id)
    order = draft_order(campaign=campaign, by=by, at=at, podcast=lines[0].ad_unit.podcast if lines else None)
    gross: dict[str, int] = {}
    refusals: dict[str, DomainError] = {}
    for line in lines:
        try:
            with transaction.atomic():
                gross[line.key] = _book(campaign, line, order, status, by, at).gross_cents
        except DomainError as refusal:
            refusals[line.key] = refusal
    standing = order.lines.exclude(status__in=[IOBooking.Status.CANCELLED, IOBooking.Status.EXPIRED])
    rows = list(standing.values_list("gross_cents", "booked_impressions"))
    return Judged(
        gross_cents=gross,
        refusals=refusals,
        totals=order_totals([cents for cents, _count in rows], commission_permille=order.commission_permille),
        impressions=sum(count for _cents, count in rows),
        currency=order.currency,
        order=order,
    )


def _book(
    campaign: Campaign, line: ChosenLine, order: InsertionOrder, status: str, by: HasActor | Actor, at: datetime
) -> IOBooking:
    start, end = flight_bounds(line.first_day, line.last_day, ZoneInfo(order.time_zone))
    return schedule_booking(
        campaign=campaign,
        ad_unit=line.ad_unit,
        episode=line.episode,
        flight_start=start,
        flight_end=end,
        booked_impressions=line.impressions,
        booked_cpm_cents=line.cpm_cents,
        status=status,
        by=by,
        at=at,
    )
