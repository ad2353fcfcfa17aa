"""A job that takes too long is ended and says so, lets go of its lock, and each line it logs names its run."""

import io
import json
import logging
import signal
import time
from datetime import timedelta

import psycopg
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError, connection
from django.utils import timezone

from tracker.automation import registry
from tracker.automation.registry import JobResult, job
from tracker.automation.services import run_job
from tracker.lib.actors import SYSTEM
from tracker.tenants.context import lock_key

LIMIT = 0.3


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch):
    monkeypatch.setattr(registry, "_jobs", {})


@pytest.fixture
def limit():
    """Break off what runs after a moment, in the way in which a worker does it: from the handler of a signal."""

    def too_long(*_signal):
        raise SoftTimeLimitExceeded(LIMIT)

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def run(name):
    return run_job(name=name, by=SYSTEM, at=timezone.now())


def is_free(name: str) -> bool:
    """Tell whether another connection gets the lock of a job within five seconds."""
    params = connection.get_connection_params()
    with psycopg.connect(host=params["host"], user=params["user"], dbname=params["dbname"]) as another:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if another.execute("SELECT pg_try_advisory_lock(%s)", [lock_key(f"job:{name}")]).fetchone()[0]:
                return True
            time.sleep(0.05)
    return False


@pytest.mark.own_database
def test_a_job_over_its_time_in_a_query_is_ended_told_and_its_lock_is_free(tenant, settings, limit):
    settings.CELERY_TASK_SOFT_TIME_LIMIT = LIMIT

    @job("endless")
    def endless(*, at):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE half_done (n int)")
            cursor.execute("SELECT pg_sleep(60)")
        return JobResult("Never.")

    ended = run("endless")
    ended.refresh_from_db()

    assert (ended.status, ended.error) == ("failed", f"It ran longer than its limit of {LIMIT} s and was ended.")
    assert ended.finished_at - ended.started_at < timedelta(seconds=5)
    assert is_free("endless")
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('acme.half_done'), current_schema()")
        assert cursor.fetchone() == (None, "acme")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(60)%%' AND state = 'active' "
            "AND datname = current_database()"
        )
        assert cursor.fetchone() == (1,)  # this question alone


@pytest.mark.own_database
def test_what_the_limit_breaks_on_its_way_out_is_told_as_the_limit(tenant, settings, limit):
    settings.CELERY_TASK_SOFT_TIME_LIMIT = LIMIT

    @job("untidy")
    def untidy(*, at):
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(60)")
        except SoftTimeLimitExceeded as late:
            raise DatabaseError("another command is in progress") from late

    assert run("untidy").error == f"It ran longer than its limit of {LIMIT} s and was ended."
    assert is_free("untidy")


def test_each_line_that_a_job_logs_names_the_job_its_run_and_the_tenant(tenant, log: io.StringIO):
    @job("talkative")
    def talkative(*, at):
        logging.getLogger("tracker").info("half way")
        raise ValueError("then it broke")

    done = run("talkative")

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    ours = [line for line in lines if line.get("run_id") == str(done.pk)]
    assert [line["event"] for line in ours] == ["half way", "Job talkative failed."]
    assert {(line["job"], line["tenant"]) for line in ours} == {("talkative", "acme")}
    assert [line for line in lines if line not in ours] == []
