"""The page of one deal: what is wanted, what is free, what was said and done, and what comes next.

It stands inside the admin site: its menu, its rights. Writes go to the services of deals and bookings.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from bookings.models import AdUnit, IOBooking, SlotClaim, slot_number
from bookings.services import draft_order
from deals.alerts import sentence_of, without_echo
from deals.models import Campaign, DealFile, DealNote
from deals.papers import add_file
from deals.queries import stage_settings
from deals.services import note_on_deal
from matchmaking.models import Match
from metrics.models import Episode
from tracker.dashboards.timeline import timeline
from tracker.flags.pages import flag_required
from tracker.flags.services import switched_on
from tracker.lib import words
from tracker.lib.dates import flight_bounds
from tracker.lib.errors import DomainError
from tracker.tenants.context import tenant_zone

FLAG = "ENABLE_DEAL_PIPELINE"
MATCHES_SHOWN = 5


@dataclass(frozen=True)
class FreeUnit:
    """What is free of one ad unit in the wanted flight: whole (dynamic), or so many of the episodes that drop in it."""

    unit: AdUnit
    is_dynamic: bool
    free: int
    of: int

    @property
    def sentence(self) -> str:
        if self.is_dynamic:
            return _("free") if self.free else _("taken")
        if not self.of:
            return _("no episode planned")
        parts = {"free": self.free, "of": self.of}
        return ngettext("%(free)s of %(of)s episode free", "%(free)s of %(of)s episodes free", self.of) % parts


@flag_required(FLAG)
@require_GET
def page(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    deal = find_deal(request, campaign_id)
    features, now = switched_on(), timezone.now()
    shows = list(deal.wanted_podcasts.order_by("title"))
    bookings = list(
        IOBooking.objects.filter(campaign=deal).select_related("ad_unit__podcast", "order").order_by("flight_start")
    )
    days = (now - deal.stage_changed_at).days
    context = {
        **admin.site.each_context(request),
        "title": deal.name,
        "opts": Campaign._meta,
        "original": deal,
        "is_fullwidth": "1",
        "deal": deal,
        "today": words.today(),
        "days": days,
        "tone": stage_settings()[deal.stage].age_tone(days),
        "shows": shows,
        "contacts": list(deal.sponsor.contacts.order_by("name")),
        "alerts": _alerts(deal),
        "free": free_in_flight(deal, shows),
        "matches": _matches(deal) if "ENABLE_MATCHMAKING" in features else None,
        "bookings": bookings,
        "orders": list(deal.orders.order_by("created_at")),
        "may_book": "ENABLE_IO_BOOKINGS" in features and request.user.has_perm("bookings.add_iobooking"),
        "may_change": request.user.has_perm("deals.change_campaign"),
        "files": list(deal.files.filter(proposal__isnull=True).order_by("-added_at")),
        "proposals": list(deal.proposals.select_related("file").order_by("-version")),
        "kinds": DealNote.Kind.choices,
        "timeline": timeline(deal, bookings),
        "siblings": _siblings(deal),
    }
    return render(request, "dashboards/deal.html", context)


@flag_required(FLAG)
@require_POST
def add_note(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    deal = find_deal(request, campaign_id, to_change=True)
    kind = request.POST.get("kind", DealNote.Kind.NOTE)
    if kind not in DealNote.Kind.values:
        kind = DealNote.Kind.NOTE
    text = request.POST.get("text", "")[:10_000]
    _try(request, lambda: note_on_deal(campaign=deal, text=text, kind=kind, by=request.user, at=timezone.now()))
    return _back(deal)


@flag_required(FLAG)
@require_POST
def keep_file(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    deal = find_deal(request, campaign_id, to_change=True)
    file = request.FILES.get("file")
    if file is None:
        messages.error(request, _("Choose a file first."))
    else:
        _try(request, lambda: add_file(campaign=deal, file=file, by=request.user, at=timezone.now()))
    return _back(deal)


@flag_required(FLAG)
@require_GET
def file(request: HttpRequest, campaign_id: UUID, file_id: UUID) -> HttpResponse:
    """Hand a file out as a download: never shown by the browser, whatever it holds."""
    deal = find_deal(request, campaign_id)
    kept = get_object_or_404(DealFile, pk=file_id, campaign=deal)
    answer = FileResponse(
        kept.file.open("rb"), as_attachment=True, filename=kept.name, content_type="application/octet-stream"
    )
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer


@flag_required("ENABLE_IO_BOOKINGS")
@flag_required(FLAG)
@require_POST
def draft(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    """Make the deal's draft order, or find the one there is, and open it."""
    deal = find_deal(request, campaign_id)
    if not request.user.has_perm("bookings.add_iobooking"):
        raise PermissionDenied
    order = _try(request, lambda: draft_order(campaign=deal, by=request.user, at=timezone.now()))
    if order is None:
        return _back(deal)
    return HttpResponseRedirect(reverse("admin:bookings_insertionorder_change", args=[order.pk]))


