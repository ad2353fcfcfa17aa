"""How an episode gathers its downloads by age: learned from a show's own episodes, never taken from elsewhere.

Ages are whole days since an episode dropped (1 = its first day is over); counts are cumulative downloads at the end of
that day. F(age) / F(W) is the share of what an episode has at the end of its guarantee window W that it has at `age`.
Everything is learned on the logarithm of growth, log(count at W / count at age), where errors are symmetric and a show
twice as large grows alike. Source: DOMAIN, measuring ("no universal curve exists").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, isfinite, log
from statistics import median

from bookings.pacing import Z80, Interval

# How many episodes the show's own curve weighs against one tenant's curve, when the data cannot tell.
USUAL_PRIOR = 4.0
# Recent episodes tell most about the next one.
HISTORY = 40
LEVEL_HISTORY = 8
_BIWEIGHT = 4.685
_STUDENT80 = {1: 3.078, 2: 1.886, 3: 1.638, 4: 1.533, 5: 1.476, 6: 1.440, 7: 1.415}

Counts = Sequence[float]


def robust_centre(values: Sequence[float]) -> float:
    """Return the middle of some numbers, wild ones left out of it (Tukey's biweight, begun at the median)."""
    centre = median(values)
    scale = 1.4826 * median(abs(value - centre) for value in values)
    if scale <= 1e-12 or len(values) < 4:
        return centre
    for _round in range(12):
        pulls = [max(0.0, 1 - ((value - centre) / (_BIWEIGHT * scale)) ** 2) ** 2 for value in values]
        moved = sum(pull * value for pull, value in zip(pulls, values, strict=True)) / sum(pulls)
        if abs(moved - centre) < 1e-7 * scale:
            break
        centre = moved
    return centre


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that a new draw stays below with probability `share` (Weibull's (n + 1) positions).

    These positions make the interval between two such values hold exactly its nominal share of draws from anywhere.
    """
    ordered = sorted(values)
    place = share * (len(ordered) + 1) - 1
    if place <= 0:
        return ordered[0]
    if place >= len(ordered) - 1:
        return ordered[-1]
    below = int(place)
    return ordered[below] + (place - below) * (ordered[below + 1] - ordered[below])


def spread80(residuals: Sequence[float]) -> tuple[float, float] | None:
    """Return (low, high) between which four of five new residuals fall; None when there are too few to say.

    From nine on the residuals speak for themselves; fewer are taken for normal, with Student's wider tails.
    """
    count = len(residuals)
    if count < 2:
        return None
    if count >= 9:
        return quantile(residuals, 0.1), quantile(residuals, 0.9)
    mean = sum(residuals) / count
    deviation = (sum((value - mean) ** 2 for value in residuals) / (count - 1)) ** 0.5
    wide = _STUDENT80.get(count - 1, Z80) * deviation * (1 + 1 / count) ** 0.5
    return mean - wide, mean + wide


def growth_logs(episodes: Sequence[Counts], age: int, window: int) -> list[float]:
    """Return log(count at window / count at age) of each episode that has both."""
    logs = []
    for counts in episodes:
        if len(counts) >= window and counts[age - 1] > 0 and counts[window - 1] > 0:
            logs.append(log(counts[window - 1] / counts[age - 1]))
    return logs


@dataclass(frozen=True)
class Growth:
    """How much an episode of one age still grows: `centre` of the log growth, and the bounds of 80 % of episodes."""

    centre: float
    low: float | None
    high: float | None
    episodes: int
    # Mean absolute error of what the older half would have said of the newer half, as a share; None when too few.
    error: float | None

    @property
    def share(self) -> float:
        return exp(-self.centre)

    def at_close(self, count: float) -> Interval:
        if self.low is None or self.high is None:
            return Interval(count * exp(self.centre), None, None)
        # An episode never loses downloads: max(d, d / F(age) x F(W)).
        return Interval(
            max(count, count * exp(self.centre)),
            max(count, count * exp(self.low)),
            max(count, count * exp(self.high)),
        )


class TenantHistory:
    """The episodes of all shows of a tenant (by one source), each show's in the order in which they dropped.

    `shows` maps a show's key to cumulative counts by age. Answers are kept, since many bookings ask the same.
    """

    def __init__(self, shows: dict[object, Sequence[Counts]]) -> None:
        self._shows = {key: list(episodes)[-HISTORY:] for key, episodes in shows.items()}
        self._growths: dict[tuple[object, int, int], Growth | None] = {}
        self._levels: dict[tuple[object, int], Interval | None] = {}
        self._tenants: dict[tuple[int, int], _TenantGrowth] = {}

    def growth(self, show: object, age: int, window: int) -> Growth | None:
        """Return how a show's episodes grow from `age` to `window`, or None when nothing can be learned yet."""
        if age >= window:
            return Growth(0.0, 0.0, 0.0, len(self._shows.get(show, ())), 0.0)
        key = (show, age, window)
        if key not in self._growths:
            self._growths[key] = self._learn(show, age, window)
        return self._growths[key]

    def level(self, show: object, window: int) -> Interval | None:
        """Return what the show's next episode will have at the end of its window."""
        key = (show, window)
        if key not in self._levels:
            self._levels[key] = self._learn_level(show, window)
        return self._levels[key]

    def _learn_level(self, show: object, window: int) -> Interval | None:
        closed = [counts[window - 1] for counts in self._shows.get(show, ()) if len(counts) >= window]
        logs = [log(count) for count in closed if count > 0]
        if not logs:
            return None
        centre = robust_centre(logs[-LEVEL_HISTORY:])
        misses = [
            logs[place] - robust_centre(logs[max(0, place - LEVEL_HISTORY) : place]) for place in range(2, len(logs))
        ]
        spread = spread80(misses)
        if spread is None:
            return Interval(exp(centre), None, None)
        return Interval(exp(centre), exp(centre + min(0.0, spread[0])), exp(centre + max(0.0, spread[1])))

    def episodes_of(self, show: object, window: int) -> int:
        return sum(1 for counts in self._shows.get(show, ()) if len(counts) >= window)

    def _learn(self, show: object, age: int, window: int) -> Growth | None:
        own = growth_logs(self._shows.get(show, ()), age, window)
        house = self._house(age, window)
        others, residuals = house.without(show)
        if not own and others is None:
            return None
        centre = _shrunk(own, others, house.prior)
        misses = [value - centre for value in own]
        if len(misses) < 9:
            misses += residuals
        spread = spread80(misses)
        return Growth(
            centre=centre,
            low=None if spread is None else centre + spread[0],
            high=None if spread is None else centre + spread[1],
            episodes=len(own),
            error=_back_tested(own, others, house.prior),
        )

    def _house(self, age: int, window: int) -> "_TenantGrowth":
        key = (age, window)
        if key not in self._tenants:
            logs = {show: growth_logs(episodes, age, window) for show, episodes in self._shows.items()}
            self._tenants[key] = _TenantGrowth({show: values for show, values in logs.items() if values})
        return self._tenants[key]


class _TenantGrowth:
    """The tenant's curve at one age: the middle of its shows, and how far shows stand from one another."""

    def __init__(self, logs: dict[object, list[float]]) -> None:
        self._logs = logs
        self._centres = {show: robust_centre(values) for show, values in logs.items()}

    def without(self, show: object) -> tuple[float | None, list[float]]:
        """Return the middle of the other shows, and how their episodes stray from their own show's middle."""
        others = [centre for key, centre in self._centres.items() if key != show]
        if not others:
            return None, []
        return median(others), self._others_stray(show)

    def _others_stray(self, show: object) -> list[float]:
        if len(self._logs.get(show, ())) >= 9:
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


def _shrunk(own: Sequence[float], others: float | None, prior: float) -> float:
    """Return the show's own middle, drawn to the tenant's the more, the fewer episodes it has."""
    if not own:
        assert others is not None
        return others
    centre = robust_centre(own)
    if others is None:
        return centre
    return (len(own) * centre + prior * others) / (len(own) + prior)


def _back_tested(own: Sequence[float], others: float | None, prior: float) -> float | None:
    """Mean absolute percentage error of the older half's curve on the newer half, as a share."""
    half = len(own) // 2
    if half < 2:
        return None
    centre = _shrunk(own[:half], others, prior)
    errors = [abs(exp(centre - value) - 1) for value in own[half:]]
    mean = sum(errors) / len(errors)
    return mean if isfinite(mean) else None


def _variance(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)
