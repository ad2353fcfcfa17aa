"""How allauth and the lock-out meet our people: by e-mail, by invitation only, without telling who exists."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from tracker.lib.problems import problem_response


class AccountAdapter(DefaultAccountAdapter):
    """People come in by an invitation; nobody signs up by themselves."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


def name_tried(request: HttpRequest | None, credentials: dict[str, Any] | None) -> str:
    """Return the name under which tries are counted: the address in small letters, known or not."""
    given = credentials or (request.POST if request is not None else {})
    return str(given.get("email") or given.get("username") or given.get("login") or "").strip().lower()[:255]


def locked_out(
    request: HttpRequest, credentials: dict[str, Any] | None = None, *args: Any, **kwargs: Any
) -> HttpResponse:
    """Answer a caller who has tried too often."""
    detail = _("Too many tries. Wait a quarter of an hour, or reset your password.")
    if request.path.startswith("/api/"):
        return problem_response(status=429, code="locked_out", detail=detail)
    return render(request, "account/locked_out.html", {"detail": detail}, status=429)
