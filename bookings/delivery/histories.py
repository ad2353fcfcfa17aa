"""What the episodes of shows teach: their curves by source, and what each young episode will come to."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from bookings.curve import Growth, TenantHistory
from bookings.delivery.inputs import Inputs, drop_day
from bookings.growth import Counted
from bookings.pacing import Interval
from metrics.models import Episode


class Histories:
    """The curves of the shows that were read, one set for each source; kept, since many lines ask the same."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._of_source: dict[str, TenantHistory] = {}
        self._learnt: dict[tuple[UUID, str], tuple[list[Counted], dict[UUID, int]]] = {}
        self._closes: dict[tuple[UUID, str, int, int, int], Interval | None] = {}

    def growth(self, show: UUID, source: str, age: int, window: int) -> Growth | None:
        """How a show's episodes grow from `age` to the end of their window; None when nothing can be learned yet."""
        return self._history(source).growth(show, age, window)

    def share(self, show: UUID, source: str, age: int, window: int) -> float | None:
        """A show's curve at one age, F(age) / F(window); None when nothing can be learned yet."""
        return self._history(source).share(show, age, window)

    def level(self, show: UUID, source: str, window: int) -> Interval | None:
        """What the next episode of a show will have at the end of its window."""
        return self._history(source).level(show, window)

    def episodes_of(self, show: UUID, source: str, window: int) -> int:
        """How many of a show's own episodes its curve is learned from."""
        return self._history(source).episodes_of(show, window)

    def at_close(
        self, growth: Growth, episode: Episode, source: str, *, window: int, delivered: int
    ) -> Interval | None:
        """What an episode will have when its window closes, by the model that knows it best."""
        key = (episode.pk, source, growth.age, window, delivered)
        if key not in self._closes:
            counted, places = self._counted(episode.podcast_id, source)
            place = places.get(episode.pk, len(counted))
            own = counted[place] if place < len(counted) else None
            if own is None or own.counts.get(growth.age) != delivered:
                own = Counted(episode.drops_at or self._inputs.at, {growth.age: delivered})
            self._closes[key] = growth.at_close(own, counted[:place])
        return self._closes[key]

    def _history(self, source: str) -> TenantHistory:
        if source not in self._of_source:
            self._of_source[source] = TenantHistory(
                {show: self._counted(show, source)[0] for show in self._inputs.episodes}
            )
        return self._of_source[source]

    def _counted(self, show: UUID, source: str) -> tuple[list[Counted], dict[UUID, int]]:
        """A show's episodes that were measured from their first day on, oldest first, and the place of each.

        A day on which the source counted any episode of the show but not this one is a day without downloads; a day
        on which it counted none is a gap, and what comes after it is not known.
        """
        key = (show, source)
        if key not in self._learnt:
            self._learnt[key] = _counted(self._inputs, self._inputs.episodes.get(show, ()), source)
        return self._learnt[key]


def _counted(inputs: Inputs, episodes: Sequence[Episode], source: str) -> tuple[list[Counted], dict[UUID, int]]:
    measured: list[tuple[Episode, date, dict[int, int]]] = []
    days: set[date] = set()
    reach: dict[UUID, int] = defaultdict(int)
    for episode in episodes:
        counts = inputs.episode_days.get((episode.pk, source))
        first = drop_day(episode)
        if counts is None or first is None:
            continue
        shift = (first - counts.first_day).days
        by_age = {offset - shift: count for offset, count in counts.by_offset.items() if offset >= shift}
        measured.append((episode, first, by_age))
        reach[episode.podcast_id] = max(reach[episode.podcast_id], max(by_age, default=-1) + 1)
        days.update(first + timedelta(days=age) for age in by_age)
    counted: list[Counted] = []
    places: dict[UUID, int] = {}
    by_days = {episode.pk: (first, by_age) for episode, first, by_age in measured}
    for episode in episodes:
        first, by_age = by_days.get(episode.pk, (None, {}))
        totals = {} if first is None else _cumulative(first, by_age, days, reach[episode.podcast_id])
        # What a source told so far stands beside the days that it told, and before what days add up to.
        totals |= inputs.kept.get((episode.pk, source), {})
        if totals and episode.drops_at is not None:
            places[episode.pk] = len(counted)
            counted.append(Counted(episode.drops_at, totals))
    return counted, places


def _cumulative(first: date, by_age: dict[int, int], measured: set[date], reach: int) -> dict[int, float]:
    """Running totals by age up to the last measured day; cut off at a gap, empty when the first day is missing."""
    totals: dict[int, float] = {}
    running, day = 0, first
    for age in range(reach):
        if day not in measured:
            break
        running += by_age.get(age, 0)
        totals[age + 1] = running
        day += timedelta(days=1)
    return totals
