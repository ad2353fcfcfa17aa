"""What happened, and who has been told."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tracker.events import webhooks
from tracker.events.models import Attempt, Delivery, Endpoint, Event
from tracker.events.relay import send_again
from tracker.events.tasks import relay_events, send_webhooks
from tracker.lib.admin import BaseAdmin, ReadOnlyAdmin
from tracker.tenants.tasks import enqueue


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
    actions = ("test", "rotate")

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

    @admin.action(description=gettext_lazy("Send a test"), permissions=["change"])
    def test(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        for endpoint in queryset.filter(is_active=True):
            webhooks.send_test(endpoint=endpoint, by=request.user, at=timezone.now())  # type: ignore[arg-type]
        enqueue(send_webhooks)
        messages.success(request, _("A test is on its way; the list of deliveries shows what came back."))

    @admin.action(description=gettext_lazy("Rotate the secret: both sign for a day"), permissions=["change"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        for endpoint in queryset:
            self._show(request, webhooks.rotate_secret(endpoint=endpoint, at=timezone.now())[1])

    def _show(self, request: HttpRequest, secret: str) -> None:
        messages.warning(request, _("Copy the secret now, it is not shown again: %(secret)s") % {"secret": secret})


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
