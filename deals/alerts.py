"""Alerts about deals: raised once, told once, cleared by themselves. Source: CONTRACT, alerts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from deals.models import Campaign, DealAlert
from deals.queries import stage_settings
from deals.rules import OPEN_STAGES
from tracker.events.services import emit
from tracker.lib import words as words_of
from tracker.lib.actors import SYSTEM
from tracker.lib.dates import local_day
from tracker.tenants.context import lock_key, tenant_zone

Kind = DealAlert.Kind

# A won deal whose flight begins within these days should have a signed order.
UNSIGNED_DAYS = 7

Finding = tuple[Campaign, str, dict[str, Any]]


@dataclass(frozen=True)
class AlertRun:
    """What one look over the pipeline came to."""

    raised: int
    cleared: int
    standing: int


@transaction.atomic
def check_pipeline_alerts(*, at: datetime) -> AlertRun:
    """Raise what is new, clear what is no longer so, leave the rest alone.

    Emits deal_pipeline.alert once for each alert raised. Two runs at once: the second waits, then finds nothing new.
    Days are counted in the house's time zone; a limit of 7 days is passed after 7 times 24 hours.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("pipeline-alerts")])
    wanted = {(finding[0].pk, finding[1]): finding for finding in _findings(at=at)}
    standing = {(alert.campaign_id, alert.kind): alert for alert in DealAlert.objects.filter(cleared_at__isnull=True)}
    gone = [alert.pk for key, alert in standing.items() if key not in wanted]
    DealAlert.objects.filter(pk__in=gone).update(cleared_at=at)
    fresh = [
        DealAlert(campaign=campaign, kind=kind, raised_at=at, data=data)
        for key, (campaign, kind, data) in wanted.items()
        if key not in standing
    ]
    DealAlert.objects.bulk_create(fresh, batch_size=1000)
    for alert in fresh:
        _tell(alert, at=at)
    return AlertRun(raised=len(fresh), cleared=len(gone), standing=len(wanted))


def standing_alerts(*, owner_id: UUID | None = None) -> QuerySet[DealAlert]:
    """Return the alerts that are not cleared, the newest first, with their deals, sponsors and owners."""
    alerts = DealAlert.objects.filter(cleared_at__isnull=True).select_related("campaign__sponsor", "campaign__owner")
    if owner_id is not None:
        alerts = alerts.filter(campaign__owner_id=owner_id)
    return alerts.order_by("-raised_at", "campaign__name", "kind")


def without_echo(alerts: Iterable[DealAlert]) -> list[DealAlert]:
    """Return alerts as they came, but "stuck" left out where "stalled" says the same of the deal and more."""
    alerts = list(alerts)
    stalled = {alert.campaign_id for alert in alerts if alert.kind == Kind.STALLED}
    return [alert for alert in alerts if not (alert.kind == Kind.STUCK and alert.campaign_id in stalled)]


def sentence_of(alert: DealAlert) -> str:
    """Return what an alert says to a salesperson."""
    data = alert.data
    match alert.kind:
        case Kind.STUCK:
            words = _("%(days)s days in %(stage)s; the limit is %(limit)s.")
        case Kind.STALLED:
            words = _("Negotiation has stood still for %(days)s days; the limit is %(limit)s.")
        case Kind.NO_REASON:
            return _("Lost without a reason. Write down why.")
        case Kind.NO_NEXT_STEP:
            return _("Nothing is planned as the next step.")
        case Kind.CLOSE_PAST:
            data = {"day": _day(data["expected_close_on"])}
            words = _("The expected close, %(day)s, has passed.")
        case _unsigned:
            data = {"day": _day(data["starts_on"])}
            words = _("The flight begins on %(day)s and no order was accepted.")
    return words % data


def _day(text: str) -> str:
    return words_of.day(date.fromisoformat(text))


def _tell(alert: DealAlert, *, at: datetime) -> None:
    data = {"campaign_id": str(alert.campaign_id), "alert": str(alert.kind), "name": alert.campaign.name}
    emit(
        "deal_pipeline.alert",
        subject=alert.campaign,
        by=SYSTEM,
        at=at,
        data={**data, "stage": alert.campaign.stage, "message": sentence_of(alert), **alert.data},
    )


def _findings(*, at: datetime) -> list[Finding]:
    settings = stage_settings()
    today = local_day(at, tenant_zone())
    found: list[Finding] = []
    for deal in Campaign.objects.filter(stage__in=OPEN_STAGES):
        setting = settings[deal.stage]
        age = at - deal.stage_changed_at
        for kind, limit in ((Kind.STUCK, setting.alert_days), (Kind.STALLED, setting.stalled_days)):
            if limit is not None and age > timedelta(days=limit):
                found.append((deal, kind, {"days": age.days, "limit": limit, "stage": deal.stage}))
        if not deal.next_step:
            found.append((deal, Kind.NO_NEXT_STEP, {}))
        if deal.expected_close_on is not None and deal.expected_close_on < today:
            found.append((deal, Kind.CLOSE_PAST, {"expected_close_on": deal.expected_close_on.isoformat()}))
    # A reason that says nothing ("-") is no reason.
    for deal in Campaign.objects.filter(stage=Campaign.Stage.LOST).exclude(lost_reason__regex=r"[[:alnum:]]"):
        found.append((deal, Kind.NO_REASON, {}))
    for deal in Campaign.objects.filter(stage=Campaign.Stage.WON, has_accepted_order=False):
        starts = deal.booked_from or deal.flight_first_day
        if starts is not None and today <= starts <= today + timedelta(days=UNSIGNED_DAYS):
            found.append((deal, Kind.UNSIGNED, {"starts_on": starts.isoformat()}))
    return found
