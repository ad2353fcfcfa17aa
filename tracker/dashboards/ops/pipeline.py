"""pipeline_forecast: what open deals promise, as a funnel by stage and by month of close, beside what was won."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any

from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from deals.models import Campaign, StageRule
from deals.queries import Forecast, pipeline_forecast
from tracker.dashboards.cards import Card
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Column, Table
from tracker.lib import charts, words

Stage = Campaign.Stage
# A chart of more months than these says less.
MONTHS = 6


@dataclass(frozen=True)
class Month:
    """One month of close. best_case_cents: all that is open and won in it, unweighted."""

    month: date
    won_cents: int
    open_cents: int
    weighted_cents: int

    @property
    def best_case_cents(self) -> int:
        return self.won_cents + self.open_cents


@dataclass(frozen=True)
class Pipeline:
    """Open deals of one currency; those in others stand apart in `others` as {currency: cents}."""

    forecast: Forecast
    months: list[Month]
    undated_cents: int
    undated: int
    later_cents: int
    others: dict[str, int]

    @property
    def currency(self) -> str:
        return self.forecast.currency

    @property
    def is_empty(self) -> bool:
        return not self.forecast.deals and not any(month.won_cents for month in self.months)

    @property
    def widest(self) -> int:
        return max((line.value_cents for line in self.forecast.by_stage), default=0)

    @cached_property
    def chart(self) -> charts.ColumnChart:
        return charts.column_chart(
            columns=[
                charts.Column(
                    label=_month(month.month),
                    parts=[charts.Part(month.won_cents), charts.Part(month.weighted_cents, "f-soft")],
                    value_label=_thousands(month.won_cents + month.weighted_cents),
                    mark=month.best_case_cents if month.open_cents else None,
                    tip=self._tip(month),
                )
                for month in self.months
            ],
            label=_now("Forecast by close month: won, weighted open and best case"),
            y_label=lambda cents: words.number(cents / 100_000),
        )

    def _tip(self, month: Month) -> list[str]:
        def money(cents: int) -> str:
            return words.money_whole(cents, self.currency)

        return [
            words.date_format(month.month, "M Y"),
            _now("Won: %s") % money(month.won_cents),
            _now("Open, weighted: %s") % money(month.weighted_cents),
            _now("Best case: %s") % money(month.best_case_cents),
        ]


def _thousands(cents: int) -> str:
    return words.number(cents / 100_000, 1)


def _month(month: date) -> str:
    return words.date_format(month, "M" if month.year == words.today().year else "M ’y")


def load(scope: Scope) -> Pipeline:
    """Three statements for the forecast, one more for what was won by month and for other currencies."""
    currency, today = words.house_currency(), scope.today
    forecast = pipeline_forecast(today=today, currency=currency)
    start = today.replace(day=1)
    won, others = _won_and_others(currency, start)
    dated = {line.month: line for line in forecast.by_close_month if line.month is not None}
    # Deals whose close was expected in a month that is over are expected now: they count in this month.
    overdue = [line for month, line in dated.items() if month < start]
    months = []
    for month in _months(start):
        lines = [dated[month]] if month in dated else []
        lines += overdue if month == start else []
        months.append(
            Month(
                month,
                won.get(month, 0),
                sum(line.value_cents for line in lines),
                sum(line.weighted_cents for line in lines),
            )
        )
    later = sum(line.value_cents for month, line in dated.items() if month > months[-1].month)
    undated = next((line for line in forecast.by_close_month if line.month is None), None)
    return Pipeline(
        forecast=forecast,
        months=months,
        undated_cents=undated.value_cents if undated else 0,
        undated=undated.deals if undated else 0,
        later_cents=later,
        others=others,
    )


def _months(start: date) -> list[date]:
    months = [start]
    while len(months) < MONTHS:
        months.append((months[-1] + timedelta(days=32)).replace(day=1))
    return months


def _won_and_others(currency: str, start: date) -> tuple[dict[date, int], dict[str, int]]:
    """What was won in each month from `start` on in the house's currency, and what is open in others."""
    zone = words.house_zone()
    since = datetime.combine(start, time.min, tzinfo=zone)
    rows = (
        Campaign.objects.exclude(stage=Stage.LOST)
        .exclude(stage=Stage.WON, closed_at__lt=since)
        .order_by()
        .values("currency", "stage", month=TruncMonth("closed_at", tzinfo=zone))
        .annotate(cents=Sum("campaign_value"), deals=Count("pk"))
    )
    won: dict[date, int] = {}
    others: dict[str, int] = {}
    for row in rows:
        if row["stage"] == Stage.WON and row["currency"] == currency:
            month = row["month"].date()
            won[month] = won.get(month, 0) + row["cents"]
        elif row["stage"] != Stage.WON and row["currency"] != currency:
            others[row["currency"]] = others.get(row["currency"], 0) + row["cents"]
    return won, others


def as_json(data: Pipeline) -> dict[str, Any]:
    forecast = data.forecast
    return {
        "currency": forecast.currency,
        "deals": forecast.deals,
        "value_cents": forecast.value_cents,
        "weighted_cents": forecast.weighted_cents,
        "commit_cents": forecast.commit_cents,
        "best_case_cents": forecast.best_case_cents,
        "by_stage": [
            {
                "stage": str(line.stage),
                "deals": line.deals,
                "value_cents": line.value_cents,
                "weighted_cents": line.weighted_cents,
            }
            for line in forecast.by_stage
        ],
        "by_close_month": [
            {
                "month": f"{month.month:%Y-%m}",
                "won_cents": month.won_cents,
                "open_cents": month.open_cents,
                "weighted_cents": month.weighted_cents,
            }
            for month in data.months
        ],
        "by_flight_month": [
            {
                "month": f"{line.month:%Y-%m}" if line.month else None,
                "deals": line.deals,
                "value_cents": line.value_cents,
                "weighted_cents": line.weighted_cents,
            }
            for line in forecast.by_flight_month
        ],
        "undated_cents": data.undated_cents,
        "other_currencies": data.others,
    }


COLUMNS = [
    Column("month", _("Month of close")),
    Column("won_cents", _("Won"), "cents"),
    Column("open_cents", _("Open"), "cents"),
    Column("weighted_cents", _("Open, weighted"), "cents"),
    Column("best_case_cents", _("Best case"), "cents"),
]


def as_table(data: Pipeline) -> Table:
    rows = [[f"{m.month:%Y-%m}", m.won_cents, m.open_cents, m.weighted_cents, m.best_case_cents] for m in data.months]
    return Table(COLUMNS, rows, data.currency)


PIPELINE_FORECAST = Card(
    name="pipeline_forecast",
    title=_("Pipeline forecast"),
    template="dashboards/ops/pipeline.html",
    load=load,
    as_table=as_table,
    as_json=as_json,
    width="col-8",
    has_chart=True,
    made_of=[Campaign, StageRule],
)
