"""Whether a show's growth stays as it was: what errors, in the order of time, say of the episodes to come.

The errors of a model on episodes that it had not seen are read as noise around a level. That level may stand still,
wander (a random walk) or lean (a straight line); how much of each, is weighed by how well it explains the errors
(Bayes, with standing still the likeliest before one looked). It tells how far the next episodes will stand off, and how
surely: an interval widens with how far beyond the learned episodes it reaches, the more, the more habits moved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

from bookings.robust import spread80

Array = NDArray[np.float64]

# Fewer errors tell nothing of the way they go.
FEWEST = 9
# The variance that a level may gain over all that was learned, by wandering and by leaning, in variances of one error.
_WANDERS = (0.5, 2.0, 8.0, 30.0)
_LEANS = (1.0, 4.0, 16.0, 64.0)
# How likely it is, before one looked, that a show's habits stand still.
_STANDS_STILL = 0.7
# How far beyond the learned episodes a lean and a walk go on, in the time that these took.
_LEAN_ON = 0.5
_WALK_ON = 3.0
# An error counts for no more than so many usual ones.
_WILD = 3.0
# A model with terms was picked for the sake of these very errors: so much of a further episode's error a term hides.
_HIDDEN = 0.5
# A random walk is a sum of waves, of which the slowest tell nearly all.
_WAVES = (np.arange(6) + 0.5) * pi
_GRID = np.array([(0.0, 0.0), *((walk, 0.0) for walk in _WANDERS), *((0.0, lean) for lean in _LEANS)])
_BEFORE = np.array([_STANDS_STILL, *[(1 - _STANDS_STILL) / (len(_GRID) - 1)] * (len(_GRID) - 1)])
# What each wave may weigh, one row for each way in which a level may move: none for the level itself, then lean, waves.
_HELD = 1 / np.maximum(
    np.column_stack([np.full(len(_GRID), 1e8), _GRID[:, 1], _GRID[:, :1] / _WAVES**2]),
    1e-9,
)
# All of them but the lean.
_STAYS = np.array([1.0, 0.0, *np.ones(len(_WAVES))])
_HELD_LOG = np.log(_HELD).sum(axis=1)


@dataclass(frozen=True)
class Outlook:
    """How far an episode to come will stand off the model: the best guess, and the bounds of four in five."""

    move: float
    low: float
    high: float


@dataclass(frozen=True)
class Drift:
    """What was learned of the level of errors. One entry, or row, for each way in which it may move (`_GRID`).

    `likely` adds up to 1. `spread` are the bounds of four in five errors on episodes left out, in their own deviations.
    After the last episode only the lean goes on: the level is `levels` + `leans` x how far it went, and the variance of
    that guess is a polynomial of it, `doubts`; both in columns of what stays, what grows with it and with its square.
    """

    start: float
    span: float
    usual: float
    spread: tuple[float, float]
    likely: Array
    levels: Array
    leans: Array
    doubts: Array
    noise: Array

    def ahead(self, moment: float) -> Outlook:
        """What to expect of an episode that comes out at a moment (in days, as those that were learned from)."""
        lead = max(0.0, (moment - self.start) / self.span - 1)
        gone = 0.5 + min(lead, _LEAN_ON)
        moves = self.levels + gone * self.leans
        known = 1 + self.doubts @ (1.0, gone, gone * gone) + min(lead, _WALK_ON) * _GRID[:, 0]
        middle = float(self.likely @ moves)
        deviation = float(self.likely @ (self.noise * known + (moves - middle) ** 2)) ** 0.5
        moved = 1 - float(self.likely[0])
        low, high = self.spread
        return Outlook(
            move=max(0.0, 2 * moved - 1) * middle,
            low=self.usual + middle + low * deviation,
            high=self.usual + middle + high * deviation,
        )


def learn_drift(errors: Array, moments: Sequence[float], *, terms: int) -> Drift | None:
    """Learn from errors on left-out episodes, oldest first; None when they are too few, or all the same.

    `moments` are the days on which the episodes came out, `terms` is how many terms their model has.
    """
    count = len(errors)
    usual = float(np.median(errors))
    scale = 1.4826 * float(np.median(np.abs(errors - usual)))
    if count < FEWEST or scale <= 1e-12:
        return None
    # The level is left out of each error already, and is again below: once is enough.
    rest = (errors - usual) * (1 - 1 / count)
    tame = np.clip(rest, -_WILD * scale, _WILD * scale)
    start, span = moments[0], max(moments[-1] - moments[0], 1.0)
    waves = _waves((np.array(moments) - start) / span)
    held = waves.T @ waves + np.eye(waves.shape[1]) * _HELD[:, None, :]
    doubts = np.linalg.inv(held)
    weights = doubts @ (waves.T @ tame)
    left = np.maximum(tame @ tame - weights @ (waves.T @ tame), 1e-12)
    explained = (_HELD_LOG - np.linalg.slogdet(held)[1] - (count - 1) * np.log(left)) / 2
    likely = np.exp(explained - explained.max()) * _BEFORE
    likely /= likely.sum()
    noise = left / (count - 1)
    pulls = np.maximum(1 - np.einsum("nk,gkl,nl->gn", waves, doubts, waves), 0.2)
    unseen = likely @ ((rest - weights @ waves.T) / pulls) / np.sqrt(likely @ (noise[:, None] / pulls))
    spread = spread80(unseen.tolist())
    if spread is None:
        return None
    wider = (1 + _HIDDEN * terms / count) ** 0.5
    low, high = spread
    last = _waves(np.ones(1))[0] * _STAYS
    return Drift(
        start=start,
        span=span,
        usual=usual,
        spread=(low * wider, high * wider),
        likely=likely,
        levels=weights @ last,
        leans=weights[:, 1],
        doubts=np.column_stack([doubts @ last @ last, 2 * doubts[:, 1] @ last, doubts[:, 1, 1]]),
        noise=noise,
    )


def _waves(places: Array) -> Array:
    """What each error has of the level, its lean and its waves, by its place between the first (0) and the last (1)."""
    walk = 2**0.5 * np.sin(places[:, None] * _WAVES)
    return np.column_stack([np.ones_like(places), places - 0.5, walk])
