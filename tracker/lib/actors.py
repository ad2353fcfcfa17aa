"""Who did it: every write names its actor, and every event and audit row keeps it."""

from dataclasses import asdict, dataclass
from typing import Any, Protocol


class HasActor(Protocol):
    """Anything that can stand as an actor: a user, an API key."""

    def as_actor(self) -> "Actor": ...


@dataclass(frozen=True)
class Actor:
    """One who acts. kind: user, key, job, import, link or system; id: its key as text; label: what a timeline shows."""

    kind: str
    id: str
    label: str

    def as_actor(self) -> "Actor":
        return self

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


SYSTEM = Actor(kind="system", id="", label="The tracker")


def actor_of(someone: HasActor | Actor) -> Actor:
    return someone.as_actor()
