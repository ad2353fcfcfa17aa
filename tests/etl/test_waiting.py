"""The queue of rows that wait, and the rhythm of sources."""

from datetime import date, timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from etl.cadence import ways_in
from etl.models import Import, WaitingRow
from etl.services import check_etl_health, link_episode, undo_import
from etl.subscribers import tell_of_a_late_source
from etl.tasks import sweep_imports
from metrics.models import DailyRollup
from tests.etl.files import bring_in, issues, metrics_csv
from tests.factories import NOON, make_episode, make_podcast
from tracker.events.models import Event
from tracker.lib.actors import SYSTEM

LOST = "01900000-0000-7000-8000-000000000001"


@pytest.fixture
def staff(client, login, ops_user, monkeypatch):
    monkeypatch.setenv("ENABLE_ETL_CSV_UPLOAD", "1")
    return login(client, ops_user)


def half_known(episode) -> Import:
    return bring_in(
        metrics_csv(
            f"2026-03-01,{episode.pk},host,10,,,,,",
            f"2026-03-01,{LOST},host,20,,,,,",
            f"2026-03-02,{LOST},host,30,,0.5,,,",
        )
    )


def test_linking_an_unknown_id_brings_in_just_its_rows_under_the_same_import(tenant):
    episode, meant = make_episode(), make_episode()
    run = half_known(episode)
    assert (run.records_imported, run.records_failed) == (1, 2)

    rows = link_episode(import_run=run, name=LOST, episode_id=meant.pk, by=SYSTEM, at=NOON)

    run.refresh_from_db()
    assert (rows, run.records_imported, run.records_failed, issues(run)) == (2, 3, 0, [])
    figures = (
        DailyRollup.objects.filter(episode=meant).order_by("day").values_list("day", "downloads", "completion_rate")
    )
    assert [(day, downloads) for day, downloads, _rate in figures] == [(date(2026, 3, 1), 20), (date(2026, 3, 2), 30)]
    assert Event.objects.filter(type="etl.rows_taken").count() == 1
    assert bring_in(metrics_csv(f"2026-03-03,{LOST},host,5,,,,,")).records_imported == 1

    undo_import(import_run=run, by=SYSTEM, at=NOON)
    assert list(DailyRollup.objects.values_list("day", flat=True)) == [date(2026, 3, 3)]


def test_the_queue_lists_each_name_once_and_takes_or_leaves_it_by_one_click(staff, tenant):
    episode, show = make_episode(), make_podcast(title="New home")
    half_known(episode)
    row = WaitingRow.objects.order_by("line").first()

    page = staff.get("/imports/waiting")
    assert page.text.count(LOST) == 1
    assert "2 rows" in page.text
    taken = staff.post(f"/imports/waiting/{row.pk}", {"podcast": str(show.pk), "choice": ""}, follow=True)

    assert "2 rows were taken" in taken.text
    assert "Nothing waits" in taken.text
    assert sum(DailyRollup.objects.filter(podcast=show).values_list("downloads", flat=True)) == 50


def test_a_file_of_only_unknown_episodes_waits_in_the_queue_like_any_other(staff, tenant):
    show = make_podcast(title="New home")
    run = bring_in(metrics_csv(f"2026-03-01,{LOST},host,20,,,,,"))
    assert (run.status, run.records_imported, run.records_failed) == ("completed", 0, 1)

    assert LOST in staff.get("/imports/waiting").text
    row = WaitingRow.objects.get()
    staff.post(f"/imports/waiting/{row.pk}", {"podcast": str(show.pk), "choice": ""})

    assert DailyRollup.objects.get().downloads == 20


def test_the_queue_asks_as_often_for_one_name_as_for_many(staff, tenant):
    episode = make_episode()
    half_known(episode)
    staff.get("/imports/waiting")
    with CaptureQueriesContext(connection) as one:
        staff.get("/imports/waiting")
    lost = [f"01900000-0000-7000-8000-0000000001{n:02}" for n in range(20)]
    bring_in(metrics_csv(f"2026-04-01,{episode.pk},host,1,,,,,", *(f"2026-04-01,{name},host,1,,,,," for name in lost)))

    with CaptureQueriesContext(connection) as many:
        page = staff.get("/imports/waiting")

    assert lost[0] in page.text
    assert len(many) <= len(one)


def test_rows_left_out_do_not_come_back(staff, tenant):
    half_known(make_episode())
    row = WaitingRow.objects.order_by("line").first()

    left = staff.post(f"/imports/waiting/{row.pk}", {"act": "leave"}, follow=True)

    assert "Nothing waits" in left.text
    assert DailyRollup.objects.count() == 1


def test_another_tenants_row_is_not_found(staff, tenant, other_tenant):
    from django_tenants.utils import tenant_context

    with tenant_context(other_tenant):
        half_known(make_episode())
        row = WaitingRow.objects.first()

    assert staff.post(f"/imports/waiting/{row.pk}", {"act": "leave"}).status_code == 404


# --- rhythm -----------------------------------------------------------------------------------------------------------
def came(*days_ago: float, kind: str = "metrics_daily") -> None:
    now = timezone.now()
    for days in days_ago:
        at = now - timedelta(days=days)
        Import.objects.create(
            source="upload",
            kind=kind,
            file_name="x",
            status="completed",
            completed_at=at,
            metadata={"profile": "Acast"},
        )


def test_a_source_is_late_against_its_own_rhythm_and_told_once(tenant, ops_user):
    came(9, 8, 7, 6, 5, 4, 3)
    now = timezone.now()

    way = ways_in(at=now)[0]
    assert (way.kind, way.is_late, (way.due_at - way.last_success_at)) == ("Acast", True, timedelta(days=1))
    check_etl_health(at=now)
    check_etl_health(at=now + timedelta(hours=1))

    late = Event.objects.get(type="etl.source_late")
    tell_of_a_late_source(late)
    assert [(one.subject, ops_user.email in one.to) for one in mail.outbox] == [("Late: Acast", True)]
    alert = Event.objects.get(type="etl.health_alert")
    assert [one["is_late"] for one in alert.data["sources"]] == [True]


def test_a_source_in_its_rhythm_or_without_one_is_not_late(tenant):
    came(3.2, 2.2, 1.2, 0.2)
    came(20, kind="io_bookings")

    check_etl_health(at=timezone.now())

    assert not Event.objects.filter(type="etl.source_late").exists()


def test_the_sweep_wakes_only_tenants_whose_worker_fell_silent(tenant, monkeypatch):
    woken: list[str] = []
    monkeypatch.setattr("tracker.tenants.tasks.send_to", lambda schema, task: woken.append(schema))
    run = Import.objects.create(source="upload", file_name="x", status="processing", heartbeat_at=timezone.now())

    sweep_imports.run()
    Import.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - timedelta(seconds=31))
    sweep_imports.run()

    assert woken == [tenant.schema_name]
