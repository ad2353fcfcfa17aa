"""Acts of the sales desk that need a page of their own."""

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from deals.forms import MoveForm, stages_to_offer
from deals.models import Campaign
from deals.queries import unmet_guards
from deals.services import is_manager, move_deal
from tracker.flags.pages import flag_required
from tracker.lib.errors import DomainError

if TYPE_CHECKING:
    from deals.admin import CampaignAdmin

FLAG = "ENABLE_DEAL_PIPELINE"
# Deals moved by one bulk act: each is a transaction of its own, within one request.
BULK_LIMIT = 200


@flag_required(FLAG)
def move_one(request: HttpRequest, object_id: UUID, *, model_admin: "CampaignAdmin") -> HttpResponse:
    """Ask where a deal goes and why, then move it."""
    campaign = get_object_or_404(Campaign.objects.select_related("sponsor"), pk=object_id)
    if not model_admin.has_change_permission(request, campaign):
        raise PermissionDenied
    may_force = is_manager(request.user)
    form = MoveForm(
        request.POST or None,
        stages=stages_to_offer(campaign, may_force=may_force),
        may_force=may_force,
        initial={"stage": request.GET.get("to", "")},
    )
    if request.method == "POST" and form.is_valid():
        try:
            moved = move_deal(campaign=campaign, by=request.user, at=timezone.now(), **form.move())
        except DomainError as refusal:
            form.add_error(None, refusal.message)
        else:
            _tell_moved(request, moved)
            return HttpResponseRedirect(reverse("admin:deals_campaign_change", args=[moved.pk]))
    context = {
        **model_admin.admin_site.each_context(request),
        "model_admin": model_admin,
        "title": _("Move %(deal)s") % {"deal": campaign},
        "form": form,
        "deals": [campaign],
        "back": reverse("admin:deals_campaign_change", args=[campaign.pk]),
    }
    return render(request, "deals/admin_move.html", context, status=409 if form.non_field_errors() else 200)


def move_many(request: HttpRequest, deals: QuerySet[Campaign], *, model_admin: "CampaignAdmin") -> HttpResponse | None:
    """Ask where the chosen deals go and why, then move each by itself: one that is refused leaves the others."""
    chosen = list(deals.select_related("sponsor").order_by("name")[: BULK_LIMIT + 1])
    if len(chosen) > BULK_LIMIT:
        messages.error(request, _("Choose at most %(limit)s deals at a time.") % {"limit": BULK_LIMIT})
        return None
    asked = "stage" in request.POST
    stages = [stage for stage in Campaign.Stage.values if any(deal.can_move_to(stage) for deal in chosen)]
    form = MoveForm(request.POST if asked else None, stages=stages, may_force=is_manager(request.user))
    if asked and form.is_valid():
        _move_each(request, chosen, form)
        return None
    context = {
        **model_admin.admin_site.each_context(request),
        "model_admin": model_admin,
        "title": ngettext("Move %(count)s deal", "Move %(count)s deals", len(chosen)) % {"count": len(chosen)},
        "form": form,
        "deals": chosen,
        "back": reverse("admin:deals_campaign_changelist"),
        "bulk": True,
    }
    return render(request, "deals/admin_move.html", context)


def _move_each(request: HttpRequest, chosen: list[Campaign], form: MoveForm) -> None:
    moved = 0
    for deal in chosen:
        try:
            move_deal(campaign=deal, by=request.user, at=timezone.now(), **form.move())
            moved += 1
        except DomainError as refusal:
            messages.error(request, f"{deal}: {refusal.message}")
    if moved:
        words = ngettext("%(count)s deal moved.", "%(count)s deals moved.", moved) % {"count": moved}
        messages.success(request, words)


def _tell_moved(request: HttpRequest, campaign: Campaign) -> None:
    words = _("%(deal)s moved to %(stage)s.") % {"deal": campaign, "stage": campaign.get_stage_display()}
    messages.success(request, words)
    for guard, _level in unmet_guards(campaign, to=campaign.stage):
        messages.warning(request, str(guard.message))
