"""The pages of imports: send, check, import, look at what was rejected."""

import csv
import io

import pytest
from django_tenants.utils import tenant_context

from etl.models import Import
from etl.services import run_waiting_imports
from metrics.models import DailyRollup
from tests.etl.files import METRICS_HEADER, bring_in, metrics_csv, upload
from tests.factories import make_ad_unit, make_episode, make_podcast


@pytest.fixture(autouse=True)
def _switched_on(monkeypatch):
    monkeypatch.setenv("ENABLE_ETL_CSV_UPLOAD", "1")


@pytest.fixture
def staff(client, login, ops_user):
    return login(client, ops_user)


def test_a_file_is_checked_first_and_then_imported_by_one_click(staff):
    episode = make_episode()
    text = metrics_csv(f"2026-03-01,{episode.pk},host,5,,,,,", f"2026-02-30,{episode.pk},host,5,,,,,")

    sent = staff.post("/imports/upload", {"file": upload(text)}, headers={"accept": "application/json"})
    run_waiting_imports()
    checked = staff.get(sent.json()["location"])

    assert sent.status_code == 201
    assert "Import 1 row" in checked.text
    assert "February 2026 has 28 days." in checked.text
    assert not DailyRollup.objects.exists()

    staff.post(f"{sent.json()['location']}/import")
    run_waiting_imports()

    assert DailyRollup.objects.get().downloads == 5
    assert Import.objects.filter(is_dry_run=False).get().records_imported == 1


def test_a_form_without_script_leads_to_the_same_check(staff):
    answer = staff.post("/imports/upload", {"file": upload(metrics_csv("x"))})

    assert answer.headers["Location"] == f"/imports/{Import.objects.get().pk}"


def test_a_wrong_file_is_refused_with_words(staff):
    answer = staff.post("/imports/upload", {"file": upload("x", name="x.xls")}, headers={"accept": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (400, "not_csv")


def test_markup_in_a_file_stays_text_on_the_page_and_formulas_stay_text_in_the_csv(staff):
    episode = make_episode()
    run = bring_in(metrics_csv(f"=HYPERLINK(1),{episode.pk},<script>alert(1)</script>,1,,,,,"), name="<b>x.csv")

    page = staff.get(f"/imports/{run.pk}").text
    rows = list(csv.reader(io.StringIO(_text(staff.get(f"/imports/{run.pk}/rejected.csv")))))

    assert "<script>alert" not in page
    assert "&lt;b&gt;x.csv" in page
    assert rows[1][:3] == ["2", "day", "'=HYPERLINK(1)"]


def test_the_metrics_template_names_the_houses_own_episodes_and_can_be_imported_when_filled_in(staff):
    episode = make_episode(title="=1+1", is_published=True)

    template = _text(staff.get("/imports/templates/metrics_daily.csv"))
    rows = list(csv.reader(io.StringIO(template)))

    assert ",".join(rows[0][:9]) == METRICS_HEADER
    assert rows[1][1] == str(episode.pk)
    assert rows[1][10] == "'=1+1"

    rows[1][2:4] = ["host", "12"]
    run = bring_in("\n".join(",".join(row) for row in rows))
    assert (run.status, run.records_imported) == ("completed", 1)


def test_the_bookings_template_names_the_houses_own_ad_units(staff):
    unit = make_ad_unit(make_podcast())

    rows = list(csv.reader(io.StringIO(_text(staff.get("/imports/templates/io_bookings.csv")))))

    assert rows[1][1] == str(unit.pk)


def test_pages_are_not_there_while_the_feature_is_off(staff, monkeypatch):
    monkeypatch.setenv("ENABLE_ETL_CSV_UPLOAD", "0")

    assert staff.get("/imports").status_code == 404


def test_a_creator_has_no_way_in(client, login, creator_user):
    assert login(client, creator_user).get("/imports").status_code == 403


def test_another_tenants_import_is_not_found(staff, other_tenant):
    with tenant_context(other_tenant):
        foreign = bring_in("nonsense\n", name="secret.csv")

    answers = [staff.get(f"/imports/{foreign.pk}{path}").status_code for path in ("", "/state", "/rejected.csv")]

    assert answers == [404, 404, 404]
    assert "secret.csv" not in staff.get("/imports").text


def _text(response) -> str:
    return b"".join(response.streaming_content).decode()
