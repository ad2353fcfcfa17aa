"""From counts to an invoice's lines: what two sides counted, what they agreed, what is billed, and what still waits."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.delivery.airchecks import spots_to_prove
from bookings.delivery.booking_pace import BookingPace
from bookings.delivery.inputs import gather
from bookings.delivery.paces import Pacer
from bookings.delivery.policy import delivery_policy
from bookings.delivery.queries import pacing_of
from bookings.makegoods.value import value_of
from bookings.models import AgreedCount, BillingLine, IOBooking
from bookings.pacing import Bands
from metrics.queries import sources_of
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import Conflict, DomainError
from tracker.lib.money import round_half_up, share_of
from tracker.lib.spreadsheets import inert

# Two counts of one thing: within 5 % is usual, past 10 % both sides reconcile (PTM, T&C).
USUAL_PCT, RECONCILE_PCT = Decimal(5), Decimal(10)
USUAL, NOTICEABLE, RECONCILE = "usual", "noticeable", "reconcile"


@dataclass(frozen=True)
class SourceCount:
    """What one source counted for a line over the compared days. `difference_pct` is against the measurement of record;
    None where either is unknown. Sources stand beside each other and are never added up."""

    source: str
    count: int | None
    is_record: bool
    difference_pct: Decimal | None
    band: str


@dataclass(frozen=True)
class Reconciliation:
    """Counts of all sources over the days that every one of them has measured."""

    first_day: date
    last_day: date | None
    counts: tuple[SourceCount, ...]
    agreed: AgreedCount | None

    @property
    def needs_reconciling(self) -> bool:
        return any(count.band == RECONCILE for count in self.counts)


def difference_band(pct: Decimal | None) -> str:
    """Return how far two counts are apart: usual to 5 %, noticeable to 10 %, reconcile past it; empty if unknown."""
    if pct is None:
        return ""
    if abs(pct) <= USUAL_PCT:
        return USUAL
    return NOTICEABLE if abs(pct) <= RECONCILE_PCT else RECONCILE


def reconciliation_of(booking: IOBooking, *, at: datetime) -> Reconciliation:
    """Return what each source counted for a line, over the days that all of them have measured.

    Statements grow with the sources of the show (a handful), not with bookings or episodes.
    """
    line = IOBooking.objects.select_related("order", "ad_unit__podcast", "episode").get(pk=booking.pk)
    days: dict[str, dict[date, int]] = {}
    for source in sources_of(podcast_id=line.ad_unit.podcast_id):
        inputs = gather([line], at=at, source=source)
        days[source] = Pacer(inputs, Bands()).delivered_by_day(inputs.flights[0])
    (pace,) = pacing_of([line], at=at)
    known = {source: counts for source, counts in days.items() if counts}
    last = min((max(counts) for counts in known.values()), default=None)
    totals = {
        source: sum(count for day, count in counts.items() if last is not None and day <= last)
        for source, counts in known.items()
    }
    record = totals.get(pace.source)
    counts = [_source_count(source, totals[source], record, source == pace.source) for source in sorted(totals)]
    counts.sort(key=lambda count: not count.is_record)
    return Reconciliation(pace.first_day, last, tuple(counts), standing_agreement(line))


def standing_agreement(booking: IOBooking) -> AgreedCount | None:
    return AgreedCount.objects.filter(booking=booking, replaced_by__isnull=True).order_by("-first_day").first()


@transaction.atomic
def agree_count(
    *, booking: IOBooking, impressions: int, reason: str, by: HasActor | Actor, at: datetime
) -> AgreedCount:
    """Write down the count that both sides bill a line on, who agreed and why. A later agreement replaces it.

    What both sides had counted on that day is kept beside it. Emits io.count_agreed.
    Raises DomainError("reason_required"), DomainError("count_negative"), Conflict("already_billed").
    """
    if not reason.strip():
        raise DomainError("reason_required", _("Say how this count was agreed."), field="reason")
    if impressions < 0:
        raise DomainError("count_negative", _("A count is not negative."), field="impressions")
    IOBooking.objects.select_for_update().get(pk=booking.pk)
    if BillingLine.objects.filter(booking=booking).exists():
        raise Conflict("already_billed", _("This line was released to billing; its count stands."))
    compared = reconciliation_of(booking, at=at)
    (pace,) = pacing_of([booking], at=at)
    others = [count for count in compared.counts if not count.is_record]
    agreed = AgreedCount(
        booking=booking,
        first_day=pace.first_day,
        last_day=max(pace.closes_on, pace.first_day),
        impressions=impressions,
        recorded_impressions=pace.own_delivered,
        third_party=others[0].source if others else "",
        third_party_impressions=others[0].count if others else None,
        reason=reason.strip()[:500],
        agreed_at=at,
        agreed_by=actor_of(by).as_json(),
    )
    # The old one steps aside first, since one agreement of a period stands; its reference is checked at the end.
    AgreedCount.objects.filter(booking=booking, replaced_by__isnull=True).update(replaced_by=agreed.pk)
    agreed.save()
    data = {"io_id": str(booking.pk), "impressions": impressions, "reason": agreed.reason}
    emit("io.count_agreed", subject=booking, by=by, at=at, data=data)
    return agreed


@dataclass(frozen=True)
class Bill:
    """What a line bills: cents of its order's currency, rounded half up once; `waits_for` says what is missing."""

    booking: IOBooking
    first_day: date
    last_day: date
    basis: str
    impressions: int | None
    gross_cents: int | None
    commission_cents: int | None
    net_cents: int | None
    currency: str
    agreed: AgreedCount | None
    waits_for: tuple[str, ...]
    released: BillingLine | None


