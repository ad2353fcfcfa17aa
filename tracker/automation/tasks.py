"""Dispatchers in `public`, and the task that carries out one run in its tenant."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from celery import shared_task
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone
from django_tenants.utils import schema_context

from tracker.automation.models import JobRun, JobSchedule
from tracker.automation.schedule import MINUTES_OF_DAY, is_daily
from tracker.automation.services import execute, request_run
from tracker.lib.actors import Actor
from tracker.tenants.models import Tenant
from tracker.tenants.queries import active_tenants
from tracker.tenants.tasks import public_task, send_to

BEAT = Actor(kind="system", id="beat", label="Schedule")
HEARTBEAT_KEY = "worker-heartbeat"
# A run that nobody began for this long lost its message; one that nobody finishes for this long lost its worker.
FORGOTTEN_AFTER = timedelta(minutes=1)
LOST_AFTER = timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT + 60)


@shared_task
def run_requested(run_id: str) -> None:
    """Carry out one run of this tenant."""
    run = JobRun.objects.filter(pk=run_id).first()
    if run is not None:
        execute(run=run, try_again=True)


@shared_task
def run_all_requested(run_ids: list[str]) -> None:
    """Carry out runs of this tenant one after the other; one that fails stops none."""
    for run_id in run_ids:
        run_requested(run_id)


@public_task
def fan_out(job: str, step_minutes: float, local_hour: int | None = None) -> None:
    """Ask for one run of a job in each tenant that works, for the tick that began last."""
    now = timezone.now()
    for tenant in active_tenants().filter(is_platform=False):
        with schema_context(tenant.schema_name):
            run = _run_for(tenant, job, now, step_minutes, local_hour)
        if run is not None:
            send_to(tenant.schema_name, run_requested, str(run.pk))


@public_task
def fan_out_own_hours() -> None:
    """Ask for runs of once-a-day jobs that a house wants at an hour of its own; the daily dispatcher skips them."""
    now = timezone.now()
    daily = {one["job"] for one in settings.JOB_SCHEDULES if is_daily(one)}
    for tenant in active_tenants().filter(is_platform=False):
        with schema_context(tenant.schema_name):
            wishes = JobSchedule.objects.filter(is_on=True, local_hour__isnull=False, job__in=daily)
            runs = [_run_at_hour(tenant, wish.job, now, wish.local_hour or 0) for wish in wishes]
        for run in filter(None, runs):
            send_to(tenant.schema_name, run_requested, str(run.pk))


@public_task
def sweep_runs() -> None:
    """Send again what was asked for and not begun, or begun and never finished: its message or its worker is lost."""
    now = timezone.now()
    for tenant in active_tenants().filter(is_platform=False):
        with schema_context(tenant.schema_name):
            forgotten = JobRun.objects.filter(status=JobRun.Status.QUEUED, queued_at__lt=now - FORGOTTEN_AFTER)
            lost = JobRun.objects.filter(status=JobRun.Status.RUNNING, started_at__lt=now - LOST_AFTER)
            runs = list((forgotten | lost).values_list("pk", flat=True)[:20])
        for run in runs:
            send_to(tenant.schema_name, run_requested, str(run))


@public_task
def heartbeat() -> None:
    """Tell readiness checks that messages travel from beat through the queue to a worker."""
    cache.set(HEARTBEAT_KEY, timezone.now().timestamp(), timeout=600)


def _run_for(tenant: Tenant, job: str, now: datetime, step_minutes: float, default_hour: int | None) -> JobRun | None:
    own = JobSchedule.objects.filter(job=job).first()
    if own is not None and not own.is_on:
        return None
    hour = own.local_hour if own is not None else None
    if default_hour is not None:
        return _run_at_hour(tenant, job, now, default_hour if hour is None else hour)
    if hour is not None and step_minutes >= MINUTES_OF_DAY:
        return None  # fan_out_own_hours asks for it
    return request_run(name=job, by=BEAT, at=now, tick=_floor(now, step_minutes))


def _run_at_hour(tenant: Tenant, job: str, now: datetime, hour: int) -> JobRun | None:
    """Ask for the run of a house's own day once its hour has come; a day whose hour was missed is caught up once."""
    local = now.astimezone(ZoneInfo(tenant.time_zone))
    # One tick a local day, also on the day on which the clocks go back and the hour comes twice.
    tick = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if local.hour < hour:
        return None
    # Later than its hour it runs only where it ran before: nobody missed what was never due.
    if local.hour > hour and not JobRun.objects.filter(job=job, tick__lt=tick).exists():
        return None
    return request_run(name=job, by=BEAT, at=now, tick=tick)


def _floor(moment: datetime, step_minutes: float) -> datetime:
    step = step_minutes * 60
    return datetime.fromtimestamp(moment.timestamp() // step * step, tz=moment.tzinfo)
