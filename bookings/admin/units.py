"""Ad units at the sales desk."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from bookings.admin.base import BookingsAdmin
from bookings.calendar_views import grid_of
from bookings.models import AdUnit
from bookings.services import add_ad_unit, change_ad_unit
from tracker.lib.forms import ServiceAdmin, ServiceForm

FIELDS = (
    *("podcast", "name", "position", "index", "duration_seconds", "read_type", "delivery", "is_shared"),
    *("impressions_per_day", "rate_cpm_cents", "lead_days", "min_flight_days", "max_flight_days", "is_active"),
)


class AdUnitForm(ServiceForm):
    class Meta:
        model = AdUnit
        fields = FIELDS

    def act(self) -> AdUnit:
        values = dict(self.cleaned_data)
        if self.instance._state.adding:
            return add_ad_unit(by=self.user, at=self.now, **values)
        values.pop("podcast", None)
        return change_ad_unit(ad_unit=self.instance, by=self.user, at=self.now, **values)


@admin.register(AdUnit)
class AdUnitAdmin(ServiceAdmin, BookingsAdmin):
    form = AdUnitForm
    list_display = ("name", "podcast", "position", "duration_seconds", "read_type", "delivery", "rate", "is_active")
    list_select_related = ("podcast",)
    list_filter = ("position", "delivery", "is_active")
    search_fields = ("name", "podcast__title")
    ordering = ("podcast__title", "position", "index")
    autocomplete_fields = ("podcast",)
    fieldsets = (
        (None, {"fields": ("podcast", "name", "position", "index", "duration_seconds", "read_type")}),
        (_("Delivery"), {"fields": ("delivery", "is_shared", "impressions_per_day")}),
        (_("Terms"), {"fields": ("rate_cpm_cents", "lead_days", "min_flight_days", "max_flight_days", "is_active")}),
    )

    def get_readonly_fields(self, request: Any, obj: AdUnit | None = None) -> tuple[str, ...]:
        # What was sold hangs on these; another show or way of delivery is another ad unit.
        return ("podcast", "delivery", "is_shared") if obj else ()

    @admin.display(description=_("rate card CPM"), ordering="rate_cpm_cents")
    def rate(self, unit: AdUnit) -> str:
        return f"{unit.rate_cpm_cents / 100:,.2f}" if unit.rate_cpm_cents is not None else "–"

    def get_urls(self) -> list[URLPattern]:
        inside = self.admin_site.admin_view(never_cache(self.calendar))
        return [path("calendar/", inside, name="bookings_adunit_calendar"), *super().get_urls()]

    def calendar(self, request: HttpRequest) -> HttpResponse:
        """Show the slots of every show by week; from a slot one holds, books or blocks it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        around = {**self.admin_site.each_context(request), "model_admin": self, "title": _("Calendar"), "is_desk": True}
        return render(request, "admin/bookings/calendar.html", {**around, **grid_of(request)})
