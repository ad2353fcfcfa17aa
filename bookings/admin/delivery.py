"""Makegoods as a list for sales and ops, and how this house judges delivery."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from bookings.admin.base import BookingsAdmin
from bookings.models import DeliveryPolicy, Makegood
from tracker.lib import words


@admin.register(Makegood)
class MakegoodAdmin(BookingsAdmin):
    """Every case of the house, the next due first. Acts stand on the page of its booking."""

    list_display = ("case", "sponsor", "show", "status", "outstanding", "owed", "due")
    # The case is a link of its own.
    list_display_links = None
    list_filter = ("status", "reason")
    search_fields = ("booking__campaign__sponsor__name", "booking__ad_unit__podcast__title", "booking__order__number")
    list_select_related = (
        *("booking__campaign__sponsor", "booking__ad_unit__podcast", "booking__order", "episode"),
        "replacement",
    )
    ordering = ("due_on", "makegood_id")
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("case"))
    def case(self, case: Makegood) -> SafeString:
        address = reverse("bookings:booking-detail", args=[case.booking_id])
        return format_html('<a href="{}#mk">{}</a>', address, case.get_reason_display().capitalize())

    @display(description=_("sponsor"), ordering="booking__campaign__sponsor__name")
    def sponsor(self, case: Makegood) -> str:
        return str(case.booking.campaign.sponsor)

    @display(description=_("show"), ordering="booking__ad_unit__podcast__title")
    def show(self, case: Makegood) -> str:
        return str(case.booking.ad_unit.podcast)

    @display(description=_("outstanding"))
    def outstanding(self, case: Makegood) -> str:
        return words.number(case.outstanding_impressions)

    @display(description=_("value owed"), ordering="owed_cents")
    def owed(self, case: Makegood) -> str:
        return words.money(case.owed_cents, case.booking.order.currency)

    @display(description=_("until"), ordering="due_on")
    def due(self, case: Makegood) -> str:
        if case.due_on is None:
            return "–"
        late = case.is_open and case.due_on < words.today()
        return f"{words.day(case.due_on)}{' · ' + str(_('overdue')) if late else ''}"


@admin.register(DeliveryPolicy)
class DeliveryPolicyAdmin(BookingsAdmin):
    """One row: from where on a line is behind, when proof is due, and what billing waits for."""

    fieldsets = (
        (_("Bands"), {"fields": ("watch_from_pct", "on_track_from_pct", "over_above_pct")}),
        (_("Proof and billing"), {"fields": ("proof_days", "needs_proof", "needs_agreed_count")}),
        (_("Attribution"), {"fields": ("survey_multiplier",)}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not DeliveryPolicy.objects.exists()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        policy = DeliveryPolicy.objects.first()
        if policy is None:
            return HttpResponseRedirect(reverse("admin:bookings_deliverypolicy_add"))
        return HttpResponseRedirect(reverse("admin:bookings_deliverypolicy_change", args=[policy.pk]))
