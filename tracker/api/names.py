"""One resource, one address: other names that people try lead there."""

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from tracker.api.problems import PermanentMove


def also_called(names: Mapping[str, str]) -> list[URLPattern]:
    """Return routes that redirect {other name: name}, whatever follows it, keeping method, body and query."""
    return [
        route for other, name in names.items() for route in (_route(other, name), _route(f"{other}/<path:rest>", name))
    ]


def _route(pattern: str, name: str) -> URLPattern:
    other = pattern.partition("/")[0]

    def redirect(request: HttpRequest, rest: str = "") -> HttpResponse:
        before = request.path.partition(f"/{other}")[0]
        query = request.META.get("QUERY_STRING", "")
        tail = f"/{rest.rstrip('/')}" if rest.rstrip("/") else ""
        return PermanentMove(f"{before}/{name}{tail}" + (f"?{query}" if query else ""))

    return path(pattern, redirect)
