"""No cell of any export runs in a spreadsheet program: every writer of CSV sends its cells through one function."""

import ast

import pytest

from tests.data_files import PAYLOADS
from tracker.dashboards.tables import Column, Table, as_csv
from tracker.lib.spreadsheets import inert
from tracker.stack.state import PROJECT

# What people download. The others write files that the product itself reads.
WRITERS = {"tracker/dashboards/tables.py", "etl/exports.py", "bookings/delivery/billing.py"}
INNER = {"tracker/demo/uploads.py", "etl/services/sheets.py", "etl/unpack.py"}
RUNS = ("=", "+", "-", "@", "|", "%", "\t", "\r")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_becomes_text(payload):
    assert not str(inert(payload)).lstrip(" \"'").startswith(RUNS) or str(inert(payload)).startswith("'")


@pytest.mark.parametrize("number", ["-5", "+1.5", "12,5", -5, 0, None])
def test_a_number_stays_a_number(number):
    assert inert(number) == number


def test_a_cards_csv_holds_no_live_cell():
    table = Table([Column("name", "Name")], [[payload] for payload in PAYLOADS])

    lines = as_csv(table).splitlines()[1:]

    assert [line for line in lines if line.lstrip('"').startswith(("=", "+", "@", "|", "%"))] == []


def test_whoever_writes_csv_for_people_uses_it():
    found = set()
    for path in [*PROJECT.glob("*/**/*.py")]:
        name = str(path.relative_to(PROJECT))
        if name.split("/")[0] in ("tests", "scripts", "benchmarks") or name.startswith("."):
            continue
        source = path.read_text()
        if "csv.writer(" in source or "DictWriter(" in source:
            found.add(name)
            names = {
                alias.name
                for node in ast.walk(ast.parse(source))
                if isinstance(node, ast.ImportFrom)
                for alias in node.names
            }
            assert name in INNER or "inert" in names, name

    assert found == WRITERS | INNER
