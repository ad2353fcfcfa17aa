"""Rows of text -> typed records or issues. Pure: no database, no clock.

Every cell is judged by a pattern before it becomes a number, and refused with a reason that says how to mend it.
"""

import re
import unicodedata
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

MAX_COUNT = 10**15
VALUE_SHOWN = 200

# What people and programs write where they know nothing. A real 0 is not among them.
MISSING = frozenset({"", "-", "–", "—", "n/a", "na", "null", "none"})

_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_COUNT = re.compile(r"\d{1,16}")
_RATE = re.compile(r"(\d{1,3})(?:\.(\d{1,20}))?|\.(\d{1,20})")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True)
class Issue:
    """Why a row, or a cell of it, could not be taken. `line` counts from 1, the header's line included."""

    line: int
    column: str
    value: str
    code: str
    reason: str


class CellError(ValueError):
    """A cell that cannot be taken: a code for programs, a reason for people."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def shown(text: str) -> str:
    """Return a cell as it may be kept and shown: cut to 200 characters, controls and lone surrogates made visible."""
    return "".join("\ufffd" if unicodedata.category(char) in ("Cc", "Cs") else char for char in text[:VALUE_SHOWN])


# --- cells ------------------------------------------------------------------------------------------------------------
def parse_day(text: str, *, latest: date) -> date:
    """Return the day that YYYY-MM-DD names. `latest` is the last day that can have figures."""
    match = _DAY.fullmatch(text)
    if match is None:
        raise CellError("not_a_day", "Write the day as YYYY-MM-DD, for example 2026-03-09.")
    year, month, day = (int(part) for part in match.groups())
    if not 1 <= month <= 12:
        raise CellError("not_a_day", f"There is no month {month}.")
    if year < 2000:
        raise CellError("day_too_early", "Days before 2000 cannot be taken.")
    length = monthrange(year, month)[1]
    if not 1 <= day <= length:
        raise CellError("not_a_day", f"{_MONTHS[month - 1]} {year} has {length} days.")
    found = date(year, month, day)
    if found > latest:
        raise CellError("day_in_future", "This day is not over yet, so it cannot have figures.")
    return found


def parse_count(text: str) -> int | None:
    """Return a whole number, or None for a missing one."""
    if text.lower() in MISSING:
        return None
    if not _COUNT.fullmatch(text) or not text.isascii():
        raise CellError("not_a_whole_number", _why_not_whole(text))
    value = int(text)
    if value > MAX_COUNT:
        raise CellError("number_too_large", "This number is too large to be true.")
    return value


def parse_cents(text: str) -> int | None:
    """Return whole cents, or None for a missing amount."""
    if re.fullmatch(r"\d{1,13}[.,]\d{2}", text) and text.isascii():
        cents = text.replace(".", "").replace(",", "").lstrip("0") or "0"
        raise CellError("not_whole_cents", f"Cents are whole numbers. Did you mean {cents}?")
    return parse_count(text)


def parse_rate(text: str) -> int | None:
    """Return a rate of 0 to 1 in millionths, rounded half up, or None for a missing one."""
    if text.lower() in MISSING:
        return None
    match = _RATE.fullmatch(text) if text.isascii() else None
    if match is None:
        raise CellError("not_a_rate", "Write a rate as a number from 0 to 1 with a point, for example 0.84.")
    places = (match[2] or match[3] or "").ljust(7, "0")
    millionths = int(match[1] or 0) * 1_000_000 + int(places[:6]) + (places[6] >= "5")
    over = any(char != "0" for char in places[6:]) and int(match[1] or 0) >= 1
    if millionths > 1_000_000 or over:
        raise CellError("rate_out_of_range", _why_not_rate(text))
    return millionths


def parse_id(text: str) -> UUID:
    if not _UUID.fullmatch(text.lower()) or not text.isascii():
        raise CellError("not_an_id", "This is not an id of the tracker; the template lists your own.")
    return UUID(text)


def parse_source(text: str) -> str:
    if not text:
        raise CellError("source_missing", "Say who counted, for example the name of the host.")
    if len(text.encode(errors="replace")) > 40:
        raise CellError("source_too_long", "The name of a source has 40 bytes at most.")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise CellError("source_unreadable", "The name of the source has characters that cannot be read.")
    return text


def parse_instant(text: str) -> datetime | date:
    """Return a whole day for YYYY-MM-DD, or an instant for ISO 8601 with an offset."""
    if _DAY.fullmatch(text):
        return parse_day(text, latest=date(2088, 12, 31))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CellError(
            "not_a_time", "Write a day as YYYY-MM-DD, or a time with its offset: 2026-03-09T00:00:00Z."
        ) from None
    if moment.tzinfo is None:
        raise CellError("offset_missing", "A time needs its offset from UTC, for example 2026-03-09T00:00:00+01:00.")
    return moment


def _why_not_whole(text: str) -> str:
    if re.fullmatch(r"-\d+", text):
        return "A count cannot be below 0."
    if re.fullmatch(r"\d{1,3}([.,' ]\d{3})+", text):
        mark = {".": "point", ",": "comma"}.get(re.sub(r"\d", "", text)[0], "mark")
        return f"Whole numbers only. Is the {mark} a thousands mark?"
    return "This is not a whole number."


def _why_not_rate(text: str) -> str:
    value = float(text)
    hint = f" Did you mean {value / 100:g}?" if 1 < value <= 100 else ""
    return f"A rate is between 0 and 1.{hint}"


# --- rows -------------------------------------------------------------------------------------------------------------
METRIC_COLUMNS = (
    "day",
    "episode_id",
    "source",
    "downloads",
    "listeners",
    "completion_rate",
    "ctr",
    "conversions",
    "revenue_cents",
)
METRIC_NEEDED = ("day", "episode_id", "source")
METRIC_MEASURES = METRIC_COLUMNS[3:]

# In the order and the units of metrics.facts.MEASURES.
_FACT_CELLS = (
    ("downloads", parse_count),
    ("listeners", parse_count),
    ("conversions", parse_count),
    ("revenue_cents", parse_cents),
    ("completion_rate", parse_rate),
    ("ctr", parse_rate),
)


@dataclass(frozen=True)
class MetricRecord:
    """One row of a metrics file. `figures` stand in the order of metrics.facts.MEASURES, rates in millionths."""

    day: date
    episode_id: UUID
    source: str
    figures: tuple[int | None, ...]

    @classmethod
    def parse(cls, cells: Mapping[str, str], *, line: int, latest: date) -> "MetricRecord | list[Issue]":
        """Return the record of a row, or everything that is wrong with it."""
        reader = _RowReader(cells, line)
        day = reader.cell("day", lambda text: parse_day(text, latest=latest))
        episode_id = reader.cell("episode_id", parse_id)
        source = reader.cell("source", parse_source)
        figures = tuple(reader.cell(name, parse) if name in cells else None for name, parse in _FACT_CELLS)
        if not reader.issues and all(figure is None for figure in figures):
            reader.refuse("", "", "nothing_measured", "The row has no figure at all.")
        return reader.issues or cls(day, episode_id, source, figures)


BOOKING_COLUMNS = (
    "deal_id",
    "ad_unit_id",
    "episode_id",
    "flight_start",
    "flight_end",
    "booked_impressions",
    "booked_cpm_cents",
    "promo_code",
    "vanity_url",
)
BOOKING_NEEDED = BOOKING_COLUMNS[:2] + BOOKING_COLUMNS[3:7]


@dataclass(frozen=True)
class BookingRecord:
    """One row of a bookings file: a line of an order. A flight is two whole days, or two instants."""

    line: int
    deal_id: UUID
    ad_unit_id: UUID
    episode_id: UUID | None
    flight_start: datetime | date
    flight_end: datetime | date
    booked_impressions: int
    booked_cpm_cents: int
    promo_code: str
    vanity_url: str

    @classmethod
    def parse(cls, cells: Mapping[str, str], *, line: int) -> "BookingRecord | list[Issue]":
        """Return the record of a row, or everything that is wrong with it."""
        reader = _RowReader(cells, line)
        record = cls(
            line=line,
            deal_id=reader.cell("deal_id", parse_id),
            ad_unit_id=reader.cell("ad_unit_id", parse_id),
            episode_id=reader.cell("episode_id", parse_id) if cells.get("episode_id", "").strip() else None,
            flight_start=reader.cell("flight_start", parse_instant),
            flight_end=reader.cell("flight_end", parse_instant),
            booked_impressions=reader.cell("booked_impressions", _needed(parse_count)),
            booked_cpm_cents=reader.cell("booked_cpm_cents", _needed(parse_cents)),
            promo_code=reader.cell("promo_code", _short(40)),
            vanity_url=reader.cell("vanity_url", _short(500)),
        )
        return reader.issues or record


class _RowReader:
    def __init__(self, cells: Mapping[str, str], line: int) -> None:
        self.cells, self.line = cells, line
        self.issues: list[Issue] = []

    def cell(self, column, parse):
        text = self.cells.get(column, "").strip()
        try:
            return parse(text)
        except CellError as error:
            self.refuse(column, text, error.code, error.reason)
            return None

    def refuse(self, column: str, value: str, code: str, reason: str) -> None:
        self.issues.append(Issue(self.line, column, shown(value), code, reason))


def _needed(parse):
    def wrapped(text: str) -> int:
        value = parse(text)
        if value is None:
            raise CellError("missing", "This cell must not be blank.")
        return value

    return wrapped


def _short(longest: int):
    def wrapped(text: str) -> str:
        if len(text) > longest:
            raise CellError("too_long", f"At most {longest} characters.")
        if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
            raise CellError("unreadable", "This cell has characters that cannot be read.")
        return text

    return wrapped


# --- headers ----------------------------------------------------------------------------------------------------------
class HeaderError(ValueError):
    """The first line does not tell what the file is; the reason names what is missing."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        # Whether the line was meant to be a contract's header and lacks something.
        self.is_near = False


