"""What will go, and how callers hear of it: with every answer, in time, and with the way out.

`Deprecation` is the moment from which an act should not be used any more (RFC 9745), `Sunset` the moment from which it
may be gone (RFC 8594), `Link` leads to the page that says what to use instead.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.http import HttpResponse
from django.utils.http import http_date

# What docs/api.md promises: so long an act stays after it was said that it will go.
STAYS_FOR = timedelta(days=365)


@dataclass(frozen=True)
class Deprecation:
    """From which day an act is deprecated, on which day it may go (a year later at the earliest), and where to read on.

    Raises ValueError for a sunset that comes too soon.
    """

    since: date
    sunset: date
    instead: str

    def __post_init__(self) -> None:
        if self.sunset - self.since < STAYS_FOR:
            raise ValueError(f"What is deprecated stays for {STAYS_FOR.days} days: {self.since} to {self.sunset}.")

    def add_headers(self, response: HttpResponse) -> None:
        """Write Deprecation, Sunset and Link into an answer."""
        response["Deprecation"] = f"@{_moment(self.since)}"
        response["Sunset"] = http_date(_moment(self.sunset))
        response["Link"] = f'<{self.instead}>; rel="deprecation"; type="text/html"'


def _moment(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())
