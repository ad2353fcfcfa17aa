"""Sponsors that are one company: found by their spelling, merged and taken apart by a person."""

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from deals.merging import duplicate_groups, merge_sponsors, undo_merge
from deals.models import Campaign, Sponsor, SponsorMerge
from tracker.lib.errors import DomainError

if TYPE_CHECKING:
    from deals.admin import SponsorAdmin

RECENT = 20


@require_http_methods(["GET", "POST"])
def duplicates(request: HttpRequest, *, model_admin: "SponsorAdmin") -> HttpResponse:
    """Show spellings that may be one company, and what was merged lately; merge on POST of keep and merge."""
    if not model_admin.has_change_permission(request):
        raise PermissionDenied
    if request.method == "POST":
        return _merge(request)
    groups = duplicate_groups()
    deals = dict(
        Campaign.objects.filter(sponsor__in=[one for group in groups for one in group])
        .values_list("sponsor_id")
        .annotate(deals=Count("pk"))
    )
    chosen = request.GET.get("keep", "")
    context = {
        **model_admin.admin_site.each_context(request),
        "model_admin": model_admin,
        "title": _("Duplicates"),
        "groups": [[(sponsor, deals.get(sponsor.pk, 0)) for sponsor in group] for group in groups],
        "sponsors": Sponsor.objects.filter(merged_into__isnull=True).order_by("name").only("name"),
        "chosen": chosen,
        "merges": SponsorMerge.objects.select_related("kept", "merged").order_by("-merged_at")[:RECENT],
    }
    return render(request, "deals/duplicates.html", context)


@require_POST
def undo(request: HttpRequest, merge_id: UUID, *, model_admin: "SponsorAdmin") -> HttpResponse:
    """Take two merged sponsors apart again."""
    if not model_admin.has_change_permission(request):
        raise PermissionDenied
    merge = get_object_or_404(SponsorMerge.objects.select_related("merged"), pk=merge_id)
    try:
        undo_merge(merge=merge, by=request.user, at=timezone.now())
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("%(name)s stands by itself again.") % {"name": merge.merged})
    return HttpResponseRedirect(reverse("admin:deals_sponsor_duplicates"))


def _merge(request: HttpRequest) -> HttpResponse:
    keep = get_object_or_404(Sponsor, pk=_id(request.POST.get("keep", "")))
    merge = get_object_or_404(Sponsor, pk=_id(request.POST.get("merge", "")))
    try:
        merge_sponsors(keep=keep, merge=merge, by=request.user, at=timezone.now())
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("%(merged)s is now %(kept)s.") % {"merged": merge, "kept": keep})
    return HttpResponseRedirect(reverse("admin:deals_sponsor_duplicates"))


def _id(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None
