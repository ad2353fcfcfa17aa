"""What happened, and who has been told."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from tracker.events import webhooks
from tracker.events.models import ENDPOINT_PREFIX, Attempt, Delivery, Endpoint, Event
from tracker.events.relay import send_again
from tracker.events.tasks import relay_events, send_webhooks
from tracker.lib.admin import BaseAdmin, ReadOnlyAdmin
from tracker.lib.errors import DomainError
from tracker.tenants.tasks import enqueue

LOG_ROWS = 50


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("seq", "type", "subject_type", "subject_id", "shown_actor", "at", "relayed_at")
    list_filter = ("type",)
    search_fields = ("subject_id",)
    ordering = ("-seq",)

    @admin.display(description=gettext_lazy("who"))
    def shown_actor(self, event: Event) -> str:
        return event.actor.get("label", "")


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("event", "listener", "status", "attempts", "next_attempt_at", "finished_at", "last_error")
    list_filter = ("status", "listener")
    list_select_related = ("event",)
    ordering = ("-delivery_id",)
    actions = ("again",)

    @admin.action(description=gettext_lazy("Send again what was given up"), permissions=["view"])
    def again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        if not request.user.has_perm("events.change_delivery"):  # type: ignore[union-attr]
            messages.error(request, _("You may not do this."))
            return
        for delivery in queryset.filter(status=Delivery.Status.DEAD):
            send_again(delivery=delivery, at=timezone.now())
        enqueue(relay_events)


@admin.register(Endpoint)
class EndpointAdmin(BaseAdmin):
    """Partners' addresses that are told of events. The signing secret is shown once, when it is made or rotated."""

    list_display = ("url", "description", "is_active", "disabled_reason", "failing_since")
    list_filter = ("is_active",)
    ordering = ("-created_at",)
    fields = ("url", "description", "event_types", "is_active")
    change_form_outer_after_template = "admin/events/webhook.html"

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        mine = [
            path("<uuid:key>/test", guard(require_POST(self.test_view)), name="events_endpoint_test"),
            path("<uuid:key>/rotate", guard(require_POST(self.rotate_view)), name="events_endpoint_rotate"),
            path("deliveries/<uuid:key>/again", guard(require_POST(self.again_view)), name="events_endpoint_again"),
        ]
        return [*mine, *super().get_urls()]

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """The form, and below it what was sent and what came back: the newest fifty, of one state when asked for."""
        endpoint = self.get_object(request, object_id)
        extra = kwargs.pop("extra_context", None) or {}
        if endpoint is not None:
            extra |= {"webhook": endpoint, "may_change": self.has_change_permission(request, endpoint)}
            extra |= _log_of(endpoint, request.GET.get("state", ""))
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)

    def save_model(self, request: HttpRequest, obj: Endpoint, form: Any, change: bool) -> None:
        given = form.cleaned_data
        wanted = {name: given[name] for name in ("url", "description", "event_types")}
        if change:
            webhooks.change_endpoint(endpoint=obj, is_active=given["is_active"], **wanted)
            return
        endpoint, secret = webhooks.create_endpoint(by=request.user, at=timezone.now(), **wanted)  # type: ignore[arg-type]
        obj.__dict__.update(endpoint.__dict__)
        self._show(request, secret)

    def delete_model(self, request: HttpRequest, obj: Endpoint) -> None:
        webhooks.delete_endpoint(endpoint=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        for endpoint in queryset:
            webhooks.delete_endpoint(endpoint=endpoint)

    def test_view(self, request: HttpRequest, key: UUID) -> HttpResponse:
        endpoint = self._changeable(request, key)
        try:
            webhooks.send_test(endpoint=endpoint, by=request.user, at=timezone.now())  # type: ignore[arg-type]
        except DomainError as refusal:
            messages.error(request, refusal.message)
            return self._back(endpoint.pk)
        enqueue(send_webhooks)
        messages.success(request, _("A test is on its way; what comes back appears under Deliveries."))
        return self._back(endpoint.pk)

    def rotate_view(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Take a fresh secret; for a day both sign."""
        endpoint = self._changeable(request, key)
        self._show(request, webhooks.rotate_secret(endpoint=endpoint, at=timezone.now())[1])
        return self._back(endpoint.pk)

    def again_view(self, request: HttpRequest, key: UUID) -> HttpResponse:
        delivery = get_object_or_404(Delivery, pk=key, listener__startswith=ENDPOINT_PREFIX)
        endpoint = self._changeable(request, UUID(delivery.listener.removeprefix(ENDPOINT_PREFIX)))
        send_again(delivery=delivery, at=timezone.now())
        enqueue(send_webhooks)
        messages.success(request, _("It is sent again, from its first try."))
        return self._back(endpoint.pk)

    def _changeable(self, request: HttpRequest, key: UUID) -> Endpoint:
        endpoint = get_object_or_404(Endpoint, pk=key)
        if not self.has_change_permission(request, endpoint):
            raise PermissionDenied
        return endpoint

    def _back(self, key: UUID) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:events_endpoint_change", args=[key]) + "#log-head")

    def _show(self, request: HttpRequest, secret: str) -> None:
        messages.warning(request, _("Copy the secret now, it is not shown again: %(secret)s") % {"secret": secret})


def _log_of(endpoint: Endpoint, state: str) -> dict[str, Any]:
    """Return what the page's log shows: the states with their counts, the one chosen, its newest deliveries."""
    found = webhooks.deliveries_of(endpoint)
    counts = dict(found.order_by().values_list("status").annotate(n=Count("pk")))
    states = [{"value": "", "label": _("All"), "count": sum(counts.values())}]
    states += [
        {"value": one.value, "label": str(one.label).capitalize(), "count": counts.get(one.value, 0)}
        for one in Delivery.Status
    ]
    chosen = state if state in Delivery.Status.values else ""
    shown = found.filter(status=chosen) if chosen else found
    tries = Prefetch("tries", Attempt.objects.order_by("-at"))
    return {"states": states, "state": chosen, "log": shown.prefetch_related(tries)[:LOG_ROWS]}


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    """Every try of every webhook: what was sent, and what came back."""

    list_display = ("at", "shown_url", "status", "milliseconds", "error")
    list_filter = ("status",)
    ordering = ("-at",)
    fields = ("delivery", "at", "milliseconds", "request", "status", "response", "error")

    @admin.display(description=gettext_lazy("address"))
    def shown_url(self, attempt: Attempt) -> str:
        return attempt.request.get("url", "")
