"""Copy at the sales desk: what waits, what is late, the next version."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from bookings.admin.base import FLAG, BookingsAdmin
from bookings.models import BookingCopy, CopyAlert
from bookings.services.copies import propose_copy
from tracker.flags.pages import features_of
from tracker.lib.forms import ServiceAdmin, ServiceForm

READ, WRITE = "bookings.view_iobooking", "bookings.change_iobooking"


class CopyForm(ServiceForm):
    class Meta:
        model = BookingCopy
        fields = ("booking", "talking_points", "must_say", "disclosure", "due_on")

    def act(self) -> BookingCopy:
        return propose_copy(by=self.user, at=self.now, **self.cleaned_data)


class _OfBookings:
    """Who may read or write a booking may read or write its copy."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return FLAG in features_of(request) and bool(request.user.has_perm(READ))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return FLAG in features_of(request) and bool(request.user.has_perm(READ))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # A version is never edited: the next one is written.
        return False


@admin.register(BookingCopy)
class CopyAdmin(_OfBookings, ServiceAdmin):
    form = CopyForm
    list_display = ("line", "version", "state", "due_on", "late_told_at")
    list_select_related = ("booking__ad_unit__podcast", "booking__campaign__sponsor")
    list_filter = ("status", "due_on")
    search_fields = ("booking__campaign__sponsor__name", "booking__ad_unit__podcast__title", "talking_points")
    ordering = ("-copy_id",)
    autocomplete_fields = ("booking",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return FLAG in features_of(request) and bool(request.user.has_perm(WRITE))

    def get_queryset(self, request: HttpRequest) -> QuerySet[BookingCopy]:
        return super().get_queryset(request).select_related("booking__ad_unit__podcast", "booking__campaign__sponsor")

    def get_fields(self, request: HttpRequest, obj: BookingCopy | None = None) -> tuple[str, ...]:
        if obj is None:
            return CopyForm.Meta.fields
        return ("page", "version", "state", *CopyForm.Meta.fields[1:], "answer", "decided_at", "late_told_at")

    @display(description=_("booking"))
    def line(self, copy: BookingCopy) -> str:
        return f"{copy.booking.campaign.sponsor} · {copy.booking.ad_unit.podcast} · {copy.booking.ad_unit}"

    @display(description=_("version"), ordering="number")
    def version(self, copy: BookingCopy) -> str:
        return str(copy.number)

    @display(
        description=_("status"),
        ordering="status",
        label={"proposed": "warning", "change_asked": "warning", "approved": "success", "replaced": "default"},
    )
    def state(self, copy: BookingCopy) -> tuple[str, str]:
        return str(copy.status), str(copy.get_status_display())

    @display(description=_("booking"))
    def page(self, copy: BookingCopy) -> str:
        address = reverse("bookings:copy", args=[copy.booking_id])
        return format_html('<a href="{}">{}</a>', address, self.line(copy))


@admin.register(CopyAlert)
class CopyAlertAdmin(_OfBookings, BookingsAdmin):
    """Which bookings wait for copy that should be there."""

    list_display = ("line", "why", "due_on", "raised_at", "cleared_at")
    list_display_links = None
    list_select_related = ("booking__ad_unit__podcast", "booking__campaign__sponsor")
    list_filter = ("kind", ("cleared_at", admin.EmptyFieldListFilter))
    ordering = ("cleared_at", "due_on")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @display(description=_("booking"))
    def line(self, alert: CopyAlert) -> str:
        address = reverse("bookings:copy", args=[alert.booking_id])
        booking = alert.booking
        return format_html(
            '<a href="{}">{}</a>',
            address,
            f"{booking.campaign.sponsor} · {booking.ad_unit.podcast} · {booking.ad_unit}",
        )

    @display(description=_("why"), ordering="kind")
    def why(self, alert: CopyAlert) -> str:
        return str(alert.get_kind_display())
