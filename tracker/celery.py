"""The Celery app. Wiring: loaded by the package so that every process has it."""

import os

from django_structlog.celery.steps import DjangoStructLogInitStep
from tenant_schemas_celery.app import CeleryApp

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracker.settings")


class TrackerCelery(CeleryApp):
    """Tasks carry the schema of the tenant that sent them and refuse to run anywhere else."""

    task_cls = "tracker.tenants.tasks:SafeTask"


app = TrackerCelery("tracker")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks()
app.autodiscover_tasks(related_name="provisioning")
