"""A worker is killed in the middle of an import: it is wholly in or wholly out, and the next worker finishes it."""

import os
import signal
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context

from etl.models import Import
from etl.services import reap_lost_imports, run_waiting_imports, start_import
from metrics.models import Episode, ListenerMetric, MetricBatch
from tests.etl.files import METRICS_HEADER, upload
from tests.factories import make_podcast
from tracker.events.models import Event
from tracker.lib.actors import SYSTEM

pytestmark = pytest.mark.own_database

DAYS, EPISODES = 100, 200
ROWS = DAYS * EPISODES


def worker() -> int:
    """Start a worker in a process of its own, over this test's database and its files."""
    process = os.fork()
    if process:
        return process
    try:
        # The parent's connection stays the parent's: kept open here and not used.
        connection.inherited, connection.connection = connection.connection, None
        with schema_context("acme"):
            run_waiting_imports()
        os._exit(0)
    finally:
        os._exit(1)


def large_file(tenant) -> str:
    """Two hundred episodes for a hundred days: long enough a work to be killed in."""
    podcast = make_podcast()
    episodes = Episode.objects.bulk_create(Episode(podcast=podcast, title=str(n)) for n in range(EPISODES))
    days = [(date(2025, 1, 1) + timedelta(days=n)).isoformat() for n in range(DAYS)]
    rows = [f"{day},{episode.pk},host,{n},,,,," for day in days for n, episode in enumerate(episodes)]
    return "\n".join([METRICS_HEADER, *rows]) + "\n"


@pytest.mark.parametrize("delay", [0.02, 0.15, 0.4])
def test_a_killed_import_is_out_and_then_in_and_told_once(tenant, delay):
    run = start_import(file=upload(large_file(tenant)), by=SYSTEM, at=timezone.now())
    process = worker()
    _wait_until_claimed(run)
    time.sleep(delay)

    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    _wait_for_orphaned_statements()
    run.refresh_from_db()

    assert ListenerMetric.objects.count() == (ROWS if run.status == "completed" else 0)
    assert (run.status == "completed") == Event.objects.filter(type="etl.import_completed").exists()

    reap_lost_imports(at=datetime.now(UTC) + timedelta(minutes=1))
    run_waiting_imports()
    run.refresh_from_db()

    assert (run.status, run.records_imported) == ("completed", ROWS)
    assert ListenerMetric.objects.count() == ROWS
    assert MetricBatch.objects.count() == 1
    assert Event.objects.filter(type="etl.import_completed").count() == 1


def test_two_uploads_of_one_file_at_once_import_once(tenant):
    text = large_file(tenant)
    runs = [start_import(file=upload(text), by=SYSTEM, at=timezone.now()) for _ in range(2)]

    workers = [worker(), worker()]
    assert [os.waitpid(process, 0)[1] for process in workers] == [0, 0]

    for run in runs:
        run.refresh_from_db()
    assert [run.status for run in runs] == ["completed", "completed"]
    assert sorted(run.records_imported for run in runs) == [0, ROWS]
    assert sorted(run.metadata["unchanged"] for run in runs) == [0, ROWS]
    assert ListenerMetric.objects.count() == ROWS


def test_a_revived_worker_cannot_finish_what_another_one_has(tenant):
    from etl.services.leases import LeaseLost, claim_next, finish

    start_import(file=upload("x"), by=SYSTEM, at=timezone.now())
    now = timezone.now()
    first = claim_next(at=now)
    reap_lost_imports(at=now + timedelta(seconds=31))
    second = claim_next(at=now)

    with pytest.raises(LeaseLost):
        finish(first, Import.Status.COMPLETED, at=now)

    second.refresh_from_db()
    assert (second.status, second.attempt) == ("processing", 2)


def _wait_until_claimed(run: Import) -> None:
    for _ in range(600):
        if Import.objects.get(pk=run.pk).attempt:
            return
        time.sleep(0.05)
    pytest.fail("no worker took the import")


def _wait_for_orphaned_statements() -> None:
    """The server needs a moment to notice that a client is gone."""
    for _ in range(100):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            if not cursor.fetchone()[0]:
                return
        time.sleep(0.1)
