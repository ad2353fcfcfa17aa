"""The daily walk over lines: keep what is known of them, keep their cases true."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from bookings.delivery.airchecks import remind_of_proofs
from bookings.delivery.queries import BookingPace, pacing_of
from bookings.makegoods.services import (
    adjust_owed,
    propose_makegood,
    settle_replacement,
    waive_makegood,
    withdraw_proposal,
)
from bookings.models import DeliverySnapshot, IOBooking, Makegood
from tracker.automation.registry import JobResult
from tracker.events.services import emit
from tracker.lib.actors import Actor
from tracker.lib.errors import DomainError
from tracker.lib.garbage import no_rounds

MAKEGOOD_JOB = Actor(kind="job", id="settle-makegoods", label="The pacing job")
REMIND_DAYS = 3
# A line that has not begun is looked at this long before, for a replacement that was cancelled.
LOOK_AHEAD_DAYS = 365
_CHUNK = 2_000

Status = IOBooking.Status


@no_rounds()
def take_snapshots(*, at: datetime) -> JobResult:
    """Keep what is known today of every line that runs or is being settled; a second run of a day corrects it.

    Set-based: the number of statements does not grow with the lines.
    """
    lines = IOBooking.objects.filter(status__in=[Status.ACTIVE, Status.PAUSED, Status.MAKEGOOD], flight_start__lte=at)
    paces = pacing_of(lines, at=at, in_bulk=True)
    known_on = at.astimezone(UTC).date()
    snapshots = [_snapshot(pace, known_on, at) for pace in paces]
    fields = [
        field.name for field in DeliverySnapshot._meta.concrete_fields if field.name not in ("booking", "known_on")
    ]
    DeliverySnapshot.objects.bulk_create(
        snapshots,
        batch_size=_CHUNK,
        update_conflicts=True,
        unique_fields=["booking", "known_on"],
        update_fields=fields,
    )
    bands = Counter(pace.band for pace in paces)
    behind = bands.get("behind", 0)
    return JobResult(f"Paced {len(paces)} lines, {behind} of them behind.", {"lines": len(paces), **bands})


def settle_makegoods(*, at: datetime) -> JobResult:
    """Warn of what will fall short, follow restated counts, settle replacements that ran, remind of cases.

    Closing lines is the clock's work (services/upkeep); this job keeps the cases true. Each line is its own
    transaction: one that is refused is counted and told, and holds up no other.
    """
    done: Counter[str] = Counter()
    problems = []
    for pace in pacing_of(_lines_with_work(at), at=at, in_bulk=True):
        try:
            with transaction.atomic():
                done.update(_walk(pace, at))
        except DomainError as refusal:
            problems.append(f"{pace.booking.pk}: {refusal.message}")
    done.update(reminded=remind_of_cases(at=at) + remind_of_proofs(at=at))
    words = ", ".join(f"{count} {what}" for what, count in sorted(done.items()) if count) or "nothing to do"
    summary = f"Makegoods: {words}." + (f" {len(problems)} refused." if problems else "")
    return JobResult(summary, {**done, "refused": problems[:20]})


def _lines_with_work(at: datetime) -> QuerySet[IOBooking]:
    """Running lines, lines in makegood, replacements that a case waits for, ended lines that still carry a warning."""
    case = Makegood.Status
    return (
        IOBooking.objects.filter(flight_start__lte=at + timedelta(days=LOOK_AHEAD_DAYS))
        .filter(
            Q(status__in=[Status.ACTIVE, Status.MAKEGOOD])
            | Q(repairs__status=case.SCHEDULED)
            | Q(makegoods__status=case.PROPOSED)
        )
        .distinct()
    )


def remind_of_cases(*, at: datetime) -> int:
    """Tell, once a day, of cases that are due within three days or overdue. Emits makegood.due."""
    today = at.astimezone(UTC).date()
    due = Makegood.objects.filter(status__in=Makegood.OPEN, due_on__lte=today + timedelta(days=REMIND_DAYS))
    count = 0
    with transaction.atomic():
        for case in due.exclude(reminded_on=today).select_for_update(of=("self",)):
            case.reminded_on = today
            case.save(update_fields=["reminded_on"])
            data = {
                "makegood_id": str(case.pk),
                "io_id": str(case.booking_id),
                "due_on": case.due_on.isoformat() if case.due_on else None,
                "is_overdue": case.due_on is not None and case.due_on < today,
                "outstanding_impressions": case.outstanding_impressions,
            }
            emit("makegood.due", subject=case, by=MAKEGOOD_JOB, at=at, data=data)
            count += 1
    return count


def is_projected_short(pace: BookingPace) -> bool:
    """Whether the projection falls short beyond the tolerance, and the goal lies outside its 80 % interval."""
    if pace.projection is None or pace.projection_high is None:
        return False
    return _below_tolerance(pace, pace.projection) and pace.projection_high < pace.booked


def _below_tolerance(pace: BookingPace, count: int) -> bool:
    return count * 1000 < pace.booked * (1000 - pace.booking.order.tolerance_permille)


def _walk(pace: BookingPace, at: datetime) -> Iterable[str]:
    booking = pace.booking
    if booking.makegood_of_id is not None:
        return _walk_replacement(pace, at)
    if booking.status == Status.MAKEGOOD:
        return _follow_restatement(pace, at)
    if booking.status in (Status.ACTIVE, Status.PAUSED):
        return () if pace.is_measuring_closed else _warn(pace, at)
    for case in _proposals(booking):
        withdraw_proposal(case=case, by=MAKEGOOD_JOB, at=at, reason="the line ended without a shortfall")
    return ("withdrawn",)


def _warn(pace: BookingPace, at: datetime) -> Iterable[str]:
    """Propose a case while notice can still be given; take the proposal back when the projection recovers."""
    proposals = list(_proposals(pace.booking))
    if is_projected_short(pace):
        in_time = pace.as_of is not None and at.astimezone(UTC).date() <= pace.notice_by
        if (in_time or proposals) and pace.shortfall:
            propose_makegood(
                booking=pace.booking, owed_impressions=pace.shortfall, due_on=pace.notice_by, by=MAKEGOOD_JOB, at=at
            )
            return () if proposals else ("proposed",)
        return ()
    if not proposals or pace.projection is None or _below_tolerance(pace, pace.projection):
        return ()
    for case in proposals:
        withdraw_proposal(case=case, by=MAKEGOOD_JOB, at=at, reason="the projection recovered")
    return ("withdrawn",)


def _walk_replacement(pace: BookingPace, at: datetime) -> Iterable[str]:
    """Count what a replacement delivered for its case once its own measuring closed, or once it was cancelled."""
    is_cancelled = pace.booking.status == Status.CANCELLED
    if not is_cancelled and not (pace.is_measuring_closed and pace.booking.flight_end <= at):
        return ()
    case = Makegood.objects.filter(replacement=pace.booking, status=Makegood.Status.SCHEDULED).first()
    if case is None:
        return ()
    reason = "the replacement was cancelled" if is_cancelled else ""
    settle_replacement(case=case, delivered=pace.own_delivered or 0, by=MAKEGOOD_JOB, at=at, reason=reason)
    return ("settled",)


def _follow_restatement(pace: BookingPace, at: datetime) -> Iterable[str]:
    """Correct what an opened case owes when the source restated its numbers before anything was offered."""
    case = Makegood.objects.filter(
        booking=pace.booking, status=Makegood.Status.OPENED, reason=Makegood.Reason.SHORT, fulfilled_impressions=0
    ).first()
    if case is None or pace.own_delivered is None or case.delivered_impressions is None:
        return ()
    change = pace.own_delivered - case.delivered_impressions
    owed = max(0, case.owed_impressions - change)
    if not change or owed == case.owed_impressions:
        return ()
    Makegood.objects.filter(pk=case.pk).update(delivered_impressions=pace.own_delivered)
    case = adjust_owed(
        case=case, owed_impressions=owed, by=MAKEGOOD_JOB, at=at, reason="the source restated its counts"
    )
    if owed == 0:
        waive_makegood(case=case, by=MAKEGOOD_JOB, at=at, reason="restated: nothing is short any more")
    return ("restated",)


def _proposals(booking: IOBooking) -> Iterable[Makegood]:
    return Makegood.objects.filter(booking=booking, status=Makegood.Status.PROPOSED).select_related("booking")


def _snapshot(pace: BookingPace, known_on: date, at: datetime) -> DeliverySnapshot:
    return DeliverySnapshot(
        booking_id=pace.booking.pk,
        known_on=known_on,
        as_of=pace.as_of,
        source=pace.source,
        booked=pace.booked,
        delivered=pace.delivered,
        expected=None if pace.expected is None else round(pace.expected, 2),
        band=pace.band,
        projection=pace.projection,
        projection_low=pace.projection_low,
        projection_high=pace.projection_high,
        exposure_cents=pace.exposure_cents,
        unknown_reason=pace.unknown_reason,
        taken_at=at,
    )
