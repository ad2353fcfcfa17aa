"""Whatever people send -> one stream of plain UTF-8 CSV. Bounded: an archive that swells is refused, not unpacked.

Gzip, zip with one table, Excel, other delimiters and encodings all end as a temporary file of commas and UTF-8, so that
everything behind reads one form. A file that is that form already is passed on as it is, untouched.
"""

import codecs
import csv
import gzip
import io
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import IO, BinaryIO, cast

from django.conf import settings
from python_calamine import CalamineError, CalamineWorkbook

from etl.readers import UnreadableFile
from etl.recorded import MOST_BYTES, table_of

ENDINGS = (".csv", ".tsv", ".txt", ".xlsx", ".json", ".gz", ".zip")
CHOSEN_ENCODINGS = ("cp1252", "latin-1", "cp1250", "utf-16")
_DELIMITERS = ",;\t|"
_SWELL = 200
_NO_TABLES = ((b"%PDF", "a PDF"), (b"\xd0\xcf\x11\xe0", "an old Excel file"), (b"PK\x05\x06", "an empty zip"))
_COPY = 1 << 20
_PREFERRED = ("chart data.csv", "table data.csv")


@dataclass(frozen=True)
class Shape:
    """How the file came: what it was packed in, its encoding and delimiter, the sheet or member that was read."""

    packed: str = ""
    member: str = ""
    encoding: str = "utf-8"
    delimiter: str = ","

    def as_json(self) -> dict[str, str]:
        shown = {"packed": self.packed, "member": self.member, "encoding": self.encoding, "delimiter": self.delimiter}
        return {name: value for name, value in shown.items() if value}


@contextmanager
def unpacked(stored: IO[bytes], *, encoding: str = "") -> Iterator[tuple[BinaryIO, Shape]]:
    """Yield the table as plain CSV, and how it came. encoding: what the sender chose when the file does not say.

    Raises UnreadableFile; code "encoding_unknown" asks for a choice.
    """
    with ExitStack() as stack:
        inner, packed, member = _opened(cast(BinaryIO, stored), stack)
        start = inner.read(8)
        inner.seek(0)
        if start.startswith(b"PK\x03\x04"):
            yield _from_workbook(inner, stack), Shape(packed=packed or "xlsx", member=member)
            return
        if _is_json(start):
            yield _from_answer(inner, stack), Shape(packed=packed or "json", member=member)
            return
        found = _encoding(inner, encoding)
        delimiter = _delimiter(inner, found)
        if found == "utf-8" and delimiter == ",":
            inner.seek(0)
            yield inner, Shape(packed=packed, member=member)
        else:
            yield _as_csv(inner, found, delimiter, stack), Shape(packed, member, found, delimiter)


# --- containers -------------------------------------------------------------------------------------------------------
def _opened(stream: BinaryIO, stack: ExitStack) -> tuple[BinaryIO, str, str]:
    start = stream.read(8)
    stream.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return _unswollen(gzip.GzipFile(fileobj=stream), _size(stream), stack), "gzip", ""
    if start.startswith(b"PK\x03\x04"):
        return _from_zip(stream, stack)
    for magic, what in (
        (b"%PDF", "a PDF"),
        (b"\xd0\xcf\x11\xe0", "an old Excel file"),
        (b"PK\x05\x06", "an empty zip"),
    ):
        if start.startswith(magic):
            raise UnreadableFile("not_csv", f"This is {what}, not a table. Save it as CSV (UTF-8) and send that.")
    return stream, "", ""


def _from_zip(stream: BinaryIO, stack: ExitStack) -> tuple[BinaryIO, str, str]:
    try:
        archive = stack.enter_context(zipfile.ZipFile(stream))
        members = [member for member in archive.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise UnreadableFile("broken_archive", "The archive is damaged; pack it again.") from None
    names = {member.filename.lower() for member in members}
    if "[content_types].xml" in names:
        stream.seek(0)
        _check_workbook(members, stream)
        return stream, "", ""
    tables = [
        member
        for member in members
        if member.filename.lower().endswith((".csv", ".tsv", ".txt", ".json"))
        and "__macosx" not in member.filename.lower()
    ]
    chosen = [member for name in _PREFERRED for member in tables if member.filename.lower().endswith(name)] or tables
    if len(chosen) != 1 and not (chosen and chosen[0].filename.lower().endswith(_PREFERRED)):
        told = "no table" if not chosen else f"{len(chosen)} tables"
        raise UnreadableFile("archive_ambiguous", f"The archive holds {told}; send one with a single CSV file in it.")
    member = chosen[0]
    if member.flag_bits & 1:
        raise UnreadableFile("archive_locked", "The archive is locked with a password; send it without one.")
    try:
        opened = stack.enter_context(archive.open(member))
        return _unswollen(opened, max(member.compress_size, 1), stack), "zip", member.filename.rsplit("/", 1)[-1]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
        raise UnreadableFile("broken_archive", "The archive is damaged; pack it again.") from None


def _check_workbook(members: list[zipfile.ZipInfo], stream: BinaryIO) -> None:
    size = sum(member.file_size for member in members)
    if size > settings.ETL_MAX_UPLOAD_BYTES or size > _SWELL * max(_size(stream), 1):
        raise UnreadableFile("swells", "The workbook unpacks to far more than it should; save it anew.")


def _unswollen(packed: gzip.GzipFile | IO[bytes], packed_size: int, stack: ExitStack) -> BinaryIO:
    """Unpack into a temporary file, unless it grows past the limit of uploads or past 200 times its size."""
    most = min(settings.ETL_MAX_UPLOAD_BYTES, _SWELL * packed_size + _COPY)
    out = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    try:
        while part := packed.read(_COPY):
            out.write(part)
            if out.tell() > most:
                raise UnreadableFile("swells", "The archive unpacks to far more than may be sent.")
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile):
        raise UnreadableFile("broken_archive", "The archive is damaged; pack it again.") from None
    out.seek(0)
    if out.read(4) in (b"PK\x03\x04", b"\x1f\x8b\x08\x00", b"\x1f\x8b\x08\x08"):
        raise UnreadableFile("archive_nested", "An archive within an archive cannot be read; pack the table alone.")
    out.seek(0)
    return out


