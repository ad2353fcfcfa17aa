"""What people can be bound to. The apps above say what their objects are called; this app keeps their ids alone."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Choices = Callable[[], Iterable[tuple[uuid.UUID, str]]]


@dataclass(frozen=True)
class Kind:
    """A kind of object: the word in bindings, the words for people, and what there is to choose."""

    name: str
    label: Any
    choices: Choices


_kinds: dict[str, Kind] = {}


def register_kind(name: str, *, label: Any, choices: Choices) -> None:
    """Offer a kind of object for binding. `choices` lists (id, title) of the entered tenant, in reading order."""
    _kinds[name] = Kind(name, label, choices)


def grouped_choices() -> list[tuple[Any, list[tuple[str, str]]]]:
    """Return the choices of every kind for a form: [(label, [("kind:id", title), ...]), ...]."""
    return [
        (kind.label, [(f"{kind.name}:{object_id}", title) for object_id, title in kind.choices()])
        for kind in _kinds.values()
    ]


def as_bindings(chosen: Iterable[str]) -> dict[str, list[uuid.UUID]]:
    """Turn chosen values ("kind:id") into bindings; kinds without a choice are there, empty."""
    bindings: dict[str, list[uuid.UUID]] = {name: [] for name in _kinds}
    for value in chosen:
        kind, _colon, object_id = value.partition(":")
        bindings.setdefault(kind, []).append(uuid.UUID(object_id))
    return bindings
