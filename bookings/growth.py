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

from bookings.curve import robust_centre, spread80

Array = NDArray[np.float64]

# An episode's level is judged against so many before it.
NEIGHBOURS = 30
# A group of terms must lower the error on unseen episodes by this share.
WORTH = 0.03
# And by so many times what that fall could be by chance.
SURE = 1.3
SURE_OF_DRIFT = 3.0
_PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0)
_CUT = 4.685
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
    seen: tuple[Array, Array] = field(default_factory=lambda: (np.zeros(0), np.zeros(0)))
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
            columns = book.terms([episode], [before]).of(self.terms)[0]
            # Beyond what was seen nobody knows whether a term goes on to matter.
            middle += float(np.clip(columns, self.seen[0], self.seen[1]) @ self.slopes)
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

    def seen(self, chosen: Sequence[str], columns: Array) -> tuple[Array, Array]:
        """The range in which each chosen term was seen, and half as far again; a drift goes on a little beyond it."""
        low, high = columns.min(axis=0), columns.max(axis=0)
        low, high = low - (high - low) / 2, high + (high - low) / 2
        drifts = [group == "drift" for group in self._groups() if group in chosen]
        return low, np.where(drifts, 0.5 + _DRIFT_BELIEVED, high)

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
    unseen, rest = _left_out_centres(growths), growths
    if len(episodes) >= _FEWEST_FOR_TERMS:
        terms = book.terms(episodes, [_earlier(past, place) for place in places])
        fit = _grow_model(terms, growths)
        if fit.chosen:
            model.terms, model.centre, model.slopes, unseen = fit.chosen, fit.centre, fit.slopes, fit.unseen
            columns = terms.of(fit.chosen)
            rest = growths - columns @ fit.slopes
            model.seen = book.seen(fit.chosen, columns)
    model.shift = _least_percent_error(unseen)
    model.spread = _spread(unseen, rest)
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
        sure = [trial for trial in trials if _is_better(trial, best)]
        if not sure:
            return best
        best = min(sure, key=lambda fit: fit.error)
        weights = _weights(best.unseen)


def _is_better(trial: _Fit, best: _Fit) -> bool:
    """Whether a further group lowers the error on unseen episodes by more than chance would.

    Neighbours share the level they are judged against and err alike, so a drift beside it needs better evidence.
    """
    gains = np.minimum(np.abs(best.unseen), 1.0) - np.minimum(np.abs(trial.unseen), 1.0)
    sure = SURE_OF_DRIFT if {"drift", "level"} <= set(trial.chosen) else SURE + 8 / len(gains)
    doubt = sure * float(np.std(gains)) / np.sqrt(len(gains))
    return float(np.mean(gains)) >= max(doubt, best.error * WORTH)


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
    """Hold wild episodes down: full weight near the usual, none far away (Tukey's biweight)."""
    scale = 1.4826 * float(np.median(np.abs(residuals)))
    if scale <= 1e-12:
        return np.ones_like(residuals)
    pull = (1 - np.minimum(np.abs(residuals) / (_CUT * scale), 1.0) ** 2) ** 2
    return np.maximum(pull, 1e-3)


def _left_out_centres(growths: Array) -> Array:
    """The error on each episode of the robust middle of the others."""
    values = growths.tolist()
    if len(values) == 1:
        return np.zeros(1)
    if len(values) > 60:
        return growths - robust_centre(values)
    return np.array([value - robust_centre(values[:place] + values[place + 1 :]) for place, value in enumerate(values)])


def _least_percent_error(unseen: Array) -> float:
    """The correction that makes the mean absolute percentage error least: minus the variance, for normal log errors.

    A forecast too high by half errs by 50 %, one too low by half by 33 % of the truth: low is cheaper.
    """
    scale = 1.4826 * float(np.median(np.abs(unseen)))
    return -min(scale * scale, 0.2)


def _spread(unseen: Array, rest: Array) -> tuple[float, float] | None:
    """The bounds of four in five errors; wider towards where growth is seen to drift.

    `rest` is the growth that the terms do not explain, oldest first. When its later half stands off its earlier half by
    more than chance, later episodes will stand off as far again and more.
    """
    spread = spread80(unseen.tolist())
    half = len(rest) // 2
    if spread is None or half < 5:
        return spread
    drift = robust_centre(rest[half:].tolist()) - robust_centre(rest[:half].tolist())
    scale = 1.4826 * float(np.median(np.abs(unseen)))
    if abs(drift) < 1.7 * scale * (2 / half) ** 0.5:
        return spread
    return spread[0] + min(0.0, 2 * drift), spread[1] + max(0.0, 2 * drift)


def _earlier(past: Sequence[Counted], place: int) -> Sequence[Counted]:
    """The episodes that tell the level around one: those before it, and for the first ones also those after."""
    if place >= NEIGHBOURS:
        return past[:place]
    return [one for index, one in enumerate(past[: NEIGHBOURS + 1]) if index != place]


def _step(episode: Counted, step: tuple[int, int]) -> float | None:
    first, then = episode.log_at(step[0]), episode.log_at(step[1])
    return None if first is None or then is None else then - first
