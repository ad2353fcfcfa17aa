"""A table of text -> its header and its own rows: title rows, totals and notes are told apart. Pure."""

import csv
import io
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import BinaryIO, TypeVar

from etl.cells import is_furniture
from etl.profiles import normal_names
from etl.readers import UnreadableFile
from etl.records import shown

TITLE_ROWS = 10
PASSED_SHOWN = 20
Found = TypeVar("Found")


def numbered_rows(stream: BinaryIO) -> Generator[tuple[int, list[str]], None, None]:
    """Yield (line, cells) of a CSV. Raises UnreadableFile."""
    stream.seek(0)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
    reader = csv.reader(text)
    before = 0
    try:
        for cells in reader:
            yield before + 1, cells
            before = reader.line_num
    except csv.Error:
        told = f"Line {before + 1} cannot be read: its quotes do not fit together."
        raise UnreadableFile("broken_quoting", told) from None
    finally:
        text.detach()


def find_header(
    rows: Iterator[tuple[int, list[str]]], known: Callable[[list[str]], Found | None]
) -> tuple[tuple[list[str], Found] | None, list[list[str]]]:
    """Return the header and what it is known as, title rows above it passed over; else None and the first rows."""
    seen: list[list[str]] = []
    for _line, cells in rows:
        found = known(cells)
        if found is not None:
            return (cells, found), seen
        if any(text.strip() for text in cells):
            seen.append([shown(text) for text in cells[:60]])
        if len(seen) > TITLE_ROWS:
            break
    widest = max((len(row) for row in seen), default=0)
    start = next((n for n, row in enumerate(seen) if len(row) == widest), 0)
    return None, seen[start:]


def named_rows(
    rows: Iterator[tuple[int, list[str]]], header: list[str], *, passed_over: list[dict]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line, cells by name) of the rows with something of their own: not blank ones, not the header again, no
    totals and notes, which go to `passed_over`."""
    names = normal_names(header)
    for line, cells in rows:
        if not any(text.strip() for text in cells) or normal_names(cells) == names:
            continue
        filled = [*cells, *[""] * (len(names) - len(cells))]
        if is_furniture(filled):
            note_passed(passed_over, line, cells)
        else:
            yield line, dict(zip(names, filled, strict=False))


def note_passed(passed_over: list[dict], line: int, cells: Sequence[str]) -> None:
    """Remember a row that was passed over, so that a person sees which."""
    if len(passed_over) < PASSED_SHOWN and any(text.strip() for text in cells):
        passed_over.append({"line": line, "text": shown(" · ".join(filter(None, (text.strip() for text in cells))))})
