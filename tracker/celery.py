"""The Celery app. Wiring: loaded with the settings, so that every process has it."""

import os
from typing import Any

from celery import Task, signals, states
from django.db import close_old_connections, connections
from django_structlog.celery.steps import DjangoStructLogInitStep
from tenant_schemas_celery.app import CeleryApp

from tracker.lib.garbage import settle_in

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracker.settings")


class TrackerCelery(CeleryApp):
    """Tasks carry the schema of the tenant that sent them and refuse to run anywhere else."""

    task_cls = "tracker.tenants.tasks:SafeTask"


app = TrackerCelery("tracker")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks()
app.autodiscover_tasks(related_name="provisioning")


@signals.worker_process_init.connect
def settle(**_signal: Any) -> None:
    """Begin a worker's process as a web process begins. Receives `worker_process_init`."""
    settle_in()


@signals.task_postrun.connect
def keep_connections(task: Task, state: str = "", **_signal: Any) -> None:
    """Keep a worker's connection for its next task, as a web process does, with the same checks of age and health.

    The library's own way is a new one for each task, which has to learn the tables anew (CELERY_DB_REUSE_MAX puts that
    off for good). After a failure it is closed: nobody knows what the task left in it.
    """
    if task.request.is_eager:
        return
    if state == states.SUCCESS:
        close_old_connections()
    else:
        connections.close_all()
