"""Vanity links: a path on our base leads to the landing page of the booking it belongs to, and nowhere else.

The redirect stands before everything that a page needs (sessions, people, messages): it reads a small map in the memory
of the process and appends a line to a file. Links that were issued work also where bookings are switched off.
"""

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django_tenants.utils import schema_context

from bookings.clicks import keep_click
from bookings.links import OWN_PREFIX, PATH, address_of
from bookings.models import IOBooking, VanityLink
from bookings.queries.house import order_profile
from tracker.tenants.models import Tenant
from tracker.tenants.routing import Route, route_of_host, route_of_slug

logger = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]
Status = IOBooking.Status

# A changed landing page is followed within this many seconds.
KEEP_SECONDS = 5.0
MOST_KEPT = 20_000
# Says of itself that it is no person, or only looks ahead. What hides as a browser is counted: a floor, not the truth.
BOT = re.compile(
    r"bot|crawl|spider|slurp|preview|fetch|monitor|scan|curl|wget|python|java/|go-http|headless|facebookexternalhit"
    r"|embedly|whatsapp|telegram|slack|discord|archiver|feed|validator|lighthouse|pingdom|uptime",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Target:
    """Where a path leads now. location is None for a path whose time is over, or that has no landing page."""

    link_id: UUID
    location: str | None


_kept: "OrderedDict[tuple[str, str], tuple[float, Target | None]]" = OrderedDict()


class VanityRedirectMiddleware:
    """Answers vanity links; everything else goes on."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        found = _tenant_and_path(request)
        if found is None:
            return self.get_response(request)
        tenant, path = found
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        target = _target(tenant, path)
        if target is None or target.location is None:
            return _friendly(tenant, is_known=target is not None)
        if request.method == "GET" and not _is_bot(request):
            _count(tenant, target)
        return _leads_to(target.location)


def forget() -> None:
    """Drop what this process keeps of links."""
    _kept.clear()


def target_of(path: str, *, at: datetime) -> Target | None:
    """Return where a path of the entered tenant leads, or None when it is nobody's.

    The booking whose flight runs now decides, else the next one, else the last one that ended: until its flight's end
    and the house's grace. Source: DOMAIN, attribution.
    """
    link = VanityLink.objects.select_related("podcast").filter(path=path).first()
    if link is None:
        return None
    grace = timedelta(days=order_profile().link_grace_days)
    lines = (
        IOBooking.objects.filter(
            campaign__sponsor_id=link.sponsor_id,
            ad_unit__podcast_id=link.podcast_id,
            vanity_url=address_of(path),
            flight_end__gt=at - grace,
        )
        .exclude(landing_url="")
        .exclude(status__in=[Status.DRAFT, Status.EXPIRED])
        .select_related("campaign")
    )
    # A cancelled line is still spoken where it was baked in before.
    served = [line for line in lines if line.status != Status.CANCELLED or line.flight_start <= line.status_changed_at]
    if not served:
        return Target(link.pk, None)
    best = min(served, key=lambda line: (line.status == Status.CANCELLED, *_distance(line, at), line.pk))
    return Target(link.pk, _with_utm(best.landing_url, link.podcast.slug, best.campaign.name))


def _distance(line: IOBooking, at: datetime) -> tuple[int, timedelta]:
    if line.flight_start <= at < line.flight_end:
        return 0, at - line.flight_start
    if line.flight_start > at:
        return 1, line.flight_start - at
    return 2, at - line.flight_end


def _with_utm(address: str, show: str, campaign: str) -> str | None:
    """Return the landing page with its source named; what the sponsor's own address says already is left as it is."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme != "https" or not host or parts.username or any(char in address for char in "\r\n\t\\"):
        return None
    query = parse_qsl(parts.query, keep_blank_values=True)
    own = {"utm_source": show, "utm_medium": "podcast", "utm_campaign": slugify(campaign)[:60]}
    given = {name for name, _value in query}
    query += [(name, value) for name, value in own.items() if value and name not in given]
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._") or "/"
    netloc = parts.netloc.encode("idna").decode("ascii") if not parts.netloc.isascii() else parts.netloc
    return urlunsplit(("https", netloc, path, urlencode(query), quote(parts.fragment, safe="/%?=&-._~")))


@cache
def _shared_base(base: str) -> re.Pattern[str] | None:
    """Return what an address on a base shared by houses looks like: host and path, the house's slug in one place."""
    if "{tenant}" not in base:
        return None
    bare = base.split("://", 1)[-1].rstrip("/")
    pattern = re.escape(bare).replace(re.escape("{tenant}"), "(?P<tenant>[a-z][a-z0-9_]{2,40})")
    return re.compile(rf"{pattern}/(?P<path>[^/?#]{{1,200}})/?", re.IGNORECASE)


def _tenant_and_path(request: HttpRequest) -> tuple[Tenant, str] | None:
    """Return whose link is asked for, and its path as it is compared; None when this is no address of links."""
    shared = _shared_base(settings.VANITY_URL_BASE)
    if shared is not None:
        read = shared.fullmatch(f"{request._get_raw_host()}{request.path_info}")  # type: ignore[attr-defined]
        if read is not None:
            return _open(route_of_slug(read["tenant"].lower()), read["path"])
    if not request.path_info.startswith(OWN_PREFIX):
        return None
    host, _port = split_domain_port(request._get_raw_host())  # type: ignore[attr-defined]
    return _open(route_of_host(host) if host else None, request.path_info[len(OWN_PREFIX) :])


def _open(route: Route | None, path: str) -> tuple[Tenant, str] | None:
    if route is None or not route.is_whole or route.tenant.status != Tenant.Status.ACTIVE:
        return None
    return route.tenant, path.strip("/").casefold()


def _target(tenant: Tenant, path: str) -> Target | None:
    if not PATH.fullmatch(path):
        return None
    key = (tenant.schema_name, path)
    now = time.monotonic()
    kept = _kept.get(key)
    if kept is not None and kept[0] > now:
        return kept[1]
    with schema_context(tenant.schema_name):
        target = target_of(path, at=timezone.now())
    _kept[key] = (now + KEEP_SECONDS, target)
    _kept.move_to_end(key)
    if len(_kept) > MOST_KEPT:
        _kept.popitem(last=False)
    return target


def _is_bot(request: HttpRequest) -> bool:
    agent = request.META.get("HTTP_USER_AGENT", "")
    ahead = request.META.get("HTTP_SEC_PURPOSE", "") or request.META.get("HTTP_PURPOSE", "")
    return not agent or "prefetch" in ahead or BOT.search(agent) is not None


def _count(tenant: Tenant, target: Target) -> None:
    try:
        keep_click(tenant.schema_name, target.link_id)
    except OSError:
        # The listener goes on; that the disk is full is for the operator.
        logger.exception("a click on a vanity link was not kept")


def _leads_to(location: str) -> HttpResponse:
    response = HttpResponse(status=302)
    response["Location"] = location
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


def _friendly(tenant: Tenant, *, is_known: bool) -> HttpResponse:
    lead = _("The offer behind it is over. Ask the show for the one that runs now.") if is_known else ""
    context = {
        "house": tenant.name,
        "heading": _("This link has ended") if is_known else _("There is no offer at this address"),
        "lead": lead or _("Listen again for the exact address; a letter may be missing."),
    }
    response = HttpResponse(render_to_string("bookings/no_offer.html", context), status=410 if is_known else 404)
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'"
    response["X-Content-Type-Options"] = "nosniff"
    return response
