"""Reads and flights as an iCalendar file. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from bookings.document import clean
from bookings.models import IOBooking
from tracker.lib.dates import last_day_of, local_day

READ_LASTS = timedelta(minutes=30)


def calendar_of(lines: Iterable[IOBooking], *, name: str, host: str, at: datetime) -> bytes:
    """Return a calendar: a moment for each read in an episode, whole days for a flight over a show. No prices."""
    calendar = Calendar()
    calendar.add("prodid", "-//Podcast Sponsorship Tracker//Reads//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", clean(name))
    for line in lines:
        calendar.add_component(_event(line, host, at))
    return calendar.to_ical()


def _event(line: IOBooking, host: str, at: datetime) -> Event:
    event = Event()
    event.add("uid", f"{line.pk}@{host}")
    event.add("dtstamp", at)
    event.add("sequence", line.revision)
    event.add("last-modified", line.updated_at)
    who = clean(str(line.campaign.sponsor))
    event.add("summary", f"{who}: {clean(line.ad_unit.name)}, {clean(line.ad_unit.podcast.title)}")
    event.add("status", "TENTATIVE" if line.status == IOBooking.Status.HELD else "CONFIRMED")
    parts = [clean(str(line.episode)) if line.episode else "", f"{line.ad_unit.duration_seconds} s", line.promo_code]
    event.add("description", " · ".join(part for part in parts if part))
    baked_in = line.ad_unit.delivery == line.ad_unit.Delivery.BAKED_IN
    if line.episode is not None and line.episode.drops_at is not None and baked_in:
        event.add("dtstart", line.episode.drops_at)
        event.add("dtend", line.episode.drops_at + READ_LASTS)
        return event
    zone = ZoneInfo(line.order.time_zone)
    event.add("dtstart", local_day(line.flight_start, zone))
    # The day after the last: the end of an all-day event is not part of it.
    event.add("dtend", last_day_of(line.flight_end, zone) + timedelta(days=1))
    event.add("transp", "TRANSPARENT")
    return event
