"""Who changed a row, and through which door: what the audit triggers keep beside each change."""

from collections.abc import Callable
from typing import Any

import pghistory
from django.http import HttpRequest, HttpResponse

from tracker.lib.actors import Actor

DOORS = (("/admin/", "admin"), ("/api/", "api"))


WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class AuditMiddleware:
    """Open a context for each writing request: the door, the path and, when a session says so, the person.

    A caller with a key is known only once the API has read it; `note_actor` adds that.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in WRITES:
            return self.get_response(request)
        with pghistory.context(**_context_of(request)):
            return self.get_response(request)


def note_actor(actor: Actor) -> None:
    """Add the actor to the audit context that is open, if one is."""
    pghistory.context(actor=actor.as_json())


def acting(*, actor: Actor, door: str) -> Any:
    """Return a context manager under which every change is kept as this actor's: for jobs, imports and commands."""
    return pghistory.context(actor=actor.as_json(), door=door)


def _context_of(request: HttpRequest) -> dict[str, Any]:
    door = next((name for prefix, name in DOORS if request.path.startswith(prefix)), "page")
    context: dict[str, Any] = {"door": door, "path": request.path[:200]}
    if request.user.is_authenticated:
        context["actor"] = request.user.as_actor().as_json()
    return context
