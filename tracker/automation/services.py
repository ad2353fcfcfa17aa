"""Running named jobs: one at a time for each tenant and job, each run written down."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

import psycopg
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from psycopg.pq import TransactionStatus
from structlog.contextvars import bound_contextvars

from tracker.accounts.audit import acting
from tracker.automation.models import JobRun
from tracker.automation.registry import Job, JobResult, all_jobs, job_named
from tracker.flags.services import is_on
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.tenants.context import current_tenant, lock_key

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
Status = JobRun.Status


def request_run(*, name: str, by: HasActor | Actor, at: datetime, tick: datetime | None = None) -> JobRun | None:
    """Write down that a job is wanted; whoever calls this sends `run_requested` for it.

    For a tick that has its run already (another beat, a second call) there is None. Raises NotFound("unknown_job").
    """
    job = job_named(name)
    run = JobRun(job=job.name, tick=tick, started_by=actor_of(by).as_json(), queued_at=at)
    if tick is None:
        run.save(force_insert=True)
        return run
    made = JobRun.objects.bulk_create([run], ignore_conflicts=True)
    return JobRun.objects.filter(pk=made[0].pk).first()


def run_job(*, name: str, by: HasActor | Actor, at: datetime) -> JobRun:
    """Run a job here and now and return its finished run: completed, failed, or skipped (flag off, or running already).

    A failure of the job is written into the run and logged; it does not come out of here.
    """
    run = request_run(name=name, by=by, at=at)
    assert run is not None
    return execute(run=run)


def run_all(*, by: HasActor | Actor, at: datetime) -> list[JobRun]:
    """Run every registered job, one after the other in the order of registration; one that fails stops none."""
    return [run_job(name=job.name, by=by, at=at) for job in all_jobs()]


def execute(*, run: JobRun, try_again: bool = False) -> JobRun:
    """Carry out a run that was asked for. Safe to call again after a worker died in the middle.

    With `try_again` a failure is not the end: the run waits for the sweep, up to MOST_ATTEMPTS tries in all.
    """
    if run.is_finished:
        return run
    job = job_named(run.job)
    if job.flag and not is_on(job.flag):
        return _finish(run, Status.SKIPPED, JobResult(f"Skipped: {job.flag} is off.", {"flag": job.flag}))
    with _only_one(job.name) as ours:
        if not ours:
            return _finish(run, Status.SKIPPED, JobResult("Skipped: it is running already."))
        run.refresh_from_db()
        if run.is_finished:
            return run
        with bound_contextvars(job=job.name, run_id=str(run.pk), tenant=current_tenant().slug):
            return _execute_locked(run, job, try_again)


def _execute_locked(run: JobRun, job: Job, try_again: bool) -> JobRun:
    run.attempts += 1
    if run.attempts > MOST_ATTEMPTS:
        return _finish(run, Status.FAILED, error=f"Its worker died {MOST_ATTEMPTS} times.")
    run.status = Status.RUNNING
    run.started_at = timezone.now()
    run.save(update_fields=["attempts", "status", "started_at"])
    actor = Actor(kind="job", id=str(run.pk), label=job.name)
    try:
        with acting(actor=actor, door="job"), transaction.atomic(), _nothing_left_running():
            result = job.run(at=run.tick or run.queued_at)
    except Exception as error:
        logger.exception("Job %s failed.", job.name)
        words = _words(error)
        if try_again and run.attempts < MOST_ATTEMPTS:
            return _wait_for_the_sweep(run, words)
        return _finish(run, Status.FAILED, error=words)
    return _finish(run, Status.COMPLETED, result)


def _wait_for_the_sweep(run: JobRun, error: str) -> JobRun:
    run.status = Status.QUEUED
    run.error = f"Try {run.attempts} of {MOST_ATTEMPTS}: {error}"
    run.save(update_fields=["status", "error"])
    return run


def _words(error: BaseException) -> str:
    """Return what the history says of a failure; what a time limit broke may have come out as another error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, SoftTimeLimitExceeded):
            return f"It ran longer than its limit of {settings.CELERY_TASK_SOFT_TIME_LIMIT} s and was ended."
        cause = cause.__context__
    return f"{type(error).__name__}: {error}"[:1900]


@contextmanager
def _nothing_left_running() -> Iterator[None]:
    """End what the database still does for a job that was broken off in the middle of a query.

    A time limit ends the wait for an answer only: the server would go on and hold the job's locks until it is done.
    """
    try:
        yield
    except BaseException:
        used = connection.connection
        if used is not None and used.pgconn.transaction_status == TransactionStatus.ACTIVE:
            with suppress(psycopg.Error):
                used.cancel_safe(timeout=5)
            connection.close()
        raise


def _finish(run: JobRun, status: str, result: JobResult | None = None, *, error: str = "") -> JobRun:
    run.status = status
    run.finished_at = timezone.now()
    run.error = error
    if result:
        run.result = {"summary": result.summary, **result.counts}
    run.save(update_fields=["status", "attempts", "finished_at", "error", "result"])
    return run


@contextmanager
def _only_one(name: str) -> Iterator[bool]:
    """Hold the lock of this tenant and job, or say that another holds it. A process that dies lets go of it."""
    key = lock_key(f"job:{name}")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        ours = cursor.fetchone()[0]
    try:
        yield ours
    finally:
        if ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
