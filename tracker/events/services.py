"""Telling: one row for each thing that happened, in the transaction that made it true."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import models

from tracker.events.models import Event
from tracker.lib.actors import Actor, HasActor, actor_of

Listener = Callable[[Event], None]

_listeners: dict[str, list[Listener]] = {}


def emit(
    type: str, *, subject: models.Model, by: HasActor | Actor, at: datetime, data: dict[str, Any] | None = None
) -> Event:
    """Write down that something happened to `subject`. Called inside the transaction of the change itself.

    `data` holds JSON primitives (ids as text, instants as ISO 8601 with offset, money as integer cents).
    """
    return Event.objects.create(
        type=type,
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        actor=actor_of(by).as_json(),
        at=at,
        data=data or {},
    )


def subscribe(*types: str) -> Callable[[Listener], Listener]:
    """Register a function that is called by a worker, at least once, after each event of these types was committed."""

    def register(listener: Listener) -> Listener:
        for type in types:
            _listeners.setdefault(type, []).append(listener)
        return listener

    return register


def listeners_of(type: str) -> list[Listener]:
    return list(_listeners.get(type, ()))
