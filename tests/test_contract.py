"""The names that partners, spreadsheets and scripts rely on, from one list: none may be renamed or dropped."""

import ast
import importlib
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection

from tests.sources import nodes_of, product_files
from tracker.automation.registry import all_jobs

PROJECT = Path(__file__).resolve().parent.parent
ID = "0198f0a4-7d2c-7e61-9c55-3f1a2b4c5d6e"  # of nothing: fixed, so that every worker collects the same tests

# method, path
PATHS = [
    ("POST", "/api/v1/etl/upload"),
    ("GET", f"/api/v1/etl/status/{ID}"),
    ("GET", "/api/v1/etl/history"),
    ("POST", "/api/v1/etl/google-sheets"),
    ("POST", "/api/match/recalculate"),
    ("POST", "/api/v1/match/recalculate"),
    ("POST", "/api/v1/io"),
    ("GET", f"/api/v1/io/{ID}"),
    ("PATCH", f"/api/v1/io/{ID}/status"),
    ("GET", f"/api/v1/io/{ID}/export/pdf"),
    ("PATCH", f"/api/v1/deals/{ID}/stage"),
    ("GET", f"/api/v1/deals/{ID}"),
    ("GET", "/api/v1/dashboard/creator"),
    ("GET", "/api/v1/dashboard/advertiser"),
    ("GET", "/api/v1/dashboard/ops"),
    ("POST", "/api/v1/automation/etl-health-check"),
    ("POST", "/api/v1/automation/recalculate-matches"),
    ("POST", "/api/v1/automation/refresh-metrics-daily"),
    ("POST", "/api/v1/automation/pipeline-alerts"),
    ("POST", "/api/v1/automation/run-all"),
]

# path, the flag that it names while the feature is off
GATED = [
    ("POST", "/api/v1/etl/upload", "ENABLE_ETL_CSV_UPLOAD"),
    ("POST", "/api/v1/etl/google-sheets", "ENABLE_GOOGLE_SHEETS_IMPORT"),
    ("GET", f"/api/v1/deals/{ID}", "ENABLE_DEAL_PIPELINE"),
    ("PATCH", f"/api/v1/deals/{ID}/stage", "ENABLE_DEAL_PIPELINE"),
    ("POST", "/api/v1/io", "ENABLE_IO_BOOKINGS"),
    ("GET", f"/api/v1/io/{ID}", "ENABLE_IO_BOOKINGS"),
    ("PATCH", f"/api/v1/io/{ID}/status", "ENABLE_IO_BOOKINGS"),
    ("GET", f"/api/v1/io/{ID}/export/pdf", "ENABLE_IO_BOOKINGS"),
    ("POST", "/api/match/recalculate", "ENABLE_MATCHMAKING"),
    ("GET", "/api/v1/dashboard/creator", "ENABLE_NEW_DASHBOARD_CARDS"),
    ("GET", "/api/v1/dashboard/advertiser", "ENABLE_NEW_DASHBOARD_CARDS"),
    ("GET", "/api/v1/dashboard/ops", "ENABLE_NEW_DASHBOARD_CARDS"),
    ("POST", "/api/v1/automation/etl-health-check", "ENABLE_AUTOMATION_JOBS"),
    ("POST", "/api/v1/automation/run-all", "ENABLE_AUTOMATION_JOBS"),
]

TABLES = {
    "podcasts": "podcast_id",
    "episodes": "episode_id",
    "sponsors": "sponsor_id",
    "campaigns": "campaign_id stage stage_changed_at campaign_value notes",
    "ad_units": "ad_unit_id podcast_id name position duration_seconds",
    "io_bookings": "io_id campaign_id ad_unit_id episode_id flight_start flight_end booked_impressions booked_cpm_cents"
    " promo_code vanity_url status",
    "matches": "match_id advertiser_id podcast_id score rationale signals",
    "etl_imports": "import_id source file_name status records_imported records_failed error_message started_at"
    " completed_at metadata",
    "listener_metrics": "day",
    "events_outbox": "event_id type",
}
# A materialized view is not in information_schema.
METRICS_DAILY = (
    "day episode_id podcast_id source downloads listeners completion_rate ctr conversions revenue_cents last_updated"
)

STATES = {
    "deals.Campaign.stage": "lead qualified proposal negotiation won lost",
    "bookings.IOBooking.status": "scheduled active completed cancelled makegood draft held paused expired",
    "etl.Import.status": "pending processing completed failed",
    "bookings.AdUnit.position": "pre mid post",
}

EVENTS = [
    "deal.stage_changed",
    "io.scheduled",
    "io.status_changed",
    "io.delivered",
    "io.pdf_exported",
    "match.recalculated",
    "etl.import_completed",
    "etl.error",
    "etl.health_alert",
    "metrics_daily.refreshed",
    "deal_pipeline.alert",
]

SIGNALS = {
    "geo_overlap": "0.15",
    "demographic_overlap": "0.20",
    "topic_overlap": "0.25",
    "historical_lift": "0.20",
    "inventory_fit": "0.15",
    "brand_safety": "0.05",
}

FLAGS = [
    "ENABLE_ETL_CSV_UPLOAD",
    "ENABLE_MATCHMAKING",
    "ENABLE_IO_BOOKINGS",
    "ENABLE_DEAL_PIPELINE",
    "ENABLE_NEW_DASHBOARD_CARDS",
    "ENABLE_AUTOMATION_JOBS",
    "ENABLE_GOOGLE_SHEETS_IMPORT",
]
OTHER_SETTINGS = ["VANITY_URL_BASE", "GOOGLE_SHEETS_CREDENTIALS_PATH"]

