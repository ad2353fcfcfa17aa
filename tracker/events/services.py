"""Telling: one row for each thing that happened, in the transaction that made it true."""

from datetime import datetime
from typing import Any

from django.db import connection, models

from tracker.events.models import Event
from tracker.events.registry import Listener, listeners_of, subscribe
from tracker.events.relay import deliver_pending
from tracker.events.tasks import relay_events
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.rows import insert
from tracker.tenants.context import process_key
from tracker.tenants.tasks import enqueue

__all__ = ["Listener", "deliver_pending", "emit", "listeners_of", "subscribe"]


def emit(
    type: str, *, subject: models.Model, by: HasActor | Actor, at: datetime, data: dict[str, Any] | None = None
) -> Event:
    """Write down that something happened to `subject`. Called inside the transaction of the change itself.

    `data` holds JSON primitives (ids as text, instants as ISO 8601 with offset, money as integer cents).
    After the commit a worker tells the subscribers; a worker that never hears of it finds the row by sweeping.
    """
    event = Event(
        type=type,
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        actor=actor_of(by).as_json(),
        at=at,
        data=data or {},
    )
    insert(event)
    _relay_after_commit()
    return event


def _relay_after_commit() -> None:
    """Send one relay task for a transaction, however many events it writes."""
    mark = process_key("relay")
    if any(mark in vars(entry[1]) for entry in connection.run_on_commit):
        return
    enqueue(relay_events)
    if connection.run_on_commit:
        vars(connection.run_on_commit[-1][1])[mark] = True
