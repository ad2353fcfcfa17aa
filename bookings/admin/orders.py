"""Orders at the sales desk, and how the house appears on them."""

import re
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import action, display

from bookings.admin import wizard
from bookings.admin.base import FLAG, BookingsAdmin
from bookings.models import InsertionOrder, IOBooking, OrderProfile, OrderVersion
from bookings.pricing import order_totals
from bookings.queries.documents import buyers_of
from bookings.services import send_order
from bookings.services.logos import png_of
from tracker.flags.pages import features_of
from tracker.lib.errors import DomainError


class LineInline(TabularInline):
    model = IOBooking
    fields = ("line_number", "line", "flight_start", "flight_end", "booked_impressions", "gross", "status")
    readonly_fields = fields
    extra = 0
    can_delete = False
    show_change_link = True
    verbose_name_plural = _("lines")

    def get_queryset(self, request: HttpRequest) -> QuerySet[IOBooking]:
        lines = super().get_queryset(request).select_related("ad_unit__podcast", "order", "campaign")
        return lines.order_by("line_number")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return FLAG in features_of(request) and super().has_view_permission(request, obj)

    @display(description=_("line"))
    def line(self, booking: IOBooking) -> str:
        return f"{booking.ad_unit.podcast} · {booking.ad_unit}"

    @display(description=_("gross"))
    def gross(self, booking: IOBooking) -> str:
        return f"{booking.gross_cents / 100:,.2f} {booking.order.currency}"


@admin.register(InsertionOrder)
class OrderAdmin(BookingsAdmin):
    list_display = ("__str__", "campaign", "state", "version", "gross", "sent_at", "signed_at")
    list_select_related = ("campaign",)
    list_filter = ("status",)
    search_fields = ("number", "campaign__name", "campaign__sponsor__name", "buyer_reference")
    ordering = ("-order_id",)
    inlines = (LineInline,)
    actions_list = ("open_wizard",)
    actions_detail = ("send", "print_view")
    change_form_after_template = "admin/bookings/versions.html"
    fields = (
        *("campaign", "number", "standing", "version", "currency", "time_zone", "totals"),
        *("commission_permille", "measurement_of_record", "guarantee_days", "tolerance_permille"),
        *("buyer_reference", "external_ref", "sent_at", "signed_at"),
    )
    fixed = ("campaign", "number", "standing", "version", "currency", "time_zone", "totals", "sent_at", "signed_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[InsertionOrder]:
        orders = super().get_queryset(request).select_related("campaign")
        return orders.annotate(lines_gross=Sum("lines__gross_cents", filter=_standing_lines()))

    def has_add_permission(self, request: HttpRequest) -> bool:
        # An order begins with its first booking, or in the wizard.
        return False

    def get_urls(self) -> list[URLPattern]:
        inside = self.admin_site.admin_view
        pages = {"wizard/": ("wizard", wizard.page), "wizard/judge/": ("wizard_judge", wizard.judged)}
        own = [
            path(route, inside(partial(view, model_admin=self)), name=f"bookings_insertionorder_{name}")
            for route, (name, view) in pages.items()
        ]
        return [*own, *super().get_urls()]

    def has_wizard_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return FLAG in features_of(request) and bool(request.user.has_perm("bookings.add_iobooking"))

    @action(description=_("New order"), icon="add", url_path="new-order", permissions=["wizard"])
    def open_wizard(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:bookings_insertionorder_wizard"))

    def get_readonly_fields(self, request: HttpRequest, obj: InsertionOrder | None = None) -> tuple[str, ...]:
        if obj is not None and obj.status != InsertionOrder.Status.DRAFT:
            return self.fields
        return self.fixed

    @display(
        description=_("status"), label={"draft": "default", "sent": "info", "signed": "success", "cancelled": "danger"}
    )
    def state(self, order: InsertionOrder) -> tuple[str, str]:
        return str(order.status), str(order.get_status_display())

    @display(description=_("status"))
    def standing(self, order: InsertionOrder) -> str:
        return str(order.get_status_display())

    @display(description=_("gross"))
    def gross(self, order: InsertionOrder) -> str:
        return f"{(getattr(order, 'lines_gross', 0) or 0) / 100:,.2f} {order.currency}"

    @display(description=_("gross, commission, net"))
    def totals(self, order: InsertionOrder) -> str:
        found = order_totals([getattr(order, "lines_gross", 0) or 0], commission_permille=order.commission_permille)
        amounts = [f"{cents / 100:,.2f}" for cents in (found.gross_cents, found.commission_cents, found.net_cents)]
        return format_html("{} − {} = {} {}", *amounts, order.currency)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        extra = kwargs.pop("extra_context", None) or {}
        versions = OrderVersion.objects.filter(order_id=object_id).prefetch_related("signatures").defer("document")
        extra["versions"] = versions.defer("pdf", "signed_pdf", "document").order_by("-number")
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)

    @action(description=_("Send to sign"), icon="send", permissions=["change"])
    def send(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = self.get_object(request, object_id)
        if order is None:
            raise Http404
        back = reverse("admin:bookings_insertionorder_change", args=[order.pk])
        if request.method == "POST":
            given = re.split(r"[\s,;]+", request.POST.get("to", ""))
            try:
                sent = send_order(
                    order=order, to=given, note=request.POST.get("note", ""), by=request.user, at=timezone.now()
                )
            except DomainError as refusal:
                messages.error(request, refusal.message)
                return HttpResponseRedirect(request.path)
            words = {"version": sent.version.number, "to": ", ".join(filter(None, given))}
            messages.success(request, _("Version %(version)s was sent to %(to)s.") % words)
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "model_admin": self,
            "title": _("Send order"),
            "order": order,
            "back": back,
            "to": ", ".join(buyers_of(order)),
            "print_view": reverse("bookings:order-print", args=[order.pk]),
        }
        return TemplateResponse(request, "admin/bookings/send.html", context)

    @action(description=_("Print view"), icon="print", permissions=["view"])
    def print_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("bookings:order-print", args=[object_id]))


