"""From what an episode has at one age to what it will have at another: learned from earlier episodes, with an interval.

One model serves one pair of ages. It predicts the logarithm of growth, log(count at `to` / count at `age`), by a robust
ridge regression whose terms must earn their place: a group of terms (how far the episode stands from its show's recent
level, how it grew up to now, the weekday and the hour it came out, the drift over time) is taken in only when
predicting each known episode from all others gets clearly better by it. Without such a group the model is the robust
middle of past growth. The interval is read off the errors made on episodes that the model had not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from bookings.curve import quantile, robust_centre, spread80, weighted_median

Array = NDArray[np.float64]

# An episode's level is judged against so many before it.
NEIGHBOURS = 8
# A group of terms must lower the error on unseen episodes by this share.
WORTH = 0.03
_PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0)
_CUT = 2.0
# How far a drift seen in the past is believed to go on beyond it.
_DRIFT_BELIEVED = 0.5
_FEWEST_FOR_TERMS = 10


@dataclass(frozen=True)
class Counted:
    """An episode's cumulative counts by age in days, as far as they are known, and when it came out."""

    published: datetime
    counts: Mapping[int, float]

    def log_at(self, age: int) -> float | None:
        count = self.counts.get(age)
        return log(count) if count is not None and count > 0 else None


@dataclass(frozen=True)
class Forecast:
    """What is expected at the later age: the point that errs least in percent, and the bounds of 80 %."""

    count: float
    low: float | None
    high: float | None


@dataclass
class _Terms:
    """The terms of a set of episodes: one column each, named by the group it belongs to."""

    columns: Array
    groups: list[str]

    def of(self, chosen: Sequence[str]) -> Array:
        return self.columns[:, [index for index, group in enumerate(self.groups) if group in chosen]]


@dataclass
class GrowthModel:
    """What was learned for one pair of ages. `unseen` are log errors on episodes left out while learning."""

    age: int
    to: int
    terms: list[str] = field(default_factory=list)
    centre: float = 0.0
    slopes: Array = field(default_factory=lambda: np.zeros(0))
    shift: float = 0.0
    spread: tuple[float, float] | None = None
    episodes: int = 0

    def predict(self, episode: Counted, before: Sequence[Counted], book: "TermBook") -> Forecast | None:
        """Forecast one episode. `before` are the episodes that came out before it, oldest first."""
        known = episode.log_at(self.age)
        if known is None or not self.episodes:
            return None
        middle = known + self.centre
        if self.terms:
            columns = book.terms([episode], [before]).of(self.terms)
            middle += float(columns[0] @ self.slopes)
        low = high = None
        if self.spread is not None:
            low, high = exp(middle + self.spread[0]), exp(middle + self.spread[1])
        return Forecast(count=exp(middle + self.shift), low=low, high=high)


class TermBook:
    """Turns episodes into terms, in the measures of the episodes it learned from."""

    def __init__(self, past: Sequence[Counted], age: int, windows: Sequence[int]) -> None:
        self._age = age
        self._steps = [(first, then) for first, then in zip(windows, windows[1:], strict=False) if then <= age]
        self._start = past[0].published
        self._span = max((past[-1].published - self._start).total_seconds(), 1.0)
        self._usual_steps = [self._usual_step(past, step) for step in self._steps]
        self._level = robust_centre([value for episode in past if (value := episode.log_at(age)) is not None])
        self._has_hours = len({episode.published.time() for episode in past}) > 1

    def terms(self, episodes: Sequence[Counted], before: Sequence[Sequence[Counted]]) -> _Terms:
        rows = [self._row(episode, earlier) for episode, earlier in zip(episodes, before, strict=True)]
        return _Terms(np.array(rows, dtype=float), self._groups())

    def _groups(self) -> list[str]:
        groups = ["level", *["momentum"] * len(self._steps), *["weekday"] * 7, "drift"]
        return [*groups, "hour"] if self._has_hours else groups

    def _row(self, episode: Counted, before: Sequence[Counted]) -> list[float]:
        known = episode.log_at(self._age) or 0.0
        recent = [value for one in before[-NEIGHBOURS * 2 :] if (value := one.log_at(self._age)) is not None]
        usual = float(np.median(recent[-NEIGHBOURS:])) if len(recent) >= 3 else self._level
        row = [known - usual]
        for step, middle in zip(self._steps, self._usual_steps, strict=True):
            grown = _step(episode, step)
            row.append(0.0 if grown is None else grown - middle)
        row += [1.0 if episode.published.weekday() == weekday else 0.0 for weekday in range(7)]
        place = (episode.published - self._start).total_seconds() / self._span
        row.append(place - 0.5 if place <= 1 else 0.5 + _DRIFT_BELIEVED * min(place - 1, 1.0))
        if self._has_hours:
            row.append((episode.published.hour + episode.published.minute / 60) / 24 - 0.5)
        return row

    def _usual_step(self, past: Sequence[Counted], step: tuple[int, int]) -> float:
        steps = [value for episode in past if (value := _step(episode, step)) is not None]
        return robust_centre(steps) if steps else 0.0


