"""What was sold to a sponsor, and where it was heard."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Max, QuerySet

from bookings.models import AdUnit, IOBooking
from metrics.models import Episode
from tracker.lib.dates import last_day_of
from tracker.tenants.context import tenant_zone

Status = IOBooking.Status
# A line of these states was on air, wholly or in part.
AIRED = (Status.ACTIVE, Status.PAUSED, Status.MAKEGOOD, Status.COMPLETED)
# Lines looked at, the newest first: years of even a very busy sponsor.
MOST_LINES = 500


@dataclass(frozen=True)
class Read:
    """One episode that a sponsor ran in. A dynamic line is heard in every episode: there, episode is None."""

    podcast: str
    episode: Episode | None
    on: datetime
    line: IOBooking


def bookings_of_sponsor(sponsor_id: UUID) -> QuerySet[IOBooking]:
    """Return every booking of a sponsor's deals, the latest flight first, with what a list shows."""
    lines = IOBooking.objects.filter(campaign__sponsor_id=sponsor_id)
    return lines.select_related("ad_unit__podcast", "episode", "campaign", "order").order_by("-flight_start", "io_id")


def last_booked_days(sponsors: Collection[UUID]) -> dict[UUID, date]:
    """Return the last day that is booked for each sponsor, in the house's days; holds and cancelled lines apart."""
    taken = [status for status in IOBooking.CLAIMING if status != Status.HELD]
    rows = (
        IOBooking.objects.filter(campaign__sponsor__in=sponsors, status__in=taken)
        .order_by()
        .values_list("campaign__sponsor_id")
        .annotate(end=Max("flight_end"))
    )
    zone = tenant_zone()
    return {sponsor: last_day_of(end, zone) for sponsor, end in rows}


def reads_of_sponsor(sponsor_id: UUID, *, at: datetime) -> list[Read]:
    """Return the episodes that a sponsor ran in, the latest first: two statements, whatever their number.

    A baked-in line was heard in its own episode, or in each that came out inside its flight; a dynamic one is one row
    from the day it began. What is not out yet is not there.
    """
    lines = list(bookings_of_sponsor(sponsor_id).filter(status__in=AIRED, flight_start__lte=at)[:MOST_LINES])
    whole = [line for line in lines if _is_over_a_show(line)]
    out = _published(whole, at)
    reads = []
    for line in lines:
        podcast = line.ad_unit.podcast.title
        if line.ad_unit.delivery == AdUnit.Delivery.DYNAMIC:
            reads.append(Read(podcast, line.episode, line.flight_start, line))
        elif line.episode is not None:
            if line.episode.is_published and line.episode.drops_at and line.episode.drops_at <= at:
                reads.append(Read(podcast, line.episode, line.episode.drops_at, line))
        else:
            reads += [
                Read(podcast, episode, dropped, line)
                for dropped, episode in out[line.ad_unit.podcast_id]
                if line.flight_start <= dropped < line.flight_end
            ]
    return sorted(reads, key=lambda read: (read.on, read.podcast), reverse=True)


def _is_over_a_show(line: IOBooking) -> bool:
    return line.episode_id is None and line.ad_unit.delivery == AdUnit.Delivery.BAKED_IN


def _published(lines: list[IOBooking], at: datetime) -> defaultdict[UUID, list[tuple[datetime, Episode]]]:
    """Return what came out in the time of these lines, by show: (when, episode)."""
    found: defaultdict[UUID, list[tuple[datetime, Episode]]] = defaultdict(list)
    if not lines:
        return found
    episodes = Episode.objects.filter(
        podcast__in={line.ad_unit.podcast_id for line in lines},
        is_published=True,
        drops_at__gte=min(line.flight_start for line in lines),
        drops_at__lt=min(at, max(line.flight_end for line in lines)),
    )
    for episode in episodes:
        if episode.drops_at is not None:
            found[episode.podcast_id].append((episode.drops_at, episode))
    return found
