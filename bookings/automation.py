"""Named jobs of bookings. All are upkeep: they run also where bookings are switched off, for lines that stand."""

from datetime import datetime

from bookings.clicks import drain_clicks
from bookings.delivery import digest
from bookings.delivery import upkeep as delivery
from bookings.services.copies import check_late_copies
from bookings.services.upkeep import end_holds, move_due_bookings
from tracker.automation.registry import JobResult, job


@job("move-bookings")
def move_bookings(*, at: datetime) -> JobResult:
    """Start bookings whose flight has begun, and complete those whose measuring has closed."""
    done = move_due_bookings(at=at)
    return JobResult(
        summary=f"{done.started} started, {done.completed} completed, {done.refused} refused",
        counts={"started": done.started, "completed": done.completed, "refused": done.refused},
    )


@job("expire-holds")
def expire_holds(*, at: datetime) -> JobResult:
    """End holds whose time is over, and tell the owners of those that end within a day."""
    done = end_holds(at=at)
    return JobResult(
        summary=f"{done.expired} expired, {done.warned} owners told",
        counts={"expired": done.expired, "warned": done.warned},
    )


@job("late-copy")
def late_copy(*, at: datetime) -> JobResult:
    """Raise an alert on each booking whose copy is not approved in time; clear those that are."""
    raised, cleared = check_late_copies(at=at)
    return JobResult(summary=f"{raised} late, {cleared} cleared", counts={"raised": raised, "cleared": cleared})


@job("keep-delivery")
def keep_delivery(*, at: datetime) -> JobResult:
    """Keep what is known today of the delivery of every running line."""
    return delivery.take_snapshots(at=at)


@job("settle-makegoods")
def settle_makegoods(*, at: datetime) -> JobResult:
    """Warn of lines that will fall short, settle replacements that ran, remind of cases that are due."""
    return delivery.settle_makegoods(at=at)


@job("delivery-digest")
def send_delivery_digests(*, at: datetime) -> JobResult:
    """Mail everybody, once a day, the makegoods and proofs whose deadlines are near or past."""
    run = digest.send_digests(at=at)
    summary = f"{run.sent} letters about {run.items} deadlines sent, {run.failed} failed"
    return JobResult(summary=summary, counts={"sent": run.sent, "items": run.items, "failed": run.failed})


@job("drain-clicks")
def count_clicks(*, at: datetime) -> JobResult:
    """Count the clicks on vanity links that the web processes have kept."""
    clicks = drain_clicks(at=at)
    return JobResult(summary=f"{clicks} clicks counted", counts={"clicks": clicks})
