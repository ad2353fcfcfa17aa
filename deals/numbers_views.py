"""The numbers page of the sales desk."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from deals.alerts import sentence_of, standing_alerts, without_echo
from deals.board import quarter_bounds
from deals.board_views import FLAG, quarter_name, quarters, this_quarter
from deals.numbers import DIMENSIONS, cycle_time, goals, win_rates
from deals.queries import MonthLine, deal_currencies, pipeline_forecast, win_loss
from tracker.flags.pages import flag_required
from tracker.lib import charts, words
from tracker.lib.dates import day_start
from tracker.tenants.context import current_tenant, tenant_zone

if TYPE_CHECKING:
    from deals.admin import CampaignAdmin

ALERTS_SHOWN = 30
# More columns than this are not read any more.
MOST_MONTHS = 12


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
        "model_admin": model_admin,
        "title": _("Numbers"),
        "is_fullwidth": "1",
        "currency": currency,
        "currencies": currencies,
        "quarter": quarter,
        "quarter_name": quarter_name(quarter),
        "quarters": quarters(),
        "alerts": [(alert, sentence_of(alert)) for alert in without_echo(alerts[:ALERTS_SHOWN])],
        "has_more_alerts": len(alerts) > ALERTS_SHOWN,
    }
    return render(request, "deals/numbers.html", context)


def month_chart(lines: list[MonthLine], label: str) -> charts.ColumnChart | None:
    """Return a forecast as columns: weighted filled, the full value as a mark; None where one column says nothing.

    Every month from the first to the last stands there, those without deals as 0; deals without a month are not drawn.
    """
    dated = {line.month: line for line in lines if line.month is not None}
    if len(dated) < 2 or len(dated) > MOST_MONTHS:
        return None
    months = [min(dated)]
    while months[-1] < max(dated):
        months.append((months[-1] + timedelta(days=32)).replace(day=1))
    columns = []
    for month in months[:MOST_MONTHS]:
        line = dated.get(month) or MonthLine(month, 0, 0, 0)
        thousands = words.number(Decimal(line.weighted_cents) / 100_000, 1)
        mark = line.value_cents if line.deals else None
        columns.append(charts.Column(date_format(month, "M"), [charts.Part(line.weighted_cents)], thousands, mark))
    spoken = "; ".join(f"{column.label} {column.value_label}" for column in columns)
    title = _("%(label)s, weighted, in thousands: %(figures)s") % {"label": label, "figures": spoken}
    return charts.column_chart(columns=columns, label=title, y_label=lambda cents: words.number(cents / 100_000))


def _figures(quarter: str, currency: str, now: datetime) -> dict[str, Any]:
    bounds = quarter_bounds(quarter)
    assert bounds is not None
    first, last = bounds
    period = {"first": first, "last": last, "currency": currency}
    zone, today = tenant_zone(), words.today()
    closed = win_loss(since=day_start(first, zone), until=day_start(last + timedelta(days=1), zone), currency=currency)
    forecast = pipeline_forecast(today=today, currency=currency)
    return {
        "forecast": forecast,
        "charts": {
            "close": month_chart(forecast.by_close_month, _("Open deals by month of expected close")),
            "flight": month_chart(forecast.by_flight_month, _("Open deals by month of flight")),
        },
        "closed": closed,
        "cycle": cycle_time(**period),
        "rates": [(label, win_rates(by=by, **period)) for by, label in DIMENSIONS.items()],
        "goals": goals(today=today, **period),
        "today": today,
    }
