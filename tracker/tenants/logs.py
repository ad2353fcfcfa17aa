"""Every line of a request or a task names its tenant, that of a request also the address that spoke to us."""

from typing import Any

import structlog
from celery import Task
from django.http import HttpRequest
from tenant_schemas_celery.app import get_schema_name_from_task

from tracker.lib.addresses import client_address


def name_tenant(*, request: HttpRequest, **_signal: Any) -> None:
    """Receive `bind_extra_request_metadata`."""
    tenant = getattr(request, "tenant", None)
    structlog.contextvars.bind_contextvars(tenant=tenant.slug if tenant else None, ip=client_address(request))


def name_tenant_of_task(task: Task, **_signal: object) -> None:
    """Write the tenant into each line that a task logs. Receives `bind_extra_task_metadata`."""
    structlog.contextvars.bind_contextvars(tenant=get_schema_name_from_task(task, {}))
