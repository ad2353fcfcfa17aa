"""Telling the house when its data stopped arriving, as a whole or from one source."""

from datetime import datetime, timedelta

from django.db import transaction

from etl.cadence import WayIn, ways_in
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

    The alert of a state that got well in between does not count: the next bad day is told at once. Beside it each
    source that is late against its own rhythm is told once (etl.source_late).
    """
    health, ways = etl_health(at=at), ways_in(at=at)
    for way in ways:
        if way.is_late:
            _tell_late(way, at)
    if health.status != "unhealthy":
        return health
    since = max(at - AGAIN_AFTER, health.last_success_at or at - AGAIN_AFTER)
    if not Event.objects.filter(type="etl.health_alert", at__gt=since).exists():
        data = {**health.as_json(), "sources": [way.as_json() for way in ways]}
        emit("etl.health_alert", subject=_newest(), by=SYSTEM, at=at, data=data)
    return health


def _tell_late(way: WayIn, at: datetime) -> None:
    """Once for each time that it stays away: a source that came again may be late again."""
    told = Event.objects.filter(
        type="etl.source_late", data__source=way.source, data__kind=way.kind, at__gt=way.last_success_at
    )
    if not told.exists():
        emit("etl.source_late", subject=_newest(), by=SYSTEM, at=at, data=way.as_json())


def _newest() -> Import:
    return Import.objects.order_by("-created_at").first() or Import()
