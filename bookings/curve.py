"""How an episode gathers its downloads by age: learned from a show's own episodes, never taken from elsewhere.

Ages are whole days since an episode dropped (1 = its first day is over); counts are cumulative downloads at the end of
that day. F(age) / F(W) is the share of what an episode has at the end of its guarantee window W that it has at `age`.
Everything is learned on the logarithm of growth, log(count at W / count at age), where errors are symmetric and a show
twice as large grows alike. Source: DOMAIN, measuring ("no universal curve exists").
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, isfinite
from statistics import median

from bookings.growth import FEWEST_FOR_BACK_TEST, Counted, GrowthModel, learn
from bookings.pacing import Interval
from bookings.robust import robust_centre, spread80

# The ages at which how an episode grew so far is looked at.
WINDOWS = (1, 7, 14, 30, 90)
# How many episodes the show's own curve weighs against one tenant's curve, when the data cannot tell.
USUAL_PRIOR = 4.0
# Recent episodes tell most about the next one.
HISTORY = 60
LEVEL_HISTORY = 8
LEVEL_JUDGED = 24
# From so many on a show's own errors speak for themselves.
ENOUGH = 9


@dataclass(frozen=True)
class Growth:
    """How episodes of one age still grow: what was learned for one show, one age and one window.

    `centre` is the usual log growth, which tells the show's curve: `share` = F(age) / F(window). `episodes` counts the
    show's own closed ones. `error` is the back-tested one: the mean absolute error, as a share, of what the older half
    of them said of the newer half; None when too few. `pull` draws the show's own model to the tenant's curve.
    """

    centre: float
    spread: tuple[float, float] | None
    episodes: int
    small_error: float | None
    age: int
    shift: float = 0.0
    pull: float = 0.0
    model: GrowthModel | None = None

    @property
    def share(self) -> float:
        return exp(-self.centre)

    @property
    def error(self) -> float | None:
        return self.small_error if self.small_error is not None or self.model is None else self.model.error

    @property
    def falls(self) -> bool:
        return self.model is not None and self.model.falls

    def at_close(self, episode: Counted, before: Sequence[Counted] = ()) -> Interval | None:
        """Project one episode; `before` came out before it, oldest first. None when its count at this age is not known.

        The middle is the point that errs least in percent; an episode loses no downloads: max(d, d / F(age) x F(W)).
        Only where a source took some back in the past (`falls`), the lower bound may lie below what it has.
        """
        known = episode.log_at(self.age)
        if known is None:
            return None if episode.counts.get(self.age) is None else Interval(0.0, None, None)
        own = None if self.model is None else self.model.middle_of(episode, before)
        middle = known + self.centre if own is None else own + self.pull
        outlook = None if own is None or self.model is None else self.model.outlook_of(episode)
        move, spread = (0.0, self.spread) if outlook is None else (outlook.move, (outlook.low, outlook.high))
        count = max(exp(known), exp(middle + move + self.shift))
        if spread is None:
            return Interval(count, None, None)
        least = 0.0 if self.falls else exp(known)
        low, high = (max(least, exp(middle + bound)) for bound in spread)
        return Interval(count, min(low, count), max(high, count))


class TenantHistory:
    """The episodes of all shows of a tenant (by one source), each show's in the order in which they dropped.

    Answers are kept, since many bookings ask the same.
    """

    def __init__(self, shows: Mapping[Hashable, Sequence[Counted]]) -> None:
        self._shows = {key: list(episodes) for key, episodes in shows.items()}
        self._growths: dict[tuple[Hashable, int, int], Growth | None] = {}
        self._shares: dict[tuple[Hashable, int, int], float | None] = {}
        self._closed: dict[tuple[Hashable, int], int] = {}
        self._levels: dict[tuple[Hashable, int], Interval | None] = {}
        self._tenants: dict[tuple[int, int], _TenantGrowth] = {}

    def growth(self, show: Hashable, age: int, window: int) -> Growth | None:
        """Return how a show's episodes grow from `age` to `window`, or None when nothing can be learned yet."""
        if age >= window:
            return Growth(0.0, (0.0, 0.0), self.episodes_of(show, window), 0.0, age)
        key = (show, age, window)
        if key not in self._growths:
            self._growths[key] = self._learn(show, age, window)
        return self._growths[key]

    def share(self, show: Hashable, age: int, window: int) -> float | None:
        """Return the show's curve at one age, F(age) / F(window), without learning more; None as for `growth`."""
        if age >= window:
            return 1.0
        if (show, age, window) in self._growths:
            growth = self._growths[show, age, window]
            return None if growth is None else growth.share
        key = (show, age, window)
        if key not in self._shares:
            own = _growth_logs(self._recent(show, age, window), age, window)
            house = self._house(age, window)
            others, _residuals = house.without(show)
            known = bool(own) or others is not None
            middle = robust_centre(own) if own else None
            self._shares[key] = exp(-_shrunk(len(own), middle, others, house.prior)) if known else None
        return self._shares[key]

    def level(self, show: Hashable, window: int) -> Interval | None:
        """Return what the show's next episode will have at the end of its window."""
        key = (show, window)
        if key not in self._levels:
            self._levels[key] = self._learn_level(show, window)
        return self._levels[key]

    def _learn_level(self, show: Hashable, window: int) -> Interval | None:
        closed = [level for one in self._shows.get(show, ()) if (level := one.log_at(window)) is not None]
        logs = closed[-HISTORY:]
        if not logs:
            return None
        centre = robust_centre(logs[-LEVEL_HISTORY:])
        judged = range(max(2, len(logs) - LEVEL_JUDGED), len(logs))
        misses = [logs[place] - robust_centre(logs[max(0, place - LEVEL_HISTORY) : place]) for place in judged]
        spread = spread80(misses)
        if spread is None:
            return Interval(exp(centre), None, None)
        return Interval(exp(centre), exp(centre + min(0.0, spread[0])), exp(centre + max(0.0, spread[1])))

    def episodes_of(self, show: Hashable, window: int) -> int:
        """How many of the show's own episodes have come to the end of the window and can teach its curve."""
        key = (show, window)
        if key not in self._closed:
            self._closed[key] = min(HISTORY, sum(1 for one in self._shows.get(show, ()) if window in one.counts))
        return self._closed[key]

    def _learn(self, show: Hashable, age: int, window: int) -> Growth | None:
        model = learn(self._recent(show, age, window), age=age, to=window, windows=WINDOWS)
        own = () if model is None else model.growths
        house = self._house(age, window)
        others, residuals = house.without(show)
        if not own and others is None:
            return None
        centre = _shrunk(len(own), None if model is None else model.middle, others, house.prior)
        if model is not None and len(own) >= ENOUGH:
            spread = model.spread
        else:
            spread = spread80([value - centre for value in own] + residuals)
        return Growth(
            centre=centre,
            spread=spread,
            episodes=len(own),
            small_error=_back_tested(own, others, house.prior) if len(own) < FEWEST_FOR_BACK_TEST else None,
            age=age,
            shift=0.0 if model is None else model.shift,
            pull=0.0 if model is None else centre - model.middle,
            model=model,
        )

    def _recent(self, show: Hashable, age: int, window: int) -> list[Counted]:
        """The show's episodes from the fortieth last closed one on."""
        episodes = self._shows.get(show, [])
        closed = [place for place, one in enumerate(episodes) if age in one.counts and window in one.counts]
        return episodes[closed[-HISTORY] :] if len(closed) > HISTORY else episodes

    def _house(self, age: int, window: int) -> "_TenantGrowth":
        key = (age, window)
        if key not in self._tenants:
            logs = {show: _growth_logs(episodes, age, window) for show, episodes in self._shows.items()}
            self._tenants[key] = _TenantGrowth({show: values for show, values in logs.items() if values})
        return self._tenants[key]


