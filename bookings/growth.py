"""From what an episode has at one age to what it will have at another: learned from earlier episodes, with an interval.

One model serves one pair of ages. It predicts the logarithm of growth, log(count at `to` / count at `age`), by a robust
ridge regression whose terms must earn their place: a group of terms (how far the episode stands from its show's recent
level, how it grew up to now, the weekday and the hour it came out) is taken in only when predicting each known episode
from all others gets clearly better by it. Without such a group the model is the robust middle of past growth. The
interval is read off the errors made on episodes that the model had not seen, and off the way they went (`drift`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from math import log, nan

import numpy as np
from numpy.typing import NDArray

from bookings.drift import Drift, Outlook, learn_drift
from bookings.robust import robust_centre, spread80

Array = NDArray[np.float64]

# An episode's level is judged against so many before it.
NEIGHBOURS = 30
# A group of terms must lower the error on unseen episodes by this share.
WORTH = 0.03
# And by so many times what that fall could be by chance.
SURE = 1.3
# From so many episodes on there is a half to learn from and one to judge.
FEWEST_FOR_BACK_TEST = 8
_FEWEST_FOR_TERMS = 10
_PENALTIES = np.array([0.3, 1.0, 3.0, 10.0, 30.0])
_CUT = 4.685
_DAY = 86_400.0


@dataclass(frozen=True)
class Counted:
    """An episode's cumulative counts by age in days, as far as they are known, and when it came out."""

    published: datetime
    counts: Mapping[int, float]
    _logs: dict[int, float | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def log_at(self, age: int) -> float | None:
        """The logarithm of what it had at an age; None when that is not known, or nothing. Kept, since asked often."""
        if age not in self._logs:
            count = self.counts.get(age)
            self._logs[age] = log(count) if count else None
        return self._logs[age]


@dataclass(frozen=True)
class _Fit:
    """A regression on some groups of terms; `unseen` are the errors on each episode when it is left out."""

    chosen: tuple[str, ...]
    centre: float
    slopes: Array
    unseen: Array

    @cached_property
    def error(self) -> float:
        return float(np.minimum(np.abs(self.unseen), 1.0).mean())


class _Book:
    """Turns episodes into terms: one column each, named by the group it belongs to, in the measures of the learned."""

    def __init__(self, raw: Array, groups: Sequence[str]) -> None:
        self.groups = groups
        known = ~np.isnan(raw)
        self._usual = np.where(known, raw, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        self.columns = self._measured(raw)
        low, high = self.columns.min(axis=0), self.columns.max(axis=0)
        self._low, self._high = low - (high - low) / 2, high + (high - low) / 2

    def of(self, raw: Array) -> Array:
        """Terms of new episodes. Beyond what was seen, and half as far again, nobody knows whether a term goes on."""
        return np.clip(self._measured(raw), self._low, self._high)

    def _measured(self, raw: Array) -> Array:
        return np.where(np.isnan(raw), self._usual, raw)

    def places(self, chosen: Sequence[str]) -> list[int]:
        return [index for index, group in enumerate(self.groups) if group in chosen]


@dataclass(frozen=True)
class GrowthModel:
    """What was learned for one pair of ages. `middle` is the robust middle of past log growth: the show's curve F."""

    age: int
    to: int
    episodes: int
    middle: float
    shift: float
    spread: tuple[float, float] | None
    growths: tuple[float, ...]
    drift: Drift | None
    _terms: "_TermsOf"
    _fit: _Fit
    _book: _Book | None
    _raw: Array | None
    _days: Sequence[float]

    @cached_property
    def error(self) -> float | None:
        """Mean absolute error of what the older half of the episodes, learned alone, says of the newer, as a share.

        None when too few. Found when asked for, since it takes as long as learning.
        """
        missed = _back_test(self._raw, self._terms.groups, np.array(self.growths), self._days)
        return None if missed is None else float(np.minimum(np.abs(np.expm1(-missed)), 10.0).mean())

    @cached_property
    def falls(self) -> bool:
        """Whether the count of any episode that was learned from ever fell: sources restate what they told."""
        return min(self.growths) < 0

    @property
    def terms(self) -> tuple[str, ...]:
        return self._fit.chosen

    def middle_of(self, episode: Counted, before: Sequence[Counted]) -> float | None:
        """The logarithm of what one episode will have. `before` came out before it, oldest first."""
        known = episode.log_at(self.age)
        if known is None:
            return None
        middle = known + self._fit.centre
        if self._book is not None and self._fit.chosen:
            logs = [one.log_at(self.age) for one in before[-2 * NEIGHBOURS :]]
            columns = self._book.of(self._terms.rows([episode], [logs]))[0, self._book.places(self._fit.chosen)]
            middle += float(columns @ self._fit.slopes)
        return middle

    def outlook_of(self, episode: Counted) -> Outlook | None:
        """How far off the middle an episode will end, by the way the last ones went; None when too few tell."""
        return None if self.drift is None else self.drift.ahead(_day_of(episode))


def learn(past: Sequence[Counted], *, age: int, to: int, windows: Sequence[int]) -> GrowthModel | None:
    """Learn how episodes grow from `age` to `to` from earlier ones, oldest first; None when none has both counts.

    `windows` are the ages at which counts may be known, in order.
    """
    places = [place for place, one in enumerate(past) if one.log_at(age) is not None and one.log_at(to) is not None]
    if not places:
        return None
    episodes = [past[place] for place in places]
    growths = np.array([(one.log_at(to) or 0.0) - (one.log_at(age) or 0.0) for one in episodes])
    days = [_day_of(one) for one in episodes]
    terms = _TermsOf(age, windows, has_hours=len({one.published.time() for one in episodes}) > 1)
    raw = None
    if len(episodes) >= _FEWEST_FOR_TERMS:
        logs = [one.log_at(age) for one in past]
        raw = terms.rows(episodes, [_earlier(logs, place) for place in places])
    middle = robust_centre(growths.tolist())
    fit, book = _fit_of(raw, terms.groups, growths, middle)
    return GrowthModel(
        age=age,
        to=to,
        episodes=len(episodes),
        middle=middle,
        shift=_least_percent_error(fit.unseen),
        spread=spread80(fit.unseen.tolist()),
        growths=tuple(growths.tolist()),
        drift=learn_drift(fit.unseen, days, terms=len(fit.slopes)),
        _terms=terms,
        _fit=fit,
        _book=book,
        _raw=raw,
        _days=days,
    )


class _TermsOf:
    """What is known of an episode at one age that may tell how it goes on: a row of numbers, nan where not known."""

    def __init__(self, age: int, windows: Sequence[int], *, has_hours: bool) -> None:
        self._age = age
        ages = sorted({*(window for window in windows if window < age), age})
        self._steps = list(zip(ages, ages[1:], strict=False))
        self._has_hours = has_hours
        self.groups = ["level", *["momentum"] * len(self._steps), *["weekday"] * 7, *["hour"] * has_hours]

    def rows(self, episodes: Sequence[Counted], before: Sequence[Sequence[float | None]]) -> Array:
        """`before` holds, for each episode, the logarithms of what earlier ones had at this age."""
        levels = _levels(before)
        return np.array([self._row(episode, level) for episode, level in zip(episodes, levels, strict=True)])

    def _row(self, episode: Counted, level: float) -> list[float]:
        known = episode.log_at(self._age)
        row = [nan if known is None else known - level]
        for first, then in self._steps:
            start, end = episode.log_at(first), episode.log_at(then)
            row.append(nan if start is None or end is None else end - start)
        row += [1.0 if episode.published.weekday() == weekday else 0.0 for weekday in range(7)]
        if self._has_hours:
            row.append((episode.published.hour + episode.published.minute / 60) / 24 - 0.5)
        return row


def _levels(before: Sequence[Sequence[float | None]]) -> list[float]:
    """The middle of the last known levels before each episode; nan where fewer than three are known."""
    table = np.full((len(before), NEIGHBOURS), np.inf)
    counts = np.zeros(len(before), dtype=int)
    for place, levels in enumerate(before):
        recent = [level for level in levels[-NEIGHBOURS * 2 :] if level is not None][-NEIGHBOURS:]
        table[place, : len(recent)], counts[place] = recent, len(recent)
    table.sort(axis=1)
    rows, last = np.arange(len(before)), np.maximum(counts - 1, 0)
    middles = (table[rows, last // 2] + table[rows, (last + 1) // 2]) / 2
    return np.where(counts < 3, nan, middles).tolist()


def _day_of(episode: Counted) -> float:
    return episode.published.timestamp() / _DAY


def _fit_of(raw: Array | None, groups: Sequence[str], growths: Array, centre: float) -> tuple[_Fit, _Book | None]:
    """Take in group after group while the error on episodes left out falls clearly. Begun at their robust centre."""
    best = _Fit((), centre, np.zeros(0), _left_out_centres(growths, centre))
    if raw is None or len(growths) < _FEWEST_FOR_TERMS:
        return best, None
    book = _Book(raw, groups)
    weights = _weights(growths - centre)
    while True:
        left = [group for group in dict.fromkeys(groups) if group not in best.chosen]
        trials = [_fitted(book, (*best.chosen, group), growths, weights) for group in left]
        sure = [trial for trial in trials if _is_better(trial, best)]
        if not sure:
            return best, book
        best = min(sure, key=lambda fit: fit.error)
        weights = _weights(best.unseen)


def _is_better(trial: _Fit, best: _Fit) -> bool:
    """Whether a further group lowers the error on unseen episodes by more than chance would."""
    gains = np.minimum(np.abs(best.unseen), 1.0) - np.minimum(np.abs(trial.unseen), 1.0)
    doubt = (SURE + 8 / len(gains)) * float(gains.std()) / len(gains) ** 0.5
    return float(gains.mean()) >= max(doubt, best.error * WORTH)


def _fitted(book: _Book, chosen: tuple[str, ...], growths: Array, weights: Array) -> _Fit:
    """Ridge regression on some groups with the penalty that predicts left-out episodes best.

    One decomposition serves all penalties.
    """
    columns, total = book.columns[:, book.places(chosen)], weights.sum()
    centre, middles = float(weights @ growths / total), weights @ columns / total
    scales = np.sqrt(weights @ (columns - middles) ** 2 / total)
    scales[scales < 1e-9] = 1.0
    scaled = (columns - middles) / scales
    rest = growths - centre
    sizes, axes = np.linalg.eigh((scaled * weights[:, None]).T @ scaled)
    turned = scaled @ axes
    shrink = 1 / (np.maximum(sizes, 0.0)[:, None] + _PENALTIES)
    slopes = (turned.T @ (weights * rest))[:, None] * shrink
    pull = weights[:, None] * (turned**2 @ shrink + 1 / total)
    unseen = (rest[:, None] - turned @ slopes) / np.maximum(1 - pull, 0.05)
    best = int(np.minimum(np.abs(unseen), 1.0).mean(axis=0).argmin())
    plain = axes @ slopes[:, best] / scales
    return _Fit(chosen, centre - float(middles @ plain), plain, unseen[:, best])


def _weights(residuals: Array) -> Array:
    """Hold wild episodes down: full weight near the usual, none far away (Tukey's biweight)."""
    scale = 1.4826 * float(np.median(np.abs(residuals)))
    if scale <= 1e-12:
        return np.ones_like(residuals)
    pull = (1 - np.minimum(np.abs(residuals) / (_CUT * scale), 1.0) ** 2) ** 2
    return np.maximum(pull, 1e-3)


def _left_out_centres(growths: Array, centre: float) -> Array:
    """The error on each episode of the robust middle of the others: begun at the middle of all, one step on."""
    count = len(growths)
    if count == 1:
        return np.zeros(1)
    pulls = _weights(growths - centre)
    others = pulls.sum() - pulls
    return growths - (pulls @ growths - pulls * growths) / np.maximum(others, 1e-9)


def _back_test(raw: Array | None, groups: Sequence[str], growths: Array, days: Sequence[float]) -> Array | None:
    """What the older half, learned alone, gets wrong about the newer half, oldest first; None when too few."""
    half = len(growths) // 2
    if len(growths) < FEWEST_FOR_BACK_TEST:
        return None
    older = growths[:half]
    fit, book = _fit_of(None if raw is None else raw[:half], groups, older, robust_centre(older.tolist()))
    foreseen = np.full(len(growths) - half, fit.centre)
    if book is not None and raw is not None and fit.chosen:
        foreseen = foreseen + book.of(raw[half:])[:, book.places(fit.chosen)] @ fit.slopes
    drift = learn_drift(fit.unseen, days[:half], terms=len(fit.slopes))
    if drift is not None:
        foreseen = foreseen + np.array([drift.ahead(day).move for day in days[half:]])
    return growths[half:] - foreseen


def _least_percent_error(unseen: Array) -> float:
    """The correction that makes the mean absolute percentage error least: minus the variance, for normal log errors.

    A forecast too high by half errs by 50 %, one too low by half by 33 % of the truth: low is cheaper.
    """
    scale = 1.4826 * float(np.median(np.abs(unseen)))
    return -min(scale * scale, 0.2)


def _earlier(logs: Sequence[float | None], place: int) -> Sequence[float | None]:
    """The levels around one episode: of those before it, and for the first ones also of those after."""
    if place >= NEIGHBOURS:
        return logs[:place]
    return [one for index, one in enumerate(logs[: NEIGHBOURS + 1]) if index != place]