@dataclass(frozen=True)
class Header:
    """What kind of file it is, where its columns stand (from 0), how many there are, and which ones are not read."""

    kind: str
    columns: Mapping[str, int]
    width: int
    ignored: tuple[str, ...] = ()


METRICS, BOOKINGS = "metrics_daily", "io_bookings"
_KINDS = {METRICS: (METRIC_COLUMNS, METRIC_NEEDED), BOOKINGS: (BOOKING_COLUMNS, BOOKING_NEEDED)}


def read_header(cells: Sequence[str], *, kind: str = "") -> Header:
    """Return what a header line says. `kind` is the sender's own word on it, when there is one.

    Raises HeaderError naming the missing columns of the kind that comes nearest.
    """
    names = [cell.strip().lower() for cell in cells]
    if len(names) > 500:
        raise HeaderError("too_many_columns", f"Line 1 has {len(names)} columns; 500 at most can be read.")
    if kind and kind not in _KINDS:
        raise HeaderError("unknown_kind", f"There is no kind {shown(kind)}; it is one of {', '.join(_KINDS)}.")
    kinds = [kind] if kind else list(_KINDS)
    found = max(kinds, key=lambda name: len(set(names) & set(_KINDS[name][0])))
    known, needed = _KINDS[found]
    missing = [name for name in needed if name not in names]
    if missing:
        listed = ", ".join(f"“{name}”" for name in missing)
        raise HeaderError(
            "columns_missing", f"Line 1 has no column {listed}. A {_WORDS[found]} has: {', '.join(known)}"
        )
    doubled = sorted({name for name in names if name in known and names.count(name) > 1})
    if doubled:
        raise HeaderError("columns_doubled", f"Line 1 names the column “{doubled[0]}” twice.")
    columns = {name: names.index(name) for name in known if name in names}
    if found == METRICS and not any(name in columns for name in METRIC_MEASURES):
        raise HeaderError(
            "columns_missing", f"Line 1 has no figures; name at least one of {', '.join(METRIC_MEASURES)}."
        )
    ignored = tuple(shown(cell.strip()) for cell, name in zip(cells, names, strict=True) if name not in columns)
    return Header(found, columns, len(names), ignored)


def is_near_contract(cells: Sequence[str]) -> bool:
    """Return whether a header that lacks columns of the contract's files was still meant to be one of them."""
    names = {cell.strip().lower() for cell in cells}
    return any(len(names & set(needed)) >= 2 for _known, needed in _KINDS.values())


_WORDS = {METRICS: "metrics file", BOOKINGS: "bookings file"}
