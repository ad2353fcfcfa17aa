"""The slot calendar, and the feeds that calendar programs read."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from bookings.calendars import calendar_of
from bookings.links import site_address
from bookings.models import CalendarFeed, IOBooking
from bookings.queries.calendar import inventory_calendar
from bookings.services.feeds import add_feed, feed_of, revoke_feed
from metrics.models import Podcast
from tracker.api.views import only_bound
from tracker.flags.pages import features_of
from tracker.lib.dates import local_day
from tracker.lib.errors import DomainError, NotFound
from tracker.tenants.context import tenant_zone

FLAG = "ENABLE_IO_BOOKINGS"
WEEKS = 8
# A feed tells of the last quarter and of the year ahead.
FEED_PAST, FEED_AHEAD, FEED_MOST = timedelta(days=90), timedelta(days=366), 2_000
ONCE = "bookings-new-feed"


@login_required
@require_GET
def calendar(request: HttpRequest) -> HttpResponse:
    """Slots by show and week, and which can still be sold; whom each belongs to, for those it concerns.

    The house sees names and rates; a creator sees names on their own shows; an advertiser sees the state of every show
    for sale, and a name and a price on what is theirs alone.
    """
    is_buyer = request.user.role.bound_to == "sponsor"
    _require(request, "bookings.view_iobooking" if is_buyer else "bookings.view_adunit")
    feeds = CalendarFeed.objects.filter(owner=request.user, revoked_at__isnull=True).select_related("podcast")
    context = {**grid_of(request), "feeds": feeds, "new_feed": request.session.pop(ONCE, "")}
    response = render(request, "bookings/calendar.html", context)
    response["Cache-Control"] = "private, no-store"
    return response


def grid_of(request: HttpRequest) -> dict[str, Any]:
    """Return what the grid draws for a person: the weeks asked for, of the shows they may see."""
    is_buyer, is_staff = request.user.role.bound_to == "sponsor", bool(request.user.is_staff)
    zone, now = tenant_zone(), timezone.now()
    shows = list(_shows(request))
    chosen = next((show for show in shows if str(show.pk) == request.GET.get("show")), None)
    first = _day(request.GET.get("from")) or local_day(now, zone)
    monday = first - timedelta(days=first.weekday())
    return {
        "calendar": inventory_calendar([chosen] if chosen else shows, monday=monday, weeks=WEEKS, at=now),
        "weeks": WEEKS,
        "zone": zone.key,
        "shows": shows,
        "chosen": chosen,
        "may_book": is_staff and request.user.has_perm("bookings.add_iobooking"),
        "show_rates": is_staff,
        "show_who": not is_buyer,
        "own": request.user.bound_ids("sponsor") if is_buyer else None,
    }


@login_required
@require_POST
def feed_add(request: HttpRequest) -> HttpResponse:
    _require(request, "bookings.view_iobooking")
    wanted = request.POST.get("show", "")
    podcast = next((show for show in _shows(request) if str(show.pk) == wanted), None)
    if wanted and podcast is None:
        raise Http404
    try:
        secret = add_feed(owner=request.user, name=request.POST.get("name", ""), podcast=podcast, at=timezone.now())
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        request.session[ONCE] = f"{site_address()}{reverse('bookings:feed', args=[secret])}"
    query = f"?show={podcast.pk}" if podcast else ""
    return HttpResponseRedirect(reverse("bookings:calendar") + query)


@login_required
@require_POST
def feed_revoke(request: HttpRequest, feed_id: UUID) -> HttpResponse:
    feed = CalendarFeed.objects.filter(pk=feed_id, owner=request.user).first()
    if feed is None:
        raise Http404
    revoke_feed(feed=feed, by=request.user, at=timezone.now())
    messages.success(request, _("The feed “%(name)s” is revoked.") % {"name": feed.name})
    return HttpResponseRedirect(reverse("bookings:calendar"))


@require_GET
def feed(request: HttpRequest, secret: str) -> HttpResponse:
    """The reads of a feed, for a calendar program. Works also where bookings are switched off: it was issued."""
    try:
        found = feed_of(secret)
    except NotFound as refusal:
        return HttpResponse(refusal.message, status=404, content_type="text/plain; charset=utf-8")
    now = timezone.now()
    bound = {"podcast": "ad_unit__podcast_id", "sponsor": "campaign__sponsor_id"}
    lines = only_bound(IOBooking.objects.all(), found.owner, bound).filter(
        status__in=IOBooking.CLAIMING, flight_end__gt=now - FEED_PAST, flight_start__lt=now + FEED_AHEAD
    )
    if found.podcast is not None:
        lines = lines.filter(ad_unit__podcast=found.podcast)
    lines = lines.select_related("campaign__sponsor", "ad_unit__podcast", "episode", "order").order_by("flight_start")
    host = site_address().split("://", 1)[1]
    content = calendar_of(lines[:FEED_MOST], name=found.name, host=host, at=now)
    response = HttpResponse(content, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="reads.ics"'
    response["Cache-Control"] = "private, max-age=300"
    response["X-Robots-Tag"] = "noindex"
    return response


def _require(request: HttpRequest, permission: str) -> None:
    if FLAG not in features_of(request):
        raise Http404
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _shows(request: HttpRequest) -> list[Podcast]:
    live = Podcast.objects.filter(is_archived=False, ad_units__is_active=True).distinct()
    # Who buys may look at every show; who makes one, at their own.
    seen = (
        live if request.user.role.bound_to == "sponsor" else only_bound(live, request.user, {"podcast": "podcast_id"})
    )
    return list(seen.order_by("title"))


def _day(text: str | None) -> date | None:
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2100 else None
