"""Bookings at the sales desk: book, change, move, print."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from bookings.admin.base import BookingsAdmin
from bookings.models import IOBooking
from bookings.services import (
    cancellation_preview,
    change_booking,
    export_pdf,
    move_booking,
    order_zone_name,
    schedule_booking,
)
from tracker.events.models import Event
from tracker.lib.dates import flight_bounds, last_day_of, local_day
from tracker.lib.errors import DomainError
from tracker.lib.forms import ServiceAdmin, ServiceForm

Status = IOBooking.Status
COLOURS = {
    Status.DRAFT: "default",
    Status.HELD: "info",
    Status.SCHEDULED: "info",
    Status.ACTIVE: "success",
    Status.PAUSED: "warning",
    Status.MAKEGOOD: "warning",
    Status.COMPLETED: "success",
    Status.CANCELLED: "danger",
    Status.EXPIRED: "danger",
}


class BookingForm(ServiceForm):
    """A line in the words of a salesperson: whole days, money with decimals."""

    first_day = forms.DateField(label=_("First day"), widget=UnfoldAdminDateWidget)
    last_day = forms.DateField(label=_("Last day"), widget=UnfoldAdminDateWidget)
    cpm = forms.DecimalField(
        label=_("CPM"), min_value=0, max_digits=10, decimal_places=2, widget=UnfoldAdminDecimalFieldWidget
    )
    # The service judges addresses: a host without https:// is welcome, a foreign scheme is not.
    vanity_url = forms.CharField(
        label=_("Vanity link"), required=False, max_length=500, widget=UnfoldAdminTextInputWidget
    )
    landing_url = forms.CharField(
        label=_("Landing page"), required=False, max_length=500, widget=UnfoldAdminTextInputWidget
    )
    opens_as = forms.ChoiceField(
        label=_("Book as"),
        choices=[(Status.SCHEDULED, _("scheduled")), (Status.HELD, _("hold")), (Status.DRAFT, _("draft"))],
        initial=Status.SCHEDULED,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    FIELD_OF = {
        "flight_start": "first_day",
        "flight_end": "last_day",
        "booked_cpm_cents": "cpm",
        "episode_id": "episode",
        "status": "opens_as",
    }

    class Meta:
        model = IOBooking
        fields = (
            *("campaign", "ad_unit", "episode", "booked_impressions"),
            *("promo_code", "external_ref"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        line = self.instance
        if line._state.adding:
            return
        zone = ZoneInfo(line.order.time_zone)
        self.initial |= {
            "first_day": local_day(line.flight_start, zone),
            "last_day": last_day_of(line.flight_end, zone),
            "cpm": f"{line.booked_cpm_cents / 100:.2f}",
        }

    def act(self) -> IOBooking:
        values = dict(self.cleaned_data)
        is_new = self.instance._state.adding
        campaign = values.pop("campaign", None) or self.instance.campaign
        zone = ZoneInfo(order_zone_name(campaign) if is_new else self.instance.order.time_zone)
        start, end = flight_bounds(values.pop("first_day"), values.pop("last_day"), zone)
        fields = {
            "episode": values["episode"],
            "flight_start": start,
            "flight_end": end,
            "booked_impressions": values["booked_impressions"],
            "booked_cpm_cents": int(values["cpm"] * 100),
            "promo_code": values["promo_code"],
            "vanity_url": values["vanity_url"],
            "landing_url": values["landing_url"],
            "external_ref": values["external_ref"],
        }
        if is_new:
            return schedule_booking(
                campaign=campaign,
                ad_unit=values["ad_unit"],
                status=values["opens_as"] or Status.SCHEDULED,
                by=self.user,
                at=self.now,
                **fields,
            )
        line = IOBooking.objects.get(pk=self.instance.pk)
        # Days that were not touched keep their exact instants, which a partner may have given with a time.
        if "first_day" not in self.changed_data:
            fields["flight_start"] = line.flight_start
        if "last_day" not in self.changed_data:
            fields["flight_end"] = line.flight_end
        return change_booking(booking=line, by=self.user, at=self.now, **fields)


@admin.register(IOBooking)
class BookingAdmin(ServiceAdmin, BookingsAdmin):
    form = BookingForm
    list_display = ("line", "campaign", "flight", "impressions", "gross", "state")
    list_select_related = ("campaign", "ad_unit__podcast", "order", "episode")
    list_filter = ("status", "ad_unit__position", "ad_unit__delivery")
    search_fields = (
        "campaign__name",
        "campaign__sponsor__name",
        "ad_unit__podcast__title",
        "promo_code",
        "order__number",
    )
    date_hierarchy = "flight_start"
    ordering = ("-io_id",)
    autocomplete_fields = ("campaign", "ad_unit", "episode")
    actions_detail = ("move", "print_order")
    change_form_after_template = "admin/bookings/timeline.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[IOBooking]:
        return super().get_queryset(request).select_related("campaign__sponsor", "ad_unit__podcast", "order")

    def get_fieldsets(self, request: HttpRequest, obj: IOBooking | None = None) -> Any:
        what = ("campaign", "ad_unit", "episode")
        price = ("booked_impressions", "cpm", *(("price",) if obj else ()))
        flight = (("first_day", "last_day"), *(() if obj else ("opens_as",)))
        standing = (
            (_("Standing"), {"fields": ("standing", "status_changed_at", "status_reason", "order", "created_at")}),
        )
        return (
            (_("What"), {"fields": what}),
            (_("When"), {"fields": flight}),
            (_("How much"), {"fields": price}),
            (_("Attribution"), {"fields": ("promo_code", "vanity_url", "landing_url", "external_ref")}),
            *(standing if obj else ()),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: IOBooking | None = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        return ("campaign", "ad_unit", "price", "standing", "status_changed_at", "status_reason", "order", "created_at")

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        extra = kwargs.pop("extra_context", None) or {}
        extra["timeline"] = timeline_of(object_id)
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)

    # --- what a list shows ---
    @display(description=_("line"), ordering="ad_unit__podcast__title")
    def line(self, booking: IOBooking) -> str:
        where = f" · {booking.episode}" if booking.episode else ""
        return f"{booking.ad_unit.podcast} · {booking.ad_unit}{where}"

    @display(description=_("flight"), ordering="flight_start")
    def flight(self, booking: IOBooking) -> str:
        zone = ZoneInfo(booking.order.time_zone)
        first, last = local_day(booking.flight_start, zone), last_day_of(booking.flight_end, zone)
        return f"{first:%-d %b %Y} – {last:%-d %b %Y}"

    @display(description=_("impressions"), ordering="booked_impressions")
    def impressions(self, booking: IOBooking) -> str:
        return f"{booking.booked_impressions:,}"

    @display(description=_("gross"), ordering="gross_cents")
    def gross(self, booking: IOBooking) -> str:
        return f"{booking.gross_cents / 100:,.2f} {booking.order.currency}"

    @display(description=_("price of the line"))
    def price(self, booking: IOBooking) -> str:
        return self.gross(booking)

    @display(description=_("status"), ordering="status", label={str(code): colour for code, colour in COLOURS.items()})
    def state(self, booking: IOBooking) -> tuple[str, str]:
        return str(booking.status), str(booking.get_status_display())

    @display(description=_("status"))
    def standing(self, booking: IOBooking) -> str:
        return str(booking.get_status_display())

    # --- acts ---
    def has_export_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return bool(request.user.has_perm("bookings.export_pdf")) and self.has_view_permission(request)

    @action(description=_("Move"), icon="swap_horiz", permissions=["change"])
    def move(self, request: HttpRequest, object_id: str) -> HttpResponse:
        booking = self.get_object(request, object_id)
        if booking is None:
            raise Http404
        if request.method == "POST":
            return self._moved(request, booking)
        return self._move_form(request, booking)

    @action(description=_("Order as PDF"), icon="picture_as_pdf", permissions=["export"])
    def print_order(self, request: HttpRequest, object_id: str) -> HttpResponse:
        booking = self.get_object(request, object_id)
        if booking is None:
            raise Http404
        try:
            printed = export_pdf(booking=booking, by=request.user, at=timezone.now())
        except DomainError as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(reverse("bookings:order-print", args=[booking.order_id]))
        response = HttpResponse(printed.content, content_type="application/pdf")
        response["Content-Disposition"] = f'attachment; filename="{printed.file_name}"'
        return response

    def _moved(self, request: HttpRequest, booking: IOBooking) -> HttpResponse:
        wanted = {"to": request.POST.get("to", ""), "reason": request.POST.get("reason", "")}
        try:
            moved = move_booking(booking=booking, by=request.user, at=timezone.now(), **wanted)
        except DomainError as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(request.path)
        messages.success(request, _("The booking is %(status)s now.") % {"status": moved.get_status_display()})
        return HttpResponseRedirect(reverse("admin:bookings_iobooking_change", args=[booking.pk]))

    def _move_form(self, request: HttpRequest, booking: IOBooking) -> HttpResponse:
        labels = dict(Status.choices)
        can_cancel = Status.CANCELLED in booking.allowed_moves
        left = cancellation_preview(booking, at=timezone.now()) if can_cancel else None
        context = {
            **self.admin_site.each_context(request),
            "model_admin": self,
            "title": _("Move booking"),
            "booking": booking,
            "back": reverse("admin:bookings_iobooking_change", args=[booking.pk]),
            "moves": [(code, labels[code]) for code in booking.allowed_moves],
            "cancellation": left,
            "charge": f"{left.charge_cents / 100:,.2f}" if left else "",
        }
        return TemplateResponse(request, "admin/bookings/move.html", context)


# What a timeline calls an event; a status move names its own steps.
WORDS = {
    "io.booked": _("booked"),
    "io.scheduled": _("scheduled"),
    "io.delivered": _("delivered"),
    "io.changed": _("changed"),
    "io.pdf_exported": _("order printed"),
    "io.hold_ending": _("the hold ends within a day"),
    "io.count_agreed": _("count agreed"),
    "io.billed": _("released to billing"),
    "copy.proposed": _("copy sent to the show"),
    "copy.change_asked": _("the show asks for a change in copy"),
    "copy.approved": _("copy accepted"),
    "copy.late": _("copy is late"),
}


@dataclass(frozen=True)
class Step:
    """One line of a booking's timeline."""

    at: datetime
    words: str
    who: str
    reason: str


def timeline_of(io_id: str) -> list[Step]:
    """Return what happened to a booking, oldest first."""
    events = Event.objects.filter(subject_type="bookings.iobooking", subject_id=str(io_id)).order_by("seq")[:200]
    labels = dict(Status.choices)
    steps = []
    for event in events:
        words = str(WORDS.get(event.type, event.type))
        if event.type == "io.status_changed":
            moved = [str(labels.get(event.data[side], event.data[side])) for side in ("from_status", "to_status")]
            words = " → ".join(moved)
        steps.append(Step(event.at, words, event.actor.get("label", ""), event.data.get("reason", "")))
    return steps