JOBS = ["etl-health-check", "recalculate-matches", "refresh-metrics-daily", "pipeline-alerts"]

HEADERS = {
    "samples/metrics_daily.csv": "day,episode_id,source,downloads,listeners,completion_rate,ctr,conversions,"
    "revenue_cents",
    "samples/io_bookings.csv": "deal_id,ad_unit_id,episode_id,flight_start,flight_end,booked_impressions,"
    "booked_cpm_cents,promo_code,vanity_url",
}
FILES = [
    "CHANGELOG.md",
    "OPS-NOTES.md",
    "BACKOUT.md",
    "scripts/db_migrate.sh",
    "scripts/db_rollback.sh",
    "scripts/verify_run.sql",
    "docs/sheets/push_metrics_daily.gs",
    ".env.example",
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_each_path_is_served(api, switch_on_all, method, path):
    answer = api.generic(method, path, "{}", content_type="application/json")

    # 404 of an object and 404 of an address differ in their words; 405 would be another method.
    assert answer.status_code not in (405, 500)
    if answer.status_code == 404:
        assert answer.json()["detail"] != "There is nothing at this address."


@pytest.mark.parametrize(("method", "path", "flag"), GATED)
def test_each_feature_that_is_off_answers_403_and_names_its_flag(api, method, path, flag):
    answer = api.generic(method, path, "{}", content_type="application/json")

    assert answer.status_code == 403
    assert (answer.json()["code"], answer.json()["flag"]) == ("feature_disabled", flag)


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
@pytest.mark.parametrize("host", ["localhost", "acme.localhost", "nobody.example"])
def test_health_answers_on_every_host_without_a_key(client, path, host):
    assert client.get(path, headers={"host": host}).status_code == 200


@pytest.mark.parametrize("table", TABLES)
def test_each_table_has_its_columns(tenant, table):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'acme' AND table_name = %s",
            [table],
        )
        columns = {name for (name,) in cursor.fetchall()}

    assert set(TABLES[table].split()) - columns == set()


def test_metrics_daily_is_a_materialized_view_with_its_columns_and_unique_index(tenant):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'acme.metrics_daily'::regclass AND attnum > 0"
            " ORDER BY attnum"
        )
        columns = [name for (name,) in cursor.fetchall()]
        cursor.execute("SELECT relkind::text FROM pg_class WHERE oid = 'acme.metrics_daily'::regclass")
        kind = cursor.fetchone()[0]
        cursor.execute(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'acme' AND indexname = 'ux_metrics_daily_day_ep_source'"
        )
        index = cursor.fetchone()[0]
        cursor.execute("SELECT to_regproc('acme.refresh_metrics_daily') IS NOT NULL")
        function_is_there = cursor.fetchone()[0]

    assert columns == METRICS_DAILY.split()
    assert kind == "m"
    assert index.startswith("CREATE UNIQUE INDEX")
    assert index.endswith("(day, episode_id, source)")
    assert function_is_there


@pytest.mark.parametrize("column", STATES)
def test_each_state_is_there(column):
    app, model, field = column.split(".")

    choices = {value for value, _label in apps.get_model(app, model)._meta.get_field(field).choices}

    assert set(STATES[column].split()) <= choices


def test_each_event_is_told_somewhere():
    assert set(EVENTS) - set(_emitted()) == set()


@pytest.mark.parametrize("event", EVENTS)
def test_each_event_is_described(event):
    assert f"`{event}`" in (PROJECT / "docs" / "events.md").read_text()


def test_match_signals_and_their_weights():
    scoring = importlib.import_module("matchmaking.scoring")

    assert {str(name): f"{weight:.2f}" for name, weight in scoring.DEFAULT_WEIGHTS.items()} == SIGNALS


def test_each_flag_is_there_and_off_by_default():
    assert sorted(FLAGS, key=settings.FEATURE_FLAGS.index) == FLAGS
    assert set(FLAGS) == set(settings.FEATURE_FLAGS)


@pytest.mark.parametrize("name", [*FLAGS, *OTHER_SETTINGS])
def test_each_setting_stands_in_the_example_of_the_environment(name):
    assert f"{name}=" in (PROJECT / ".env.example").read_text()


@pytest.mark.parametrize("name", JOBS)
def test_each_job_is_registered(name):
    assert name in {job.name for job in all_jobs()}


def test_metrics_daily_is_refreshed_at_two_in_the_morning_utc():
    mine = [one for one in settings.JOB_SCHEDULES if one["job"] == "refresh-metrics-daily"]

    assert [(one["hour"], one["minute"]) for one in mine] == [("2", "0")]
    assert settings.CELERY_TIMEZONE == "UTC"


def test_every_scheduled_job_is_registered():
    assert {one["job"] for one in settings.JOB_SCHEDULES} <= {job.name for job in all_jobs()}


@pytest.mark.parametrize("path", HEADERS)
def test_each_sample_has_its_columns(path):
    with open(PROJECT / path) as sample:
        assert sample.readline().strip() == HEADERS[path]


@pytest.mark.parametrize("path", FILES)
def test_each_file_that_operators_look_for_is_there(path):
    assert (PROJECT / path).read_text().strip()


def _emitted() -> list[str]:
    """Return the text constants of all code that stands as, or near, the first argument of `emit`."""
    found: list[str] = []
    for path in product_files(that_say="emit("):
        for node in nodes_of(path):
            is_emit = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "emit" and node.args
            if is_emit:
                found += [one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant)]
    return found
