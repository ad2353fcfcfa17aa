"""The sales desk's admin: one look and one set of habits for every app's ModelAdmin."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class AdminPolicyMiddleware:
    """Relax the content security policy for the admin alone, whose theme evaluates its small scripts."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith("/admin/"):
            response._csp_update = {"script-src": ["'unsafe-eval'"], "style-src": ["'unsafe-inline'"]}  # type: ignore[attr-defined]
        return response
