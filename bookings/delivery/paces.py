"""From what was read to how each line stands: one `Pacer` for a set of lines, which share their shows' curves."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from bookings.curve import Growth
from bookings.delivery.booking_pace import BookingPace, SpotPace, exposure_of, share_of_booked
from bookings.delivery.histories import Histories
from bookings.delivery.inputs import RECENT_DAYS, EpisodeDays, Flight, Inputs, drop_day, zone_of
from bookings.delivery.pauses import ineligible_days
from bookings.delivery.sharing import Sharing
from bookings.pacing import (
    Bands,
    Interval,
    Pace,
    Spot,
    baked_in_pace,
    days_of,
    dynamic_pace,
    eligible_days,
    notice_deadline,
    pacing_pct_of,
    split_goal,
)
from metrics.models import Episode
from tracker.lib.dates import local_day


class Pacer:
    """Turns what was read into paces; holds the curves, which many lines share."""

    def __init__(self, inputs: Inputs, bands: Bands) -> None:
        self.inputs = inputs
        self.bands = bands
        self.histories = Histories(inputs)
        self._sharing = Sharing(inputs)
        # Episodes of each show with the moments at which they drop, in that order.
        self._drops: dict[UUID, tuple[list[datetime], list[Episode]]] = {}

    def pace(self, flight: Flight) -> BookingPace:
        return self._baked_in(flight) if flight.is_baked_in else self._dynamic(flight)

    # --- dynamic ------------------------------------------------------------------------------------------------------

    def _dynamic(self, flight: Flight) -> BookingPace:
        measured = self.inputs.source_of.get(flight.booking.pk)
        ineligible = self._ineligible(flight)
        counted: dict[date, int] = {}
        if measured is not None:
            counted = self._daily(flight, measured[0])
        as_of = measured[1] if measured else None
        upto = min(flight.last, as_of) if as_of else flight.first - timedelta(days=1)
        known = [(day, counted[day]) for day in days_of(flight.first, upto) if day in counted and day not in ineligible]
        pace = dynamic_pace(
            booked=flight.booking.booked_impressions,
            first=flight.first,
            last=flight.last,
            as_of=as_of,
            ineligible=ineligible,
            delivered=sum(count for _day, count in known) if known else None,
            recent=[count for _day, count in known][-RECENT_DAYS:],
            bands=self.bands,
        )
        missing = sum(1 for day in days_of(flight.first, upto) if day not in counted and day not in ineligible)
        return self._booking_pace(flight, pace, basis="straight", closes_on=flight.last, missing=missing)

    def _ineligible(self, flight: Flight) -> set[date]:
        pauses = self.inputs.pauses.get(flight.booking.pk)
        return ineligible_days(flight.first, flight.last, zone_of(flight.booking), pauses) if pauses else set()

    def _daily(self, flight: Flight, source: str) -> dict[date, int]:
        """What counts for a dynamic line by day; of a shared unit its own part."""
        if flight.booking.episode_id is None:
            key = (flight.podcast_id, source)
            counted = self.inputs.show_days.get(key, {})
        else:
            key = (flight.booking.episode_id, source)
            counted = self.inputs.single_days.get(key, {})
        return self._sharing.part_of(flight, counted, key) if flight.booking.ad_unit.is_shared else counted

    def delivered_by_day(self, flight: Flight) -> dict[date, int]:
        """Downloads that count for a line, by the day on which they came; days without a number are not in it."""
        measured = self.inputs.source_of.get(flight.booking.pk)
        if measured is None:
            return {}
        if not flight.is_baked_in:
            ineligible = self._ineligible(flight)
            counted = self._daily(flight, measured[0]).items()
            return {
                day: count
                for day, count in counted
                if flight.first <= day <= flight.last and day not in ineligible and day <= measured[1]
            }
        by_day: dict[date, int] = defaultdict(int)
        for episode in self._episodes_of(flight):
            _first, age, start, old = self._age(flight, episode, measured)
            counts = self.inputs.episode_days.get((episode.pk, measured[0]))
            if counts is None or age is None:
                continue
            for offset, count in counts.by_offset.items():
                if start <= offset < start + age:
                    by_day[counts.first_day + timedelta(days=offset)] += count
        return dict(by_day)

    def expected_by_day(self, flight: Flight, days: Sequence[date]) -> list[float | None]:
        """What is expected in all by the end of each day; None where no curve is known. An episode that is to come is
        expected from its planned day on."""
        measured = self.inputs.source_of.get(flight.booking.pk)
        booked = flight.booking.booked_impressions
        if not flight.is_baked_in:
            left_out = self._ineligible(flight)
            eligible = eligible_days(flight.first, flight.last, left_out)
            return [booked * sum(1 for one in eligible if one <= day) / max(1, len(eligible)) for day in days]
        if measured is None:
            return [None] * len(days)
        known = [
            self.histories.share(flight.podcast_id, measured[0], age, flight.window)
            for age in range(1, flight.window + 1)
        ]
        if any(share is None for share in known):
            return [None] * len(days)
        shares = [0.0, *(share for share in known if share is not None)]
        episodes = self._episodes_of(flight)
        goals = split_goal(booked, len(episodes) + self._episodes_to_come(flight, episodes))
        drops = [self._age(flight, episode, measured)[0] for episode in episodes]
        expected = []
        for day in days:
            total = 0.0
            for goal, drop in zip(goals, drops, strict=False):
                age = 0 if drop is None else min(flight.window, max(0, (day - drop).days + 1))
                total += float(goal) * shares[age]
            expected.append(total)
        return list(expected)

    def spot_curve(self, flight: Flight, spot: SpotPace) -> tuple[list[float], list[float]]:
        """What an episode had in all by the end of each of its days, and what was expected of it by then."""
        measured = self.inputs.source_of.get(flight.booking.pk)
        if measured is None or spot.day is None:
            return [], []
        _first, _age, start, old = self._age(flight, spot.episode, measured)
        counts = self.inputs.episode_days.get((spot.episode.pk, measured[0]))
        if counts is None or old:
            return [], []
        so_far: list[float] = []
        usual: list[float] = []
        for age in range(1, spot.day + 1):
            so_far.append((so_far[-1] if so_far else 0) + counts.by_offset.get(start + age - 1, 0))
            share = self.histories.share(flight.podcast_id, measured[0], age, flight.window)
            if share is not None:
                usual.append(float(spot.goal) * share)
        return so_far, usual if len(usual) == len(so_far) else []

    # --- baked-in -----------------------------------------------------------------------------------------------------

    def _baked_in(self, flight: Flight) -> BookingPace:
        measured = self.inputs.source_of.get(flight.booking.pk)
        episodes = self._episodes_of(flight)
        coming = self._episodes_to_come(flight, episodes)
        goals = split_goal(flight.booking.booked_impressions, len(episodes) + coming)
        spots: list[tuple[SpotPace | None, Spot]] = [
            self._spot(flight, episode, goal, measured) for episode, goal in zip(episodes, goals, strict=False)
        ]
        spots += [
            (None, Spot(goal=goal, age=None, delivered=None, expected_share=None, at_close=self._level(flight)))
            for goal in goals[len(episodes) :]
        ]
        closes_on = self._closes_on(flight, episodes, coming)
        as_of = measured[1] if measured else None
        pace = baked_in_pace(
            booked=flight.booking.booked_impressions,
            first=flight.first,
            last=flight.last,
            as_of=as_of,
            spots=[spot for _pace, spot in spots],
            days_left=max(0, (closes_on - max(as_of, flight.first - timedelta(days=1))).days) if as_of else 0,
            bands=self.bands,
        )
        shown = tuple(pace for pace, _spot in spots if pace is not None)
        own = self.histories.episodes_of(flight.podcast_id, measured[0], flight.window) if measured else 0
        return self._booking_pace(
            flight,
            pace,
            basis="curve" if own else "house_curve",
            closes_on=closes_on,
            spots=shown,
            episodes_in_all=len(episodes) + coming,
            curve_episodes=own,
        )

    def _episodes_of(self, flight: Flight) -> list[Episode]:
        """The episodes that carry the line: the one it names, or every one that drops in its flight."""
        known = self.inputs.episodes.get(flight.podcast_id, [])
        booking = flight.booking
        if booking.episode_id is not None:
            return [episode for episode in known if episode.pk == booking.episode_id]
        if flight.podcast_id not in self._drops:
            drops = [episode.drops_at for episode in known if episode.drops_at is not None]
            self._drops[flight.podcast_id] = (drops, [episode for episode in known if episode.drops_at is not None])
        drops, dated = self._drops[flight.podcast_id]
        return dated[bisect_left(drops, booking.flight_start) : bisect_left(drops, booking.flight_end)]

    def _episodes_to_come(self, flight: Flight, episodes: list[Episode]) -> int:
        """How many more episodes the show's release days promise until the flight ends, past those already known."""
        weekdays = set(flight.booking.ad_unit.podcast.release_weekdays)
        if flight.booking.episode_id is not None or not weekdays:
            return 0
        zone = zone_of(flight.booking)
        known = [local_day(episode.drops_at, zone) for episode in episodes if episode.drops_at is not None]
        after = max([local_day(self.inputs.at, zone), flight.first - timedelta(days=1), *known])
        return sum(1 for day in days_of(after + timedelta(days=1), flight.last) if day.weekday() in weekdays)

    def _spot(
        self, flight: Flight, episode: Episode, goal: Decimal, measured: tuple[str, date] | None
    ) -> tuple[SpotPace, Spot]:
        first, age, start, old = self._age(flight, episode, measured)
        delivered = None
        share: Decimal | None = None
        curve: Growth | None = None
        close = self._level(flight)
        if measured is not None and age is not None:
            counts = self.inputs.episode_days.get((episode.pk, measured[0]))
            if counts is not None:
                delivered = _between(counts, start, start + age)
            kept = {} if old else self.inputs.kept.get((episode.pk, measured[0]), {})
            if reached := max((known for known in kept if known <= age), default=0):
                # Downloads so far, and the days that came since; without such days it counts as of its own.
                since = None if counts is None else _between(counts, start + reached, start + age)
                age = reached if since is None else age
                delivered = kept[reached] + (since or 0)
            growth = None if old else self.histories.growth(flight.podcast_id, measured[0], age, flight.window)
            if growth is not None:
                share, curve = Decimal(growth.share), growth if age < flight.window else None
                if delivered is not None:
                    close = self.histories.at_close(
                        growth, episode, measured[0], window=flight.window, delivered=delivered
                    )
            elif age >= flight.window and delivered is not None:
                share, close = Decimal(1), Interval(delivered, delivered, delivered)
            else:
                close = None
        spot = Spot(goal=goal, age=age, delivered=delivered, expected_share=share, at_close=close)
        return self._spot_pace(episode, first, spot, curve), spot

    def _spot_pace(self, episode: Episode, first: date | None, spot: Spot, curve: Growth | None) -> SpotPace:
        expected = None if spot.expected_share is None else spot.goal * spot.expected_share
        if spot.age is None:
            expected = Decimal(0)
        close = spot.at_close
        pct = pacing_pct_of(spot.delivered, expected) if spot.age else None
        band = self.bands.band_of(pct)
        return SpotPace(
            episode=episode,
            goal=spot.goal,
            day=spot.age,
            first_day=first,
            delivered=spot.delivered,
            expected=expected,
            pacing_pct=pct,
            band=self.bands.calmed(band, goal=int(spot.goal), low=_whole(close, "low"), high=_whole(close, "high")),
            projection=_whole(close, "middle"),
            projection_low=_whole(close, "low"),
            projection_high=_whole(close, "high"),
            curve=curve,
        )

    def _age(
        self, flight: Flight, episode: Episode, measured: tuple[str, date] | None
    ) -> tuple[date | None, int | None, int, int]:
        """(first day that counts, complete days since it, its place in what was read, the episode's age by then).

        An episode that was to come out later but has downloads already counts from its first one; one that came out
        before the flight began counts from the flight's first day. Days are counted to the window's end at most.
        """
        first = drop_day(episode)
        counts = self.inputs.episode_days.get((episode.pk, measured[0])) if measured else None
        is_out = episode.is_published and (episode.drops_at is None or episode.drops_at <= self.inputs.at)
        if not is_out and counts is not None and counts.by_offset:
            first = counts.first_day + timedelta(days=min(counts.by_offset))
            is_out = True
        if not is_out or measured is None:
            return first, None, 0, 0
        first = first or flight.first
        # A drop late in the evening may belong to the day before in UTC: only whole days before the flight are old.
        old = (flight.first - first).days if flight.booking.episode_id else 0
        old = old if old > 1 else 0
        begins = first + timedelta(days=old)
        age = min((measured[1] - begins).days + 1, flight.window)
        start = (begins - counts.first_day).days if counts is not None else 0
        return begins, (age if age >= 1 else None), start, old

    def _closes_on(self, flight: Flight, episodes: list[Episode], coming: int) -> date:
        """The last day that counts: the last episode's drop + W (DOMAIN), the flight's end + W while one is to come."""
        ends = [flight.last + timedelta(days=flight.window)] if coming or not episodes else []
        for episode in episodes:
            first, _age, _start, _old = self._age(flight, episode, self.inputs.source_of.get(flight.booking.pk))
            ends.append((first or flight.last) + timedelta(days=flight.window - 1))
        return max(ends)

    def _level(self, flight: Flight) -> Interval | None:
        measured = self.inputs.source_of.get(flight.booking.pk)
        return self.histories.level(flight.podcast_id, measured[0], flight.window) if measured else None

    # --- both ---------------------------------------------------------------------------------------------------------

    def _booking_pace(
        self,
        flight: Flight,
        pace: Pace,
        *,
        basis: str,
        closes_on: date,
        spots: tuple[SpotPace, ...] = (),
        episodes_in_all: int | None = None,
        curve_episodes: int | None = None,
        missing: int = 0,
    ) -> BookingPace:
        measured = self.inputs.source_of.get(flight.booking.pk)
        booking = flight.booking
        return BookingPace(
            booking=booking,
            booked=pace.booked,
            delivered=pace.delivered,
            delivered_share=share_of_booked(pace.delivered, pace.booked),
            expected=pace.expected,
            expected_share=share_of_booked(pace.expected, pace.booked),
            pacing_pct=pace.pacing_pct,
            band=pace.band,
            projection=pace.projection,
            projection_low=pace.projection_low,
            projection_high=pace.projection_high,
            needed_per_day=pace.needed_per_day,
            shortfall=pace.shortfall,
            exposure_cents=exposure_of(booking, pace.shortfall),
            as_of=measured[1] if measured else None,
            source=measured[0] if measured else booking.order.measurement_of_record,
            basis=basis,
            first_day=flight.first,
            last_day=flight.last,
            episodes_out=sum(1 for spot in spots if spot.day is not None) if flight.is_baked_in else None,
            episodes_in_all=episodes_in_all,
            days_left=pace.days_left,
            days_total=pace.days_total,
            closes_on=closes_on,
            notice_by=notice_deadline(first=flight.first, closes_on=closes_on),
            own_delivered=pace.delivered,
            makegood_delivered=0,
            curve_episodes=curve_episodes,
            days_missing=missing,
            spots=spots,
            unknown_reason=pace.unknown_reason,
            is_shared=booking.ad_unit.is_shared,
        )


def _between(counts: EpisodeDays, start: int, end: int) -> int | None:
    known = [count for offset, count in counts.by_offset.items() if start <= offset < end]
    return sum(known) if known else None


def _whole(close: Interval | None, bound: str) -> int | None:
    value = None if close is None else getattr(close, bound)
    return None if value is None else round(value)
