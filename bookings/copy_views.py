"""The page on which a booking's copy is read, answered and written."""

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
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bookings.models import BookingCopy, IOBooking
from bookings.queries.copies import copies_of, material_day
from bookings.services.copies import LONGEST_DISCLOSURE, MOST_WORDS, accept_copy, ask_for_change, propose_copy
from tracker.api.views import only_bound
from tracker.flags.pages import flag_required
from tracker.lib.errors import DomainError

FLAG = "ENABLE_IO_BOOKINGS"
BOUND = {"podcast": "ad_unit__podcast_id", "sponsor": "campaign__sponsor_id"}
SHOWN = 200


class CopyForm(forms.Form):
    """What the host is to say; the service judges it."""

    talking_points = forms.CharField(
        label=gettext_lazy("Talking points"),
        max_length=MOST_WORDS,
        widget=forms.Textarea(attrs={"rows": 7}),
    )
    must_say = forms.CharField(
        label=gettext_lazy("Must say, word for word"),
        max_length=MOST_WORDS,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    disclosure = forms.CharField(label=gettext_lazy("Disclosure"), max_length=LONGEST_DISCLOSURE, required=False)
    due_on = forms.DateField(
        label=gettext_lazy("Approved by"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


@login_required
@flag_required(FLAG)
@require_http_methods(["GET", "POST"])
def booking_copy(request: HttpRequest, io_id: UUID) -> HttpResponse:
    """Read a booking's copy and its history; sales writes the next version here."""
    booking = _booking(request, io_id)
    form = CopyForm(request.POST or None, initial=_next_version(booking))
    if request.method == "POST":
        if not may_write(request):
            raise PermissionDenied
        if form.is_valid():
            try:
                propose_copy(booking=booking, by=request.user, at=timezone.now(), **form.cleaned_data)
            except DomainError as refusal:
                field = str(refusal.details.get("field", ""))
                form.add_error(field if field in form.fields else None, refusal.message)
            else:
                messages.success(request, _("The copy waits for the show's people now."))
                return _back(booking)
    return _page(request, booking, form=form, status=200 if not form.errors else 409)


@login_required
@flag_required(FLAG)
@require_POST
def copy_answer(request: HttpRequest, io_id: UUID, copy_id: UUID) -> HttpResponse:
    """Accept a version, or ask for a change: for the people of the show."""
    booking = _booking(request, io_id)
    if not may_answer(request):
        raise PermissionDenied
    copy = BookingCopy.objects.filter(booking=booking, pk=copy_id).first()
    if copy is None:
        raise Http404
    answer = request.POST.get("answer", "")
    try:
        if request.POST.get("decision") == "accept":
            accept_copy(copy=copy, by=request.user, at=timezone.now())
            messages.success(request, _("Copy accepted. This version is frozen now."))
        else:
            ask_for_change(copy=copy, answer=answer, by=request.user, at=timezone.now())
            messages.success(request, _("Sent back to the sales desk."))
    except DomainError as refusal:
        return _page(request, booking, form=CopyForm(), error=refusal.message, answer=answer, status=409)
    return _back(booking)


@login_required
@flag_required(FLAG)
@require_GET
def copies(request: HttpRequest) -> HttpResponse:
    """Copy that waits: of the shows, sponsors or the whole house that this person may see."""
    _check_permission(request)
    lines = only_bound(IOBooking.objects.exclude(status__in=IOBooking.ENDED), request.user, BOUND)
    found = (
        BookingCopy.objects.filter(booking__in=lines, status__in=BookingCopy.OPEN)
        .select_related("booking__ad_unit__podcast", "booking__campaign__sponsor", "booking__order")
        .order_by("due_on", "copy_id")[:SHOWN]
    )
    response = render(request, "bookings/copies.html", {"copies": found, "answers": may_answer(request)})
    response["Cache-Control"] = "private, no-store"
    return response


def may_write(request: HttpRequest) -> bool:
    return bool(request.user.is_staff and request.user.has_perm("bookings.change_iobooking"))


def may_answer(request: HttpRequest) -> bool:
    """Only who speaks the words says that they may be spoken."""
    return request.user.role.bound_to == "podcast"


def _page(
    request: HttpRequest,
    booking: IOBooking,
    *,
    form: CopyForm,
    error: str = "",
    answer: str = "",
    status: int = 200,
) -> HttpResponse:
    versions = copies_of(booking)
    context = {
        "booking": booking,
        "newest": versions[0] if versions else None,
        "versions": versions,
        "approved": next((one for one in versions if one.status == BookingCopy.Status.APPROVED), None),
        "writes": may_write(request) and booking.status not in IOBooking.ENDED,
        "answers": may_answer(request),
        "form": form,
        "error": error,
        "answer": answer,
    }
    response = render(request, "bookings/copy.html", context, status=status)
    response["Cache-Control"] = "private, no-store"
    return response


def _booking(request: HttpRequest, io_id: UUID) -> IOBooking:
    _check_permission(request)
    lines = IOBooking.objects.select_related("order", "ad_unit__podcast", "campaign__sponsor", "episode")
    booking = only_bound(lines, request.user, BOUND).filter(pk=io_id).first()
    if booking is None:
        raise Http404
    return booking


def _check_permission(request: HttpRequest) -> None:
    if not request.user.has_perm("bookings.view_iobooking"):
        raise PermissionDenied


def _next_version(booking: IOBooking) -> dict[str, object]:
    """What a new version begins with: the words of the last one, else the usual disclosure and the material day."""
    last = next(iter(copies_of(booking)), None)
    if last is None:
        usual = _("This episode is sponsored by %(sponsor)s.") % {"sponsor": booking.campaign.sponsor}
        return {"disclosure": usual, "due_on": material_day(booking)}
    return {name: getattr(last, name) for name in ("talking_points", "must_say", "disclosure", "due_on")}


def _back(booking: IOBooking) -> HttpResponse:
    return HttpResponseRedirect(reverse("bookings:copy", args=[booking.pk]))
