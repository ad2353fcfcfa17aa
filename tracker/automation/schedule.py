"""Bring the rows of beat's schedule in line with what the product brings; hours that ops changed stay."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks
from django_tenants.utils import get_public_schema_name, schema_context

FAN_OUT = "tracker.automation.tasks.fan_out"
MINUTES_OF_DAY = 24 * 60


def is_daily(schedule: Mapping[str, Any]) -> bool:
    """Tell whether a job runs once a day, so that a house may name its own hour."""
    return schedule["step_minutes"] >= MINUTES_OF_DAY or schedule.get("local_hour") is not None


def ensure_schedules() -> None:
    """Make the rows that are missing in `public`. One that is there keeps its hour and its switch."""
    with schema_context(get_public_schema_name()), transaction.atomic():
        _ensure_jobs(settings.JOB_SCHEDULES)
        _ensure_upkeep(settings.UPKEEP_SCHEDULES)
        PeriodicTasks.update_changed()


def _ensure_jobs(schedules: Iterable[Mapping[str, Any]]) -> None:
    for one in schedules:
        name = f"job {one['job']}"
        if PeriodicTask.objects.filter(name=name).exists():
            continue
        crontab, _made = CrontabSchedule.objects.get_or_create(
            minute=one["minute"], hour=one["hour"], day_of_week="*", day_of_month="*", month_of_year="*", timezone="UTC"
        )
        kwargs = {"job": one["job"], "step_minutes": one["step_minutes"], "local_hour": one.get("local_hour")}
        PeriodicTask.objects.create(name=name, task=FAN_OUT, crontab=crontab, kwargs=json.dumps(kwargs))


def _ensure_upkeep(upkeep: Iterable[tuple[str, int]]) -> None:
    for task, seconds in upkeep:
        name = f"upkeep {task.rpartition('.')[2]}"
        if PeriodicTask.objects.filter(name=name).exists():
            continue
        interval, _made = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
        # A call that nobody took before the next one is due is not worth taking any more.
        PeriodicTask.objects.create(name=name, task=task, interval=interval, expire_seconds=seconds * 2)
