"""Every refusal of the API is a problem document (RFC 9457) with a stable `code`."""

import errno
import logging
import sys
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirectBase
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _
from django.views import defaults
from rest_framework import exceptions
from rest_framework.views import set_rollback

from tracker.lib.errors import Conflict, DomainError, Forbidden, NotFound
from tracker.lib.problems import problem_response

logger = logging.getLogger(__name__)

DEFAULT_CODES = {
    exceptions.NotAuthenticated: "not_authenticated",
    exceptions.AuthenticationFailed: "invalid_key",
    exceptions.PermissionDenied: "permission_denied",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.ParseError: "malformed",
    exceptions.Throttled: "throttled",
}
# DRF's own words for these codes say no more than the class does.
PLAIN_CODES = frozenset({"permission_denied", "authentication_failed", "not_authenticated", "not_found", "parse_error"})


def handle(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """Turn what a view raised into a problem document; None lets Django answer 500, which logs it."""
    response = _answer(error)
    if response is not None:
        set_rollback()
    return response


class PermanentMove(HttpResponseRedirectBase):
    """A redirect that keeps the method and the body."""

    status_code = 308


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address without a view: for the API a problem, or a redirect where only the last slash is too much."""
    if not request.path.startswith("/api/"):
        return defaults.page_not_found(request, exception)
    shorter = request.path.rstrip("/")
    if shorter != request.path and _leads_somewhere(shorter, request):
        query = request.META.get("QUERY_STRING", "")
        return PermanentMove(f"{shorter}?{query}" if query else shorter)
    return problem_response(status=404, code="not_found", detail=_("There is nothing at this address."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer after a crash, whose traceback stands in the log and nowhere else; without a database a 503."""
    if _is_database_gone(sys.exc_info()[1]):
        return _unavailable(request)
    if _is_disk_full(sys.exc_info()[1]):
        return _no_room(request)
    if not request.path.startswith("/api/"):
        return defaults.server_error(request)
    detail = _("Something went wrong on our side. It has been written down.")
    return problem_response(status=500, code="internal_error", detail=detail)


def _is_database_gone(error: BaseException | None) -> bool:
    """Say whether a lost connection stands anywhere behind an error: what follows it may fail in other words."""
    while error is not None:
        if isinstance(error, (OperationalError, InterfaceError)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _unavailable(request: HttpRequest | None = None) -> HttpResponse:
    if request is None or request.path.startswith("/api/"):
        response: HttpResponse = problem_response(status=503, code="unavailable", detail=_("Try again in a moment."))
    else:
        reason = _("The database does not answer at the moment. Nothing is lost. Try again in a minute.")
        response = HttpResponse(render_to_string("503.html", {"reason": reason}), status=503)
    response["Retry-After"] = "5"
    return response


def _is_disk_full(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _no_room(request: HttpRequest | None = None) -> HttpResponse:
    reason = _("There is no room left to keep this file. Nothing of it was kept; send it again later.")
    if request is None or request.path.startswith("/api/"):
        return problem_response(status=507, code="no_room", detail=reason)
    return HttpResponse(render_to_string("503.html", {"reason": reason}), status=507)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not request.path.startswith("/api/"):
        return defaults.bad_request(request, exception)
    return problem_response(status=400, code="malformed", detail=_("The request cannot be read."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not request.path.startswith("/api/"):
        return defaults.permission_denied(request, exception)
    return problem_response(status=403, code="permission_denied", detail=_("You may not do this."))


def _leads_somewhere(path: str, request: HttpRequest) -> bool:
    try:
        resolve(path, getattr(request, "urlconf", None))
    except Resolver404:
        return False
    return True


def status_of(refusal: DomainError) -> int:
    """Return the HTTP status of a refusal: 404, 403, 409, or 422 for a wish that breaks a rule of the house.

    What is wrong in its form, and would be wrong in every house, is raised with `status=400`.
    """
    details_status = refusal.details.get("status") if isinstance(refusal.details.get("status"), int) else None
    if isinstance(refusal, NotFound):
        return 404
    if isinstance(refusal, Forbidden):
        return 403
    if isinstance(refusal, Conflict):
        return 409
    return details_status or 422


def _answer(error: Exception) -> HttpResponse | None:
    if isinstance(error, DomainError):
        details = {name: value for name, value in error.details.items() if name not in {"status", "code", "detail"}}
        return problem_response(status=status_of(error), code=error.code, detail=error.message, **details)
    if isinstance(error, exceptions.ValidationError):
        return _invalid(error)
    if isinstance(error, exceptions.APIException):
        return _from_drf(error)
    return _from_django(error)


def _invalid(error: exceptions.ValidationError) -> HttpResponse:
    errors = error.get_full_details()
    if isinstance(errors, list):
        errors = {"non_field_errors": errors}
    flat = [
        {"field": field, "code": entry["code"], "message": entry["message"]} for field, entry in _flatten(errors, "")
    ]
    detail = "; ".join(f"{one['field']}: {one['message']}" for one in flat[:3])
    return problem_response(status=400, code="invalid", detail=detail, errors=flat)


def _flatten(errors: Any, path: str) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(errors, dict) and set(errors) == {"message", "code"}:
        return [(path or "body", {"message": str(errors["message"]), "code": str(errors["code"])})]
    items = errors.items() if isinstance(errors, dict) else enumerate(errors)
    found = []
    for name, inner in items:
        is_leaf_list = isinstance(errors, list) and isinstance(inner, dict) and set(inner) == {"message", "code"}
        found += _flatten(inner, path if is_leaf_list else f"{path}.{name}".lstrip("."))
    return found


def _from_drf(error: exceptions.APIException) -> HttpResponse:
    named = error.get_codes()
    general = next((code for kind, code in DEFAULT_CODES.items() if isinstance(error, kind)), "error")
    code = named if isinstance(named, str) and named not in PLAIN_CODES else general
    response = problem_response(status=error.status_code, code=code, detail=str(error.detail))
    if isinstance(error, exceptions.Throttled) and error.wait:
        response["Retry-After"] = str(int(error.wait) + 1)
    if getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]
    return response


def _from_django(error: Exception) -> HttpResponse | None:
    if isinstance(error, Http404):
        return problem_response(status=404, code="not_found", detail=_("There is no such object here."))
    if isinstance(error, DjangoPermissionDenied):
        return problem_response(status=403, code="permission_denied", detail=_("You may not do this."))
    if isinstance(error, (ProtectedError, RestrictedError)):
        kinds = sorted({str(one._meta.verbose_name_plural) for one in getattr(error, "protected_objects", ())})
        detail = _("Other objects still point at this one: %(kinds)s.") % {"kinds": ", ".join(kinds)}
        return problem_response(status=409, code="in_use", detail=detail)
    if isinstance(error, IntegrityError):
        logger.warning("A constraint refused a write: %s", error.__cause__.__class__.__name__)
        return problem_response(
            status=409, code="conflict", detail=_("This clashes with something that is here already.")
        )
    if isinstance(error, RequestDataTooBig):
        return problem_response(status=413, code="too_large", detail=_("The body is too large."))
    if isinstance(error, (SuspiciousOperation, DataError, UnicodeError)):
        return problem_response(status=400, code="malformed", detail=_("The request cannot be read."))
    if isinstance(error, (OperationalError, InterfaceError)):
        logger.exception("The database did not answer.")
        return _unavailable()
    if _is_disk_full(error):
        logger.exception("The disk takes no more.")
        return _no_room()
    return None