class _TenantGrowth:
    """The tenant's curve at one age: the middle of its shows, and how far shows stand from one another."""

    def __init__(self, logs: dict[Hashable, list[float]]) -> None:
        self._logs = logs
        self._centres = {show: robust_centre(values) for show, values in logs.items()}

    def without(self, show: Hashable) -> tuple[float | None, list[float]]:
        """Return the middle of the other shows, and how their episodes stray from their own show's middle."""
        others = [centre for key, centre in self._centres.items() if key != show]
        if not others:
            return None, []
        return median(others), self._others_stray(show)

    def _others_stray(self, show: Hashable) -> list[float]:
        if len(self._logs.get(show, ())) >= ENOUGH:
            return []
        stray = []
        for key, values in self._logs.items():
            if key != show and len(values) > 1:
                stray += [value - self._centres[key] for value in values]
        return stray

    @cached_property
    def prior(self) -> float:
        """How many episodes of its own a show needs to weigh as much as the tenant's curve: within / between spread."""
        full = [(self._centres[show], values) for show, values in self._logs.items() if len(values) >= 5]
        if len(full) < 3:
            return USUAL_PRIOR
        within = sum(_variance(values) for _centre, values in full) / len(full)
        noise = sum(_variance(values) / len(values) for _centre, values in full) / len(full)
        between = max(_variance([centre for centre, _values in full]) - noise, 1e-9)
        return min(12.0, max(0.5, within / between))


def _growth_logs(episodes: Sequence[Counted], age: int, window: int) -> list[float]:
    """Return log(count at window / count at age) of the last closed episodes that have both."""
    pairs = [(one.log_at(age), one.log_at(window)) for one in episodes]
    return [then - now for now, then in pairs if now is not None and then is not None][-HISTORY:]


def _shrunk(episodes: int, own: float | None, others: float | None, prior: float) -> float:
    """Return the show's own middle, drawn to the tenant's the more, the fewer episodes it has."""
    if own is None:
        assert others is not None
        return others
    return own if others is None else (episodes * own + prior * others) / (episodes + prior)


def _back_tested(own: Sequence[float], others: float | None, prior: float) -> float | None:
    """Mean absolute percentage error of the older half's curve on the newer half, as a share."""
    half = len(own) // 2
    if half < 2:
        return None
    centre = _shrunk(half, robust_centre(own[:half]), others, prior)
    errors = [abs(exp(centre - value) - 1) for value in own[half:]]
    mean = sum(errors) / len(errors)
    return mean if isfinite(mean) else None


def _variance(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)
