"""All pairs at once: the fast scorer. It computes what `scoring` says, as float32 products over packed rows.

Sponsors are taken in tiles of TILE_ROWS, shows in tiles of TILE_COLUMNS, both padded to the full tile. So each product
has one shape however many rows there are, and a pair's score is the same to the last bit in a full run, in a run over
ten shows, on one thread or on several. Scores are kept as whole hundredths of a point (int16; −1: not eligible or no
data), which makes "the best 20" exact, ties falling to the earlier id.

A range of sponsors against all shows is one block: what a thread, or a Celery task, computes. Blocks are merged by
`merged`; the order in which they end does not matter.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

# One BLAS thread each: blocks are the unit of parallel work, and a product split by BLAS would add in another order.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from matchmaking.packing import FLAGS, LAYOUT, WIDTH
from matchmaking.profiles import RISK_COST, Weights
from matchmaking.scoring import OWN_VOLUME

TILE_ROWS = 256
TILE_COLUMNS = 512
BLOCK_ROWS = 1280
KEPT = 20
INELIGIBLE = -1
HUNDREDTHS = 100

_FLAG = {name: index for index, name in enumerate(FLAGS)}


@dataclass(frozen=True)
class PairFacts:
    """Facts of single pairs, as rows of sponsor index and show index (sparse: most pairs have none).

    refused: pairs that can never be. own: pairs with a record of their own: its outcome 0-1 and how many flights.
    """

    refused_sponsors: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    refused_shows: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    own_sponsors: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    own_shows: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    own_outcome: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    own_volume: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    def within(self, sponsors: np.ndarray, shows: np.ndarray, sizes: tuple[int, int]) -> "PairFacts":
        """Return the facts of some sponsors and shows (sorted indices), renumbered by their places there."""
        at_sponsor, at_show = np.full(sizes[0], -1), np.full(sizes[1], -1)
        at_sponsor[sponsors], at_show[shows] = np.arange(len(sponsors)), np.arange(len(shows))
        a, b = at_sponsor[self.refused_sponsors], at_show[self.refused_shows]
        c, d = at_sponsor[self.own_sponsors], at_show[self.own_shows]
        refused, own = (a >= 0) & (b >= 0), (c >= 0) & (d >= 0)
        return PairFacts(a[refused], b[refused], c[own], d[own], self.own_outcome[own], self.own_volume[own])


@dataclass(frozen=True)
class Problem:
    """Everything a run needs. sponsors: (S, WIDTH), shows: (P, WIDTH) float32, both in the order of their ids."""

    sponsors: np.ndarray
    shows: np.ndarray
    facts: PairFacts
    weights: Weights
    full_evidence: float


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


def blocks_of(sponsors: int) -> list[tuple[int, int]]:
    """Return the ranges of sponsors that are scored as one block each."""
    return [(start, min(start + BLOCK_ROWS, sponsors)) for start in range(0, sponsors, BLOCK_ROWS)]


def score_all(problem: Problem, *, threads: int = 2) -> tuple[Kept, Kept]:
    """Return the best KEPT shows of each sponsor and the best KEPT sponsors of each show."""
    run: Callable[[tuple[int, int]], Block] = Scorer(problem).block
    ranges = blocks_of(len(problem.sponsors))
    if threads == 1 or len(ranges) == 1:
        return merged(run(one) for one in ranges)
    with ThreadPoolExecutor(threads) as pool:
        return merged(pool.map(run, ranges))


def merged(blocks: Iterable[Block]) -> tuple[Kept, Kept]:
    """Join blocks: sponsors' lists stand side by side, each show's list is the best of its parts."""
    done = list(blocks)
    if not done:
        return Kept.none(), Kept.none()
    by_sponsor = _joined([block.by_sponsor for block in done])
    by_show = _joined([block.by_show for block in done])
    return by_sponsor, best_by(by_show, by_show.shows, by_show.sponsors)


def best_by(kept: Kept, owners: np.ndarray, others: np.ndarray) -> Kept:
    """Return the best KEPT pairs of each owner; of equal scores the one whose other side has the smaller index."""
    order = np.lexsort((others, -kept.scores.astype(np.int32), owners))
    owner = owners[order]
    first = np.searchsorted(owner, owner, side="left")
    order = order[np.arange(len(order)) - first < KEPT]
    return Kept(kept.sponsors[order], kept.shows[order], kept.scores[order])


class Scorer:
    """A problem made ready: shows cut into padded tiles once, for all blocks."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.count = len(problem.shows)
        self.columns = max(TILE_COLUMNS, _padded(self.count, TILE_COLUMNS))
        weights = problem.weights
        self.weight = {
            "geo": np.float32(weights.geo_overlap),
            "demo": np.float32(weights.demographic_overlap),
            "topic": np.float32(weights.topic_overlap),
            "history": np.float32(weights.historical_lift),
            "inventory": np.float32(weights.inventory_fit),
            "safety": np.float32(weights.brand_safety),
        }
        self.evidence = np.float32(1 / problem.full_evidence) if problem.full_evidence > 0 else np.float32(0)
        # Shows by column: (WIDTH, columns), so that each part of the layout is a contiguous matrix.
        self.by_column = np.zeros((WIDTH, self.columns), np.float32)
        self.by_column[:, : self.count] = problem.shows.T
        self.tiles = [
            {
                name: np.ascontiguousarray(self.by_column[part, start : start + TILE_COLUMNS])
                for name, part in LAYOUT.items()
                if name != "countries"
            }
            for start in range(0, self.columns, TILE_COLUMNS)
        ]
        facts = problem.facts
        self.refused_order = np.argsort(facts.refused_sponsors, kind="stable")
        self.refused_rows = facts.refused_sponsors[self.refused_order]
        self.own_order = np.argsort(facts.own_sponsors, kind="stable")
        self.own_rows = facts.own_sponsors[self.own_order]

    def block(self, span: tuple[int, int]) -> Block:
        """Score a range of sponsors against all shows, and keep the best of both."""
        return kept_of(self.scores(span), span[0])

    def scores(self, span: tuple[int, int]) -> np.ndarray:
        """Return the scores of a range of sponsors: (rows, shows) int16 hundredths."""
        first, last = span
        out = np.empty((last - first, self.count), np.int16)
        for start in range(first, last, TILE_ROWS):
            end = min(start + TILE_ROWS, last)
            out[start - first : end - first] = self._rows(start, end)
        return out

    def _rows(self, start: int, end: int) -> np.ndarray:
        rows = np.zeros((TILE_ROWS, WIDTH), np.float32)
        rows[: end - start] = self.problem.sponsors[start:end]
        side = {name: np.ascontiguousarray(rows[:, part]) for name, part in LAYOUT.items()}
        geo = self._geography(side["countries"])
        out = np.empty((TILE_ROWS, self.columns), np.int16)
        for number, tile in enumerate(self.tiles):
            at = number * TILE_COLUMNS
            own = self._own(start, end, at)
            out[:, at : at + TILE_COLUMNS] = self._tile(side, tile, geo[:, at : at + TILE_COLUMNS], own)
        out = out[: end - start, : self.count]
        low, high = np.searchsorted(self.refused_rows, (start, end))
        refused = self.refused_order[low:high]
        out[self.problem.facts.refused_sponsors[refused] - start, self.problem.facts.refused_shows[refused]] = (
            INELIGIBLE
        )
        return out

    def _geography(self, wishes: np.ndarray) -> np.ndarray:
        """Return Σ min(share, wish) over countries, (TILE_ROWS, columns): only the countries a sponsor names cost."""
        shares, found = self.by_column[LAYOUT["countries"]], np.zeros((TILE_ROWS, self.columns), np.float32)
        least = np.empty(self.columns, np.float32)
        for row, wish in zip(found, wishes, strict=True):
            for country in np.flatnonzero(wish):
                np.minimum(shares[country], wish[country], out=least)
                np.add(row, least, out=row)
        return np.minimum(found, 1, out=found)

    def _own(self, start: int, end: int, at: int) -> tuple[np.ndarray, ...] | None:
        """Return place and record of the pairs of a tile that have a history of their own."""
        low, high = np.searchsorted(self.own_rows, (start, end))
        if low == high:
            return None
        facts, chosen = self.problem.facts, self.own_order[low:high]
        chosen = chosen[(facts.own_shows[chosen] >= at) & (facts.own_shows[chosen] < at + TILE_COLUMNS)]
        if not len(chosen):
            return None
        return (
            facts.own_sponsors[chosen] - start,
            facts.own_shows[chosen] - at,
            facts.own_outcome[chosen],
            facts.own_volume[chosen],
        )

    def _tile(
        self,
        side: dict[str, np.ndarray],
        tile: dict[str, np.ndarray],
        geo: np.ndarray,
        own: tuple[np.ndarray, ...] | None,
    ) -> np.ndarray:
        weight, flags, theirs = self.weight, side["flags"], tile["flags"]

        def both(name: str) -> np.ndarray:
            return flags[:, _FLAG[name], None] * theirs[None, _FLAG[name]]

        # Numerator and weight present: each signal adds its weighted value to one and its weight to the other.
        top, present = np.zeros_like(geo), np.zeros_like(geo)

        def add(name: str, value: np.ndarray, has: np.ndarray) -> None:
            np.multiply(has, weight[name], out=has)
            np.add(present, has, out=present)
            np.multiply(value, has, out=value)
            np.add(top, value, out=top)

        add("geo", geo.copy(), both("geo"))
        has_age, has_sex = both("age"), both("sex")
        demo = _minima(side["ages"], tile["ages"]) * has_age
        demo += _minima(side["sexes"], tile["sexes"]) * has_sex
        parts = has_age + has_sex
        np.divide(demo, np.maximum(parts, 1), out=demo)
        add("demo", demo, np.minimum(parts, 1, out=parts))
        add("topic", side["topics"] @ tile["topics"], both("topic"))
        history, has_history = self._history(side, tile, both("history"), own)
        add("history", history, has_history)
        free = np.clip(side["weeks"] @ tile["weeks"], 0, 1)
        price = np.clip(2 - side["price"] * tile["price"], 0, 1)
        free *= price
        add("inventory", free, both("inventory"))
        safety = side["risks"] @ tile["risks"]
        safety *= np.float32(-RISK_COST)
        safety += 1
        np.maximum(safety, 0, out=safety)
        has_safety = both("safety")
        factor = np.where(has_safety > 0, safety, np.float32(1))
        add("safety", safety, has_safety)
        known = present > 0
        np.divide(top, present, out=top, where=known)
        top *= factor
        top *= 100 * HUNDREDTHS
        np.rint(top, out=top)
        top[~known] = INELIGIBLE
        top[side["blocked"] @ tile["blocked"] > 0] = INELIGIBLE
        return top.astype(np.int16)

    def _history(
        self,
        side: dict[str, np.ndarray],
        tile: dict[str, np.ndarray],
        has: np.ndarray,
        own: tuple[np.ndarray, ...] | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        if not self.evidence:
            has[:] = 0
        value = side["history"] @ tile["history"]
        value *= self.evidence
        np.clip(value, 0, 1, out=value)
        if own is not None:
            rows, columns, outcome, volume = own
            prior = np.where(has[rows, columns] > 0, value[rows, columns], np.float32(0.5))
            mixed = (np.float32(OWN_VOLUME) * prior + volume * outcome) / (np.float32(OWN_VOLUME) + volume)
            value[rows, columns] = mixed
            has[rows, columns] = 1
        return value, has


def kept_of(scores: np.ndarray, first: int) -> Block:
    """Return the best of a block of scores, (rows, shows) int16; `first` is the index of its first sponsor."""
    rows, shows, values = _best_of_rows(scores)
    by_sponsor = Kept((rows + first).astype(np.int32), shows.astype(np.int32), values)
    found = []
    for start in range(0, scores.shape[1], TILE_COLUMNS):
        turned = np.ascontiguousarray(scores[:, start : start + TILE_COLUMNS].T)
        columns, sponsors, values = _best_of_rows(turned)
        found.append(Kept((sponsors + first).astype(np.int32), (columns + start).astype(np.int32), values))
    return Block(by_sponsor, _joined(found))


def _best_of_rows(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row, column and score of the best KEPT eligible cells of each row, ties by column; rows in order."""
    count, width = scores.shape
    if not count or not width:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, np.zeros(0, np.int16)
    if width > KEPT:
        least = np.partition(scores, width - KEPT, axis=1)[:, width - KEPT]
    else:
        least = np.full(count, INELIGIBLE, np.int16)
    least = np.maximum(least, INELIGIBLE + 1)
    rows, columns = np.nonzero(scores >= least[:, None])
    values = scores[rows, columns]
    # Those above the last place all stay; of those on it, the first ones until the list is full.
    above = values > least[rows]
    room = KEPT - np.bincount(rows[above], minlength=count)
    tied = ~above
    tied_rows = rows[tied]
    nth = np.arange(len(tied_rows)) - np.searchsorted(tied_rows, tied_rows, side="left")
    keep = above.copy()
    keep[tied] = nth < room[tied_rows]
    return rows[keep], columns[keep], values[keep]


def _minima(wishes: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return Σ over the keys of min(wish, share), at most 1: (rows, keys) and (keys, columns) to (rows, columns)."""
    found = np.zeros((len(wishes), shares.shape[1]), np.float32)
    for key in range(len(shares)):
        found += np.minimum(wishes[:, key, None], shares[None, key])
    return np.minimum(found, 1, out=found)


def _joined(parts: Sequence[Kept]) -> Kept:
    if not parts:
        return Kept.none()
    return Kept(
        np.concatenate([part.sponsors for part in parts]),
        np.concatenate([part.shows for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def _padded(count: int, step: int) -> int:
    return -(-count // step) * step
