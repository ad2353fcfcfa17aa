"""Who in our own code wants to hear of which events."""

from collections.abc import Callable

from tracker.events.models import Event

Listener = Callable[[Event], None]

_by_type: dict[str, list[str]] = {}
_by_name: dict[str, Listener] = {}


def subscribe(*types: str) -> Callable[[Listener], Listener]:
    """Register a function that is called by a worker, at least once, after each event of these types was committed.

    Calls for one object come in the order of its events; each runs in a transaction of its own, in the event's tenant.
    """

    def register(listener: Listener) -> Listener:
        name = f"{listener.__module__}.{listener.__qualname__}"
        _by_name[name] = listener
        for type in types:
            names = _by_type.setdefault(type, [])
            if name not in names:
                names.append(name)
        return listener

    return register


def names_for(type: str) -> list[str]:
    """Return the names of the listeners of an event type, in the order in which they subscribed."""
    return list(_by_type.get(type, ()))


def listeners_of(type: str) -> list[Listener]:
    return [_by_name[name] for name in names_for(type)]


def listener_named(name: str) -> Listener | None:
    return _by_name.get(name)
