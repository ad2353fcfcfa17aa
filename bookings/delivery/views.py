"""The page of a booking and what is done on it; proof from a phone; a sponsor's answer."""

import io
from collections.abc import Callable
from datetime import UTC
from functools import wraps
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from bookings.delivery import forms
from bookings.delivery.airchecks import judge_proof, spots_to_prove, submit_proof
from bookings.delivery.billing import agree_count, billing_csv, release_bill
from bookings.delivery.page import booking_view
from bookings.delivery.pauses import black_out, lift_blackout
from bookings.delivery.redemptions import import_redemptions
from bookings.links import site_address
from bookings.makegoods.offers import accept_offer, decline_offer, offer_makegood, offer_of_link
from bookings.makegoods.ranking import ranked_slots
from bookings.makegoods.services import adjust_owed, credit_makegood, open_makegood, waive_makegood
from bookings.models import Aircheck, BillingLine, IOBooking, Makegood
from metrics.models import Episode
from tracker.api.views import only_bound
from tracker.flags.pages import flag_required
from tracker.lib.errors import DomainError, NotFound

FLAG = "ENABLE_IO_BOOKINGS"
BOUND = {"sponsor": "campaign__sponsor_id", "podcast": "ad_unit__podcast_id"}
CHANGE = "bookings.change_makegood"

View = Callable[..., HttpResponse]


def of_booking(view: View) -> View:
    """Hand the view the booking that this person may see; anybody else's is not there."""

    @wraps(view)
    @login_required
    @flag_required(FLAG)
    def guarded(request: HttpRequest, io_id: UUID, **more: object) -> HttpResponse:
        if not request.user.has_perm("bookings.view_iobooking"):
            raise PermissionDenied
        lines = IOBooking.objects.select_related(
            "order", "ad_unit__podcast", "campaign__sponsor", "campaign__agency", "episode", "makegood_of"
        )
        booking = only_bound(lines, request.user, BOUND).filter(pk=io_id).first()
        if booking is None:
            raise Http404
        response = view(request, booking, **more)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return guarded


def act_on_booking(view: View) -> View:
    """An act of staff on a booking: one service call; what it refuses is said on the page."""

    @wraps(view)
    def acted(request: HttpRequest, booking: IOBooking, **more: object) -> HttpResponse:
        if not may_act(request):
            raise PermissionDenied
        try:
            messages.success(request, view(request, booking, **more))
        except DomainError as refusal:
            messages.error(request, refusal.message)
        return redirect("bookings:booking-detail", booking.pk)

    return of_booking(require_POST(acted))


def may_act(request: HttpRequest) -> bool:
    return request.user.is_staff and request.user.has_perm(CHANGE)


def may_prove(request: HttpRequest) -> bool:
    return may_act(request) or request.user.role.bound_to == "podcast"


@of_booking
@require_safe
def booking_detail(request: HttpRequest, booking: IOBooking) -> HttpResponse:
    acts = may_act(request)
    asked = forms.KnownOnForm(request.GET if "known_on" in request.GET else None)
    known_on = asked.cleaned_data["known_on"] if asked.is_bound and asked.is_valid() else None
    view = booking_view(booking, at=timezone.now(), with_slots=acts, known_on=known_on)
    forms_of = {
        "known_form": asked,
        "owed_form": forms.OwedForm(),
        "blackout_form": forms.BlackoutForm(),
        "count_form": forms.CountForm(),
        "case_form": forms.CaseForm(),
        "verdicts": forms.VerdictForm.base_fields["verdict"].choices,  # type: ignore[attr-defined]
        "redemptions_form": forms.RedemptionsForm(),
    }
    link = request.session.pop(f"offer-link-{booking.pk}", "")
    context = {"view": view, "acts": acts, "proves": may_prove(request), "offer_link": link, **forms_of}
    return render(request, "bookings/booking.html", context)


@act_on_booking
def case_open(request: HttpRequest, booking: IOBooking) -> str:
    form = _checked(forms.CaseForm(request.POST))
    open_makegood(
        booking=booking,
        reason=Makegood.Reason.BY_HAND,
        owed_impressions=form["owed_impressions"],
        note=form["note"],
        by=request.user,
        at=timezone.now(),
    )
    return _("Makegood opened.")


