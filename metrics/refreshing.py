"""When metrics_daily is refreshed by itself: at once after an import, and then no oftener than its size allows.

A refresh reads every figure of the house, however few an import brought: a second or two of a large view, hardly a
moment of a small one. So the gap after a refresh grows with the view, to five minutes. Of a burst the first is shown at
once; what follows waits for the sweep (`metrics.tasks`), the gap and some seconds.
"""

from datetime import datetime, timedelta

from django.db import connection
from psycopg import sql

from metrics import services
from metrics.models import DailyMetric, DailyRefresh, MetricBatch
from tracker.lib.actors import Actor, HasActor
from tracker.tenants.context import current_tenant

LONGEST = timedelta(minutes=5)
# What of a view a second of its gap stands for: 1,000 rows of a small house wait 5 s, 60,000 and more five minutes.
BYTES_A_SECOND = 20_000


def refresh_in_turn(*, by: HasActor | Actor, at: datetime) -> str:
    """Refresh metrics_daily as `refresh_metrics_daily` does, or return "waiting" when that was done within the gap."""
    with connection.cursor() as cursor:
        over = _gap_is_over(current_tenant().schema_name)
        cursor.execute(sql.SQL("SELECT NOT {}").format(over).as_string(cursor.connection))
        (is_early,) = cursor.fetchone()
    if is_early:
        return "waiting"
    return services.refresh_metrics_daily(by=by, at=at)


def waits(schema: str) -> sql.Composed:
    """Return a SELECT in parentheses that gives the schema's name when its view waits and its gap is over."""
    return sql.SQL(
        "(SELECT {name} FROM {refreshes} WHERE batch_code < (SELECT max(code) FROM {batches}) AND {is_over})"
    ).format(
        name=sql.Literal(schema),
        refreshes=sql.Identifier(schema, DailyRefresh._meta.db_table),
        batches=sql.Identifier(schema, MetricBatch._meta.db_table),
        is_over=_gap_is_over(schema),
    )


def _gap_is_over(schema: str) -> sql.Composed:
    return sql.SQL(
        "coalesce((SELECT refreshed_at <= now() - interval '1 second'"
        " * least({longest}, pg_relation_size(to_regclass({view})) / {bytes_a_second}) FROM {refreshes}), true)"
    ).format(
        longest=sql.Literal(int(LONGEST.total_seconds())),
        view=sql.Literal(f'"{schema}"."{DailyMetric._meta.db_table}"'),
        bytes_a_second=sql.Literal(BYTES_A_SECOND),
        refreshes=sql.Identifier(schema, DailyRefresh._meta.db_table),
    )
