"""Files that mean harm, or merely look like it: they end as completed or failed, with words, and stay text."""

import csv
import io
import json
from pathlib import Path

from bookings.models import IOBooking
from bookings.services import export_pdf
from etl import exports
from metrics.models import DailyRollup, MetricSource
from tests.etl.files import BOOKINGS_HEADER, METRICS_HEADER, bring_in, metrics_csv
from tests.factories import NOON, make_ad_unit, make_campaign, make_episode, make_podcast
from tracker.lib.actors import SYSTEM

DATA = Path(__file__).parent.parent / "data"
NAUGHTY = json.loads((DATA / "blns.json").read_text())


def as_csv(rows: list[list[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(METRICS_HEADER.split(","))
    writer.writerows(rows)
    return text.getvalue()


def test_naughty_strings_in_any_column_neither_crash_nor_change_the_good_row(tenant):
    episode = make_episode()
    rows = []
    for text in NAUGHTY:
        rows.append([text, str(episode.pk), "host", "1", "", "", "", "", ""])
        rows.append(["2026-03-01", text, "host", "1", "", "", "", "", ""])
        rows.append(["2026-03-01", str(episode.pk), "host", text or "x", "", "", "", "", ""])
    rows.append(["2026-03-02", str(episode.pk), "host", "77", "", "", "", "", ""])

    run = bring_in(as_csv(rows))

    assert run.status == "completed"
    assert run.records_failed + run.metadata["repeated"] + run.records_imported == len(rows)
    assert DailyRollup.objects.get(day="2026-03-02").downloads == 77


def test_naughty_names_of_sources_are_kept_as_text_or_refused(tenant):
    episode = make_episode()
    names = sorted({text.strip() for text in NAUGHTY if text.strip()})[:200]

    run = bring_in(as_csv([["2026-03-01", str(episode.pk), name, "1", "", "", "", "", ""] for name in names]))

    kept = set(MetricSource.objects.values_list("name", flat=True))
    assert run.status == "completed"
    assert kept <= set(names)
    assert len(kept) + run.records_failed == len(names)


def test_formulas_are_inert_in_the_csv_of_rejected_rows(tenant):
    payloads = (DATA / "csv_injection_payloads.txt").read_text(errors="replace").splitlines()
    run = bring_in(as_csv([[payload, "x", "y", "1", "", "", "", "", ""] for payload in payloads]))

    rows = list(csv.reader(io.StringIO("".join(exports.rejected_rows(run)))))

    days = [row[2] for row in rows[1:] if row[1] == "day"]
    assert len(days) == len(payloads)
    assert [cell for cell in days if cell.lstrip().startswith(("=", "+", "-", "@", "|", "%"))] == []


def test_payloads_stay_text_on_the_page_in_the_csv_and_on_paper(tenant, client, login, ops_user, monkeypatch):
    """One payload after the other as a title in a host's file: it names an episode that is made, listed, printed."""
    monkeypatch.setenv("ENABLE_ETL_CSV_UPLOAD", "1")
    payloads = (DATA / "csv_injection_payloads.txt").read_text(errors="replace").splitlines()
    marks = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "{{ 7*7 }}", "\u202eevil", *NAUGHTY[:200]]
    texts = list(dict.fromkeys(text.strip() for text in [*payloads, *marks] if text.strip()))
    header = "item_title,release_date,downloads__total"
    table = io.StringIO()
    csv.writer(table).writerows([header.split(","), *([text, "2026-03-01 00:00:00", "5"] for text in texts)])
    show = make_podcast(title="=cmd|' /C calc'!A0")
    staff = login(client, ops_user)

    run = bring_in(table.getvalue(), answers={"podcast": str(show.pk), "as_of": "2026-03-02"}, dry_run=True)
    page = staff.get(f"/imports/{run.pk}").text
    rejected = staff.get(f"/imports/{run.pk}/rejected.csv")
    cells = [cell for row in csv.reader(io.StringIO(b"".join(rejected).decode())) for cell in row]

    assert run.metadata["unmatched"]
    assert "<script>alert(1)</script>" not in page
    assert "<img src=x" not in page
    # A signed number is a number and runs nowhere.
    assert [cell for cell in cells if cell[:1] in "=+@|%" and cell not in ("", "+0", "+0.0")] == []


def test_payloads_that_came_by_a_file_are_inert_on_an_orders_paper(tenant):
    payload = "=HYPERLINK(1) <script>x</script>"
    unit = make_ad_unit(delivery="dynamic")
    campaign = make_campaign(stage="won", name=payload)
    text = f"{campaign.pk},{unit.pk},,2027-03-01,2027-03-28,8000,1400,,"
    bring_in(f"{BOOKINGS_HEADER}\n{text}\n", name="io.csv")

    content = export_pdf(booking=IOBooking.objects.get(), by=SYSTEM, at=NOON).content

    assert content.startswith(b"%PDF")
    assert b"/JavaScript" not in content
    assert b"/Launch" not in content


def test_a_nul_byte_refuses_its_row(tenant):
    episode = make_episode()
    text = metrics_csv(f"2026-03-01,{episode.pk},host,1,,,,,", f"2026-03-01,{episode.pk},a\0b,1,,,,,")

    run = bring_in(text)

    assert (run.records_imported, run.records_failed) == (1, 1)
    assert run.issues.get().code == "source_unreadable"


def test_bytes_that_are_not_utf8_ask_for_the_encoding(tenant):
    run = bring_in(metrics_csv("x").encode() + b"\xff\xfe\n")

    assert (run.status, run.metadata["code"]) == ("failed", "encoding_unknown")


def test_ten_thousand_columns_are_refused(tenant):
    run = bring_in(",".join(f"c{n}" for n in range(10_000)) + "\n1\n")

    assert run.error_message == "Line 1 has 10000 columns; 500 at most can be read."


def test_a_cell_of_a_quarter_million_characters_is_refused_with_its_line(tenant):
    run = bring_in(METRICS_HEADER + '\nx,"' + "y" * 250_000 + '",z\n')

    assert run.status == "failed"
    assert run.error_message.startswith("Line 2 cannot be read: a cell is longer than 131,072 characters")
