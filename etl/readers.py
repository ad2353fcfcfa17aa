"""A stored file -> its header and its rows of text. Streaming: memory does not grow with the file.

Plain UTF-8 CSV without quotes is handed on as blocks of bytes; whatever needs a real CSV parser goes through it and,
where its cells are simple, joins the same blocks again.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

BLOCK = 1 << 21
LONGEST_LINE = 1 << 20
MAX_CELL = 131_072


class UnreadableFile(ValueError):
    """The file cannot be read as a table: what stands where, and what to do."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Block:
    """Some rows. Plain ones as bytes, each on a line of its own; the others as (line, cells).

    `first_line` is the number of the first plain line; `lines` gives each plain line's number where they do not just
    follow each other. `end` is how many bytes of the file are behind us.
    """

    plain: bytes
    first_line: int
    end: int
    lines: list[int] | None = None
    others: tuple[tuple[int, list[str]], ...] = ()


class TableFile:
    """A CSV file: `header` (cells of its first line), then `blocks()` once."""

    def __init__(self, stream: BinaryIO, *, skip: int = 0) -> None:
        """skip: so many lines stand above the header."""
        self._stream = stream
        stream.seek(0)
        stream.seek(3 if stream.read(3) == b"\xef\xbb\xbf" else 0)
        for _ in range(skip):
            stream.readline(LONGEST_LINE)
        self.header, self._line = self._read_header()
        self._line += skip

    def blocks(self) -> Iterator[Block]:
        rest = b""
        while chunk := self._stream.read(BLOCK):
            chunk = rest + chunk
            if b'"' in chunk or (b"\r" in chunk and chunk.count(b"\r") != chunk.count(b"\r\n") + chunk.endswith(b"\r")):
                self._stream.seek(self._stream.tell() - len(chunk))
                yield from self._parsed_blocks()
                return
            cut = chunk.rfind(b"\n") + 1
            rest = chunk[cut:]
            if len(rest) > LONGEST_LINE:
                raise self._too_long(self._line + chunk.count(b"\n", 0, cut))
            if cut:
                yield self._plain(chunk[:cut], self._stream.tell() - len(rest))
        if rest:
            yield self._plain(rest, self._stream.tell())

    def _plain(self, block: bytes, end: int) -> Block:
        first = self._line
        self._line += block.count(b"\n")
        return Block(plain=block, first_line=first, end=end)

    def _parsed_blocks(self) -> Iterator[Block]:
        """Blocks by way of the CSV parser, from where the stream stands."""
        plain: list[str] = []
        lines: list[int] = []
        others: list[tuple[int, list[str]]] = []
        size = 0
        for line, cells in self._parsed_rows():
            text = ",".join(cells)
            simple = text.count(",") == len(cells) - 1 and not any(mark in text for mark in '"\r\n') and bool(text)
            if simple:
                plain.append(text)
                lines.append(line)
            elif cells:
                others.append((line, cells))
            size += len(text)
            if size >= BLOCK:
                yield self._joined(plain, lines, others)
                plain, lines, others, size = [], [], [], 0
        if plain or others:
            yield self._joined(plain, lines, others)

    def _joined(self, plain: list[str], lines: list[int], others: list[tuple[int, list[str]]]) -> Block:
        block = "\n".join(plain).encode("utf-8", "surrogateescape") + (b"\n" if plain else b"")
        return Block(block, 0, self._stream.tell(), lines, tuple(others))

    def _parsed_rows(self) -> Iterator[tuple[int, list[str]]]:
        text = io.TextIOWrapper(self._stream, encoding="utf-8", errors="surrogateescape", newline="")
        reader = csv.reader(_bounded(text, self._line), strict=True)
        before = 0
        try:
            for cells in reader:
                yield self._line + before, cells
                before = reader.line_num
        except csv.Error as error:
            where = self._line + before
            raise UnreadableFile("broken_quoting", f"Line {where} cannot be read: {_words(error)}") from None
        finally:
            text.detach()

    def _read_header(self) -> tuple[list[str], int]:
        at = self._stream.tell()
        line = self._stream.readline(LONGEST_LINE)
        if not line.strip():
            if not line:
                raise UnreadableFile("empty", "The file is empty.")
            raise UnreadableFile("no_header", "Line 1 is blank; it should name the columns.")
        if len(line) >= LONGEST_LINE:
            raise self._too_long(1)
        if b"\r" in line.rstrip(b"\r\n") or b'"' in line:
            return self._header_by_parser(at)
        return _decoded(line).rstrip("\r\n").split(","), 2

    def _header_by_parser(self, at: int) -> tuple[list[str], int]:
        self._stream.seek(at)
        start = _decoded(self._stream.read(LONGEST_LINE), cut=True)
        reader = csv.reader(io.StringIO(start, newline=""), strict=True)
        try:
            header = next(reader, [])
        except csv.Error as error:
            raise UnreadableFile("broken_quoting", f"Line 1 cannot be read: {_words(error)}") from None
        used = "".join(list(io.StringIO(start, newline=""))[: reader.line_num])
        self._stream.seek(at + len(used.encode()))
        return header, reader.line_num + 1

    @staticmethod
    def _too_long(line: int) -> UnreadableFile:
        return UnreadableFile("line_too_long", f"Line {line} is longer than a megabyte, so this is hardly a table.")


def _bounded(text: io.TextIOWrapper, first_line: int) -> Iterator[str]:
    number = first_line
    while line := text.readline(LONGEST_LINE):
        if len(line) >= LONGEST_LINE:
            raise TableFile._too_long(number)
        yield line
        number += 1


def _decoded(line: bytes, *, cut: bool = False) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        if cut and len(line) == LONGEST_LINE and error.start >= len(line) - 3:
            return line[: error.start].decode("utf-8")
        raise UnreadableFile("not_utf8", "The file is not UTF-8 text. Save it as CSV (UTF-8) and send that.") from None


def _words(error: csv.Error) -> str:
    told = str(error)
    if "field larger" in told:
        return f"a cell is longer than {MAX_CELL:,} characters; perhaps a quote is not closed."
    if "unexpected end" in told:
        return "a quote is opened and never closed."
    if "expected after" in told:
        return "a closing quote is followed by something else than a comma; write a quote inside a cell twice."
    return "its quotes or line ends do not fit together."
