"""Find anything by a piece of its name: shows, episodes, sponsors, deals, orders."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from bookings.models import InsertionOrder, IOBooking
from deals.models import Campaign, Sponsor
from metrics.models import Podcast

LIMIT = 8


@dataclass(frozen=True)
class Hit:
    """One line of the result: what it is called, one line about it, and where it opens."""

    name: str
    about: str
    url: str


@dataclass(frozen=True)
class Hits:
    title: Any
    icon: str
    hits: list[Hit]


def _admin_url(model: str, key: object) -> str:
    try:
        return reverse(f"admin:{model}_change", args=[key])
    except NoReverseMatch:
        return ""


def _hits(title: Any, icon: str, rows: QuerySet[Any], about: Any, model: str) -> Hits:
    return Hits(title, icon, [Hit(str(row), about(row), _admin_url(model, row.pk)) for row in rows[:LIMIT]])


def search(words: str) -> list[Hits]:
    """Return the shows, sponsors, deals, bookings and orders of this house that hold `words`; for staff only."""
    shows = Podcast.objects.filter(Q(title__icontains=words) | Q(host_name__icontains=words)).order_by("title")
    sponsors = Sponsor.objects.filter(name__icontains=words, merged_into__isnull=True).order_by("name")
    orders = InsertionOrder.objects.filter(
        Q(number__icontains=words) | Q(buyer_reference__icontains=words) | Q(campaign__sponsor__name__icontains=words)
    ).select_related("campaign__sponsor")
    deals = Campaign.objects.filter(Q(name__icontains=words) | Q(sponsor__name__icontains=words))
    deals = deals.select_related("sponsor").order_by("-stage_changed_at")
    bookings = IOBooking.objects.filter(
        Q(promo_code__icontains=words) | Q(order__number__icontains=words) | Q(campaign__sponsor__name__icontains=words)
    ).select_related("campaign__sponsor", "ad_unit__podcast", "order")
    found = [
        _hits(_("Shows"), "mic", shows, lambda show: show.host_name, "metrics_podcast"),
        _hits(_("Sponsors"), "users", sponsors, lambda sponsor: sponsor.category, "deals_sponsor"),
        _hits(_("Deals"), "board", deals, lambda deal: deal.sponsor.name, "deals_campaign"),
        _hits(
            _("Bookings"),
            "file",
            bookings.order_by("-flight_start"),
            lambda line: f"{line.campaign.sponsor} · {line.ad_unit.podcast} · {line.promo_code or line.order}",
            "bookings_iobooking",
        ),
        _hits(
            _("Orders"),
            "file",
            orders.order_by("-created_at"),
            lambda order: f"{order.campaign.sponsor} · {order.campaign}",
            "bookings_insertionorder",
        ),
    ]
    return [group for group in found if group.hits]


@require_GET
@login_required
def find(request: HttpRequest) -> HttpResponse:
    words = request.GET.get("q", "").strip()[:100]
    groups = search(words) if len(words) >= 2 and request.user.is_staff else []
    return render(request, "dashboards/find.html", {"words": words, "groups": groups})
