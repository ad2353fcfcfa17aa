"""Numbers and days as hosts write them. Pure: each form is read right or refused with a reason, never guessed."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal

from etl.records import MAX_COUNT, MISSING, CellError

# Hosts also write -1 where they know nothing (below a threshold, not old enough).
HOST_MISSING = MISSING | {"-1", "-1.0", "unknown", "(not set)"}

_GROUPED = re.compile(r"\d{1,3}(?:([.,'’   ])\d{3})(?:\1\d{3})*")
_PLAIN = re.compile(r"\d+")
_ISO_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?")
_COMPACT_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})")
_MARKED_DAY = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{2}|\d{4})(?:[T ,]+(\d{1,2}):\d{2}(?::\d{2})?)?")


# 3-Jun-26, as spreadsheets write days.
_DASHED_DAY = re.compile(r"(\d{1,2})-([a-z]{3,9})-(\d{2}|\d{4})")
_NAMED_DAY = re.compile(
    r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? )?(?:([a-z]{3,9})\.? (\d{1,2}),?|(\d{1,2}) ([a-z]{3,9})\.?,?) (\d{4})"
    r"(?:[ ,]+(?:at )?\d{1,2}:\d{2}(?::\d{2})?(?: ?[ap]m)?)?"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december", "sept"),
)
# What stands where an episode would in a row that adds the others up.
_TOTALS = frozenset(
    (
        *("total", "totals", "grand total", "sum", "overall", "all episodes", "gesamt", "gesamtsumme", "summe"),
        *("insgesamt", "totale", "totaal", "somme", "suma", "summa", "razem", "總計", "合計", "总计"),
    )
)
_FIGURE = re.compile(r"[\d.,'’\s%:()+-]*")


def is_furniture(cells: Sequence[str]) -> bool:
    """Return whether a row is a total of the others or a note, not a row of figures of its own.

    A total says so and has nothing else but figures; a note is one cell of words in a table of three columns or more.
    """
    filled = [text.strip() for text in cells if text.strip()]
    if not filled:
        return True
    if len(filled) == 1:
        return len(cells) > 2 and not re.search(r"\d", filled[0][:1])
    words = [text for text in filled if not _FIGURE.fullmatch(text)]
    return len(words) == 1 and words[0].lower().rstrip(":") in _TOTALS


def is_missing(text: str) -> bool:
    return text.strip().lower() in HOST_MISSING


def count_of(text: str) -> int | None:
    """Return a whole number written with or without thousands marks, None for a missing one."""
    text = text.strip()
    if is_missing(text):
        return None
    if text.startswith("(") or text.startswith("-"):
        raise CellError("not_a_whole_number", "A count cannot be below 0.")
    if re.fullmatch(r"\d+\.0{1,2}", text):
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
    if not re.fullmatch(r"\d{1,3}(\.\d{1,24})?", digits):
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
    if match := _NAMED_DAY.fullmatch(text.lower()):
        month = _month(match[1] or match[4])
        return _checked(int(match[5]), month, int(match[2] or match[3]), latest)
    if match := _DASHED_DAY.fullmatch(text.lower()):
        return _checked(_whole_year(match[3]), _month(match[2]), int(match[1]), latest)
    match = _MARKED_DAY.fullmatch(text)
    if match is None:
        raise CellError("not_a_day", "This is not a day that can be read; write YYYY-MM-DD.")
    first, mark, second, year = int(match[1]), match[2], int(match[3]), _whole_year(match[4])
    order = True if mark == "." else day_first
    if order is None:
        if first <= 12 and second <= 12 and first != second:
            raise CellError("order_unknown", "Is this day first or month first?")
        order = first > 12
    day, month = (first, second) if order else (second, first)
    return _checked(year, month, day, latest)


def _whole_year(text: str) -> int:
    return int(text) + (2000 if len(text) == 2 else 0)


def _month(name: str) -> int:
    if name not in _FULL_MONTHS and name not in _MONTHS:
        raise CellError("not_a_day", "This is not a day that can be read; write YYYY-MM-DD.")
    return _MONTHS.index(name[:3]) + 1


def day_in(text: str, *, zone: tzinfo, day_first: bool | None, latest: date) -> date:
    """Return the UTC day of what a host writes: a time is read in `zone` unless it names its offset, a day alone stays.

    Hour 24 ends the day that it stands with.
    """
    text = text.strip()
    if re.search(r"(?:\dZ|[+-]\d{2}:?\d{2})$", text) and ":" in text:
        return _checked_day(instant_day(text), latest)
    day = day_of(text, day_first=day_first, latest=latest)
    time = re.search(r"[T ,](\d{1,2}):(\d{2})(?::\d{2})?(?: ?([ap])\.?m\.?)?$", text, re.IGNORECASE)
    if time is None or int(time[1]) == 24:
        return day
    hour, minute = int(time[1]) % 12 + 12 * (time[3].lower() == "p") if time[3] else int(time[1]), int(time[2])
    if hour > 23 or minute > 59:
        raise CellError("not_a_time", "There is no such time of day.")
    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
    return _checked_day(moment.astimezone(UTC).date(), latest)


def has_clock(text: str) -> bool:
    """Return whether a time of day stands with a day."""
    return bool(re.search(r"[T ,]\d{1,2}:\d{2}", text.strip()))


def instant_in(text: str, *, zone: tzinfo, day_first: bool | None) -> datetime:
    """Return the instant of a day and time: by its own offset, else in `zone`. Hour 24 is the next day's first."""
    text = text.strip()
    if re.search(r"(?:\dZ|[+-]\d{2}:?\d{2})$", text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            raise CellError("not_a_time", "This is not an ISO 8601 time.") from None
    day = day_of(text, day_first=day_first, latest=date(2088, 12, 30))
    time = re.search(r"[T ,](\d{1,2}):(\d{2})(?::\d{2})?(?: ?([ap])\.?m\.?)?$", text, re.IGNORECASE)
    if time is None:
        raise CellError("not_a_time", "There is no such time of day.")
    hour, minute = int(time[1]) % 12 + 12 * (time[3].lower() == "p") if time[3] else int(time[1]), int(time[2])
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        raise CellError("not_a_time", "There is no such time of day.")
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    return start + timedelta(days=1) if hour == 24 else start.replace(hour=hour, minute=minute)


def _checked_day(day: date, latest: date) -> date:
    return _checked(day.year, day.month, day.day, latest)


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


def money_of(text: str, *, currency: str) -> int | None:
    """Return an amount in cents of `currency`: 1,204.50, 1.204,50, € 14, 14 EUR, USD 1'204; None for a missing one.

    A mark followed by three digits is one of thousands, one followed by one or two is that of decimals. An amount of
    another currency, below 0 or in brackets is refused.
    """
    text = text.strip()
    if is_missing(text):
        return None
    if re.fullmatch(r"\(.*\)", text) or "-" in text or "−" in text:
        raise CellError("amount_below_zero", "Money in brackets or below 0 is taken off; it cannot stand here.")
    digits = re.sub(r"[^\d.,'’]", "", text)
    named = re.sub(r"[\d.,'’\s]", "", text).upper()
    code = currency if named == "$" and currency in _DOLLARS else _CURRENCIES.get(named, named)
    if code and code != currency:
        raise CellError("other_currency", f"This is not an amount of {currency}.")
    match = re.fullmatch(r"(\d+|\d{1,3}(?:([.,'’])\d{3})(?:\2\d{3})*)(?:([.,])(\d{1,2}))?", digits)
    if match is None or (match[2] and match[2] == match[3]):
        raise CellError("not_an_amount", "This is not an amount of money; write it as 1204.50.")
    cents = int(re.sub(r"\D", "", match[1])) * 100 + int((match[4] or "0").ljust(2, "0"))
    if cents > MAX_COUNT:
        raise CellError("number_too_large", "This number is too large to be true.")
    return cents


_CURRENCIES = {"€": "EUR", "£": "GBP", "¥": "JPY", "US$": "USD", "C$": "CAD", "A$": "AUD", "FR.": "CHF", "SFR": "CHF"}
_DOLLARS = ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN")
