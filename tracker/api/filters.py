"""Filters that every list may use, beside those of django-filter."""

from datetime import UTC, datetime
from typing import Any

from django_filters import rest_framework as filters

EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class InstantFilter(filters.IsoDateTimeFilter):
    """An instant with any offset that ISO 8601 knows: the database takes fewer, and no year outside 1 to 9999."""

    def filter(self, qs: Any, value: datetime | None) -> Any:
        return super().filter(qs, _in_utc(value) if value else value)


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return EARLIEST if moment.year == 1 else LATEST
