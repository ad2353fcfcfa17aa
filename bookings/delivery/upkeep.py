"""The daily walk over running lines: keep what is known, close what is measured, open and settle cases."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.db import transaction

from bookings.delivery.queries import BookingPace, pacing_of
from bookings.makegoods.services import (
    adjust_owed,
    propose_makegood,
    settle_replacement,
    waive_makegood,
    withdraw_proposal,
)
from bookings.models import DeliverySnapshot, IOBooking, Makegood
from bookings.services import move_booking
from tracker.automation.registry import JobResult
from tracker.events.services import emit
from tracker.lib.actors import Actor
from tracker.lib.errors import DomainError

PACING_JOB = Actor(kind="job", id="close-deliveries", label="The pacing job")
REMIND_DAYS = 3
_CHUNK = 2_000

Status = IOBooking.Status


def take_snapshots(*, at: datetime) -> JobResult:
    """Keep what is known today of every line that runs or is being settled; a second run of a day corrects it.

    Set-based: the number of statements does not grow with the lines.
    """
    lines = IOBooking.objects.filter(status__in=[Status.ACTIVE, Status.PAUSED, Status.MAKEGOOD], flight_start__lte=at)
    paces = pacing_of(lines.only("pk"), at=at)
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


def close_deliveries(*, at: datetime) -> JobResult:
    """Close lines whose measuring has ended, open their cases, settle replacements, warn of what will fall short.

    Each line is its own transaction: one that cannot be moved is counted and told, and holds up no other.
    """
    done: Counter[str] = Counter()
    lines = IOBooking.objects.filter(
        status__in=[Status.ACTIVE, Status.MAKEGOOD, Status.COMPLETED], flight_start__lte=at
    )
    # A completed line matters only while it is a replacement whose case still waits for its count.
    waiting = lines.exclude(status=Status.COMPLETED) | lines.filter(repairs__status=Makegood.Status.SCHEDULED)
    problems = []
    for pace in pacing_of(waiting.distinct().only("pk"), at=at):
        try:
            with transaction.atomic():
                done.update(_walk(pace, at))
        except DomainError as refusal:
            problems.append(f"{pace.booking.pk}: {refusal.message}")
    done.update(reminded=remind_of_cases(at=at))
    words = ", ".join(f"{count} {what}" for what, count in sorted(done.items()) if count) or "nothing to do"
    summary = f"Deliveries: {words}." + (f" {len(problems)} refused." if problems else "")
    return JobResult(summary, {**done, "refused": problems[:20]})


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
            emit("makegood.due", subject=case, by=PACING_JOB, at=at, data=data)
            count += 1
    return count


def is_short(pace: BookingPace) -> bool:
    """Whether a line closed below what was booked less its tolerance. Source: DOMAIN, bookings."""
    return _below_tolerance(pace, pace.own_delivered or 0)


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
    if booking.status != Status.ACTIVE:
        return ()
    if pace.is_measuring_closed and booking.flight_end <= at:
        return _close(pace, at)
    return _warn(pace, at)


def _close(pace: BookingPace, at: datetime) -> Iterable[str]:
    if is_short(pace):
        move_booking(
            booking=pace.booking, to=Status.MAKEGOOD, by=PACING_JOB, at=at, makegood_reason=Makegood.Reason.SHORT
        )
        return ("closed_short",)
    for case in _proposals(pace.booking):
        withdraw_proposal(case=case, by=PACING_JOB, at=at, reason="closed within tolerance")
    move_booking(booking=pace.booking, to=Status.COMPLETED, by=PACING_JOB, at=at)
    return ("completed",)


def _warn(pace: BookingPace, at: datetime) -> Iterable[str]:
    """Propose a case while notice can still be given; take the proposal back when the projection recovers."""
    proposals = list(_proposals(pace.booking))
    if is_projected_short(pace):
        in_time = pace.as_of is not None and at.astimezone(UTC).date() <= pace.notice_by
        if (in_time or proposals) and pace.shortfall:
            propose_makegood(
                booking=pace.booking, owed_impressions=pace.shortfall, due_on=pace.notice_by, by=PACING_JOB, at=at
            )
            return () if proposals else ("proposed",)
        return ()
    if not proposals or pace.projection is None or _below_tolerance(pace, pace.projection):
        return ()
    for case in proposals:
        withdraw_proposal(case=case, by=PACING_JOB, at=at, reason="the projection recovered")
    return ("withdrawn",)


def _walk_replacement(pace: BookingPace, at: datetime) -> Iterable[str]:
    """Close a replacement and count what it delivered for its case."""
    if not pace.is_measuring_closed or pace.booking.flight_end > at:
        return ()
    if pace.booking.status == Status.ACTIVE:
        move_booking(booking=pace.booking, to=Status.COMPLETED, by=PACING_JOB, at=at, reason="replacement measured")
    case = Makegood.objects.filter(replacement=pace.booking, status=Makegood.Status.SCHEDULED).first()
    if case is None:
        return ("completed",)
    settle_replacement(case=case, delivered=pace.own_delivered or 0, by=PACING_JOB, at=at)
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
    case = adjust_owed(case=case, owed_impressions=owed, by=PACING_JOB, at=at, reason="the source restated its counts")
    if owed == 0:
        waive_makegood(case=case, by=PACING_JOB, at=at, reason="restated: nothing is short any more")
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
