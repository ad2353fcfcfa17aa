"""Reading from a replica: in place, and off until REPLICA_DATABASE_URL names one.

Only pages that say as of when they are right, and change nothing, may read a moment late: those below REPLICA_PATHS,
when asked by GET or HEAD. Everything else, and every write, goes to the one that accepts writes. A replica that does
not answer is left alone for a while, and the pages read where they always did.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.http import HttpRequest, HttpResponse

REPLICA = "replica"
REST_SECONDS = 30.0
# Who is it, and may they? A session that was begun or ended a moment ago counts at once.
NEVER_LATE = frozenset({"sessions", "accounts", "api", "account", "mfa", "axes", "flags", "tenants"})

_reading: ContextVar[bool] = ContextVar("reading_from_replica", default=False)
_resting_until = 0.0


class ReplicaRouter:
    """Sends the reads of a `reading_from_replica` block to the replica, in the tenant that is entered."""

    def db_for_read(self, model: type, **hints: Any) -> str | None:
        if not _reading.get() or model._meta.app_label in NEVER_LATE:  # type: ignore[attr-defined]
            return None
        replica = connections[REPLICA]
        # Each connection has a path of its own; it follows the one that requests and tasks enter.
        if replica.schema_name != connection.schema_name:
            replica.set_tenant(connection.tenant)
        return REPLICA

    def db_for_write(self, model: type, **hints: Any) -> str:
        return "default"

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if db == REPLICA else None


@contextmanager
def reading_from_replica() -> Iterator[None]:
    """Read from the replica inside this block, if there is one and it answers."""
    token = _reading.set(REPLICA in connections.settings and _answers())
    try:
        yield
    finally:
        _reading.reset(token)


class ReplicaMiddleware:
    """Let the pages that may read a moment late do so. Stands behind whatever writes (sessions, the audit)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD") or not request.path.startswith(tuple(settings.REPLICA_PATHS)):
            return self.get_response(request)
        with reading_from_replica():
            return self.get_response(request)


def _answers() -> bool:
    global _resting_until
    if time.monotonic() < _resting_until:
        return False
    try:
        connections[REPLICA].ensure_connection()
    except DatabaseError:
        _resting_until = time.monotonic() + REST_SECONDS
        return False
    return True
