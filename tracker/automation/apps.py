from typing import Any

from celery.signals import beat_init
from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AutomationConfig(AppConfig):
    name = "tracker.automation"
    label = "automation"
    verbose_name = _("Automation")

    def ready(self) -> None:
        beat_init.connect(_fill_schedule, dispatch_uid="fill-schedule")


def _fill_schedule(**_signal: Any) -> None:
    """Make the rows that beat lacks before it reads them."""
    from tracker.automation.schedule import ensure_schedules

    ensure_schedules()
