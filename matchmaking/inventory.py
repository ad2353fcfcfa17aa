"""What shows have free in the weeks ahead, read for many shows at once.

A week's free share is the mean over a show's ad units for sale. Baked-in: free episodes that drop in the week (planned
ones, or where none is planned yet the weekdays on which the show usually drops). Dynamic: the part of the week's hours
that no booking has. A unit sold by impressions counts as free until somebody blocks it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from uuid import UUID

from bookings.models import AdUnit, SlotClaim, slot_number
from matchmaking.profiles import WEEKS
from metrics.models import Episode, Podcast

WEEK = timedelta(weeks=1)


@dataclass(frozen=True)
class Avails:
    """free_by_week: share of slots free, 0 where a week has none; cpm_cents: median of the rate card, None without."""

    free_by_week: tuple[float, ...]
    cpm_cents: int | None


@dataclass(frozen=True)
class _Claim:
    first: int | None
    last: int | None
    start: datetime | None
    end: datetime | None
    is_shared: bool

    def takes(self, number: int, drop: datetime) -> bool:
        return (
            (self.first is None or self.first <= number)
            and (self.last is None or number < self.last)
            and (self.start is None or self.start <= drop)
            and (self.end is None or drop <= self.end)
        )


def first_week(at: datetime) -> datetime:
    """Return the Monday, 00:00 UTC, with which the weeks begin."""
    day = at.date() - timedelta(days=at.weekday())
    return datetime.combine(day, datetime.min.time(), tzinfo=at.tzinfo)


def avails_of(*, podcasts: Collection[Podcast], at: datetime) -> dict[UUID, Avails]:
    """Return the avails of the shows that have ad units for sale; the others are missing: unknown."""
    ids = [podcast.pk for podcast in podcasts]
    start = first_week(at)
    end = start + WEEKS * WEEK
    units: dict[UUID, list[AdUnit]] = {}
    for unit in AdUnit.objects.filter(podcast_id__in=ids, is_active=True).order_by("ad_unit_id"):
        units.setdefault(unit.podcast_id, []).append(unit)
    claims = _claims(start, end, ids)
    drops: dict[UUID, list[tuple[UUID, datetime]]] = {}
    rows = Episode.objects.filter(podcast_id__in=ids, drops_at__gte=at, drops_at__lt=end).values_list(
        "podcast_id", "episode_id", "drops_at"
    )
    for podcast_id, episode_id, drop in rows:
        assert drop is not None
        drops.setdefault(podcast_id, []).append((episode_id, drop))
    found = {}
    for podcast in podcasts:
        own = units.get(podcast.pk)
        if not own:
            continue
        weeks = [
            _unit_weeks(unit, podcast, drops.get(podcast.pk, []), claims.get(unit.pk, []), start, at) for unit in own
        ]
        rates = [unit.rate_cpm_cents for unit in own if unit.rate_cpm_cents]
        found[podcast.pk] = Avails(
            tuple(sum(week) / len(weeks) for week in zip(*weeks, strict=True)), round(median(rates)) if rates else None
        )
    return found


def _claims(start: datetime, end: datetime, podcasts: Iterable[UUID]) -> dict[UUID, list[_Claim]]:
    found: dict[UUID, list[_Claim]] = {}
    rows = SlotClaim.objects.filter(ad_unit__podcast_id__in=podcasts, during__overlap=(start, end))
    for claim in rows.only("ad_unit_id", "episodes", "during", "is_shared"):
        found.setdefault(claim.ad_unit_id, []).append(
            _Claim(claim.episodes.lower, claim.episodes.upper, claim.during.lower, claim.during.upper, claim.is_shared)
        )
    return found


def _unit_weeks(
    unit: AdUnit,
    podcast: Podcast,
    drops: list[tuple[UUID, datetime]],
    claims: list[_Claim],
    start: datetime,
    at: datetime,
) -> list[float]:
    earliest = at + timedelta(days=unit.lead_days)
    weeks = []
    for number in range(WEEKS):
        begin, end = start + number * WEEK, start + (number + 1) * WEEK
        if unit.delivery == AdUnit.Delivery.BAKED_IN:
            weeks.append(_free_drops(podcast, drops, claims, begin, end, earliest))
        else:
            weeks.append(_free_hours(claims, max(begin, earliest), begin, end))
    return weeks


def _free_drops(
    podcast: Podcast,
    drops: list[tuple[UUID, datetime]],
    claims: list[_Claim],
    begin: datetime,
    end: datetime,
    earliest: datetime,
) -> float:
    planned = [(slot_number(episode), drop) for episode, drop in drops if begin <= drop < end]
    if not planned:
        days = [begin + timedelta(days=day, hours=12) for day in podcast.release_weekdays if 0 <= day <= 6]
        # An episode that is not planned yet has no number of its own: only claims on every episode meet it.
        planned = [(-1, drop) for drop in days]
    coming = [(number, drop) for number, drop in planned if drop >= earliest]
    if not coming:
        return 0.0
    free = sum(not any(claim.takes(number, drop) for claim in claims) for number, drop in coming)
    return free / len(coming)


def _free_hours(claims: list[_Claim], begin: datetime, week_begins: datetime, end: datetime) -> float:
    if begin >= end:
        return 0.0
    taken = timedelta(0)
    cursor = begin
    spans = sorted(
        (max(claim.start or begin, begin), min(claim.end or end, end)) for claim in claims if not claim.is_shared
    )
    for first, last in spans:
        first = max(first, cursor)
        if last > first:
            taken += last - first
            cursor = last
    return ((end - begin) - taken) / (end - week_begins)


def weeks_wanted(spans: Iterable[tuple[date, date]], at: datetime) -> tuple[float, ...] | None:
    """Return the weight of each of the next WEEKS in which a sponsor wants to run, summing to 1; None without a wish.

    spans: first and last day of the flights of its open deals; each day counts once.
    """
    start = first_week(at).date()
    days = [0] * WEEKS
    for first, last in spans:
        day = max(first, at.date())
        while day <= last and (day - start).days < 7 * WEEKS:
            days[(day - start).days // 7] += 1
            day += timedelta(days=1)
    whole = sum(days)
    return tuple(count / whole for count in days) if whole else None
