"""Files as they come: packed, in other encodings, cut by other marks, as workbooks; and those that swell."""

import gzip
import io
import zipfile

import pytest
import xlsxwriter

from etl.readers import UnreadableFile
from etl.unpack import unpacked
from metrics.models import DailyRollup
from tests.etl.files import METRICS_HEADER, bring_in
from tests.factories import make_episode

PLAIN = 'name,n\nZoë,1\n"a, b",2\n'


def read(content: bytes, **options) -> tuple[str, dict]:
    with unpacked(io.BytesIO(content), **options) as (stream, shape):
        return stream.read().decode("utf-8-sig"), shape.as_json()


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return out.getvalue()


def workbook() -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.add_worksheet("Empty")
        sheet = book.add_worksheet("Data")
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, ["name", "n", "day", "share"])
        sheet.write_row(1, 0, ["Zoë", 1])
        sheet.write_number(1, 2, 46082, day)
        sheet.write_number(1, 3, 0.25)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "shape"),
    [
        (PLAIN.encode(), {"encoding": "utf-8", "delimiter": ","}),
        (PLAIN.encode("utf-8-sig"), {"encoding": "utf-8", "delimiter": ","}),
        (PLAIN.encode("utf-16"), {"encoding": "utf-16", "delimiter": ","}),
        ('name;n\nZoë;1\n"a, b";2\n'.encode(), {"encoding": "utf-8", "delimiter": ";"}),
        ("name\tn\nZoë\t1\na, b\t2\n".encode(), {"encoding": "utf-8", "delimiter": "\t"}),
        ("name|n\nZoë|1\na, b|2\n".encode(), {"encoding": "utf-8", "delimiter": "|"}),
        (gzip.compress(PLAIN.encode()), {"packed": "gzip", "encoding": "utf-8", "delimiter": ","}),
        (
            zipped(data__csv=PLAIN.encode()),
            {"packed": "zip", "member": "data.csv", "encoding": "utf-8", "delimiter": ","},
        ),
    ],
    ids=["utf-8", "utf-8 with a mark", "utf-16", "semicolons", "tabs", "bars", "gzip", "zip"],
)
def test_every_form_ends_as_plain_csv(content, shape):
    assert read(content) == (PLAIN, shape)


def test_a_quote_mark_in_unquoted_tabs_is_a_letter():
    text, _shape = read(b'title\tn\n12: Tides and "dead" reckoning\t4\n"Ever" again\t5\n')

    assert text == 'title,n\n"12: Tides and ""dead"" reckoning",4\n"""Ever"" again",5\n'


def test_a_workbook_gives_its_first_sheet_with_rows():
    text, shape = read(workbook())

    assert text == "name,n,day,share\nZoë,1,2026-03-01,0.25\n"
    assert shape["packed"] == "xlsx"


def test_an_encoding_that_the_file_does_not_tell_is_asked_for_and_then_used():
    content = PLAIN.encode("cp1252")

    with pytest.raises(UnreadableFile) as refusal:
        read(content)

    assert refusal.value.code == "encoding_unknown"
    assert read(content, encoding="cp1252")[0] == PLAIN


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: gzip.compress(b"0" * 60_000_000), "swells"),
        (lambda: zipped(data__csv=b"0" * 60_000_000), "swells"),
        (lambda: zipped(a__csv=b"a", b__csv=b"b"), "archive_ambiguous"),
        (lambda: zipped(a__pdf=b"a"), "archive_ambiguous"),
        (lambda: zipped(a__csv=zipped(b__csv=b"x")), "archive_nested"),
        (lambda: gzip.compress(b"a,b\n1,2\n" * 9_999)[:-30], "broken_archive"),
        (lambda: b"PK\x03\x04" + b"x" * 50, "broken_archive"),
        (lambda: zipped(**{"[Content_Types]__xml": b"<x/>"}), "broken_workbook"),
    ],
    ids=["gzip bomb", "zip bomb", "two files", "no table", "nested", "cut short", "no zip", "no workbook"],
)
def test_what_swells_or_is_damaged_is_refused(make, code):
    with pytest.raises(UnreadableFile) as refusal:
        read(make())

    assert refusal.value.code == code


def test_a_packed_metrics_file_is_imported(tenant):
    episode = make_episode()
    text = f"{METRICS_HEADER.replace(',', ';')}\n2026-03-01;{episode.pk};host;5;;;;;\n"

    run = bring_in(gzip.compress(text.encode()), name="figures.csv.gz")

    assert (run.status, run.records_imported) == ("completed", 1)
    assert run.metadata["shape"] == {"packed": "gzip", "encoding": "utf-8", "delimiter": ";"}
    assert DailyRollup.objects.get().downloads == 5
