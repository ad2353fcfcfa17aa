"""The numbers page of the sales desk."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from deals.alerts import sentence_of, standing_alerts
from deals.board import quarter_bounds
from deals.board_views import FLAG, quarter_name, quarters, this_quarter
from deals.models import Campaign
from deals.numbers import DIMENSIONS, cycle_time, goals, win_rates
from deals.queries import deal_currencies, pipeline_forecast, win_loss
from tracker.flags.pages import flag_required
from tracker.lib import words
from tracker.lib.dates import day_start
from tracker.tenants.context import current_tenant, tenant_zone

if TYPE_CHECKING:
    from deals.admin import CampaignAdmin

ALERTS_SHOWN = 30


@flag_required(FLAG)
@require_GET
def numbers(request: HttpRequest, *, model_admin: "CampaignAdmin") -> HttpResponse:
    """Show forecast, win rates, goals and standing alerts, one currency at a time (?currency=, ?quarter=)."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    currencies = deal_currencies() or [current_tenant().currency]
    currency = request.GET.get("currency", "")
    if currency not in currencies:
        currency = currencies[0]
    quarter = request.GET.get("quarter", "")
    if not quarter_bounds(quarter):
        quarter = this_quarter()
    alerts = list(standing_alerts()[: ALERTS_SHOWN + 1])
    context = {
        **model_admin.admin_site.each_context(request),
        **_figures(quarter, currency, timezone.now()),
        "opts": Campaign._meta,
        "title": _("Numbers"),
        "is_fullwidth": "1",
        "currency": currency,
        "currencies": currencies,
        "quarter": quarter,
        "quarter_name": quarter_name(quarter),
        "quarters": quarters(),
        "alerts": [(alert, sentence_of(alert)) for alert in alerts[:ALERTS_SHOWN]],
        "has_more_alerts": len(alerts) > ALERTS_SHOWN,
    }
    return render(request, "deals/numbers.html", context)


def _figures(quarter: str, currency: str, now: datetime) -> dict[str, Any]:
    bounds = quarter_bounds(quarter)
    assert bounds is not None
    first, last = bounds
    period = {"first": first, "last": last, "currency": currency}
    zone, today = tenant_zone(), words.today()
    closed = win_loss(since=day_start(first, zone), until=day_start(last + timedelta(days=1), zone), currency=currency)
    return {
        "forecast": pipeline_forecast(today=today, currency=currency),
        "closed": closed,
        "cycle": cycle_time(**period),
        "rates": [(label, win_rates(by=by, **period)) for by, label in DIMENSIONS.items()],
        "goals": goals(today=today, **period),
        "today": today,
    }
