"""One slot of the calendar: hold it for a deal, block it, sell it again."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from bookings.models import AdUnit, IOBooking, SlotClaim
from bookings.queries.slots import claims_meeting, free_slots
from bookings.services import block_slot, schedule_booking, unblock_slot
from bookings.services.slots import place_of
from bookings.services.wishes import MOST_CPM_CENTS, MOST_IMPRESSIONS
from deals.models import Campaign
from metrics.models import Episode
from tracker.flags.pages import flag_required
from tracker.lib.dates import flight_bounds, local_day
from tracker.lib.errors import DomainError
from tracker.tenants.context import tenant_zone

FLAG = "ENABLE_IO_BOOKINGS"
# The deals that moved last; an older one is booked in the admin, where deals are searched.
MOST_DEALS = 300
A_WEEK = timedelta(days=6)


@dataclass(frozen=True)
class Place:
    """The slot that is looked at: a unit, in an episode or in the days from one to another, inclusive."""

    unit: AdUnit
    episode: Episode | None
    first_day: date
    last_day: date

    def flight(self, last_day: date | None = None) -> dict[str, Any]:
        start, end = flight_bounds(self.first_day, last_day or self.last_day, tenant_zone())
        return {"episode": self.episode, "flight_start": start, "flight_end": end}


class HoldForm(forms.Form):
    """For whom a slot is held, and what is meant to be booked there."""

    campaign = forms.ModelChoiceField(
        label=gettext_lazy("Deal"), queryset=Campaign.objects.none(), empty_label=gettext_lazy("Choose a deal")
    )
    last_day = forms.DateField(
        label=gettext_lazy("Last day of the flight"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    booked_impressions = forms.IntegerField(label=gettext_lazy("Impressions"), min_value=1, max_value=MOST_IMPRESSIONS)
    cpm = forms.DecimalField(
        label=gettext_lazy("CPM"), min_value=0, max_value=MOST_CPM_CENTS // 100, max_digits=10, decimal_places=2
    )
    FIELD_OF = {"flight_end": "last_day", "flight_start": "last_day", "booked_cpm_cents": "cpm"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        live = Campaign.objects.exclude(stage=Campaign.Stage.LOST).order_by("-stage_changed_at")
        recent = list(live.values_list("pk", flat=True)[:MOST_DEALS])
        deals = Campaign.objects.filter(pk__in=recent).select_related("sponsor").order_by("name")
        self.fields["campaign"].queryset = deals  # type: ignore[attr-defined]
        self.fields["campaign"].label_from_instance = lambda deal: f"{deal} · {deal.sponsor}"  # type: ignore[attr-defined]


@login_required
@flag_required(FLAG)
@require_http_methods(["GET", "POST"])
def slot(request: HttpRequest) -> HttpResponse:
    """What a slot is, and what sales may do with it. A refusal says what is taken and which slots are free next."""
    if not (request.user.is_staff and request.user.has_perm("bookings.add_iobooking")):
        raise PermissionDenied
    place = _place(request)
    act = request.POST.get("act", "")
    form = HoldForm(request.POST if act == "hold" else None, initial=_usual(place))
    refusal: DomainError | None = None
    if request.method == "POST":
        try:
            if _acted(request, place, act, form):
                return HttpResponseRedirect(_calendar_url(request, place))
        except DomainError as problem:
            refusal = problem
    return _page(request, place, form, refusal)


def _acted(request: HttpRequest, place: Place, act: str, form: HoldForm) -> bool:
    now = timezone.now()
    if act == "block":
        block_slot(
            ad_unit=place.unit, reason=request.POST.get("reason", "")[:200], by=request.user, at=now, **place.flight()
        )
        messages.success(request, _("The slot is blocked."))
        return True
    if act == "unblock":
        claim = _claim(place)
        if claim is not None:
            unblock_slot(claim=claim, by=request.user, at=now)
        messages.success(request, _("The slot can be sold again."))
        return True
    if act != "hold" or not form.is_valid():
        return False
    wanted = form.cleaned_data
    held = schedule_booking(
        campaign=wanted["campaign"],
        ad_unit=place.unit,
        booked_impressions=wanted["booked_impressions"],
        booked_cpm_cents=int(wanted["cpm"] * 100),
        status=IOBooking.Status.HELD,
        by=request.user,
        at=now,
        **place.flight(wanted["last_day"]),
    )
    assert held.held_until is not None
    until = held.held_until.astimezone(tenant_zone())
    messages.success(request, _("Held until %(until)s.") % {"until": f"{until:%-d %b %Y, %H:%M}"})
    return True


def _page(request: HttpRequest, place: Place, form: HoldForm, refusal: DomainError | None) -> HttpResponse:
    claim = _claim(place)
    taken_by = claim.booking if claim else None
    add = reverse("admin:bookings_iobooking_add")
    episode = f"&episode={place.episode.pk}" if place.episode else ""
    flight = place.flight()
    context = {
        "place": place,
        "claim": claim,
        "taken_by": taken_by,
        "state": _state(claim),
        "calendar_url": _calendar_url(request, place),
        "is_desk": "desk" in request.GET,
        "next_free": free_slots(ad_unit=place.unit, at=timezone.now(), **flight) if claim else [],
        "form": form,
        "refusal": refusal,
        "reason": request.POST.get("reason", ""),
        "book_url": f"{add}?ad_unit={place.unit.pk}{episode}&first_day={place.first_day.isoformat()}",
    }
    wrong = refusal is not None or bool(form.errors)
    response = render(request, "bookings/slot.html", context, status=409 if wrong else 200)
    response["Cache-Control"] = "private, no-store"
    return response


def _calendar_url(request: HttpRequest, place: Place) -> str:
    """Return where one came from: the calendar of the sales desk, or that of everybody."""
    calendar = "admin:bookings_adunit_calendar" if "desk" in request.GET else "bookings:calendar"
    return f"{reverse(calendar)}?from={place.first_day.isoformat()}"


def _state(claim: SlotClaim | None) -> str:
    if claim is None:
        return "open"
    if claim.booking is None:
        return "blocked"
    return "held" if claim.booking.status == IOBooking.Status.HELD else "sold"


def _claim(place: Place) -> SlotClaim | None:
    episodes, during = place_of(ad_unit=place.unit, **place.flight())
    found = claims_meeting(place.unit, episodes, during, besides=None, shared=False)
    return found.select_related("booking__campaign__sponsor", "booking__episode", "ad_unit").first()


def _usual(place: Place) -> dict[str, Any]:
    rate = place.unit.rate_cpm_cents
    return {"last_day": place.last_day, "cpm": f"{rate / 100:.2f}" if rate is not None else None}


def _place(request: HttpRequest) -> Place:
    """Return the slot that the address names; a unit, an episode or a day that is not there is a 404."""
    try:
        unit = AdUnit.objects.select_related("podcast").get(pk=UUID(request.GET.get("unit", "")), is_active=True)
        day = date.fromisoformat(request.GET.get("day", ""))
        wanted = request.GET.get("episode", "")
        episode = Episode.objects.get(pk=UUID(wanted), podcast=unit.podcast_id) if wanted else None
    except (AdUnit.DoesNotExist, Episode.DoesNotExist, ValueError):
        raise Http404 from None
    if not 2000 <= day.year <= 2100:
        raise Http404
    if episode is not None and episode.drops_at is not None:
        day = local_day(episode.drops_at, tenant_zone())
    # A dynamic unit is sold by the week; a read by its day, also where the episode of that day is not planned yet.
    is_dynamic = unit.delivery == AdUnit.Delivery.DYNAMIC
    length = A_WEEK if is_dynamic else timedelta(days=max(0, (unit.min_flight_days or 1) - 1))
    return Place(unit, episode, day, day + length)
