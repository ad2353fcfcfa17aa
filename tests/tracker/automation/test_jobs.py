"""Named jobs: one run for each tenant, job and tick, whoever asks; one that fails stops none."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from django.utils.html import escape
from django_celery_beat.models import PeriodicTask
from django_tenants.utils import schema_context, tenant_context

from tracker.automation import registry
from tracker.automation.models import JobRun, JobSchedule
from tracker.automation.registry import JobResult, job
from tracker.automation.schedule import ensure_schedules
from tracker.automation.services import execute, request_run, run_all, run_job
from tracker.automation.tasks import fan_out, fan_out_own_hours, sweep_runs
from tracker.flags.services import switch
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import NotFound
from tracker.tenants.context import lock_key
from tracker.tenants.models import Tenant

ran: list[str] = []


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch):
    ran.clear()
    monkeypatch.setattr(registry, "_jobs", {})

    @job("count")
    def count(*, at):
        ran.append(connection.schema_name)
        return JobResult("Counted to one.", {"counted": 1})

    @job("break")
    def break_down(*, at):
        raise ValueError("out of order")

    @job("gated", flag="ENABLE_MATCHMAKING")
    def gated(*, at):
        ran.append("gated")
        return JobResult("Done.")


def run(name):
    return run_job(name=name, by=SYSTEM, at=timezone.now())


def dispatch(**kwargs):
    with schema_context("public"):
        fan_out.apply(kwargs={"job": "count", "step_minutes": 60, **kwargs}, headers={"_schema_name": "public"})


def test_a_run_is_written_down_with_what_came_of_it(tenant):
    done = run("count")

    assert (done.status, done.result) == ("completed", {"summary": "Counted to one.", "counted": 1})
    assert done.started_by["label"] == "The tracker"
    assert ran == ["acme"]


def test_a_job_that_fails_says_why_and_the_others_go_on(tenant):
    runs = run_all(by=SYSTEM, at=timezone.now())

    assert [(one.job, one.status) for one in runs] == [
        ("count", "completed"),
        ("break", "failed"),
        ("gated", "skipped"),
    ]
    assert runs[1].error == "ValueError: out of order"
    assert runs[2].result["flag"] == "ENABLE_MATCHMAKING"


def test_a_gated_job_runs_once_its_feature_is_on(tenant):
    switch(flag="ENABLE_MATCHMAKING", on=True)

    assert run("gated").status == "completed"


def test_a_job_that_is_not_there_is_refused_with_those_that_are(tenant):
    with pytest.raises(NotFound) as refusal:
        run("nonsense")

    assert refusal.value.details["jobs"] == ["break", "count", "gated"]


def test_a_job_that_is_running_elsewhere_is_not_run_twice(tenant):
    with psycopg.connect(_dsn()) as another:
        another.execute("SELECT pg_advisory_lock(%s)", [lock_key("job:count")])
        assert run("count").status == "skipped"
        another.execute("SELECT pg_advisory_unlock_all()")
    assert run("count").status == "completed"


def test_a_finished_run_is_not_carried_out_again(tenant):
    done = run("count")

    execute(run=done)

    assert ran == ["acme"]


def test_a_run_whose_worker_died_three_times_has_failed(tenant):
    asked = request_run(name="count", by=SYSTEM, at=timezone.now())
    JobRun.objects.filter(pk=asked.pk).update(status="running", attempts=3)
    asked.refresh_from_db()

    assert execute(run=asked).status == "failed"
    assert ran == []


def test_two_beats_make_one_run_for_each_tenant_and_tick(tenant, other_tenant):
    dispatch()
    dispatch()

    assert sorted(ran) == ["acme", "beta"]
    assert JobRun.objects.filter(job="count").count() == 1


def test_the_next_tick_runs_again(tenant, other_tenant):
    with time_machine.travel(datetime(2031, 1, 1, 5, 10, tzinfo=UTC), tick=False):
        dispatch()
    with time_machine.travel(datetime(2031, 1, 1, 6, 10, tzinfo=UTC), tick=False):
        dispatch()

    assert list(JobRun.objects.order_by("tick").values_list("tick__hour", flat=True)) == [5, 6]


def test_a_tenant_that_is_closed_gets_no_run(tenant, other_tenant):
    Tenant.objects.filter(pk=other_tenant.pk).update(status=Tenant.Status.SUSPENDED)

    dispatch()

    assert ran == ["acme"]


def test_a_morning_job_runs_in_each_tenants_own_morning_once(tenant, other_tenant):
    Tenant.objects.filter(pk=tenant.pk).update(time_zone="America/New_York")
    Tenant.objects.filter(pk=other_tenant.pk).update(time_zone="Europe/Berlin")

    # 2031-01-15: 08:00 in Berlin is 07:00 UTC, in New York 13:00 UTC.
    for hour in range(24):
        with time_machine.travel(datetime(2031, 1, 15, hour, 5, tzinfo=UTC), tick=False):
            before = len(ran)
            dispatch(local_hour=8)
            assert ran[before:] == {7: ["beta"], 13: ["acme"]}.get(hour, [])


def test_the_hour_that_comes_twice_runs_once(tenant):
    Tenant.objects.filter(pk=tenant.pk).update(time_zone="America/New_York")

    # 2031-11-02: 01:30 comes at 05:30 and at 06:30 UTC.
    for hour in (5, 6):
        with time_machine.travel(datetime(2031, 11, 2, hour, 30, tzinfo=UTC), tick=False):
            dispatch(local_hour=1)

    assert ran.count("acme") == 1


def test_a_house_may_choose_its_hour_and_switch_a_job_off(tenant, other_tenant):
    JobSchedule.objects.create(job="count", local_hour=6)
    with tenant_context(other_tenant):
        JobSchedule.objects.create(job="count", is_on=False)

    with time_machine.travel(datetime(2031, 1, 15, 6, 5, tzinfo=UTC), tick=False):
        dispatch(local_hour=8)
    with time_machine.travel(datetime(2031, 1, 15, 8, 5, tzinfo=UTC), tick=False):
        dispatch(local_hour=8)

    assert ran == ["acme"]


def test_a_house_may_choose_the_hour_of_a_job_that_runs_once_a_day(tenant, other_tenant, settings):
    settings.JOB_SCHEDULES = [{"job": "count", "minute": "0", "hour": "2", "step_minutes": 24 * 60}]
    JobSchedule.objects.create(job="count", local_hour=6)
    Tenant.objects.filter(pk=tenant.pk).update(time_zone="Europe/Berlin")

    # 06:00 in Berlin is 05:00 UTC in winter; beta has no wish of its own.
    for hour in (2, 4, 5, 6):
        with time_machine.travel(datetime(2031, 1, 15, hour, 5, tzinfo=UTC), tick=False):
            before = len(ran)
            if hour == 2:
                dispatch(step_minutes=24 * 60)
            with schema_context("public"):
                fan_out_own_hours.apply(headers={"_schema_name": "public"})
            assert ran[before:] == {2: ["beta"], 5: ["acme"]}.get(hour, [])


def test_a_morning_that_was_missed_is_caught_up_once(tenant):
    for day, hours in ((14, [8]), (15, [11, 12, 13]), (16, [7, 8, 9])):
        for hour in hours:
            with time_machine.travel(datetime(2031, 1, day, hour, 5, tzinfo=UTC), tick=False):
                dispatch(local_hour=8)

    ticks = JobRun.objects.order_by("queued_at").values_list("tick__day", "queued_at__hour")
    assert list(ticks) == [(14, 8), (15, 11), (16, 8)]


def test_hours_that_were_missed_are_caught_up_by_one_run(tenant):
    for hour in (5, 9):  # beat was down from 6 to 9, and its row is due once when it comes back
        with time_machine.travel(datetime(2031, 1, 1, hour, 10, tzinfo=UTC), tick=False):
            dispatch()

    assert ran.count("acme") == 2


def test_a_clock_that_jumps_ahead_and_back_runs_each_tick_once(tenant):
    for hour, minute in ((5, 10), (9, 10), (5, 20), (6, 10), (9, 30)):
        with time_machine.travel(datetime(2031, 1, 1, hour, minute, tzinfo=UTC), tick=False):
            dispatch()

    assert list(JobRun.objects.order_by("tick").values_list("tick__hour", flat=True)) == [5, 6, 9]
    assert ran.count("acme") == 3


def test_a_scheduled_run_that_fails_is_tried_three_times_and_says_why(tenant):
    with schema_context("public"):
        fan_out.apply(kwargs={"job": "break", "step_minutes": 60}, headers={"_schema_name": "public"})
    after_first = JobRun.objects.get()
    JobRun.objects.update(queued_at=timezone.now() - timedelta(minutes=5))
    for _sweep in range(4):
        with schema_context("public"):
            sweep_runs.apply(headers={"_schema_name": "public"})

    given_up = JobRun.objects.get()
    assert (after_first.status, after_first.attempts, after_first.error) == (
        "queued",
        1,
        "Try 1 of 3: ValueError: out of order",
    )
    assert (given_up.status, given_up.attempts, given_up.error) == ("failed", 3, "ValueError: out of order")


def test_history_says_who_started_a_run_how_long_it_took_and_what_it_changed(client, administrator, login):
    login(client, administrator)
    client.post("/admin/automation/jobrun/run/count")
    execute(run=JobRun.objects.get())
    JobRun.objects.update(
        started_at=datetime(2031, 1, 1, 5, 0, tzinfo=UTC), finished_at=datetime(2031, 1, 1, 5, 0, 7, tzinfo=UTC)
    )

    html = client.get("/admin/automation/jobrun/").text

    starter = escape(JobRun.objects.get().started_by["label"])
    assert [words for words in ("7.0 s", "Counted to one.", starter) if words not in html] == []


def test_an_hour_is_refused_for_a_job_that_runs_more_than_once_a_day(client, administrator, login, settings):
    settings.JOB_SCHEDULES = [{"job": "count", "minute": "5", "hour": "*", "step_minutes": 60}]
    login(client, administrator)

    refused = client.post("/admin/automation/jobschedule/add/", {"job": "count", "is_on": "on", "local_hour": "6"})

    assert "does not run once a day" in refused.text
    assert not JobSchedule.objects.exists()


def test_a_run_whose_message_was_lost_is_swept_up(tenant, other_tenant):
    request_run(name="count", by=SYSTEM, at=timezone.now() - timedelta(minutes=5))

    with schema_context("public"):
        sweep_runs.apply(headers={"_schema_name": "public"})

    assert JobRun.objects.get().status == "completed"


def test_the_schedule_is_made_once_and_keeps_what_ops_changed(tenant):
    ensure_schedules()
    PeriodicTask.objects.filter(name="job refresh-metrics-daily").update(enabled=False)
    count = PeriodicTask.objects.count()

    ensure_schedules()

    assert PeriodicTask.objects.count() == count
    assert not PeriodicTask.objects.get(name="job refresh-metrics-daily").enabled


def test_the_api_runs_a_job_and_its_run_can_be_followed(api, switch_on_all):
    answer = api.post("/api/v1/automation/run-all")

    runs = answer.json()["runs"]
    assert answer.status_code == 202
    assert [one["job"] for one in runs] == ["count", "break", "gated"]
    assert api.get(f"/api/v1/automation/runs/{runs[0]['run_id']}").json()["job"] == "count"


def test_a_role_that_may_not_run_jobs_is_refused(tenant, api_of, switch_on_all):
    answer = api_of(tenant, role="salesperson").post("/api/v1/automation/run-all")

    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


def test_run_now_in_the_admin_works_by_post_alone(client, administrator, login):
    login(client, administrator)
    assert "Run count now" in client.get("/admin/automation/jobrun/").text

    client.get("/admin/automation/jobrun/run/count")
    assert not JobRun.objects.exists()

    client.post("/admin/automation/jobrun/run/count")
    assert JobRun.objects.get().started_by["id"] == str(administrator.pk)


def _dsn() -> str:
    params = connection.get_connection_params()
    return psycopg.conninfo.make_conninfo(
        **{name: params[name] for name in ("dbname", "user", "host") if name in params}
    )