@act_on_booking
def case_offer(request: HttpRequest, booking: IOBooking, case_id: UUID) -> str:
    """Offer the chosen slots, best first; the private link is shown once."""
    at = timezone.now()
    case = _case_of(booking, case_id)
    wanted = request.POST.getlist("slot")
    slots = [slot for place, slot in enumerate(ranked_slots(case, at=at)) if str(place) in wanted]
    _offer, token = offer_makegood(
        case=case, slots=slots, by=request.user, at=at, message=request.POST.get("message", "")[:2000]
    )
    request.session[f"offer-link-{booking.pk}"] = site_address() + reverse("bookings:offer", args=[token])
    return _("Makegood offered. Send the private link to the sponsor.")


@act_on_booking
def case_credit(request: HttpRequest, booking: IOBooking, case_id: UUID) -> str:
    credit_makegood(
        case=_case_of(booking, case_id), by=request.user, at=timezone.now(), reason=request.POST.get("reason", "")[:500]
    )
    return _("Credit written.")


@act_on_booking
def case_waive(request: HttpRequest, booking: IOBooking, case_id: UUID) -> str:
    waive_makegood(
        case=_case_of(booking, case_id), by=request.user, at=timezone.now(), reason=request.POST.get("reason", "")[:500]
    )
    return _("Makegood waived.")


@act_on_booking
def proof_judge(request: HttpRequest, booking: IOBooking) -> str:
    form = _checked(forms.VerdictForm(request.POST))
    judge_proof(
        booking=booking,
        episode=_episode_of(booking, request.POST.get("episode", "")),
        verdict=form["verdict"],
        reason=form["reason"],
        by=request.user,
        at=timezone.now(),
    )
    return _("Verdict written.")


@act_on_booking
def count_agree(request: HttpRequest, booking: IOBooking) -> str:
    form = _checked(forms.CountForm(request.POST))
    agree_count(booking=booking, **form, by=request.user, at=timezone.now())
    return _("Count agreed.")


@act_on_booking
def case_adjust(request: HttpRequest, booking: IOBooking, case_id: UUID) -> str:
    form = _checked(forms.OwedForm(request.POST))
    adjust_owed(case=_case_of(booking, case_id), by=request.user, at=timezone.now(), **form)
    return _("What is owed is corrected.")


@act_on_booking
def days_black_out(request: HttpRequest, booking: IOBooking) -> str:
    form = _checked(forms.BlackoutForm(request.POST))
    black_out(booking=booking, by=request.user, at=timezone.now(), **form)
    return _("These days are blacked out.")


@act_on_booking
def blackout_lift(request: HttpRequest, booking: IOBooking, pause_id: UUID) -> str:
    lift_blackout(booking=booking, pause_id=pause_id, by=request.user, at=timezone.now())
    return _("The line runs on these days again.")


@act_on_booking
def bill_release(request: HttpRequest, booking: IOBooking) -> str:
    release_bill(booking=booking, by=request.user, at=timezone.now())
    return _("Released to billing.")


@act_on_booking
def redemptions_import(request: HttpRequest, booking: IOBooking) -> str:
    form = _checked(forms.RedemptionsForm(request.POST, request.FILES))
    try:
        text = io.TextIOWrapper(form["file"], encoding="utf-8-sig", newline="")
        read = import_redemptions(
            lines=text,
            sponsor=booking.campaign.sponsor,
            by=request.user,
            at=timezone.now(),
        )
    except UnicodeDecodeError as problem:
        raise DomainError("unreadable_file", _("This file is not text in UTF-8.")) from problem
    for line, column, reason in read.issues[:5]:
        words = {"line": line, "column": column, "reason": reason}
        messages.warning(request, _("Line %(line)s, %(column)s: %(reason)s") % words)
    return _("%(taken)s rows taken, %(bad)s not.") % {"taken": read.taken, "bad": len(read.issues)}


# --- proof ------------------------------------------------------------------------------------------------------------
@of_booking
@require_http_methods(["GET", "HEAD", "POST"])
def proof(request: HttpRequest, booking: IOBooking) -> HttpResponse:
    """Send the proof of a read: choose the clip, and send it."""
    if not may_prove(request):
        raise PermissionDenied
    at = timezone.now()
    form = forms.ProofForm(request.POST or None, request.FILES or None)
    wanted = request.POST.get("episode", request.GET.get("episode", ""))
    if request.method == "POST" and form.is_valid():
        try:
            submit_proof(
                booking=booking, episode=_episode_of(booking, wanted), by=request.user, at=at, **form.cleaned_data
            )
        except DomainError as refusal:
            field = refusal.details.get("field")
            form.add_error(field if field in form.fields else None, refusal.message)
        else:
            messages.success(request, _("Proof sent."))
            return redirect("bookings:booking-detail", booking.pk)
    spots = spots_to_prove([booking], at=at)
    chosen = next((spot for spot in spots if str(spot.episode.pk if spot.episode else "") == wanted), None)
    first_open = next((spot for spot in spots if spot.aircheck is None or not spot.aircheck.has_proof), None)
    chosen = chosen or first_open or (spots or [None])[0]
    today = at.astimezone(UTC).date()
    context = {"booking": booking, "form": form, "spots": spots, "chosen": chosen, "today": today}
    return render(request, "bookings/aircheck.html", context, status=400 if form.errors else 200)


