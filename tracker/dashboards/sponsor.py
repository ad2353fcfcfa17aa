"""The pages of those who buy: a sponsor with all its deals, bookings and reads; an agency with its sponsors.

They stand inside the admin site: its menu, its rights. What they show is written by the admin's own forms.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from bookings.queries.sponsors import Read, bookings_of_sponsor, last_booked_days, reads_of_sponsor
from deals.customers import worth_of
from deals.models import Agency, Campaign, Sponsor
from deals.queries import possible_duplicates
from deals.renewals import LEAD_DAYS, Renewal, renewals_of
from matchmaking.queries import best_matches
from matchmaking.taxonomy import country_names
from tracker.dashboards.tables import Column, Table, as_csv
from tracker.flags.services import switched_on
from tracker.lib import words
from tracker.lib.dates import local_day
from tracker.tenants.context import tenant_zone

# Rows on the page; the rest is a click away in the lists and the CSV.
DEALS_SHOWN = 50
BOOKINGS_SHOWN = 30
READS_SHOWN = 30
MATCHES_SHOWN = 5

READ_COLUMNS = (
    Column("on", gettext_lazy("Day"), "day"),
    Column("show", gettext_lazy("Show")),
    Column("episode", gettext_lazy("Episode")),
    Column("ad_unit", gettext_lazy("Ad unit")),
    Column("promo_code", gettext_lazy("Code")),
    Column("order", gettext_lazy("Order")),
    Column("status", gettext_lazy("Status")),
)


@require_GET
def page(request: HttpRequest, sponsor_id: UUID) -> HttpResponse:
    """Show one sponsor: who it is, what it pays by, what it bought, where it ran, when to ask again."""
    sponsor = _sponsor(request, sponsor_id)
    features, now = switched_on(), timezone.now()
    deals = Campaign.objects.filter(sponsor=sponsor)
    sees_bookings = request.user.has_perm("bookings.view_iobooking")
    context = {
        **admin.site.each_context(request),
        "title": sponsor.name,
        "opts": Sponsor._meta,
        "original": sponsor,
        "is_fullwidth": "1",
        "sponsor": sponsor,
        "sponsor_key": str(sponsor.pk),
        "today": words.today(),
        "worth": worth_of(deals),
        "deals": list(deals.select_related("owner").order_by("-stage_changed_at", "pk")[:DEALS_SHOWN]),
        "deal_count": deals.count(),
        "contacts": list(sponsor.contacts.order_by("name")),
        "targets": _targets(sponsor),
        "duplicates": list(possible_duplicates(sponsor.name, but_not=sponsor)[:3]),
        "merges": list(sponsor.merges.filter(undone_at__isnull=True).select_related("merged").order_by("-merged_at")),
        "renewal": _renewal(sponsor),
        "lead_days": LEAD_DAYS,
        "sees_bookings": sees_bookings,
        "matches": None,
        "has_board": "ENABLE_DEAL_PIPELINE" in features,
        "may_change": request.user.has_perm("deals.change_sponsor"),
        "may_add_deal": request.user.has_perm("deals.add_campaign"),
    }
    if sees_bookings:
        context |= _booked(sponsor, now)
    if "ENABLE_MATCHMAKING" in features and request.user.has_perm("matchmaking.view_match"):
        context["matches"] = list(best_matches(advertiser_id=sponsor.pk, limit=MATCHES_SHOWN))
    return render(request, "dashboards/sponsor.html", context)


@require_GET
def reads_csv(request: HttpRequest, sponsor_id: UUID) -> HttpResponse:
    """Hand out every episode that the sponsor ran in as CSV."""
    sponsor = _sponsor(request, sponsor_id)
    if not request.user.has_perm("bookings.view_iobooking"):
        raise PermissionDenied
    rows = [_row(read) for read in reads_of_sponsor(sponsor.pk, at=timezone.now())]
    answer = HttpResponse(as_csv(Table(READ_COLUMNS, rows)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="reads.csv"'
    return answer


@require_GET
def agency_page(request: HttpRequest, agency_id: UUID) -> HttpResponse:
    """Show one agency: its terms, its people, the sponsors it buys for and their deals."""
    if not request.user.has_perm("deals.view_agency"):
        raise PermissionDenied
    agency = get_object_or_404(Agency, pk=agency_id)
    deals = Campaign.objects.filter(agency=agency)
    sponsors = list(agency.sponsors.filter(merged_into__isnull=True).order_by("name"))
    keys = [sponsor.pk for sponsor in sponsors]
    renewals = renewals_of(keys, last_days=last_booked_days(keys), today=words.today())
    context = {
        **admin.site.each_context(request),
        "title": agency.name,
        "opts": Agency._meta,
        "original": agency,
        "is_fullwidth": "1",
        "agency": agency,
        "today": words.today(),
        "worth": worth_of(deals),
        "deals": list(deals.select_related("owner", "sponsor").order_by("-stage_changed_at", "pk")[:DEALS_SHOWN]),
        "deal_count": deals.count(),
        "sponsors": [(sponsor, renewals.get(sponsor.pk)) for sponsor in sponsors],
        "contacts": list(agency.contacts.order_by("name")),
        "has_board": "ENABLE_DEAL_PIPELINE" in switched_on(),
        "may_change": request.user.has_perm("deals.change_agency"),
    }
    return render(request, "dashboards/agency.html", context)


def _booked(sponsor: Sponsor, now: datetime) -> dict[str, Any]:
    lines = bookings_of_sponsor(sponsor.pk)
    reads = reads_of_sponsor(sponsor.pk, at=now)
    return {
        "bookings": list(lines[:BOOKINGS_SHOWN]),
        "booking_count": lines.count(),
        "reads": reads[:READS_SHOWN],
        "read_count": len(reads),
    }


def _renewal(sponsor: Sponsor) -> Renewal | None:
    last_days = last_booked_days([sponsor.pk])
    return renewals_of([sponsor.pk], last_days=last_days, today=words.today()).get(sponsor.pk)


def _targets(sponsor: Sponsor) -> list[tuple[str, str]]:
    """Return whom the sponsor wants to reach, in words: ("Countries", "Germany 70 %, Austria 15 %")."""
    names = {"countries": _("Countries"), "ages": _("Ages"), "sexes": _("Sexes")}
    found = []
    for kind, label in names.items():
        shares = sponsor.targets.get(kind) if isinstance(sponsor.targets, dict) else None
        if isinstance(shares, dict) and shares:
            place = country_names() if kind == "countries" else {}
            largest = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))
            said = [f"{place.get(key, key)} {words.percent(value, 0)}" for key, value in largest]
            found.append((label, ", ".join(said)))
    return found


def _row(read: Read) -> list[Any]:
    line = read.line
    episode = str(read.episode) if read.episode else _("every episode, dynamic")
    day = local_day(read.on, tenant_zone())
    number = line.order.number or ""
    return [day, read.podcast, episode, line.ad_unit.name, line.promo_code, number, line.get_status_display()]


def _sponsor(request: HttpRequest, sponsor_id: UUID) -> Sponsor:
    if not request.user.has_perm("deals.view_sponsor"):
        raise PermissionDenied
    return get_object_or_404(Sponsor.objects.select_related("agency", "merged_into"), pk=sponsor_id)
