"""What happened, and who has been told."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tracker.events.models import Delivery, Event
from tracker.events.relay import send_again
from tracker.events.tasks import relay_events
from tracker.lib.admin import ReadOnlyAdmin
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
