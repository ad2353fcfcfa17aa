"""What an order for a deal can be made of: each slot of the wanted shows in the wanted days, free or taken."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from bookings.delivery.queries import usual_episode_downloads
from bookings.models import AdUnit, InsertionOrder, IOBooking, SlotClaim
from bookings.queries.calendar import BLOCKED, HELD, OPEN, SOLD, claim_meets, claim_on, claims_of, episodes_of, units_of
from bookings.queries.house import order_profile
from bookings.queries.slots import usual_source
from deals.models import Campaign
from metrics.models import Episode, Podcast
from metrics.queries import mean_downloads_per_day
from tracker.lib.dates import flight_bounds, local_day
from tracker.tenants.context import tenant_zone


@dataclass(frozen=True)
class OfferedLine:
    """A line that could be booked: a unit in an episode, in every episode of the days, or over the days.

    state: open, held, sold or blocked. impressions: what it will likely deliver, None when nobody can say. episodes:
    how many drop in its days. is_proposed: it is free, and the lines before it do not yet reach what the deal wants.
    """

    key: str
    unit: AdUnit
    episode: Episode | None
    first_day: date
    last_day: date
    state: str
    impressions: int | None
    episodes: int
    is_proposed: bool = False


@dataclass(frozen=True)
class _Forecasts:
    """Usual downloads of an episode, and of a day, by show."""

    episodes: dict[UUID, int]
    daily: dict[UUID, int]


def offered_lines(
    campaign: Campaign, podcasts: Sequence[Podcast], *, first_day: date, last_day: date, at: datetime
) -> list[OfferedLine]:
    """Return the lines that shows can offer a deal in some days, by show, unit and day; days are inclusive.

    A fixed number of statements, however many slots. Forecasts come from the deal's measurement of record.
    """
    zone = tenant_zone()
    start, end = flight_bounds(first_day, last_day, zone)
    units = units_of(podcasts)
    episodes = episodes_of(units, start, end)
    claims = claims_of(units, start, end, episodes)
    forecasts = _forecasts(campaign, podcasts, at)
    found: list[OfferedLine] = []
    for unit in units:
        coming = [one for one in episodes[unit.podcast_id] if one.drops_at is not None and one.drops_at > at]
        taken = [claim for claim in claims[unit.pk] if claim_meets(claim, start, end) and not claim.is_shared]
        is_baked_in = unit.delivery == AdUnit.Delivery.BAKED_IN
        if is_baked_in:
            found += [_in_episode(unit, one, claims[unit.pk], forecasts) for one in coming]
        if not is_baked_in or len(coming) > 1:
            found.append(_over_days(unit, coming, taken, (first_day, last_day), forecasts))
    return _proposed(campaign, found)


def draft_order_of(campaign: Campaign) -> InsertionOrder | None:
    """Return the draft order of a deal, None when there is none."""
    return InsertionOrder.objects.filter(campaign=campaign, status=InsertionOrder.Status.DRAFT).first()


def _in_episode(unit: AdUnit, episode: Episode, claims: list[SlotClaim], forecasts: _Forecasts) -> OfferedLine:
    assert episode.drops_at is not None
    day = local_day(episode.drops_at, tenant_zone())
    return OfferedLine(
        key=f"{unit.pk}_{episode.pk}",
        unit=unit,
        episode=episode,
        first_day=day,
        last_day=day + timedelta(days=max(0, (unit.min_flight_days or 1) - 1)),
        state=_state(claim_on(claims, episode)),
        impressions=forecasts.episodes.get(unit.podcast_id),
        episodes=1,
    )


def _over_days(
    unit: AdUnit, coming: list[Episode], taken: list[SlotClaim], days: tuple[date, date], forecasts: _Forecasts
) -> OfferedLine:
    if unit.delivery == AdUnit.Delivery.BAKED_IN:
        an_episode = forecasts.episodes.get(unit.podcast_id)
        impressions = None if an_episode is None else an_episode * len(coming)
    else:
        daily = forecasts.daily.get(unit.podcast_id)
        if unit.is_shared and unit.impressions_per_day is not None:
            daily = unit.impressions_per_day
        impressions = None if daily is None else daily * ((days[1] - days[0]).days + 1)
    return OfferedLine(
        key=f"{unit.pk}_all",
        unit=unit,
        episode=None,
        first_day=days[0],
        last_day=days[1],
        state=_state(taken[0] if taken else None),
        impressions=impressions,
        episodes=len(coming),
    )


def _state(claim: SlotClaim | None) -> str:
    if claim is None:
        return OPEN
    if claim.booking is None:
        return BLOCKED
    return HELD if claim.booking.status == IOBooking.Status.HELD else SOLD


def _forecasts(campaign: Campaign, podcasts: Sequence[Podcast], at: datetime) -> _Forecasts:
    order = draft_order_of(campaign)
    profile = order_profile()
    recorded = (order.measurement_of_record if order else "") or profile.measurement_of_record
    source = recorded or usual_source(podcasts[0] if podcasts else None, at=at)
    window = max(1, order.guarantee_days if order else profile.guarantee_days)
    shows = {show.pk for show in podcasts}
    yesterday = at.astimezone(UTC).date() - timedelta(days=1)
    return _Forecasts(
        episodes=usual_episode_downloads(shows, source=source, window=window, at=at),
        daily=mean_downloads_per_day(podcast_ids=shows, source=source, until=yesterday),
    )


def _proposed(campaign: Campaign, lines: list[OfferedLine]) -> list[OfferedLine]:
    """Mark free single slots, in the order of their days, until they reach the impressions that the deal wants."""
    wanted, reached, chosen = campaign.wanted_impressions or 0, 0, set()
    singles = [line for line in lines if line.episode or line.unit.delivery == AdUnit.Delivery.DYNAMIC]
    for line in sorted(singles, key=lambda one: (one.first_day, one.unit.podcast.title, one.key)):
        if reached >= wanted:
            break
        if line.state == OPEN and line.impressions:
            chosen.add(line.key)
            reached += line.impressions
    return [replace(line, is_proposed=line.key in chosen) for line in lines]
