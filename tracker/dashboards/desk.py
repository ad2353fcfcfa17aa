"""The first page of the admin: what waits for the sales desk, and the way to the work."""

from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bookings.models import InsertionOrder, IOBooking
from deals.models import Campaign
from deals.queries import pipeline_forecast
from etl.models import Import
from tracker.dashboards.ops.alerts import load as load_alerts
from tracker.dashboards.scope import Period, Scope
from tracker.lib import words
from tracker.tenants.models import Tenant
from tracker.tenants.routing import is_migrated

SHOWN = 6
ACTS = [
    (_("New deal"), "plus", "admin:deals_campaign_add", "deals.add_campaign"),
    (_("New booking"), "calendar", "admin:bookings_iobooking_add", "bookings.add_iobooking"),
    (_("Add a show"), "mic", "admin:metrics_podcast_add", "metrics.add_podcast"),
    (_("Upload a file"), "upload", "etl:imports", "etl.add_import"),
]


def desk_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the desk's numbers to the index of the admin; those of houses on the platform's own."""
    context["title"] = _("Overview")
    tenant = getattr(request, "tenant", None)
    if getattr(tenant, "is_platform", False):
        context["houses"] = _houses()
        return context
    user: Any = request.user
    at = timezone.now()
    today = words.today()
    context["acts"] = [
        (label, icon, url)
        for label, icon, name, permission in ACTS
        if user.has_perm(permission) and (url := _url(name))
    ]
    if user.has_perm("deals.view_campaign"):
        scope = Scope(at=at, podcasts=[], all_podcasts=[], period=Period(today, today))
        context["forecast"] = pipeline_forecast(today=today, currency=words.house_currency())
        context["alerts"] = load_alerts(scope).deals[:SHOWN]
        context["won_without_order"] = (
            Campaign.objects.filter(stage=Campaign.Stage.WON)
            .exclude(orders__status__in=[InsertionOrder.Status.SENT, InsertionOrder.Status.SIGNED])
            .count()
        )
    if user.has_perm("bookings.view_iobooking"):
        held = Q(status=IOBooking.Status.HELD)
        context["holds"] = (
            IOBooking.objects.filter(held)
            .select_related("campaign__sponsor", "ad_unit__podcast")
            .order_by("held_until")
        )[:SHOWN]
        context["to_sign"] = InsertionOrder.objects.filter(status=InsertionOrder.Status.SENT).count()
        context["live"] = IOBooking.objects.filter(status=IOBooking.Status.ACTIVE).count()
    if user.has_perm("etl.view_import"):
        context["imports"] = Import.objects.filter(is_dry_run=False).order_by("-created_at", "-import_id")[:SHOWN]
    return context


def _houses() -> list[dict[str, Any]]:
    """Every house with its state, and whether its tables are behind this release."""
    houses = Tenant.objects.filter(is_platform=False).order_by("name")
    return [
        {"tenant": house, "is_behind": house.status == Tenant.Status.ACTIVE and not is_migrated(house.schema_name)}
        for house in houses
    ]


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
