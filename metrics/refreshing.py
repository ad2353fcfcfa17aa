"""When metrics_daily is refreshed by itself: at once after an import, and no oftener than every few minutes.

A refresh reads every figure of the house, however few an import brought. Of a burst the first is shown at once; what
follows waits for the sweep (`metrics.tasks`), at most the gap and a minute.
"""

from datetime import datetime, timedelta

from django.db.models.functions import Now
from psycopg import sql

from metrics import services
from metrics.models import DailyRefresh, MetricBatch
from tracker.lib.actors import Actor, HasActor

GAP = timedelta(minutes=5)


def refresh_in_turn(*, by: HasActor | Actor, at: datetime) -> str:
    """Refresh metrics_daily as `refresh_metrics_daily` does, or return "waiting" when that was done within the gap."""
    if DailyRefresh.objects.filter(refreshed_at__gt=Now() - GAP).exists():
        return "waiting"
    return services.refresh_metrics_daily(by=by, at=at)


def waits(schema: str) -> sql.Composed:
    """Return a SELECT in parentheses that gives the schema's name when its view waits and its gap is over."""
    return sql.SQL(
        "(SELECT {name} FROM {refreshes} WHERE batch_code < (SELECT max(code) FROM {batches})"
        " AND (refreshed_at IS NULL OR refreshed_at <= now() - {gap} * interval '1 second'))"
    ).format(
        name=sql.Literal(schema),
        refreshes=sql.Identifier(schema, DailyRefresh._meta.db_table),
        batches=sql.Identifier(schema, MetricBatch._meta.db_table),
        gap=sql.Literal(int(GAP.total_seconds())),
    )
