"""Lines that have run, and the counts they ran on: built past the booking services, which sell the future only."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from bookings.models import AdUnit, InsertionOrder, IOBooking
from deals.models import Campaign, Sponsor
from metrics.models import Episode, Podcast
from metrics.services import DayOfEpisode, record_metrics
from tracker.lib.money import round_half_up

# Nine in the morning of 21 November: the 20th is the last complete day.
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
NOV = date(2026, 11, 1)

_count = itertools.count(1)


def nov(day: int, hour: int = 0) -> datetime:
    """An instant of November 2026 in UTC; days past the 30th run on into December."""
    return datetime(2026, 11, 1, hour, tzinfo=UTC) + timedelta(days=day - 1)


def make_show(**fields) -> Podcast:
    number = next(_count)
    return Podcast.objects.create(title=fields.pop("title", f"Show {number}"), slug=f"show-{number}", **fields)


def make_sponsor(**fields) -> Sponsor:
    return Sponsor.objects.create(name=fields.pop("name", f"Sponsor {next(_count)}"), **fields)


def make_line(
    *,
    show: Podcast | None = None,
    delivery: str = "dynamic",
    start: datetime | None = None,
    end: datetime | None = None,
    booked: int = 10_000,
    cpm_cents: int = 2_500,
    episode: Episode | None = None,
    status: str = "active",
    unit: AdUnit | None = None,
    sponsor: Sponsor | None = None,
    order: Mapping[str, object] | None = None,
    **fields,
) -> IOBooking:
    """Make a line that stands in `status`, from 1 November for 30 days unless told otherwise."""
    number = next(_count)
    show = show or (episode.podcast if episode else unit.podcast if unit else make_show())
    campaign = Campaign.objects.create(
        name=f"Deal {number}", sponsor=sponsor or make_sponsor(), stage="negotiation", stage_changed_at=nov(1)
    )
    unit = unit or AdUnit.objects.create(
        podcast=show, name=f"Mid-roll {number}", position="mid", duration_seconds=60, delivery=delivery
    )
    paper = {"currency": "EUR", "time_zone": "UTC", "measurement_of_record": "podtrail", **(order or {})}
    fields.setdefault("gross_cents", round_half_up(booked * cpm_cents / 1000))
    return IOBooking.objects.create(
        order=InsertionOrder.objects.create(campaign=campaign, **paper),
        campaign=campaign,
        ad_unit=unit,
        episode=episode,
        flight_start=start or nov(1),
        flight_end=end or nov(31),
        booked_impressions=booked,
        booked_cpm_cents=cpm_cents,
        status=status,
        status_changed_at=start or nov(1),
        **fields,
    )


def make_episode(show: Podcast, drops_at: datetime | None, **fields) -> Episode:
    fields.setdefault("title", f"Episode {next(_count)}")
    fields.setdefault("is_published", drops_at is None or drops_at <= NOW)
    return Episode.objects.create(podcast=show, drops_at=drops_at, **fields)


def measure(
    episode: Episode, downloads: Sequence[int | None], *, first: date = NOV, source: str = "podtrail", **measures
) -> None:
    """Record an episode's daily downloads from `first` on; None leaves the day out."""
    rows = [
        DayOfEpisode(
            day=first + timedelta(days=offset),
            episode_id=episode.pk,
            source=source,
            downloads=count,
            **measures,
        )
        for offset, count in enumerate(downloads)
        if count is not None
    ]
    record_metrics(rows=rows, at=NOW)


# An episode has half of its downloads on the first day, a quarter on the second, an eighth on the third, and so on for
# five days, and then nothing more but the odd one; its 30-day total is 3,200.
HALVING = [1_600, 800, 400, 200, 100, 100] + [0] * 24


def teach_curve(show: Podcast, *, episodes: int = 12, scale: int = 1, until: date = NOV - timedelta(days=32)) -> None:
    """Give a show a past: weekly episodes that all grew alike, the last one early enough to have closed by November."""
    for back in range(episodes, 0, -1):
        drop = until - timedelta(days=7 * back)
        episode = make_episode(show, datetime(drop.year, drop.month, drop.day, 5, tzinfo=UTC))
        measure(episode, [count * scale for count in HALVING], first=drop)
