"""Whose request is it? The host says so; on the bare host, and for the API only, X-Tenant may."""

from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.template.loader import render_to_string
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from tracker.lib.problems import problem_response
from tracker.tenants.models import Tenant
from tracker.tenants.routing import Route, route_of_host, route_of_slug

GetResponse = Callable[[HttpRequest], HttpResponse]

HEALTH = {"/livez": "tracker.tenants.health.livez", "/readyz": "tracker.tenants.health.readyz"}
API = "/api/"
HEADER = "X-Tenant"
RETRY_SECONDS = 5


class TenantMiddleware:
    """Enter the schema of the tenant whom the host names; answer for hosts that are nobody's or not open."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path in HEALTH:
            return import_string(HEALTH[request.path])(request)
        host, _port = split_domain_port(request._get_raw_host())
        route = route_of_host(host) if host else None
        if route is None:
            return _refuse(request, 404, "unknown_host", _("There is nothing at this address."))
        _allow(host)
        if request.path.startswith(API):
            route, refusal = _route_by_header(request, route)
            if refusal:
                return refusal
        refusal = _refuse_closed(request, route)
        return refusal or self._answer(request, route.tenant)

    def _answer(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        before = connection.tenant
        request.tenant = tenant  # type: ignore[attr-defined]
        connection.set_tenant(tenant)
        if tenant.is_platform:
            request.urlconf = settings.PUBLIC_SCHEMA_URLCONF
        try:
            response = self.get_response(request)
        except BaseException:
            connection.set_tenant(before)
            raise
        if response.streaming:
            # What a streaming answer still has to read, it reads in its tenant.
            response._resource_closers.append(lambda: connection.set_tenant(before))
        else:
            connection.set_tenant(before)
        return response


class SessionTenantMiddleware:
    """End a session that was begun at another tenant, should one ever turn up here."""

    KEY = "_tenant"

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begun_at = request.session.get(self.KEY)
        if begun_at is not None and begun_at != connection.schema_name:
            request.session.flush()
        return self.get_response(request)


def bind_session(request: HttpRequest, **_signal: object) -> None:
    """Write the tenant into a session at sign-in. Receives `user_logged_in`."""
    request.session[SessionTenantMiddleware.KEY] = connection.schema_name


def _route_by_header(request: HttpRequest, route: Route) -> tuple[Route, HttpResponse | None]:
    named = request.headers.get(HEADER)
    if named is None:
        if route.tenant.is_platform:
            detail = _("Name the tenant: use its own host, or send X-Tenant with its slug.")
            return route, _refuse(request, 400, "tenant_required", detail)
        return route, None
    if not route.tenant.is_platform:
        if named != route.tenant.slug:
            detail = _("X-Tenant names another tenant than the host does. Send one of the two.")
            return route, _refuse(request, 400, "tenant_contradiction", detail)
        return route, None
    by_slug = route_of_slug(named) if named.isascii() and named.isprintable() else None
    if by_slug is None or by_slug.tenant.is_platform:
        return route, _refuse(request, 404, "unknown_tenant", _("There is no such tenant."))
    return by_slug, None


def _refuse_closed(request: HttpRequest, route: Route) -> HttpResponse | None:
    status = route.tenant.status
    if status == Tenant.Status.DELETING:
        return _refuse(request, 404, "unknown_host", _("There is nothing at this address."))
    if status == Tenant.Status.SUSPENDED:
        detail = _("This account is suspended. Ask the people who run the service.")
        return _refuse(request, 403, "tenant_suspended", detail)
    if status != Tenant.Status.ACTIVE or not route.is_whole:
        detail = _("This site is being prepared. Try again in a moment.")
        response = _refuse(request, 503, "tenant_not_ready", detail)
        response["Retry-After"] = str(RETRY_SECONDS)
        return response
    return None


def _refuse(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    if request.path.startswith(API):
        response: HttpResponse = problem_response(status=status, code=code, detail=detail)
    else:
        page = render_to_string("tenants/refusal.html", {"status": status, "detail": detail})
        response = HttpResponse(page, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _allow(host: str) -> None:
    """Let a tenant's own domain through Django's host check: it stands in our table, so it is ours."""
    if (
        host != settings.SITE_HOST
        and not host.endswith(f".{settings.SITE_HOST}")
        and host not in settings.ALLOWED_HOSTS
    ):
        settings.ALLOWED_HOSTS.append(host)
