"""The page of those who run the house."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from deals.models import StageRule
from tracker.automation.models import JobRun, JobSchedule
from tracker.dashboards.cards import Loaded
from tracker.dashboards.checklist import checklist_of
from tracker.dashboards.made_of import HOUSE, SHOWS, SOLD
from tracker.dashboards.ops import CARDS
from tracker.dashboards.ops.etl import Health, WayIn
from tracker.dashboards.ops.jobs import Jobs
from tracker.dashboards.ops.pipeline import Pipeline
from tracker.dashboards.ops.win_loss import Outcome
from tracker.dashboards.pages import Dashboard
from tracker.dashboards.scope import Period, Scope
from tracker.events.models import Delivery
from tracker.lib import words
from tracker.lib.errors import DomainError

DEFAULT = "quarter"
MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class Summary:
    pipeline: Pipeline | None
    outcome: Outcome | None
    health: Health | None
    jobs: Jobs | None
    worst: WayIn | None
    silent_for: timedelta | None


def ops_scope(principal: Any, params: Mapping[str, str], *, at: datetime) -> Scope:
    """The whole house. Params: period, one of month, quarter (the default) and year, each to date.

    Raises DomainError("bad_period").
    """
    named = params.get("period") or DEFAULT
    if named not in MONTHS:
        raise DomainError("bad_period", _("A period is month, quarter or year."), status=400, allowed=list(MONTHS))
    today = at.astimezone(words.house_zone()).date()
    first = _start(today, MONTHS[named])
    before = Period(_start(first - timedelta(days=1), MONTHS[named]), first - timedelta(days=1), None)
    return Scope(
        at=at,
        podcasts=[],
        all_podcasts=[],
        period=Period(first, today, None),
        earlier=before,
        period_name=named,
    )


def _start(day: date, months: int) -> date:
    return day.replace(month=(day.month - 1) // months * months + 1, day=1)


def summary(scope: Scope, cards: Mapping[str, Loaded]) -> Summary:
    def data(name: str) -> Any:
        return cards[name].data if name in cards else None

    health = data("etl_health")
    worst = health.worst if health else None
    return Summary(
        pipeline=data("pipeline_forecast"),
        outcome=data("win_loss"),
        health=health,
        jobs=data("jobs"),
        worst=worst,
        silent_for=scope.at - worst.last_success_at if worst and worst.last_success_at else None,
    )


OPS = Dashboard(
    name="ops",
    permission="dashboards.view_ops",
    cards=CARDS,
    scope_of=ops_scope,
    summary=summary,
    template="dashboards/ops.html",
    tables=[*HOUSE, *SHOWS, *SOLD, StageRule, JobRun, JobSchedule, Delivery],
    is_relative=True,
    more=lambda request: {"checklist": checklist_of(request)},
)