def _standing_lines() -> Any:
    from django.db.models import Q

    return ~Q(lines__status__in=[IOBooking.Status.CANCELLED, IOBooking.Status.EXPIRED])


class OrderProfileForm(forms.ModelForm):
    logo = forms.FileField(
        label=_("logo"), required=False, help_text=_("PNG, JPEG or WebP, 600 pixels wide or more; printed on orders")
    )

    class Meta:
        model = OrderProfile
        exclude = ("logo_png",)  # noqa: DJ006

    def clean_logo(self) -> bytes | None:
        given = self.cleaned_data.get("logo")
        if not given:
            return None
        try:
            return png_of(given)
        except DomainError as refusal:
            raise forms.ValidationError(refusal.message) from None

    def save(self, commit: bool = True) -> OrderProfile:
        if self.cleaned_data.get("logo"):
            self.instance.logo_png = self.cleaned_data["logo"]
        return super().save(commit)


@admin.register(OrderProfile)
class OrderProfileAdmin(BookingsAdmin):
    """One row: how this house appears on its orders, and on which terms it sells."""

    form = OrderProfileForm
    fieldsets = (
        (
            _("On paper"),
            {
                "fields": (
                    *("legal_name", "address", "order_email", "phone", "tax_number", "contact_name"),
                    *("logo", "brand_colour", "number_prefix", "is_us_letter"),
                )
            },
        ),
        (
            _("Agreed unless an order says otherwise"),
            {
                "fields": (
                    *("measurement_of_record", "guarantee_days", "tolerance_permille", "cancellation_notice_days"),
                    *("payment_days", "signing_days", "materials_days", "claim_window_days", "separation"),
                    *("governing_law", "own_terms"),
                )
            },
        ),
        (_("Holds and links"), {"fields": ("hold_hours", "link_grace_days")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not OrderProfile.objects.exists()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        profile = OrderProfile.objects.first()
        if profile is None:
            return HttpResponseRedirect(reverse("admin:bookings_orderprofile_add"))
        return HttpResponseRedirect(reverse("admin:bookings_orderprofile_change", args=[profile.pk]))
