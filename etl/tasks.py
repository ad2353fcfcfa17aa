"""Celery entry points of imports."""

from celery import shared_task
from django.utils import timezone
from psycopg import sql

from etl.models import Import
from etl.services import reap_lost_imports, run_waiting_imports
from etl.services.leases import LEASE
from tracker.tenants.tasks import enqueue, public_task, send_where


@shared_task
def run_imports() -> None:
    """Run the imports that wait in this tenant; what is left after a turn is another task's."""
    if run_waiting_imports():
        enqueue(run_imports)


@shared_task
def resume_imports() -> None:
    """Give imports whose worker died to this one, and run those that wait."""
    reap_lost_imports(at=timezone.now())
    run_imports()


@public_task
def sweep_imports() -> None:
    """Wake a worker for each tenant with an import that waits or whose worker fell silent.

    Every 15 seconds with a lease of 30: an import goes on
    within a minute of its worker's death (docs/promises.md).
    """
    send_where(_look, resume_imports)


def _look(schema: str) -> sql.Composed:
    return sql.SQL(
        "(SELECT {name} WHERE EXISTS (SELECT 1 FROM {imports} WHERE status IN ('pending', 'processing')"
        " AND (status = 'pending' AND created_at < now() - interval '10 seconds'"
        " OR status = 'processing' AND heartbeat_at < now() - {lease} * interval '1 second')))"
    ).format(
        name=sql.Literal(schema),
        imports=sql.Identifier(schema, Import._meta.db_table),
        lease=sql.Literal(int(LEASE.total_seconds())),
    )
