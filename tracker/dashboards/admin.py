"""The house's own word on the weekly mail."""

from django.contrib import admin
from django.http import HttpRequest

from tracker.dashboards.models import MailPlan
from tracker.lib.admin import BaseAdmin


@admin.register(MailPlan)
class MailPlanAdmin(BaseAdmin):
    """One row: whether, on which day and from which hour creators and advertisers get their week by mail."""

    list_display = ("__str__", "is_on", "weekday", "hour")
    fields = ("is_on", "weekday", "hour")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not MailPlan.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: MailPlan | None = None) -> bool:
        return False
