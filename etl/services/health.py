"""Telling the house when its data stopped arriving."""

from datetime import datetime, timedelta

from django.db import transaction

from etl.models import Import
from etl.queries import EtlHealth, etl_health
from tracker.events.models import Event
from tracker.events.services import emit
from tracker.lib.actors import SYSTEM

# While data stays away, one alert a day is enough.
AGAIN_AFTER = timedelta(hours=24)


@transaction.atomic
def check_etl_health(*, at: datetime) -> EtlHealth:
    """Look at how the imports went and emit etl.health_alert when the state is unhealthy, at most once a day.

    The alert of a state that got well in between does not count: the next bad day is told at once.
    """
    health = etl_health(at=at)
    if health.status != "unhealthy":
        return health
    since = max(at - AGAIN_AFTER, health.last_success_at or at - AGAIN_AFTER)
    if not Event.objects.filter(type="etl.health_alert", at__gt=since).exists():
        newest = Import.objects.order_by("-created_at").first() or Import()
        emit("etl.health_alert", subject=newest, by=SYSTEM, at=at, data=health.as_json())
    return health
