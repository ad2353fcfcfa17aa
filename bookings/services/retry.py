"""A transaction that lost a race with another is run again, three times at most."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection
from django.utils.translation import gettext as _

from tracker.lib.errors import Conflict

P = ParamSpec("P")
R = TypeVar("R")

TRIES = 3
# Serialization failure, deadlock: PostgreSQL asks for another try.
RETRIED = frozenset({"40001", "40P01"})


def retried(service: Callable[P, R]) -> Callable[P, R]:
    """Run a service again when PostgreSQL ended its transaction to let another through.

    Inside a caller's transaction it runs once: that transaction is lost as a whole, and its owner may try again.
    Raises Conflict("busy") after the third time. Source: RELIABILITY, G37.
    """

    @wraps(service)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if connection.in_atomic_block:
            return service(*args, **kwargs)
        for _attempt in range(TRIES):
            try:
                return service(*args, **kwargs)
            except OperationalError as problem:
                if sqlstate_of(problem) not in RETRIED:
                    raise
        raise Conflict("busy", _("Too many people changed the same bookings at once. Try again in a moment."))

    return run


def sqlstate_of(problem: Exception) -> str:
    """Return the SQLSTATE of a database error, or an empty text."""
    return getattr(problem.__cause__, "sqlstate", "") or ""