def free_in_flight(deal: Campaign, shows: list[Any]) -> list[tuple[Any, list[FreeUnit]]] | None:
    """Return what is free on each wanted show in the wanted flight, or None while the deal names no flight.

    Three statements, whatever the number of shows. A shared unit counts as free: it is limited by impressions.
    """
    if deal.flight_first_day is None or deal.flight_last_day is None or not shows:
        return None
    start, end = flight_bounds(deal.flight_first_day, deal.flight_last_day, tenant_zone())
    units = list(AdUnit.objects.filter(podcast__in=shows, is_active=True).order_by("position", "index", "name"))
    claims = defaultdict(list)
    meeting = SlotClaim.objects.filter(ad_unit__in=units, is_shared=False, during__overlap=(start, end))
    for claim in meeting:
        claims[claim.ad_unit_id].append(claim)
    drops = defaultdict(list)
    for episode in Episode.objects.filter(podcast__in=shows, drops_at__gte=start, drops_at__lt=end):
        drops[episode.podcast_id].append(episode)
    by_show = defaultdict(list)
    for unit in units:
        by_show[unit.podcast_id].append(_free_unit(unit, claims[unit.pk], drops[unit.podcast_id]))
    return [(show, by_show[show.pk]) for show in shows]


def _free_unit(unit: AdUnit, claims: list[SlotClaim], episodes: list[Episode]) -> FreeUnit:
    if unit.delivery == AdUnit.Delivery.DYNAMIC:
        return FreeUnit(unit, is_dynamic=True, free=0 if claims else 1, of=1)
    free = sum(not any(_takes(claim, episode) for claim in claims) for episode in episodes)
    return FreeUnit(unit, is_dynamic=False, free=free, of=len(episodes))


def _takes(claim: SlotClaim, episode: Episode) -> bool:
    number, episodes = slot_number(episode.pk), claim.episodes
    if episodes.lower is not None and not episodes.lower <= number < episodes.upper:
        return False
    return episode.drops_at in claim.during


def _alerts(deal: Campaign) -> list[str]:
    standing = deal.alerts.filter(cleared_at__isnull=True).order_by("raised_at", "kind")
    return [sentence_of(alert) for alert in without_echo(standing)]


def _matches(deal: Campaign) -> list[Match]:
    best = Match.objects.filter(advertiser_id=deal.sponsor_id).select_related("podcast").order_by("-score", "match_id")
    return list(best[:MATCHES_SHOWN])


def _siblings(deal: Campaign) -> list[Campaign]:
    others = Campaign.objects.filter(sponsor_id=deal.sponsor_id).exclude(pk=deal.pk)
    return list(others.order_by("-stage_changed_at")[:8])


def find_deal(request: HttpRequest, campaign_id: UUID, *, to_change: bool = False) -> Campaign:
    """Return a deal that the person may see (or change), else 403, or 404 when it is not of this house."""
    wanted = "deals.change_campaign" if to_change else "deals.view_campaign"
    if not request.user.has_perm(wanted):
        raise PermissionDenied
    return get_object_or_404(Campaign.objects.select_related("sponsor__agency", "agency", "owner"), pk=campaign_id)


def _try(request: HttpRequest, act: Any) -> Any:
    try:
        return act()
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return None


def _back(deal: Campaign) -> HttpResponse:
    return HttpResponseRedirect(reverse("desk:deal", args=[deal.pk]))