def bill_of(booking: IOBooking, *, at: datetime) -> Bill:
    """Return what a line bills as it stands: the agreed count x CPM capped at the contract, the flat fee, or what a
    cancellation leaves. A makegood bills nothing."""
    (pace,) = pacing_of([booking], at=at)
    line = pace.booking
    agreed = standing_agreement(line)
    count = agreed.impressions if agreed else pace.own_delivered
    flight_days = (pace.last_day - pace.first_day).days + 1
    basis, gross = _gross(line, count, pace.days_total, flight_days)
    commission = None if gross is None else share_of(gross, permille=line.order.commission_permille)
    return Bill(
        booking=line,
        first_day=pace.first_day,
        last_day=max(pace.closes_on, pace.first_day),
        basis=basis,
        impressions=count if basis == BillingLine.Basis.CPM_DELIVERED else None,
        gross_cents=gross,
        commission_cents=commission,
        net_cents=None if gross is None or commission is None else gross - commission,
        currency=line.order.currency,
        agreed=agreed,
        waits_for=_waits_for(pace, agreed, gross, at),
        released=BillingLine.objects.filter(booking=line).first(),
    )


@transaction.atomic
def release_bill(*, booking: IOBooking, by: HasActor | Actor, at: datetime) -> BillingLine:
    """Freeze what a line bills and hand it to accounting. A second press gives the same line.

    Emits io.billed. Raises Conflict("bill_waits") naming what is missing.
    """
    IOBooking.objects.select_for_update().get(pk=booking.pk)
    bill = bill_of(booking, at=at)
    if bill.released is not None:
        return bill.released
    if bill.waits_for or bill.gross_cents is None or bill.commission_cents is None or bill.net_cents is None:
        message = _("This line cannot be billed yet: %(missing)s.")
        missing = ", ".join(bill.waits_for)
        raise Conflict("bill_waits", message % {"missing": missing}, waits_for=list(bill.waits_for))
    line = BillingLine.objects.create(
        booking=booking,
        first_day=bill.first_day,
        last_day=bill.last_day,
        basis=bill.basis,
        impressions=bill.impressions,
        gross_cents=bill.gross_cents,
        commission_cents=bill.commission_cents,
        net_cents=bill.net_cents,
        currency=bill.currency,
        agreed_count=bill.agreed,
        released_at=at,
        released_by=actor_of(by).as_json(),
    )
    data = {"io_id": str(booking.pk), "gross_cents": line.gross_cents, "net_cents": line.net_cents}
    emit("io.billed", subject=booking, by=by, at=at, data={**data, "currency": line.currency})
    return line


CSV_COLUMNS = (
    *("order", "line", "io_id", "sponsor", "show", "unit", "first_day", "last_day", "basis", "impressions"),
    *("cpm_cents", "gross_cents", "commission_cents", "net_cents", "currency", "released_at"),
)


def billing_csv(lines: Iterable[BillingLine]) -> str:
    """Return released lines as CSV for accounting: integer cents, ISO days, no cell that a spreadsheet would run.

    Lines come with booking__order, booking__campaign__sponsor and booking__ad_unit__podcast.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    for line in lines:
        booking = line.booking
        cells = [
            *(booking.order.number or "", booking.line_number, str(booking.pk), booking.campaign.sponsor.name),
            *(booking.ad_unit.podcast.title, booking.ad_unit.name, line.first_day.isoformat()),
            *(line.last_day.isoformat(), line.basis, line.impressions, booking.booked_cpm_cents, line.gross_cents),
            *(line.commission_cents, line.net_cents, line.currency, line.released_at.isoformat()),
        ]
        writer.writerow([inert(cell) for cell in cells])
    return text.getvalue()


def _source_count(source: str, count: int, record: int | None, is_record: bool) -> SourceCount:
    pct = None
    if record and not is_record:
        pct = 100 * (Decimal(count) - record) / record
    return SourceCount(source, count, is_record, pct, difference_band(pct))


def _gross(line: IOBooking, count: int | None, ran_days: int, flight_days: int) -> tuple[str, int | None]:
    """The basis and the gross: a flat fee loses the days on which the line was paused or blacked out."""
    basis = BillingLine.Basis
    if line.status == IOBooking.Status.CANCELLED:
        return basis.CANCELLATION, line.cancel_charge_cents or 0
    if line.rate_type == IOBooking.RateType.FLAT and ran_days < flight_days:
        return basis.FLAT_PRO_RATA, round_half_up(Decimal(line.gross_cents) * ran_days / flight_days)
    if line.makegood_of_id is not None:
        return basis.CPM_DELIVERED, 0
    if line.rate_type == IOBooking.RateType.FLAT:
        return basis.FLAT, line.gross_cents
    if count is None:
        return basis.CPM_DELIVERED, None
    return basis.CPM_DELIVERED, min(line.gross_cents, value_of(line, min(count, line.booked_impressions)))


def _waits_for(pace: BookingPace, agreed: AgreedCount | None, gross: int | None, at: datetime) -> tuple[str, ...]:
    line, policy, missing = pace.booking, delivery_policy(), []
    if line.status == IOBooking.Status.CANCELLED:
        return ()
    if not pace.is_measuring_closed:
        missing.append(_("measuring closes on %(day)s") % {"day": f"{pace.closes_on:%-d %b %Y}"})
    if gross is None:
        missing.append(_("nothing was measured"))
    if policy.needs_agreed_count and agreed is None and line.rate_type == IOBooking.RateType.CPM:
        missing.append(_("no agreed count"))
    if policy.needs_proof:
        spots = spots_to_prove([line], at=at)
        unproved = sum(1 for spot in spots if spot.aircheck is None or spot.aircheck.verdict != "approved")
        if unproved:
            missing.append(_("%(count)s of %(all)s reads not approved") % {"count": unproved, "all": len(spots)})
    return tuple(missing)
