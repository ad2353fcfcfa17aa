"""Jobs: when each ran last, how it went, when it runs next, and how long the queues are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from celery.schedules import crontab_parser
from django.conf import settings
from django.db.models import Count, Min, OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _

from tracker.automation.models import JobRun, JobSchedule
from tracker.automation.registry import Job, all_jobs
from tracker.automation.schedule import is_daily
from tracker.dashboards.cards import Card
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Column, Table
from tracker.events.models import Delivery
from tracker.flags.models import FlagOverride
from tracker.flags.services import switched_on
from tracker.lib import words

Status = JobRun.Status
DAY = timedelta(days=1)
NAMES = {
    "refresh-metrics-daily": _("Refresh daily metrics"),
    "recalculate-matches": _("Recalculate matches"),
    "etl-health-check": _("ETL health check"),
    "pipeline-alerts": _("Pipeline alerts"),
    "reap-imports": _("Pick up stopped imports"),
    "move-bookings": _("Move bookings with their flights"),
    "expire-holds": _("Expire holds"),
    "weekly-mails": _("Weekly mails"),
}


@dataclass(frozen=True)
class JobLine:
    """One named job. `last` is its newest run; failures counts those of the last 7 days."""

    job: Job
    last: JobRun | None
    failures: int
    next_at: datetime | None
    is_off: bool

    @property
    def name(self) -> Any:
        return NAMES.get(self.job.name, self.job.name.replace("-", " ").capitalize())

    @property
    def took(self) -> timedelta | None:
        if self.last is None or self.last.finished_at is None or self.last.started_at is None:
            return None
        return self.last.finished_at - self.last.started_at

    @property
    def summary(self) -> str:
        return str(self.last.error or self.last.result.get("summary", "")) if self.last else ""

    @property
    def has_failed(self) -> bool:
        return self.last is not None and self.last.status == Status.FAILED


@dataclass(frozen=True)
class Jobs:
    """lines: every job, failed ones first. waiting and oldest_at: the messages that wait for a listener."""

    lines: list[JobLine]
    waiting: int
    oldest_at: datetime | None
    given_up: int

    @property
    def failed(self) -> list[JobLine]:
        return [line for line in self.lines if line.has_failed]


def load(scope: Scope) -> Jobs:
    """Four statements: the features, the newest run of each job with its failures, the house's hours, the queue."""
    features = switched_on()
    runs = _newest_runs(scope.at)
    hours = {row.job: row for row in JobSchedule.objects.all()}
    lines = [_line(job, runs, hours.get(job.name), features, scope.at) for job in all_jobs()]
    queue = Delivery.objects.aggregate(
        waiting=Count("pk", filter=Q(status=Delivery.Status.PENDING)),
        oldest_at=Min("event__at", filter=Q(status=Delivery.Status.PENDING)),
        given_up=Count("pk", filter=Q(status=Delivery.Status.DEAD)),
    )
    return Jobs(sorted(lines, key=lambda line: (not line.has_failed, line.is_off)), **queue)


def _newest_runs(at: datetime) -> dict[str, JobRun]:
    newest = JobRun.objects.filter(job=OuterRef("job")).order_by("-queued_at", "-run_id").values("pk")[:1]
    failed = (
        JobRun.objects.filter(job=OuterRef("job"), status=Status.FAILED, queued_at__gt=at - 7 * DAY)
        .order_by()
        .values("job")
        .annotate(number=Count("pk"))
        .values("number")
    )
    rows = JobRun.objects.filter(pk=Subquery(newest)).annotate(failures=Subquery(failed))
    return {run.job: run for run in rows}


def _line(job: Job, runs: dict[str, JobRun], own: JobSchedule | None, features: Iterable[str], at: datetime) -> JobLine:
    last = runs.get(job.name)
    is_off = bool(job.flag and job.flag not in features) or (own is not None and not own.is_on)
    return JobLine(
        job=job,
        last=last,
        failures=getattr(last, "failures", None) or 0,
        next_at=None if is_off else next_run(job.name, own, at, words.house_zone()),
        is_off=is_off,
    )


def next_run(name: str, own: JobSchedule | None, at: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when a job is due next after `at`, by the product's schedule and the house's own hour; None: never."""
    plan = next((one for one in settings.JOB_SCHEDULES if one["job"] == name), None)
    if plan is None:
        return None
    hour = plan.get("local_hour") if own is None or own.local_hour is None else own.local_hour
    if hour is not None and is_daily(plan):
        local = at.astimezone(zone)
        due = local.replace(hour=hour, minute=int(plan["minute"]), second=0, microsecond=0)
        return due if due > local else due + DAY
    minutes, hours = crontab_parser(60).parse(plan["minute"]), crontab_parser(24).parse(plan["hour"])
    due = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while due.hour not in hours:
        due = due.replace(minute=0) + timedelta(hours=1)
    while due.minute not in minutes:
        due += timedelta(minutes=1)
        while due.hour not in hours:
            due = due.replace(minute=0) + timedelta(hours=1)
    return due


def as_json(data: Jobs) -> dict[str, Any]:
    return {
        "jobs": [
            {
                "job": line.job.name,
                "status": line.last.status if line.last else None,
                "last_run_at": line.last.queued_at.isoformat() if line.last else None,
                "next_run_at": line.next_at.isoformat() if line.next_at else None,
                "failures_7_days": line.failures,
                "summary": line.summary,
                "is_off": line.is_off,
            }
            for line in data.lines
        ],
        "queue": {
            "waiting": data.waiting,
            "oldest_at": data.oldest_at.isoformat() if data.oldest_at else None,
            "given_up": data.given_up,
        },
    }


COLUMNS = [
    Column("job", _("Job")),
    Column("status", _("Last run")),
    Column("last_run_at", _("At"), "instant"),
    Column("next_run_at", _("Next run"), "instant"),
    Column("failures_7_days", _("Failures, 7 days"), "number"),
    Column("summary", _("What it did")),
]


def as_table(data: Jobs) -> Table:
    rows = [
        [
            line.job.name,
            line.last.status if line.last else None,
            line.last.queued_at if line.last else None,
            line.next_at,
            line.failures,
            line.summary,
        ]
        for line in data.lines
    ]
    return Table(COLUMNS, rows)


JOBS = Card(
    name="jobs",
    title=_("Jobs"),
    template="dashboards/ops/jobs.html",
    load=load,
    as_table=as_table,
    as_json=as_json,
    width="col-5",
    made_of=[JobRun, JobSchedule, Delivery, FlagOverride],
)
