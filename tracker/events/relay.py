"""From the outbox to the listeners: at least once, in order for each object, each listener by itself."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from tracker.accounts.audit import acting
from tracker.events.models import ENDPOINT_PREFIX, Delivery, Endpoint, Event
from tracker.events.registry import listener_named, names_for
from tracker.lib.actors import Actor
from tracker.lib.rows import Rows

logger = logging.getLogger(__name__)

BATCH = 200
# Waits after a failure; after the last one the delivery is given up, shown in the admin and can be sent again.
GAPS = [timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600, 6 * 3600, 24 * 3600)]
# Asked with each event, and written out so that nothing has to be put together for that. What is due comes with the
# oldest first, save what waits behind a failure of its object; what waits behind something due has its turn after that.
_WAITING = """
SELECT EXISTS (SELECT FROM events_outbox WHERE relayed_at IS NULL), ARRAY(
    SELECT delivery_id FROM event_deliveries AS ours
    WHERE status = 'pending' AND next_attempt_at <= %(at)s AND listener NOT LIKE %(endpoints)s
      AND NOT EXISTS (
        SELECT FROM event_deliveries AS failed
        WHERE failed.listener = ours.listener AND failed.subject_key = ours.subject_key
          AND failed.event_id < ours.event_id AND failed.status = 'pending' AND failed.next_attempt_at > %(at)s)
    ORDER BY event_id LIMIT %(batch)s)
"""
_TAKE = """
WITH fresh AS MATERIALIZED (
    SELECT seq FROM events_outbox WHERE relayed_at IS NULL ORDER BY seq LIMIT %(batch)s FOR UPDATE SKIP LOCKED)
UPDATE events_outbox AS event SET relayed_at = %(at)s FROM fresh WHERE event.seq = fresh.seq
RETURNING event.seq, event.type, event.subject_type || ':' || event.subject_id
"""
# What `due` says of one delivery. Found by its key alone, so that it costs the same however many wait.
CLAIM = Rows(
    """
WITH ours AS MATERIALIZED (
    SELECT * FROM event_deliveries WHERE delivery_id = %(delivery)s FOR UPDATE SKIP LOCKED)
SELECT {ours}, {event} FROM ours JOIN events_outbox AS event ON event.seq = ours.event_id
WHERE ours.status = 'pending' AND ours.next_attempt_at <= %(at)s
  AND NOT EXISTS (
    SELECT FROM event_deliveries AS earlier
    WHERE earlier.listener = ours.listener AND earlier.subject_key = ours.subject_key
      AND earlier.event_id < ours.event_id AND earlier.status = 'pending')
""",
    ours=Delivery,
    event=Event,
)
_FINISH = """
UPDATE event_deliveries SET status = %s, attempts = %s, finished_at = %s, last_error = %s WHERE delivery_id = %s
"""
# A subscriber that emits feeds the next round; this many rounds end any circle of subscribers.
MOST_ROUNDS = 50


def deliver_pending(*, at: datetime | None = None) -> int:
    """Tell every subscriber in the entered tenant all that is due, and what follows from it. Returns calls made.

    at: the moment that counts as now. Workers run this after each commit and on each sweep; the demo and the tests call
    it themselves.
    """
    calls = 0
    for _round in range(MOST_ROUNDS):
        is_fresh, waiting = _waiting(at or timezone.now())
        relayed, written = relay(at=at or timezone.now()) if is_fresh else (0, [])
        told = sum(_deliver_one(delivery, at or timezone.now()) for delivery in [*waiting, *written])
        calls += told
        if not relayed and not told:
            break
    return calls


@transaction.atomic
def relay(*, at: datetime) -> tuple[int, list[UUID]]:
    """Write one delivery for each listener of the events that nobody has looked at yet.

    Returns the events seen, and the deliveries written for subscribers, the oldest first.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"at": at, "batch": BATCH})
        events = sorted(cursor.fetchall())
    endpoints = list(Endpoint.objects.filter(is_active=True)) if events else []
    ours = [(seq, name, subject) for seq, type, subject in events for name in names_for(type)]
    theirs = [(seq, one.listener, subject) for seq, type, subject in events for one in endpoints if one.wants(type)]
    deliveries = [
        Delivery(event_id=seq, listener=name, subject_key=subject, next_attempt_at=at)
        for seq, name, subject in [*ours, *theirs]
    ]
    Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)
    return len(events), [delivery.pk for delivery in deliveries[: len(ours)]]