def _size(stream: BinaryIO) -> int:
    at = stream.tell()
    size = stream.seek(0, io.SEEK_END)
    stream.seek(at)
    return size


# --- recorded answers -------------------------------------------------------------------------------------------------
def _is_json(start: bytes) -> bool:
    return start.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"[")


def _from_answer(stream: BinaryIO, stack: ExitStack) -> BinaryIO:
    if _size(stream) > MOST_BYTES:
        raise UnreadableFile("answer_too_large", f"An answer can have {MOST_BYTES // 2**20} MB at most.")
    return _written(([_text(cell) for cell in row] for row in table_of(stream.read())), stack)


# --- workbooks --------------------------------------------------------------------------------------------------------
def _from_workbook(stream: BinaryIO, stack: ExitStack) -> BinaryIO:
    """The first sheet with anything in it, as CSV; days come as YYYY-MM-DD."""
    try:
        book = CalamineWorkbook.from_filelike(stream)
        sheets = (book.get_sheet_by_index(n).to_python(skip_empty_area=False) for n in range(len(book.sheet_names)))
        rows = next((rows for rows in sheets if rows), [])
    except (CalamineError, ValueError, OSError):
        raise UnreadableFile("broken_workbook", "The workbook cannot be read; save it as CSV (UTF-8).") from None
    return _written(([_text(cell) for cell in row] for row in rows), stack)


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell == int(cell) and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return str(cell)


# --- encodings and delimiters -----------------------------------------------------------------------------------------
def _encoding(stream: BinaryIO, chosen: str) -> str:
    start = stream.read(4)
    stream.seek(0)
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if chosen and chosen not in CHOSEN_ENCODINGS and chosen != "utf-8":
        raise UnreadableFile("encoding_unknown", f"Choose one of {', '.join(('utf-8', *CHOSEN_ENCODINGS))}.")
    if chosen:
        return chosen
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(stream.read(_COPY))
    except UnicodeDecodeError:
        told = "The file is not UTF-8 text. Say which encoding it has (often cp1252), or save it as CSV (UTF-8)."
        raise UnreadableFile("encoding_unknown", told) from None
    finally:
        stream.seek(0)
    return "utf-8"


def _delimiter(stream: BinaryIO, encoding: str) -> str:
    """The mark that cuts the first lines into the most, equally many cells; a comma when none does."""
    sample = stream.read(1 << 16)
    stream.seek(0)
    lines = [line for line in sample.decode(encoding, "replace").lstrip("\ufeff").splitlines() if line.strip()][:20]
    best, most = ",", 0
    for mark in _DELIMITERS:
        # Title rows above the header have none.
        counts = Counter(found for line in lines if (found := _unquoted(line).count(mark)))
        cells, rows = counts.most_common(1)[0] if counts else (0, 0)
        if cells and cells * rows > most:
            best, most = mark, cells * rows
    return best


def _unquoted(line: str) -> str:
    return "".join(part for n, part in enumerate(line.split('"')) if n % 2 == 0)


def _as_csv(stream: BinaryIO, encoding: str, delimiter: str, stack: ExitStack) -> BinaryIO:
    text = io.TextIOWrapper(stream, encoding=encoding, errors="strict", newline="")
    # Some exporters join cells by tabs and quote nothing: there a quote mark is only a letter.
    is_plain = delimiter == "\t" and not _is_quoted(stream, encoding)
    try:
        if is_plain:
            return _written(csv.reader(text, delimiter=delimiter, quoting=csv.QUOTE_NONE), stack)
        return _written(csv.reader(text, delimiter=delimiter, strict=True), stack)
    except UnicodeError:
        told = f"The file is not {encoding} text. Say which encoding it has, or save it as CSV (UTF-8)."
        raise UnreadableFile("encoding_unknown", told) from None
    except csv.Error:
        raise UnreadableFile("broken_quoting", "The quotes of the file do not fit together.") from None
    finally:
        text.detach()


def _is_quoted(stream: BinaryIO, encoding: str) -> bool:
    """Whether quotes frame cells: each cell of the first lines that begins with one ends with one."""
    sample = stream.read(1 << 16).decode(encoding, "replace")
    stream.seek(0)
    cells = [cell for line in sample.splitlines()[:-1] for cell in line.split("\t") if cell.startswith('"')]
    return bool(cells) and all(len(cell) > 1 and cell.endswith('"') for cell in cells)


def _written(rows: Iterator[list[str]], stack: ExitStack) -> BinaryIO:
    out = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    text = io.TextIOWrapper(out, encoding="utf-8", errors="replace", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        writer.writerow(row)
        if out.tell() > 4 * settings.ETL_MAX_UPLOAD_BYTES:
            raise UnreadableFile("swells", "The file unpacks to far more than may be sent.")
    text.detach()
    out.seek(0)
    return out
