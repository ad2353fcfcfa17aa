"""The workers' way into the outbox."""

from celery import shared_task
from psycopg import sql

from tracker.events.relay import deliver_pending
from tracker.events.sending import send_due, webhooks_due
from tracker.tenants.tasks import enqueue, public_task, send_where


@shared_task
def relay_events() -> None:
    """Tell the subscribers of this tenant what happened, and wake the sender where an endpoint waits."""
    deliver_pending()
    if webhooks_due():
        enqueue(send_webhooks)


@shared_task(soft_time_limit=200)
def send_webhooks() -> None:
    """Send what is due to the endpoints of this tenant."""
    send_due()


@public_task
def sweep_outboxes() -> None:
    """Wake the relay of each tenant that has something due: what a lost task, or a failure, left behind."""
    send_where(_look, relay_events)


def _look(schema: str) -> sql.Composed:
    return sql.SQL(
        "(SELECT {name} WHERE EXISTS (SELECT 1 FROM {events} WHERE relayed_at IS NULL)"
        " OR EXISTS (SELECT 1 FROM {deliveries} WHERE status = 'pending' AND next_attempt_at <= now()"
        " AND (listener NOT LIKE 'endpoint:%' OR listener IN"
        " (SELECT 'endpoint:' || endpoint_id FROM {endpoints} WHERE is_active))))"
    ).format(
        name=sql.Literal(schema),
        events=sql.Identifier(schema, "events_outbox"),
        endpoints=sql.Identifier(schema, "webhook_endpoints"),
        deliveries=sql.Identifier(schema, "event_deliveries"),
    )
