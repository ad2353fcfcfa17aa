"""How work leaves a request: in the tenant that asked for it, after the commit, or not at all."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from celery import Task, shared_task
from celery.exceptions import OperationalError as BrokerGone
from django.db import ProgrammingError, connection, transaction
from kombu.exceptions import OperationalError as QueueGone
from psycopg import sql
from tenant_schemas_celery.app import get_schema_name_from_task
from tenant_schemas_celery.task import TenantTask

from tracker.tenants.models import Tenant
from tracker.tenants.queries import active_tenants

logger = logging.getLogger(__name__)

PUBLIC = "public"
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class TenantGone(RuntimeError):
    """The task came without a tenant, or its tenant is deleted or not active: its body must not run."""


class SafeTask(TenantTask):
    """Base of every task: it runs in the tenant that sent it, or fails before its first line.

    The library switches the schema in a signal whose failures Celery only logs, after which a body would run in
    `public` and succeed. A task that is meant for `public` says so with `runs_in_public = True`.
    """

    abstract = True
    runs_in_public = False

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        wanted = get_schema_name_from_task(self, kwargs)
        if self.runs_in_public:
            if wanted not in (None, PUBLIC) or connection.schema_name != PUBLIC:
                raise TenantGone(f"{self.name} is for public, not for {wanted}.")
            return
        if not wanted or wanted == PUBLIC:
            raise TenantGone(f"{self.name} came without a tenant.")
        if connection.schema_name != wanted:
            raise TenantGone(f"{self.name} was sent by {wanted}, which is not there.")
        status = Tenant.objects.filter(schema_name=wanted).values_list("status", flat=True).first()
        if status != Tenant.Status.ACTIVE:
            raise TenantGone(f"{self.name} was sent by {wanted}, which is {status or 'gone'}.")


class PublicTask(SafeTask):
    """Base of the tasks that are meant for `public`: dispatchers, and the making of tenants."""

    abstract = True
    runs_in_public = True


def public_task(function: Callable[Parameters, Result]) -> "Task[Parameters, Result]":
    """Register a function as a task that runs in `public`."""
    return shared_task(base=PublicTask)(function)


def enqueue(task: Task, *args: Any, **kwargs: Any) -> None:
    """Send a task after the commit of the present transaction, for the tenant entered now.

    A plain `delay_on_commit` takes the tenant of the moment of the commit, which may be another. A queue that is
    down does not undo what was committed: the sweep finds the row that stands behind each task.
    """
    headers = {"_schema_name": PUBLIC if getattr(task, "runs_in_public", False) else connection.schema_name}

    def send() -> None:
        try:
            task.apply_async(args, kwargs, headers=headers)
        except (BrokerGone, QueueGone):
            logger.warning("The queue is not there; %s waits for the sweep.", task.name)

    transaction.on_commit(send)


def send_to(schema: str, task: Task, *args: Any, **kwargs: Any) -> None:
    """Send a task now, from a dispatcher in `public`, for one tenant."""
    try:
        task.apply_async(args, kwargs, headers={"_schema_name": schema})
    except (BrokerGone, QueueGone):
        logger.warning("The queue is not there; %s for %s waits for the next sweep.", task.name, schema)


def send_where(look: Callable[[str], sql.Composed], task: Task) -> None:
    """Send a task now, from a dispatcher in `public`, for each active tenant that has something for it.

    `look(schema)` is a SELECT in parentheses that gives the schema's name or no row. All looks are one query, so
    tenants without work cost nothing.
    """
    schemas = list(active_tenants().values_list("schema_name", flat=True))
    try:
        waiting = _looked(look, schemas)
    except ProgrammingError:
        # One that is not whole must not keep the others from their work.
        waiting = [found for schema in schemas for found in _looked_at_one(look, schema)]
    for schema in waiting:
        send_to(schema, task)


def _looked(look: Callable[[str], sql.Composed], schemas: Sequence[str]) -> list[str]:
    if not schemas:
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.SQL(" UNION ALL ").join(map(look, schemas)).as_string(cursor.connection))
        return [schema for (schema,) in cursor.fetchall()]


def _looked_at_one(look: Callable[[str], sql.Composed], schema: str) -> list[str]:
    try:
        return _looked(look, [schema])
    except ProgrammingError:
        logger.warning("Tenant %s lacks a table that its work is read from; the others go on.", schema)
        return []