@of_booking
@require_GET
def proof_file(request: HttpRequest, booking: IOBooking, aircheck_id: UUID) -> HttpResponse:
    """Hand over a clip to whoever may see its booking; never under a guessable name, never as a page."""
    clip = Aircheck.objects.filter(pk=aircheck_id, booking=booking).first()
    if clip is None or not clip.file:
        raise Http404
    response = FileResponse(clip.file.open("rb"), as_attachment=True, filename=clip.file_name or "proof")
    response["Content-Security-Policy"] = "sandbox"
    return response


# --- a sponsor's answer, without signing in ---------------------------------------------------------------------------
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def offer(request: HttpRequest, token: str) -> HttpResponse:
    """What a house offers for what it owes, and the answer. Whoever holds the link may answer, once."""
    try:
        offered = offer_of_link(token)
    except NotFound as absent:
        raise Http404 from absent
    form = forms.AnswerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _answer(request, offered, form.cleaned_data)
            return redirect("bookings:offer", token)
        except DomainError as refusal:
            field = refusal.details.get("field")
            form.add_error(field if field in form.fields else None, refusal.message)
    options = offered.options.select_related("ad_unit__podcast", "episode").order_by("rank")
    context = {
        "offer": offered,
        "case": offered.makegood,
        "booking": offered.makegood.booking,
        "options": options,
        "form": form,
        "is_expired": not offered.answer and timezone.now() >= offered.expires_at,
    }
    response = render(request, "bookings/makegood_offer.html", context, status=400 if form.errors else 200)
    # The secret in the address goes nowhere else; "no-referrer" would hide the origin that the form's check needs.
    response["Referrer-Policy"] = "same-origin"
    response["X-Robots-Tag"] = "noindex"
    return response


def _answer(request: HttpRequest, offered, answer: dict) -> None:
    at = timezone.now()
    if request.POST.get("answer") == "decline":
        decline_offer(offer=offered, name=answer["name"], note=answer["note"], at=at)
        return
    if answer["option"] is None:
        raise DomainError("option_required", _("Choose one of the slots."), field="option")
    accept_offer(offer=offered, option_id=answer["option"], name=answer["name"], note=answer["note"], at=at)


# --- accounting -------------------------------------------------------------------------------------------------------
@login_required
@flag_required(FLAG)
@require_GET
def billing_export(request: HttpRequest) -> HttpResponse:
    """Released billing lines as CSV."""
    if not may_act(request):
        raise PermissionDenied
    lines = BillingLine.objects.select_related(
        "booking__order", "booking__campaign__sponsor", "booking__ad_unit__podcast"
    ).order_by("released_at", "billing_line_id")
    response = HttpResponse(billing_csv(lines.iterator(2000)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="billing.csv"'
    response["Cache-Control"] = "private, no-store"
    return response


def _case_of(booking: IOBooking, case_id: UUID) -> Makegood:
    case = Makegood.objects.filter(pk=case_id, booking=booking).select_related("booking__order").first()
    if case is None:
        raise Http404
    return case


def _episode_of(booking: IOBooking, wanted: str) -> Episode | None:
    if not wanted:
        return None
    try:
        key = UUID(wanted)
    except ValueError:
        raise Http404 from None
    episode = Episode.objects.filter(pk=key, podcast=booking.ad_unit.podcast_id).first()
    if episode is None:
        raise Http404
    return episode


def _checked(form) -> dict:
    """The clean answers of a form, or its first complaint."""
    if form.is_valid():
        return form.cleaned_data
    field, errors = next(iter(form.errors.items()))
    label = form.fields[field].label if field in form.fields else ""
    raise DomainError("form_invalid", f"{label}: {errors[0]}" if label else errors[0])
