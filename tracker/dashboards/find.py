"""Find anything by a piece of its name: shows, episodes, sponsors, deals, bookings, orders; bound people their own."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from bookings.models import InsertionOrder, IOBooking
from deals.models import Campaign, Sponsor
from metrics.models import Episode, Podcast
from tracker.flags.services import is_on

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


def _hits(title: Any, icon: str, rows: QuerySet[Any], about: Callable[[Any], str], url: Callable[[Any], str]) -> Hits:
    return Hits(title, icon, [Hit(str(row), about(row), url(row)) for row in rows[:LIMIT]])


def _in_admin(model: str) -> Callable[[Any], str]:
    return lambda row: _admin_url(model, row.pk)


def _page(name: str) -> Callable[[Any], str]:
    return lambda row: reverse(name, args=[row.pk])


def search(words: str, user: Any) -> list[Hits]:
    """Return what holds `words`: for staff of the whole house, for bound people of their own shows or sponsors.

    At most LIMIT hits of each kind, of five kinds at most.
    """
    if user.is_staff:
        found = _in_house(words)
    elif user.role.bound_to == "podcast":
        found = _of_creator(words, user.bound_ids("podcast") or ())
    elif user.role.bound_to == "sponsor":
        found = _of_advertiser(words, user.bound_ids("sponsor") or ())
    else:
        found = []
    return [group for group in found if group.hits]


def _in_house(words: str) -> list[Hits]:
    sponsors = Sponsor.objects.filter(name__icontains=words, merged_into__isnull=True).order_by("name")
    deals = Campaign.objects.filter(Q(name__icontains=words) | Q(sponsor__name__icontains=words))
    deals = deals.select_related("sponsor").order_by("-stage_changed_at")
    # A deal has its page while the pipeline is switched on, else its form alone.
    deal_page = _page("desk:deal") if is_on("ENABLE_DEAL_PIPELINE") else _in_admin("deals_campaign")
    return [
        _hits(_("Shows"), "mic", _shows(words), lambda show: show.host_name, _in_admin("metrics_podcast")),
        _hits(_("Sponsors"), "users", sponsors, lambda sponsor: sponsor.category, _page("desk:sponsor")),
        _hits(_("Deals"), "board", deals, lambda deal: deal.sponsor.name, deal_page),
        _hits(_("Bookings"), "file", _bookings(words), _about_booking, _in_admin("bookings_iobooking")),
        _hits(_("Orders"), "file", _orders(words), _about_order, _in_admin("bookings_insertionorder")),
    ]


def _of_creator(words: str, mine: Collection[UUID]) -> list[Hits]:
    """Shows, episodes and bookings of one's own; a show or episode opens the page of its show."""
    page = reverse("dashboards:creator")
    episodes = Episode.objects.filter(podcast__in=mine, title__icontains=words).select_related("podcast")
    bookings = _bookings(words).filter(ad_unit__podcast__in=mine)
    return [
        _hits(
            _("Shows"),
            "mic",
            _shows(words).filter(pk__in=mine),
            lambda show: show.host_name,
            lambda show: f"{page}?podcast_id={show.pk}",
        ),
        _hits(
            _("Episodes"),
            "play",
            episodes.order_by("-drops_at"),
            lambda episode: episode.podcast.title,
            lambda episode: f"{page}?podcast_id={episode.podcast_id}",
        ),
        _hits(_("Bookings"), "file", bookings, _about_booking, _booking_page),
    ]


def _of_advertiser(words: str, mine: Collection[UUID]) -> list[Hits]:
    """Shows on sale, and bookings and orders of one's own; what is a draft of the house is not shown."""
    page = reverse("dashboards:advertiser")
    bookings = _bookings(words).filter(campaign__sponsor__in=mine).exclude(status=IOBooking.Status.DRAFT)
    orders = _orders(words).filter(campaign__sponsor__in=mine).exclude(status=InsertionOrder.Status.DRAFT)
    return [
        _hits(
            _("Shows"),
            "mic",
            _shows(words).filter(is_archived=False),
            lambda show: show.host_name,
            lambda show: f"{page}?podcast_id={show.pk}",
        ),
        _hits(_("Bookings"), "file", bookings, _about_booking, _booking_page),
        _hits(
            _("Orders"), "file", orders, _about_order, lambda order: reverse("bookings:order-print", args=[order.pk])
        ),
    ]


def _shows(words: str) -> QuerySet[Podcast]:
    return Podcast.objects.filter(Q(title__icontains=words) | Q(host_name__icontains=words)).order_by("title")


def _bookings(words: str) -> QuerySet[IOBooking]:
    named = Q(campaign__name__icontains=words) | Q(campaign__sponsor__name__icontains=words)
    coded = Q(promo_code__icontains=words) | Q(order__number__icontains=words)
    related = IOBooking.objects.select_related("campaign__sponsor", "ad_unit__podcast", "order")
    return related.filter(named | coded).order_by("-flight_start")


def _orders(words: str) -> QuerySet[InsertionOrder]:
    named = (
        Q(number__icontains=words) | Q(buyer_reference__icontains=words) | Q(campaign__sponsor__name__icontains=words)
    )
    return InsertionOrder.objects.filter(named).select_related("campaign__sponsor").order_by("-created_at")


def _about_booking(line: IOBooking) -> str:
    return f"{line.campaign.sponsor} · {line.ad_unit.podcast} · {line.promo_code or line.order}"


def _about_order(order: InsertionOrder) -> str:
    return f"{order.campaign.sponsor} · {order.campaign}"


def _order_page(order: InsertionOrder) -> str:
    return reverse("bookings:order-print", args=[order.pk])


def _booking_page(line: IOBooking) -> str:
    return reverse("bookings:booking-detail", args=[line.pk]) if is_on("ENABLE_IO_BOOKINGS") else ""


@require_GET
@login_required
def find(request: HttpRequest) -> HttpResponse:
    words = request.GET.get("q", "").strip()[:100]
    groups = search(words, request.user) if len(words) >= 2 else []
    return render(request, "dashboards/find.html", {"words": words, "groups": groups})
