"""How every part of the product says no."""

from typing import Any


class DomainError(Exception):
    """A refusal that a person or a partner can act on.

    `code` is stable and meant for programs, `message` for people: what happened, why, what to do.
    `details` are JSON primitives that an edge may show (the moves allowed from here, the slot that is taken).
    An edge turns it into a red line (admin), a problem document (API), a message (page) or an issue (import row).
    """

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.code, self.message, self.details)


class Conflict(DomainError):
    """The wish was legal in itself, but not from where the object stands now (HTTP 409)."""


class NotFound(DomainError):
    """There is no such object for this caller (HTTP 404); another tenant's object looks just the same."""


class Forbidden(DomainError):
    """The caller may not do this (HTTP 403)."""


def _rebuild(cls: type[DomainError], code: str, message: str, details: dict[str, Any]) -> DomainError:
    return cls(code, message, **details)
