"""Days, flights and instants. A flight is half-open, [start, end); its days are local to the order's zone."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which a calendar day begins in a zone (right on DST days, since local time is attached)."""
    return datetime.combine(day, time.min, tzinfo=zone)


def flight_bounds(first_day: date, last_day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return [start, end) of a flight given by its first and last whole day; equal days are a one-day flight."""
    return day_start(first_day, zone), day_start(last_day + timedelta(days=1), zone)


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


def last_day_of(end: datetime, zone: ZoneInfo) -> date:
    """Return the last local day that a half-open flight ending at `end` touches."""
    return (end - timedelta(microseconds=1)).astimezone(zone).date()
