"""Flights as partners write them: a bare date is a whole day in the order's zone, a time needs its offset."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from tracker.lib.dates import day_start
from tracker.lib.errors import DomainError

BARE_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?([Zz]|[+-][0-9]{2}:?[0-9]{2})"
)
TIME_WITHOUT_OFFSET = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?")


def flight_start_of(text: str, zone: ZoneInfo) -> datetime:
    """Return the instant at which a flight begins. Source: CONTRACT, files people send.

    Raises DomainError("flight_invalid") or DomainError("offset_missing"), naming the field.
    """
    return _instant(text, zone, field="flight_start", days_later=0)


def flight_end_of(text: str, zone: ZoneInfo) -> datetime:
    """Return the instant at which a flight ends, half-open: a bare date D is D+1 00:00, so equal dates are one day."""
    return _instant(text, zone, field="flight_end", days_later=1)


def _instant(text: str, zone: ZoneInfo, *, field: str, days_later: int) -> datetime:
    text = text.strip()
    try:
        if BARE_DATE.fullmatch(text):
            return day_start(date.fromisoformat(text) + timedelta(days=days_later), zone).astimezone(UTC)
        if INSTANT.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        # Of the right form, but no day of any calendar.
        raise _unreadable(text, field, status=422) from None
    if TIME_WITHOUT_OFFSET.fullmatch(text):
        message = _("%(field)s has a time without an offset. Write 2027-01-11T09:00:00+01:00, or only the day.")
        raise DomainError("offset_missing", message % {"field": field}, status=400, field=field)
    raise _unreadable(text, field)


def _unreadable(text: str, field: str, *, status: int = 400) -> DomainError:
    message = _("%(field)s “%(text)s” is no date. Write a day such as 2027-01-11, or an instant with its offset.")
    return DomainError("flight_invalid", message % {"field": field, "text": text[:60]}, status=status, field=field)
