"""The upload API: exact shapes, refusals, isolation."""

from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import tenant_context

from etl.models import Import
from etl.services import run_waiting_imports
from metrics.models import DailyRollup
from tests.etl.files import bring_in, metrics_csv, upload
from tests.factories import make_episode

UPLOAD, HISTORY = "/api/v1/etl/upload", "/api/v1/etl/history"


@pytest.fixture(autouse=True)
def _switched_on(monkeypatch):
    monkeypatch.setenv("ENABLE_ETL_CSV_UPLOAD", "1")


def test_an_upload_is_taken_and_its_status_tells_how_it_ended(api):
    episode = make_episode()

    answer = api.post(UPLOAD, {"file": upload(metrics_csv(f"2026-03-01,{episode.pk},host,5,,,,,", "x,y,z,1,,,,,"))})

    taken = answer.json()
    assert answer.status_code == 202
    assert {name: taken[name] for name in ("status", "records_imported", "records_failed", "error_message")} == {
        "status": "pending",
        "records_imported": 0,
        "records_failed": 0,
        "error_message": "",
    }

    run_waiting_imports()
    told = api.get(f"/api/v1/etl/status/{taken['import_id']}").json()

    assert (told["status"], told["records_imported"], told["records_failed"]) == ("completed", 1, 1)
    assert told["progress"]["percent"] == 100
    assert told["errors"][0] == {
        "line": 3,
        "column": "day",
        "value": "x",
        "code": "not_a_day",
        "reason": "Write the day as YYYY-MM-DD, for example 2026-03-09.",
    }


def test_history_lists_imports_newest_first_by_pages(api):
    names = [str(bring_in("nonsense\n", name=f"file{n}.csv").file_name) for n in range(3)]

    first = api.get(f"{HISTORY}?page_size=2").json()
    second = api.get(first["next"]).json()

    assert [row["file_name"] for row in first["imports"]] == [names[2], names[1]]
    assert [row["file_name"] for row in second["imports"]] == [names[0]]
    assert second["next"] is None


@pytest.mark.parametrize("query", ["page=0", "page=x", "page_size=201", "page=٣"])
def test_history_refuses_a_page_that_cannot_be(api, query):
    assert api.get(f"{HISTORY}?{query}").status_code == 400


def test_history_asks_as_often_for_one_import_as_for_three(api):
    bring_in("nonsense\n")
    api.get(HISTORY)
    with CaptureQueriesContext(connection) as one:
        api.get(HISTORY)
    bring_in("nonsense\n")
    bring_in("nonsense\n")
    with CaptureQueriesContext(connection) as three:
        api.get(HISTORY)

    assert len(one) == len(three)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({}, 400, "invalid"),
        ({"file": SimpleUploadedFile("data.xls", b"x")}, 422, "not_csv"),
        ({"file": SimpleUploadedFile("data.csv", b"")}, 422, "empty_file"),
        ({"file": SimpleUploadedFile("data.csv", b"a\n1\n"), "kind": "vibes"}, 400, "unknown_kind"),
        ({"file": SimpleUploadedFile("data.csv", b"a\n1\n"), "dry_run": "perhaps"}, 400, "invalid"),
    ],
)
def test_a_wrong_upload_is_refused_with_its_code(api, fields, status, code):
    answer = api.post(UPLOAD, fields)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Import.objects.exists()


def test_a_file_over_the_limit_is_a_413_that_names_it(api, settings):
    settings.ETL_MAX_UPLOAD_BYTES = 1_000_000

    answer = api.post(UPLOAD, {"file": SimpleUploadedFile("big.csv", b"x" * 1_000_001)})

    assert (answer.status_code, answer.json()["code"], answer.json()["limit_bytes"]) == (413, "too_large", 1_000_000)


def test_a_switched_off_upload_is_a_403_that_names_its_flag(api, monkeypatch):
    monkeypatch.setenv("ENABLE_ETL_CSV_UPLOAD", "0")

    answer = api.post(UPLOAD, {"file": upload("x")})

    assert (answer.status_code, answer.json()["flag"]) == (403, "ENABLE_ETL_CSV_UPLOAD")
    assert not Import.objects.exists()


def test_a_creator_key_may_not_import(tenant, api_of):
    assert api_of(tenant, role="creator").post(UPLOAD, {"file": upload("x")}).status_code == 403


def test_another_tenants_import_looks_like_none(api, other_tenant, api_of):
    mine = bring_in("nonsense\n")
    theirs = api_of(other_tenant)

    foreign = theirs.get(f"/api/v1/etl/status/{mine.pk}")
    absent = theirs.get(f"/api/v1/etl/status/{uuid4()}")

    assert (foreign.status_code, foreign.json()) == (absent.status_code, absent.json()) == (404, absent.json())
    assert theirs.get(HISTORY).json()["imports"] == []


def test_an_episode_of_another_tenant_is_unknown_here(tenant, other_tenant):
    with tenant_context(other_tenant):
        foreign = make_episode()

    run = bring_in(metrics_csv(f"2026-03-01,{foreign.pk},host,5,,,,,"))

    assert (run.status, run.records_imported, run.records_failed) == ("completed", 0, 1)
    assert run.issues.get().code == "unknown_episode"
    assert not DailyRollup.objects.exists()
