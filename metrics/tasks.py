"""Celery entries of figures: the view for readers outside."""

from celery import shared_task
from django.utils import timezone

from metrics.refreshing import refresh_in_turn, waits
from tracker.lib.actors import SYSTEM
from tracker.tenants.tasks import public_task, send_where


@shared_task
def refresh_daily_view() -> None:
    """Bring metrics_daily of this tenant up to date, unless that was done a moment ago."""
    refresh_in_turn(by=SYSTEM, at=timezone.now())


@public_task
def sweep_daily_views() -> None:
    """Wake a worker for each tenant whose view waits for its turn."""
    send_where(waits, refresh_daily_view)
