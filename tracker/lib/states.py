"""State machines as data: each model holds one map of what may follow, and moves only through `move_to`."""

from collections.abc import Collection, Mapping
from typing import ClassVar

from tracker.lib.errors import Conflict


class Stateful:
    """Mixin for a model whose `STATE_FIELD` walks along `TRANSITIONS`.

    TRANSITIONS maps a state to the states that may follow it; a state that is missing there has none.
    """

    STATE_FIELD: ClassVar[str] = "status"
    TRANSITIONS: ClassVar[Mapping[str, Collection[str]]] = {}

    @property
    def state(self) -> str:
        return getattr(self, self.STATE_FIELD)

    @property
    def allowed_moves(self) -> list[str]:
        """The states that may follow, in the order in which the model declares its choices."""
        following = self.TRANSITIONS.get(self.state, ())
        order = [value for value, _label in self._meta.get_field(self.STATE_FIELD).choices]  # type: ignore[attr-defined]
        return sorted((str(state) for state in following), key=order.index)

    def can_move_to(self, state: str) -> bool:
        return state in self.TRANSITIONS.get(self.state, ())

    def move_to(self, state: str) -> str:
        """Set the state (without saving) and return the one before.

        Raises Conflict("invalid_transition") that lists the moves allowed from here.
        """
        was = self.state
        if not self.can_move_to(state):
            raise Conflict("invalid_transition", self._refusal(was, state), current=was, allowed=self.allowed_moves)
        setattr(self, self.STATE_FIELD, str(state))
        return was

    def _refusal(self, was: str, state: str) -> str:
        name = self._meta.verbose_name  # type: ignore[attr-defined]
        if not self.allowed_moves:
            return f"This {name} is {was}; it cannot be moved any more."
        allowed = " or ".join([", ".join(self.allowed_moves[:-1]), self.allowed_moves[-1]]).removeprefix(" or ")
        return f"This {name} is in {was}; from there it can go to {allowed}, not to {state}."
