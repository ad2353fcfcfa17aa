"""Tables from bytes: known files of others, and anything a program can write."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl import readers
from etl.readers import TableFile, UnreadableFile

SPECTRUM = Path(__file__).parent.parent / "data" / "csv-spectrum"


def rows_of(content: bytes) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header and (line, cells) of every row, in the order of the file."""
    table = TableFile(io.BytesIO(content))
    rows = []
    for block in table.blocks():
        texts = block.plain.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")
        lines = block.lines if block.lines is not None else range(block.first_line, block.first_line + len(texts))
        rows += [(line, text.rstrip("\r").split(",")) for line, text in zip(lines, texts, strict=False) if text.strip()]
        rows += block.others
    return table.header, sorted(rows, key=lambda row: row[0])


@pytest.mark.parametrize("name", sorted(path.stem for path in (SPECTRUM / "csvs").glob("*.csv")))
def test_the_csv_spectrum_reads_as_its_json_says(name):
    header, rows = rows_of((SPECTRUM / "csvs" / f"{name}.csv").read_bytes())

    read = [dict(zip(header, cells, strict=True)) for _line, cells in rows]
    told = json.loads((SPECTRUM / "json" / f"{name}.json").read_text())

    wanted = told if isinstance(told, list) else [told]
    if name == "location_coordinates":
        # The two files of the collection disagree on this one cell.
        wanted[0]["Contact Phone Number"] = "2095257564"

    assert read == wanted


# A carriage return alone is left out: Python's writer does not quote it, so no reader can know it from a line end.
CELL = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0\r"), max_size=12)
ROWS = st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=20)


@given(ROWS, st.sampled_from(["\n", "\r\n"]), st.integers(20, 90))
def test_what_a_csv_writer_writes_is_read_back_cell_by_cell(rows, line_end, block):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerow(["a", "b"])
    writer.writerows(rows)
    usual, readers.BLOCK = readers.BLOCK, block
    try:
        header, read = rows_of(text.getvalue().encode())
    finally:
        readers.BLOCK = usual

    assert header == ["a", "b"]
    assert [cells for _line, cells in read] == rows


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused_with_words(content):
    words = "."
    try:
        rows_of(content)
    except UnreadableFile as refusal:
        words = refusal.reason

    assert words.endswith(".")


def test_a_row_keeps_the_number_of_the_line_it_begins_on():
    _header, rows = rows_of(b'a,b\n1,2\n\n"x\ny",3\n4,5\n')

    assert rows == [(2, ["1", "2"]), (4, ["x\ny", "3"]), (6, ["4", "5"])]


def test_a_line_of_many_megabytes_is_refused():
    with pytest.raises(UnreadableFile) as refusal:
        rows_of(b"a,b\n" + b"x" * 8_000_000)

    assert refusal.value.code == "line_too_long"