def learn(past: Sequence[Counted], *, age: int, to: int, windows: Sequence[int]) -> tuple[GrowthModel, TermBook] | None:
    """Learn how episodes grow from `age` to `to` from earlier ones, oldest first; None when none has both counts.

    `windows` are the ages at which counts may be known, in order.
    """
    places = [place for place, one in enumerate(past) if one.log_at(age) is not None and one.log_at(to) is not None]
    if not places:
        return None
    episodes = [past[place] for place in places]
    growths = np.array([(one.log_at(to) or 0.0) - (one.log_at(age) or 0.0) for one in episodes])
    book = TermBook(episodes, age, windows)
    model = GrowthModel(age=age, to=to, centre=robust_centre(growths.tolist()), episodes=len(episodes))
    unseen = _left_out_centres(growths)
    if len(episodes) >= _FEWEST_FOR_TERMS:
        terms = book.terms(episodes, [past[:place] for place in places])
        fit = _grow_model(terms, growths)
        if fit.chosen:
            model.terms, model.centre, model.slopes, unseen = fit.chosen, fit.centre, fit.slopes, fit.unseen
    model.shift = _least_percent_error(unseen)
    model.spread = spread80(_with_later_errors(episodes, past, places, unseen, model, book, growths))
    return model, book


@dataclass
class _Fit:
    chosen: list[str]
    centre: float
    slopes: Array
    unseen: Array

    @property
    def error(self) -> float:
        return float(np.mean(np.minimum(np.abs(self.unseen), 1.0)))


def _grow_model(terms: _Terms, growths: Array) -> _Fit:
    """Take in group after group while the error on episodes left out falls clearly."""
    weights = _weights(growths - robust_centre(growths.tolist()))
    best = _fitted(terms, [], growths, weights)
    while True:
        left = [group for group in dict.fromkeys(terms.groups) if group not in best.chosen]
        trials = [_fitted(terms, [*best.chosen, group], growths, weights) for group in left]
        if not trials:
            return best
        better = min(trials, key=lambda fit: fit.error)
        if better.error > best.error * (1 - WORTH):
            return best
        best = better
        weights = _weights(best.unseen)


def _fitted(terms: _Terms, chosen: list[str], growths: Array, weights: Array) -> _Fit:
    """Ridge regression on some groups with the penalty that predicts left-out episodes best."""
    columns = terms.of(chosen)
    centre = float(np.average(growths, weights=weights))
    if not chosen:
        return _Fit([], centre, np.zeros(0), _left_out_centres(growths))
    middles = np.average(columns, axis=0, weights=weights)
    scales = np.sqrt(np.average((columns - middles) ** 2, axis=0, weights=weights))
    scales[scales < 1e-9] = 1.0
    scaled = (columns - middles) / scales
    fits = []
    for penalty in _PENALTIES:
        gram = (scaled * weights[:, None]).T @ scaled + penalty * np.eye(scaled.shape[1])
        inverse = np.linalg.inv(gram)
        slopes = inverse @ (scaled * weights[:, None]).T @ (growths - centre)
        pull = weights * (np.einsum("ij,jk,ik->i", scaled, inverse, scaled) + 1 / weights.sum())
        unseen = (growths - centre - scaled @ slopes) / np.maximum(1 - pull, 0.05)
        plain = slopes / scales
        fits.append(_Fit(chosen, centre - float(middles @ plain), plain, unseen))
    return min(fits, key=lambda fit: fit.error)


def _weights(residuals: Array) -> Array:
    """Hold wild episodes down: full weight up to twice the usual error, less and less beyond."""
    scale = 1.4826 * float(np.median(np.abs(residuals)))
    if scale <= 1e-12:
        return np.ones_like(residuals)
    return np.minimum(1.0, _CUT * scale / np.maximum(np.abs(residuals), 1e-12))


def _left_out_centres(growths: Array) -> Array:
    """The error on each episode of the robust middle of the others."""
    values = growths.tolist()
    if len(values) == 1:
        return np.zeros(1)
    if len(values) > 60:
        return growths - robust_centre(values)
    return np.array([value - robust_centre(values[:place] + values[place + 1 :]) for place, value in enumerate(values)])


def _least_percent_error(unseen: Array) -> float:
    """The correction that makes the mean absolute percentage error least: a weighted median of the errors.

    |exp(s - e) - 1| = exp(-e) |exp(s) - exp(e)|, so errors that were too low weigh less than those too high.
    """
    if len(unseen) < 5:
        return 0.0
    held = np.clip(unseen, -1.5, 1.5)
    return weighted_median(held.tolist(), np.exp(-held).tolist())


def _with_later_errors(
    episodes: Sequence[Counted],
    past: Sequence[Counted],
    places: Sequence[int],
    unseen: Array,
    model: GrowthModel,
    book: TermBook,
    growths: Array,
) -> list[float]:
    """Errors on left-out episodes, and those that the first half's middle makes on the second.

    The second kind knows what the first does not: that later episodes drift away from earlier ones.
    """
    errors = unseen.tolist()
    half = len(growths) // 2
    if half < 5:
        return errors
    terms = book.terms(episodes, [past[:place] for place in places]).of(model.terms)
    explained = terms @ model.slopes if model.terms else np.zeros(len(growths))
    rest = growths - explained
    later = rest[half:] - robust_centre(rest[:half].tolist())
    widened = quantile(later.tolist(), 0.9) - quantile(later.tolist(), 0.1)
    usual = quantile(errors, 0.9) - quantile(errors, 0.1)
    drifts = abs(robust_centre(later.tolist())) > 0.5 * usual or widened > 1.5 * usual
    return errors + later.tolist() if drifts else errors


def _step(episode: Counted, step: tuple[int, int]) -> float | None:
    first, then = episode.log_at(step[0]), episode.log_at(step[1])
    return None if first is None or then is None else then - first