def _waiting(at: datetime) -> tuple[bool, list[UUID]]:
    """Return whether there are events that nobody has looked at, and the deliveries whose time has come."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"at": at, "endpoints": f"{ENDPOINT_PREFIX}%", "batch": BATCH})
        return cursor.fetchone()


def due(at: datetime) -> QuerySet[Delivery]:
    """Return the deliveries that may go now: due, and not waiting behind an earlier event of the same object."""
    earlier = Delivery.objects.filter(
        listener=OuterRef("listener"),
        subject_key=OuterRef("subject_key"),
        event__lt=OuterRef("event"),
        status=Delivery.Status.PENDING,
    )
    return Delivery.objects.filter(~Exists(earlier), status=Delivery.Status.PENDING, next_attempt_at__lte=at)


def _deliver_one(waiting: UUID, at: datetime) -> bool:
    """Claim a delivery, unless another has it or it must wait, and make its call, in one transaction.

    A killed worker leaves it as it was.
    """
    failed: tuple[Delivery, Exception] | None = None
    try:
        with transaction.atomic():
            claimed = CLAIM.first({"delivery": waiting, "at": at})
            if claimed is None:
                return False
            delivery, delivery.event = claimed
            failed = _call(delivery, at)
            if failed:
                raise _Undo
    except _Undo:
        assert failed is not None
        note_failure(delivery=failed[0], error=f"{type(failed[1]).__name__}: {failed[1]}", at=at)
    return True


class _Undo(Exception):
    """Takes back what a failed subscriber had written."""


def _call(delivery: Delivery, at: datetime) -> tuple[Delivery, Exception] | None:
    listener = listener_named(delivery.listener)
    if listener is None:
        _finish(delivery, Delivery.Status.DEAD, at, error="This listener is not part of the product any more.")
        return None
    event = delivery.event
    name = delivery.listener.rpartition(".")[2]
    try:
        with acting(actor=Actor(kind="job", id=str(event.event_id), label=name.replace("_", " ")), door="event"):
            listener(event)
    except Exception as error:
        logger.exception("Listener %s failed on event %s.", delivery.listener, event.event_id)
        return delivery, error
    _finish(delivery, Delivery.Status.DELIVERED, at)
    return None


def note_failure(*, delivery: Delivery, error: str, at: datetime) -> None:
    """Count a failed try and set the next one, or give the delivery up after the last."""
    delivery.attempts += 1
    if delivery.attempts > len(GAPS):
        delivery.status = Delivery.Status.DEAD
        delivery.finished_at = at
    else:
        delivery.next_attempt_at = at + GAPS[delivery.attempts - 1]
    delivery.last_error = error[:2000]
    delivery.save(update_fields=["attempts", "status", "finished_at", "next_attempt_at", "last_error"])


@transaction.atomic
def send_again(*, delivery: Delivery, at: datetime) -> None:
    """Put a delivery that was given up back into the queue, from its first try."""
    delivery.status = Delivery.Status.PENDING
    delivery.attempts = 0
    delivery.next_attempt_at = at
    delivery.finished_at = None
    delivery.save(update_fields=["status", "attempts", "next_attempt_at", "finished_at"])


def _finish(delivery: Delivery, status: str, at: datetime, *, error: str = "") -> None:
    with connection.cursor() as cursor:
        cursor.execute(_FINISH, [status, delivery.attempts + 1, at, error, delivery.pk])
