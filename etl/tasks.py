"""Celery entry points of imports."""

from celery import shared_task

from etl.services import run_waiting_imports
from tracker.tenants.tasks import enqueue


@shared_task
def run_imports() -> None:
    """Run the imports that wait in this tenant; what is left after a turn is another task's."""
    if run_waiting_imports():
        enqueue(run_imports)
