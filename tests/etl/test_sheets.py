"""Google Sheets through the real client, against a server on loopback that speaks its HTTP API."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import unquote, urlsplit

import gspread.http_client
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from etl import sheets
from etl.models import Import
from etl.services import connect_sheet, import_due_sheets, run_waiting_imports, start_sheet_import
from metrics.models import DailyRollup
from tests.etl.files import METRICS_HEADER
from tests.factories import NOON, make_episode, make_podcast
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import DomainError

SHEET = "1AbC-d_E"


class FakeGoogle:
    """Answers what it was told to, in turn; the last answer again and again."""

    def __init__(self):
        self.answers: list[tuple[int, dict, object]] = []
        self.asked: list[str] = []
        self.token_status = 200
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                body = {"access_token": "t", "expires_in": 3600, "token_type": "Bearer"}
                failed = {"error": "invalid_grant", "error_description": "expired"}
                self._answer(fake.token_status, {}, body if fake.token_status == 200 else failed)

            def do_GET(self):
                fake.asked.append(unquote(urlsplit(self.path).path))
                status, headers, body = fake.answers[0] if len(fake.answers) == 1 else fake.answers.pop(0)
                self._answer(status, headers, body)

            def _answer(self, status, headers, body):
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture
def google(monkeypatch, tmp_path, settings, private_key):
    fake = FakeGoogle()
    path = tmp_path / "key.json"
    path.write_text(
        json.dumps(
            {
                "type": "service_account",
                "client_email": "tracker@house.example",
                "private_key": private_key,
                "private_key_id": "1",
                "token_uri": f"{fake.address}/token",
            }
        )
    )
    settings.GOOGLE_SHEETS_CREDENTIALS_PATH = str(path)
    address = f"{fake.address}/v4/spreadsheets/%s/values/%s"
    monkeypatch.setattr(gspread.http_client, "SPREADSHEET_VALUES_URL", address)
    yield fake
    fake.stop()


def read(google, *answers):
    google.answers = list(answers)
    pauses: list[float] = []
    clock = iter(range(10_000))
    rows = sheets.read_sheet(
        spreadsheet_id=SHEET, worksheet_name="Daily", sleep=pauses.append, clock=lambda: next(clock)
    )
    return rows, pauses


def error(code: int, headers: dict | None = None) -> tuple:
    return code, headers or {}, {"error": {"code": code, "message": "no", "status": "X"}}


GOOD = (200, {}, {"values": [["day", "n"], [46083, 7], ["2026-03-02"], [46084.0, 0.25]]})


def test_ragged_rows_are_filled_up_and_serial_days_become_days(google):
    rows, _pauses = read(google, GOOD)

    assert rows == [["day", "n"], ["2026-03-02", "7"], ["2026-03-02", ""], ["2026-03-03", "0.25"]]
    assert google.asked == [f"/v4/spreadsheets/{SHEET}/values/'Daily'"]


@pytest.mark.parametrize("code", [408, 429, 500, 503])
def test_a_busy_server_is_asked_again(google, code):
    rows, pauses = read(google, error(code), error(code), GOOD)

    assert len(rows) == 4
    assert [1.4 < pauses[0] < 2.6, 2.9 < pauses[1] < 5.1] == [True, True]


def test_the_servers_own_wish_for_a_pause_is_obeyed(google):
    _rows, pauses = read(google, error(429, {"Retry-After": "17"}), GOOD)

    assert pauses == [17.0]


@pytest.mark.parametrize(
    ("answer", "code", "asked"),
    [
        (error(429), "quota", 5),
        (error(500), "google_failed", 5),
        (error(401), "credentials_refused", None),
        (error(403), "not_shared", 1),
        (error(404), "spreadsheet_missing", 1),
        (error(400), "worksheet_missing", 1),
        ((200, {}, b"<html>"), "google_failed", 1),
        ((502, {}, b"<html>"), "google_failed", 5),
        ((200, {}, {"values": []}), "sheet_empty", 1),
        ((200, {}, {}), "sheet_empty", 1),
    ],
)
def test_each_fault_ends_with_its_cause_and_few_tries(google, answer, code, asked):
    with pytest.raises(sheets.SheetError) as refusal:
        read(google, answer)

    assert refusal.value.code == code
    assert asked is None or len(google.asked) == asked


def test_a_wish_to_wait_past_two_minutes_is_not_waited_for(google):
    with pytest.raises(sheets.SheetError) as refusal:
        read(google, error(429, {"Retry-After": "600"}))

    assert (refusal.value.code, len(google.asked)) == ("quota", 1)


def test_expired_credentials_are_told(google):
    google.token_status = 400
    with pytest.raises(sheets.SheetError) as refusal:
        read(google, GOOD)

    assert refusal.value.code == "credentials_refused"


def test_a_missing_key_file_is_told(settings):
    settings.GOOGLE_SHEETS_CREDENTIALS_PATH = "/nowhere.json"
    with pytest.raises(sheets.SheetError) as refusal:
        sheets.share_address()

    assert refusal.value.code == "key_unreadable"


def test_a_sheet_is_imported_like_a_file(tenant, google):
    episode = make_episode()
    names = METRICS_HEADER.split(",")
    google.answers = [(200, {}, {"values": [names, [46083, str(episode.pk), "host", 7], [46084, "#REF!", "host", 8]]})]

    run = start_sheet_import(spreadsheet_id=SHEET, worksheet_name="Daily", by=SYSTEM, at=NOON)
    run_waiting_imports()
    run.refresh_from_db()

    assert (run.status, run.source, run.records_imported, run.records_failed) == ("completed", "google_sheets", 1, 1)
    assert DailyRollup.objects.get().downloads == 7
    assert run.issues.get().value == "#REF!"


def test_a_sheet_is_read_by_the_chosen_profile_and_its_answers_are_remembered(tenant, google):
    show = make_podcast()
    make_episode(show, title="One")
    sheet = [["slug", "title", "published", "day 1", "spotify", "all time"], ["one", "One", 46083, 10, 1, 60]]
    google.answers = [(200, {}, {"values": sheet})] * 2
    connection = connect_sheet(
        spreadsheet_id=SHEET, worksheet_name="Daily", every_hours=6, profile="fireside", by=SYSTEM, at=NOON
    )

    told = {"podcast": str(show.pk), "as_of": "2026-03-10"}
    run = start_sheet_import(
        spreadsheet_id=SHEET, worksheet_name="Daily", profile="fireside", answers=told, by=SYSTEM, at=NOON
    )
    run_waiting_imports()

    run.refresh_from_db()
    connection.refresh_from_db()
    assert (run.status, run.records_imported) == ("completed", 2)
    assert connection.answers == {"podcast": str(show.pk)}
    (again,) = import_due_sheets(at=NOON)
    run_waiting_imports()
    again.refresh_from_db()
    assert again.metadata["asked"]["asks"] == ["as_of"]


def test_a_profile_that_is_not_there_is_refused(tenant):
    with pytest.raises(DomainError) as refusal:
        connect_sheet(spreadsheet_id=SHEET, worksheet_name="D", every_hours=None, profile="gone", by=SYSTEM, at=NOON)

    assert refusal.value.code == "unknown_profile"


def test_a_sheet_that_cannot_be_read_fails_with_its_cause(tenant, google):
    google.answers = [error(403)]

    start_sheet_import(spreadsheet_id=SHEET, worksheet_name="Daily", by=SYSTEM, at=NOON)
    run_waiting_imports()

    run = Import.objects.get()
    assert run.status == "failed"
    assert run.error_message == "The sheet is not shared with tracker@house.example. Share it for reading."


def test_a_connected_sheet_is_imported_when_its_hour_has_come(tenant):
    connect_sheet(spreadsheet_id=SHEET, worksheet_name="Daily", every_hours=6, by=SYSTEM, at=NOON)
    connect_sheet(spreadsheet_id=SHEET, worksheet_name="By hand", every_hours=None, by=SYSTEM, at=NOON)
    now = datetime(2026, 3, 1, tzinfo=UTC)

    started = [len(import_due_sheets(at=now + timedelta(hours=hours))) for hours in (0, 1, 5.9, 6, 11, 13)]

    assert started == [1, 0, 0, 1, 0, 1]


@pytest.mark.parametrize(("sheet", "worksheet"), [("../x", "Daily"), ("a b", "Daily"), ("", "Daily"), (SHEET, " ")])
def test_what_cannot_be_a_sheet_is_refused(tenant, sheet, worksheet):
    with pytest.raises(DomainError):
        start_sheet_import(spreadsheet_id=sheet, worksheet_name=worksheet, by=SYSTEM, at=NOON)


def test_the_api_takes_a_sheet_and_names_its_flag_while_off(api, monkeypatch):
    body = {"spreadsheet_id": SHEET, "worksheet_name": "Daily"}

    off = api.post("/api/v1/etl/google-sheets", body, content_type="application/json")
    monkeypatch.setenv("ENABLE_GOOGLE_SHEETS_IMPORT", "1")
    on = api.post("/api/v1/etl/google-sheets", body, content_type="application/json")

    assert (off.status_code, off.json()["flag"]) == (403, "ENABLE_GOOGLE_SHEETS_IMPORT")
    assert (on.status_code, on.json()["status"]) == (202, "pending")
    assert api.get(f"/api/v1/etl/status/{on.json()['import_id']}").status_code == 200


def test_the_page_shows_the_address_and_connects_a_pasted_address(client, login, ops_user, google, monkeypatch):
    monkeypatch.setenv("ENABLE_GOOGLE_SHEETS_IMPORT", "1")
    staff = login(client, ops_user)

    link = f"https://docs.google.com/spreadsheets/d/{SHEET}/edit#gid=0"
    staff.post("/imports/sheets/connect", {"spreadsheet_id": link, "worksheet_name": "Daily", "every_hours": "6"})
    shown = staff.get("/imports/sheets").text

    assert "tracker@house.example" in shown
    assert SHEET in shown
    assert "every 6 hours" in shown
