"""What an advertiser does from their page: ask for a plan where there is room, open an order to sign it."""

import uuid
from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bookings.models import AdUnit, InsertionOrder
from bookings.services import signing_address
from deals.models import Sponsor
from deals.services import open_deal
from metrics.models import Podcast
from tracker.flags.pages import flag_required
from tracker.lib import words
from tracker.lib.errors import DomainError

CARDS, PIPELINE, BOOKINGS = "ENABLE_NEW_DASHBOARD_CARDS", "ENABLE_DEAL_PIPELINE", "ENABLE_IO_BOOKINGS"
# The sales desk answers within two days.
ANSWER = timedelta(days=2)
LONGEST_WEEKS = 26


class PlanForm(forms.Form):
    """A wish for a plan: where, when, how long, and what else the sales desk should know."""

    podcast = forms.ModelChoiceField(
        label=gettext_lazy("Show"), queryset=Podcast.objects.none(), empty_label=gettext_lazy("Choose a show")
    )
    position = forms.ChoiceField(label=gettext_lazy("Position"), choices=AdUnit.Position.choices)
    week = forms.DateField(
        label=gettext_lazy("From the week of"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    weeks = forms.IntegerField(label=gettext_lazy("Weeks"), min_value=1, max_value=LONGEST_WEEKS, initial=4)
    message = forms.CharField(
        label=gettext_lazy("What should we know?"),
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["podcast"].queryset = Podcast.objects.filter(is_archived=False).order_by("title")  # type: ignore[attr-defined]

    def clean_week(self) -> date:
        week: date = self.cleaned_data["week"]
        if week + timedelta(days=6) < words.today():
            raise forms.ValidationError(_("That week is over. Choose this one or a later one."))
        return week


@login_required
@flag_required(CARDS)
@flag_required(PIPELINE)
@require_http_methods(["GET", "POST"])
def ask_for_plan(request: HttpRequest) -> HttpResponse:
    """Ask the sales desk for a plan: it becomes a lead of the advertiser's, with the wish on it."""
    sponsor = _sponsor(request)
    asked = {name: request.GET.get(name, "") for name in ("podcast", "position", "week")}
    form = PlanForm(request.POST or None, initial={**{k: v for k, v in asked.items() if v}, "weeks": 4})
    if request.method == "POST" and form.is_valid():
        try:
            _open_lead(request, sponsor, form.cleaned_data)
        except DomainError as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("Plan asked for. The sales desk answers you by mail."))
            return redirect(f"{reverse('dashboards:advertiser')}?advertiser_id={sponsor.pk}")
    return render(
        request, "dashboards/plan.html", {"form": form, "sponsor": sponsor}, status=400 if form.errors else 200
    )


def _open_lead(request: HttpRequest, sponsor: Sponsor, wish: dict[str, Any]) -> None:
    first: date = wish["week"]
    position = AdUnit.Position(wish["position"]).label
    now = timezone.now()
    who = request.user.as_actor()  # type: ignore[union-attr]
    note = _("%(person)s asked for a plan from the inventory page.") % {"person": request.user}
    open_deal(
        name=_("Plan for %(show)s, %(position)s") % {"show": wish["podcast"], "position": position},
        sponsor=sponsor,
        currency=words.house_currency(),
        by=who,
        at=now,
        wanted_podcasts=[wish["podcast"]],
        flight_first_day=first,
        flight_last_day=first + timedelta(days=7 * wish["weeks"] - 1),
        next_step=_("Answer with a plan"),
        next_step_on=words.today() + ANSWER,
        notes="\n".join(part for part in (note, wish["message"]) if part),
    )


@login_required
@require_safe
def documents(request: HttpRequest) -> HttpResponse:
    """Lead to the card with the orders to sign."""
    return redirect(f"{reverse('dashboards:advertiser')}#documents")


@login_required
@flag_required(CARDS)
@flag_required(BOOKINGS)
@require_POST
def sign_order(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """Open an order of one's own at its private address, to read and sign it."""
    user: Any = request.user
    if user.role.bound_to != "sponsor":
        raise PermissionDenied
    mine = user.bound_ids("sponsor") or ()
    order = InsertionOrder.objects.filter(
        pk=order_id, campaign__sponsor__in=mine, status=InsertionOrder.Status.SENT
    ).first()
    if order is None:
        raise Http404
    return redirect(signing_address(order=order, reader=user.email, at=timezone.now()))


def _sponsor(request: HttpRequest) -> Sponsor:
    """The advertiser who asks: one of the person's own, the first by name when the address names none."""
    user: Any = request.user
    if user.role.bound_to != "sponsor" or not user.has_perm("dashboards.view_advertiser"):
        raise PermissionDenied
    mine = Sponsor.objects.filter(pk__in=user.bound_ids("sponsor") or (), is_archived=False).order_by("name")
    wanted = request.GET.get("advertiser_id", "")
    found = [one for one in mine if not wanted or str(one.pk) == wanted]
    if not found:
        raise Http404
    return found[0]
