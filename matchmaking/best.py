"""The best of many scores: of each sponsor's shows and of each show's sponsors, exactly.

Scores are whole hundredths (int16), so that "the best" is exact: of equal scores the earlier id goes first. Blocks of
sponsors are chosen from one by one and merged; the order in which they end does not matter.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

# How many stand on a list, and how many there are with those held ready to move up, unscored.
KEPT, DEPTH = 20, 32
# The score of a pair that is not eligible or of which nothing is known.
INELIGIBLE = -1


@dataclass(frozen=True)
class Kept:
    """Pairs worth keeping: sponsor index, show index, score in hundredths, and whose list they are on."""

    sponsors: np.ndarray
    shows: np.ndarray
    scores: np.ndarray

    @classmethod
    def none(cls) -> "Kept":
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int16))


@dataclass(frozen=True)
class Block:
    """The outcome of one block: the best shows of each of its sponsors, and its best sponsors of each show."""

    by_sponsor: Kept
    by_show: Kept


def merged(blocks: Iterable[Block]) -> tuple[Kept, Kept]:
    """Join blocks: sponsors' lists stand side by side, each show's list is the best of its parts."""
    done = list(blocks)
    if not done:
        return Kept.none(), Kept.none()
    by_sponsor = _joined([block.by_sponsor for block in done])
    by_show = _joined([block.by_show for block in done])
    return by_sponsor, best_by(by_show, by_show.shows, by_show.sponsors)


def best_by(kept: Kept, owners: np.ndarray, others: np.ndarray) -> Kept:
    """Return the best DEPTH pairs of each owner, best first; of equals the other side's smaller index first."""
    order = _best_first(owners, kept.scores, others)
    return Kept(kept.sponsors[order], kept.shows[order], kept.scores[order])


def place_in_list(owners: np.ndarray) -> np.ndarray:
    """Return the place of each pair on its owner's list, 0 for the first; pairs of one owner stand together."""
    starts = np.flatnonzero(np.concatenate([[True], owners[1:] != owners[:-1]])) if len(owners) else np.zeros(0, int)
    lengths = np.diff(np.append(starts, len(owners)))
    return np.arange(len(owners)) - np.repeat(starts, lengths)


def _best_first(owners: np.ndarray, scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the order of the best DEPTH of each owner: by owner, then score falling, then the other side's index."""
    # In place, since these are millions of pairs: 24 bits of owner, 16 of score, 24 of the other side.
    keys = owners.astype(np.int64)
    keys <<= 16
    keys |= 0x7FFF - scores.astype(np.int32)
    keys <<= 24
    keys |= others
    order = np.argsort(keys, kind="stable")
    return order[place_in_list(owners[order]) < DEPTH]


def kept_of(scores: np.ndarray, first: int) -> Block:
    """Return the best of a block of scores, (rows, shows) int16; `first` is the index of its first sponsor."""
    rows, shows = _candidates(scores, axis=1)
    values = scores[rows, shows]
    order = _best_first(rows, values, shows)
    by_sponsor = Kept((rows[order] + first).astype(np.int32), shows[order].astype(np.int32), values[order])
    rows, shows = _candidates(scores, axis=0)
    values = scores[rows, shows]
    order = _best_first(shows, values, rows)
    return Block(by_sponsor, Kept((rows[order] + first).astype(np.int32), shows[order].astype(np.int32), values[order]))


def _candidates(scores: np.ndarray, *, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return row and column of eligible cells among which the best DEPTH along an axis are sure to be.

    The DEPTH-th best of the maxima of groups of cells bounds the DEPTH-th best cell from below.
    """
    count = scores.shape[axis]
    size = min(32, max(1, count // (4 * DEPTH)))
    groups = count // size
    if groups <= DEPTH or not scores.size:
        rows, columns = np.nonzero(scores > INELIGIBLE)
        return rows, columns
    if axis == 1:
        maxima = scores[:, : groups * size].reshape(len(scores), size, groups).max(axis=1)
    else:
        maxima = scores[: groups * size].reshape(size, groups, scores.shape[1]).max(axis=0).T
    least = np.partition(maxima, groups - DEPTH, axis=1)[:, groups - DEPTH]
    least = np.maximum(least, INELIGIBLE + 1)
    found = np.flatnonzero(scores >= (least[:, None] if axis == 1 else least[None, :]))
    return found // scores.shape[1], found % scores.shape[1]


def _joined(parts: Sequence[Kept]) -> Kept:
    if not parts:
        return Kept.none()
    return Kept(
        np.concatenate([part.sponsors for part in parts]),
        np.concatenate([part.shows for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )
