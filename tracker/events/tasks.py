"""The workers' way into the outbox."""

from celery import shared_task
from django.db import connection
from psycopg import sql

from tracker.events.relay import deliver_pending
from tracker.tenants.queries import active_tenants
from tracker.tenants.tasks import send_to


@shared_task
def relay_events() -> None:
    """Tell the subscribers of this tenant what happened."""
    deliver_pending()


@shared_task(runs_in_public=True)
def sweep_outboxes() -> None:
    """Wake the relay of each tenant that has something due: what a lost task, or a failure, left behind.

    One query looks into all tenants, so quiet ones cost nothing.
    """
    schemas = list(active_tenants().values_list("schema_name", flat=True))
    if not schemas:
        return
    looks = sql.SQL(" UNION ALL ").join(_look(schema) for schema in schemas)
    with connection.cursor() as cursor:
        cursor.execute(looks.as_string(cursor.connection))
        for (schema,) in cursor.fetchall():
            send_to(schema, relay_events)


def _look(schema: str) -> sql.Composed:
    return sql.SQL(
        "(SELECT {name} WHERE EXISTS (SELECT 1 FROM {events} WHERE relayed_at IS NULL)"
        " OR EXISTS (SELECT 1 FROM {deliveries} WHERE status = 'pending' AND next_attempt_at <= now()))"
    ).format(
        name=sql.Literal(schema),
        events=sql.Identifier(schema, "events_outbox"),
        deliveries=sql.Identifier(schema, "event_deliveries"),
    )
