"""The sales desk's admin: one look and one set of habits for every app's ModelAdmin."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models.base import ModelBase
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite

from tracker.lib.errors import DomainError


class TrackerAdminSite(UnfoldAdminSite):
    """The admin of one tenant. People sign in on the product's own page, with its lock-out and second factor."""

    # Tables that libraries would show here: shared by all tenants, or kept by pages and services of their own.
    LEFT_OUT = frozenset({"auth", "django_celery_beat", "account", "mfa", "axes", "pghistory"})

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        models = [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else list(model_or_iterable)
        ours = [model for model in models if model._meta.app_label not in self.LEFT_OUT]
        super().register(ours, admin_class, **options)

    def unregister(self, model_or_iterable: Any) -> None:
        models = [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else list(model_or_iterable)
        super().unregister([model for model in models if model._meta.app_label not in self.LEFT_OUT])

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.user.is_authenticated:
            raise PermissionDenied
        wanted = request.GET.get("next") or request.get_full_path()
        return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': wanted})}")

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return bool(user.is_active and getattr(user, "is_staff", False))


class PlatformAdminSite(TrackerAdminSite):
    """The platform's own admin on the bare host: tenants, hosts and schedules, for administrators of the platform."""

    LEFT_OUT = frozenset()


platform_admin = PlatformAdminSite(name="platform_admin")


class BaseAdmin(ModelAdmin):
    """What every ModelAdmin of ours shares: refusals of the services are shown as a red line, never as a crash."""

    list_per_page = 50
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    show_full_result_count = False

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except DomainError as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(request.get_full_path())


class ReadOnlyAdmin(BaseAdmin):
    """A list to look at: rows that the product writes and nobody edits."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AdminPolicyMiddleware:
    """Relax the content security policy for the admin alone, whose theme evaluates its small scripts."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith("/admin/"):
            response._csp_update = {"script-src": ["'unsafe-eval'"], "style-src": ["'unsafe-inline'"]}  # type: ignore[attr-defined]
        return response
