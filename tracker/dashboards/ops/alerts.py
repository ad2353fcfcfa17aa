"""Deals that need someone: what the pipeline check raised and nobody cleared yet."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from deals.alerts import sentence_of, standing_alerts
from deals.models import Campaign, DealAlert, Sponsor, StageRule
from deals.queries import stage_settings
from tracker.accounts.models import User
from tracker.dashboards.cards import Card
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Column, Table

SHOWN = 10


@dataclass(frozen=True)
class DealLine:
    """One deal with all that is wrong with it. `expected_days` are those of its stage."""

    deal: Campaign
    sentences: list[str]
    days: int
    expected_days: int | None

    @property
    def tone(self) -> str:
        if self.expected_days is None or self.days <= self.expected_days:
            return ""
        return "tone-bad" if self.days >= 1.5 * self.expected_days else "tone-watch"


@dataclass(frozen=True)
class Alerts:
    deals: list[DealLine]

    @property
    def shown(self) -> list[DealLine]:
        return self.deals[:SHOWN]

    @property
    def hidden(self) -> int:
        return max(0, len(self.deals) - SHOWN)


def load(scope: Scope) -> Alerts:
    """Two statements: the alerts with their deals, and the rules of the stages."""
    rules = stage_settings()
    found: dict[Any, tuple[Campaign, list[DealAlert]]] = {}
    for alert in standing_alerts():
        found.setdefault(alert.campaign_id, (alert.campaign, []))[1].append(alert)
    lines = [
        DealLine(
            deal=deal,
            sentences=[sentence_of(alert) for alert in alerts],
            days=(scope.at - deal.stage_changed_at) // timedelta(days=1),
            expected_days=rules[deal.stage].expected_days if deal.stage in rules else None,
        )
        for deal, alerts in found.values()
    ]
    return Alerts(sorted(lines, key=lambda line: (-line.days, line.deal.name)))


def as_json(data: Alerts) -> list[dict[str, Any]]:
    return [
        {
            "campaign_id": str(line.deal.pk),
            "name": line.deal.name,
            "advertiser": line.deal.sponsor.name,
            "stage": line.deal.stage,
            "days_in_stage": line.days,
            "campaign_value": line.deal.campaign_value,
            "currency": line.deal.currency,
            "alerts": line.sentences,
        }
        for line in data.deals
    ]


COLUMNS = [
    Column("campaign_id", _("Deal id")),
    Column("name", _("Deal")),
    Column("advertiser", _("Sponsor")),
    Column("stage", _("Stage")),
    Column("days_in_stage", _("Days in stage"), "number"),
    Column("value_cents", _("Value"), "cents"),
    Column("currency", _("Currency")),
    Column("alerts", _("What is wrong")),
]


def as_table(data: Alerts) -> Table:
    rows = [
        [
            line.deal.pk,
            line.deal.name,
            line.deal.sponsor.name,
            line.deal.stage,
            line.days,
            line.deal.campaign_value,
            line.deal.currency,
            " ".join(line.sentences),
        ]
        for line in data.deals
    ]
    return Table(COLUMNS, rows)


ALERTS = Card(
    name="pipeline_alerts",
    title=_("Deals that need someone"),
    template="dashboards/ops/alerts.html",
    load=load,
    as_table=as_table,
    as_json=as_json,
    made_of=[DealAlert, Campaign, Sponsor, User, StageRule],
)
