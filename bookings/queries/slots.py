"""What is taken, what is free, who stands too near: reads behind every booking."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange, NumericRange
from django.db.models import Q, QuerySet, Sum

from bookings.models import AdUnit, IOBooking, SlotClaim, slot_number
from metrics.models import DailyRollup, Episode, Podcast
from tracker.lib.dates import day_start, local_day
from tracker.tenants.context import tenant_zone

OFFERS = 3
LOOK_AHEAD_EPISODES = 60
FORECAST_DAYS = 28
DAY_SECONDS = 86_400


def claims_meeting(
    ad_unit: AdUnit,
    episodes: NumericRange,
    during: DateTimeTZRange,
    *,
    besides: IOBooking | None,
    shared: bool | None,
) -> QuerySet[SlotClaim]:
    """Return the claims of a unit that meet these episodes and this time, oldest first. shared=None: of both kinds."""
    found = SlotClaim.objects.filter(ad_unit=ad_unit, episodes__overlap=episodes, during__overlap=during)
    if besides is not None:
        found = found.filter(Q(booking__isnull=True) | ~Q(booking=besides))
    if shared is not None:
        found = found.filter(is_shared=shared)
    return found.select_related("ad_unit", "booking__episode").order_by("during", "claim_id")


def rivals_meeting(
    booking: IOBooking, category: str, episodes: NumericRange, during: DateTimeTZRange, *, whole_flight: bool
) -> QuerySet[IOBooking]:
    """Return live bookings of other sponsors of one category that meet a booking on its show.

    whole_flight: anywhere on the show while the flights overlap; else only in an episode that carries both. Two lines
    sold in the same episode meet whenever they run, since what is baked in stays. Source: DOMAIN, bookings.
    """
    rivals = (
        IOBooking.objects.filter(
            ad_unit__podcast_id=booking.ad_unit.podcast_id,
            status__in=IOBooking.CLAIMING,
            campaign__sponsor__category__iexact=category,
        )
        .exclude(campaign__sponsor_id=booking.campaign.sponsor_id)
        .exclude(pk=booking.pk)
        .order_by("flight_start", "io_id")
    )
    if whole_flight:
        return rivals.filter(flight_start__lt=booking.flight_end, flight_end__gt=booking.flight_start)
    meets = Q(claim__episodes__overlap=episodes, claim__during__overlap=during)
    if booking.episode_id is not None:
        meets |= Q(episode_id=booking.episode_id)
    return rivals.filter(meets)


@dataclass(frozen=True)
class SharedDemand:
    """What a shared unit can deliver a day, and how many impressions a flight could still take."""

    per_day: Fraction | None
    free: int


def shared_demand_over(
    booking: IOBooking, *, at: datetime, start: datetime | None = None, end: datetime | None = None
) -> SharedDemand:
    """Return what is left of a shared unit over a booking's flight (or another window).

    Each booking is spread evenly over its flight; what is free is what the busiest moment leaves, over the whole
    window, so no day is ever sold beyond what it can deliver. Impressions. Source: RELIABILITY, decided 2.
    """
    start, end = start or booking.flight_start, end or booking.flight_end
    per_day = impressions_per_day(booking.ad_unit, at=at)
    if per_day is None:
        return SharedDemand(per_day=None, free=0)
    others = [
        (line.flight_start, line.flight_end, Fraction(line.booked_impressions, _seconds(line)))
        for line in IOBooking.objects.filter(
            ad_unit_id=booking.ad_unit_id,
            status__in=IOBooking.CLAIMING,
            flight_start__lt=end,
            flight_end__gt=start,
        ).exclude(pk=booking.pk)
    ]
    moments = [start, *(begin for begin, _stop, _rate in others if begin > start)]
    busiest = max(
        sum((rate for begin, stop, rate in others if begin <= moment < stop), Fraction(0)) for moment in moments
    )
    window = Fraction((end - start) // timedelta(seconds=1))
    free = (per_day / DAY_SECONDS - busiest) * window
    return SharedDemand(per_day=per_day, free=max(0, free.numerator // free.denominator))


def impressions_per_day(ad_unit: AdUnit, *, at: datetime) -> Fraction | None:
    """Return what a shared unit can deliver in a day: its own figure, or its show's mean of the last 28 complete days.

    One source only, the one with most days, never a sum of sources. None when nothing is known: missing is not zero.
    """
    return impressions_of_units([ad_unit], at=at)[ad_unit.pk]


def impressions_of_units(ad_units: Sequence[AdUnit], *, at: datetime) -> dict[UUID, Fraction | None]:
    """Return the same for many units, by unit, with one statement at most."""
    asked = {unit.podcast_id for unit in ad_units if unit.impressions_per_day is None}
    counted = _downloads_by_source(asked, at) if asked else {}
    return {
        unit.pk: _mean(counted.get(unit.podcast_id, {}))
        if unit.impressions_per_day is None
        else Fraction(unit.impressions_per_day)
        for unit in ad_units
    }


def usual_source(podcast: Podcast | None, *, at: datetime) -> str:
    """Return the source that counted a show on most of the last 28 complete days; empty when none did."""
    by_source = _downloads_by_source({podcast.pk}, at).get(podcast.pk) if podcast else None
    return _steadiest(by_source) if by_source else ""


def _mean(by_source: dict[str, list[int]]) -> Fraction | None:
    if not by_source:
        return None
    figures = by_source[_steadiest(by_source)]
    return Fraction(sum(figures), len(figures))


def _downloads_by_source(podcast_ids: set[UUID], at: datetime) -> dict[UUID, dict[str, list[int]]]:
    last = at.date()
    days = (
        DailyRollup.objects.filter(
            podcast_id__in=podcast_ids,
            day__gte=last - timedelta(days=FORECAST_DAYS),
            day__lt=last,
            downloads__isnull=False,
        )
        .values("podcast_id", "source", "day")
        .annotate(total=Sum("downloads"))
        .order_by("podcast_id", "source", "day")
    )
    found: dict[UUID, dict[str, list[int]]] = {}
    for row in days:
        found.setdefault(row["podcast_id"], {}).setdefault(row["source"], []).append(row["total"])
    return found


def _steadiest(by_source: dict[str, list[int]]) -> str:
    return max(by_source, key=lambda source: (len(by_source[source]), sum(by_source[source])))


@dataclass(frozen=True)
class FreeSlot:
    """A slot that could be booked instead: an episode, or a flight of the same length. Instants in UTC or local."""

    flight_start: datetime
    flight_end: datetime
    episode_id: str | None = None
    episode: str | None = None
    drops_at: datetime | None = None

    def as_json(self) -> dict[str, str | None]:
        return {
            "flight_start": self.flight_start.isoformat(),
            "flight_end": self.flight_end.isoformat(),
            "episode_id": self.episode_id,
            "episode": self.episode,
            "drops_at": self.drops_at.isoformat() if self.drops_at else None,
        }


def free_slots(
    *,
    ad_unit: AdUnit,
    episode: Episode | None,
    flight_start: datetime,
    flight_end: datetime,
    at: datetime,
    impressions: int | None = None,
) -> list[FreeSlot]:
    """Return the next free slots, three at most: episodes for a baked-in line in one, else flights of the same length.

    impressions: for a shared unit, the flights that still have that many.
    """
    if episode is not None and ad_unit.delivery == AdUnit.Delivery.BAKED_IN:
        return _free_episodes(ad_unit, episode, flight_start, flight_end, at)
    return _free_flights(ad_unit, flight_start, flight_end, at, impressions)


def _free_episodes(
    ad_unit: AdUnit, episode: Episode, flight_start: datetime, flight_end: datetime, at: datetime
) -> list[FreeSlot]:
    after = max(at + timedelta(days=ad_unit.lead_days), min(episode.drops_at or at, flight_start))
    coming = list(
        Episode.objects.filter(podcast_id=ad_unit.podcast_id, drops_at__gt=after)
        .exclude(pk=episode.pk)
        .order_by("drops_at")[:LOOK_AHEAD_EPISODES]
    )
    if not coming:
        return []
    span = DateTimeTZRange(after, coming[-1].drops_at, "[]")
    claims = list(SlotClaim.objects.filter(ad_unit=ad_unit, during__overlap=span))
    length, offers = flight_end - flight_start, []
    for candidate in coming:
        start = candidate.drops_at
        if start and not any(_covers(claim, slot_number(candidate.pk), start) for claim in claims):
            slot = FreeSlot(start, start + length, str(candidate.pk), str(candidate), start)
            offers.append(slot)
        if len(offers) == OFFERS:
            break
    return offers


def _covers(claim: SlotClaim, number: int, drop: datetime) -> bool:
    episodes, during = claim.episodes, claim.during
    if episodes.lower is not None and not episodes.lower <= number < episodes.upper:
        return False
    return drop in during


def _free_flights(
    ad_unit: AdUnit, flight_start: datetime, flight_end: datetime, at: datetime, impressions: int | None
) -> list[FreeSlot]:
    zone = tenant_zone()
    # Wall-clock length, so that whole days stay whole days across a change of the clocks.
    length = flight_end.astimezone(zone).replace(tzinfo=None) - flight_start.astimezone(zone).replace(tzinfo=None)
    cursor = max(flight_start, _next_midnight(at + timedelta(days=ad_unit.lead_days), zone)).astimezone(zone)
    claims = [
        (claim.during.lower, claim.during.upper, claim.during.upper_inc)
        for claim in SlotClaim.objects.filter(ad_unit=ad_unit, during__overlap=DateTimeTZRange(cursor, None, "[)"))
        if impressions is None or not claim.is_shared
    ]
    if impressions is not None:
        return _flights_with_impressions(ad_unit, cursor, length, at, impressions)
    offers: list[FreeSlot] = []
    for _step in range(len(claims) + OFFERS):
        end = cursor + length
        meeting = [
            (upper, inclusive)
            for lower, upper, inclusive in claims
            if (lower is None or lower < end) and (upper is None or upper > cursor or (inclusive and upper == cursor))
        ]
        if not meeting:
            offers.append(FreeSlot(cursor, end))
            cursor = end
        elif any(upper is None for upper, _inclusive in meeting):
            break
        else:
            upper, inclusive = max(meeting)
            cursor = _next_midnight(upper + timedelta(microseconds=1 if inclusive else 0), zone)
        if len(offers) == OFFERS:
            break
    return offers


def _flights_with_impressions(
    ad_unit: AdUnit, first: datetime, length: timedelta, at: datetime, impressions: int
) -> list[FreeSlot]:
    zone = tenant_zone()
    ends = IOBooking.objects.filter(ad_unit=ad_unit, status__in=IOBooking.CLAIMING, flight_end__gt=first)
    starts = sorted({first, *(_next_midnight(end, zone) for end in ends.values_list("flight_end", flat=True))})
    offers: list[FreeSlot] = []
    for start in starts[:LOOK_AHEAD_EPISODES]:
        probe = IOBooking(ad_unit=ad_unit, flight_start=start, flight_end=start + length)
        if shared_demand_over(probe, at=at).free >= impressions:
            offers.append(FreeSlot(start, start + length))
        if len(offers) == OFFERS:
            break
    return offers


def _next_midnight(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the first local midnight that is not before a moment."""
    day = local_day(moment, zone)
    start = day_start(day, zone)
    return start if start >= moment else day_start(day + timedelta(days=1), zone)


def _seconds(line: IOBooking) -> int:
    return max(1, (line.flight_end - line.flight_start) // timedelta(seconds=1))
