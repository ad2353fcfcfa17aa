"""Numbers and days as hosts write them. Pure: each form is read right or refused with a reason, never guessed."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from etl.records import MAX_COUNT, MISSING, CellError

# Hosts also write -1 where they know nothing (below a threshold, not old enough).
HOST_MISSING = MISSING | {"-1", "-1.0", "unknown", "(not set)"}

_GROUPED = re.compile(r"\d{1,3}(?:([.,'’   ])\d{3})(?:\1\d{3})*")
_PLAIN = re.compile(r"\d+")
_ISO_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?")
_COMPACT_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})")
_MARKED_DAY = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{2}|\d{4})(?:[T ,]+(\d{1,2}):\d{2}(?::\d{2})?)?")


def is_missing(text: str) -> bool:
    return text.strip().lower() in HOST_MISSING


def count_of(text: str) -> int | None:
    """Return a whole number written with or without thousands marks, None for a missing one."""
    text = text.strip()
    if is_missing(text):
        return None
    if text.startswith("(") or text.startswith("-"):
        raise CellError("not_a_whole_number", "A count cannot be below 0.")
    if re.fullmatch(r"\d+\.0+", text):
        text = text.split(".")[0]
    if not text.isascii() and not _GROUPED.fullmatch(text):
        raise CellError("not_a_whole_number", "This is not a whole number.")
    if not _PLAIN.fullmatch(text) and not _GROUPED.fullmatch(text):
        raise CellError("not_a_whole_number", "This is not a whole number.")
    value = int(re.sub(r"\D", "", text))
    if value > MAX_COUNT:
        raise CellError("number_too_large", "This number is too large to be true.")
    return value


def share_of_one(text: str) -> Decimal | None:
    """Return a share of 0 to 1: 0.25, 25 %, 25,5 %; None for a missing one."""
    text = text.strip()
    if is_missing(text):
        return None
    percent = text.endswith("%")
    digits = text.removesuffix("%").strip().replace(",", ".")
    if not re.fullmatch(r"\d{1,3}(\.\d{1,12})?", digits):
        raise CellError("not_a_share", "Write a share as 0.25 or 25 %.")
    value = Decimal(digits) / (100 if percent else 1)
    if value > 1:
        raise CellError("not_a_share", "A share is between 0 and 1, or between 0 % and 100 %.")
    return value


def day_of(text: str, *, day_first: bool | None, latest: date) -> date:
    """Return the day a host writes: 2026-03-09, 20260309, 9.3.2026, 03/09/26, with or without a time.

    9.3. reads day first, as everywhere dots are used; 3/9 and 3-9 need `day_first`. Hour 24 is the next day's start,
    which names the day that ends there. Raises CellError; code "order_unknown" asks which comes first.
    """
    text = text.strip()
    if match := (_ISO_DAY.fullmatch(text) or _COMPACT_DAY.fullmatch(text)):
        return _checked(int(match[1]), int(match[2]), int(match[3]), latest)
    match = _MARKED_DAY.fullmatch(text)
    if match is None:
        raise CellError("not_a_day", "This is not a day that can be read; write YYYY-MM-DD.")
    first, mark, second, year = int(match[1]), match[2], int(match[3]), int(match[4])
    year += 2000 if year < 100 else 0
    order = True if mark == "." else day_first
    if order is None:
        if first <= 12 and second <= 12 and first != second:
            raise CellError("order_unknown", "Is this day first or month first?")
        order = first > 12
    day, month = (first, second) if order else (second, first)
    return _checked(year, month, day, latest)


def instant_day(text: str) -> date:
    """Return the UTC day of an ISO 8601 instant."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise CellError("not_a_time", "This is not an ISO 8601 time.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).date()


def _checked(year: int, month: int, day: int, latest: date) -> date:
    try:
        found = date(year, month, day)
    except ValueError:
        raise CellError("not_a_day", "There is no such day.") from None
    if not date(2000, 1, 1) <= found <= latest + timedelta(days=1):
        raise CellError("day_out_of_range", "This day lies before 2000 or in the future.")
    return found
