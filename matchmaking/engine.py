"""All pairs at once: the fast scorer. It computes what `scoring` says, as float32 products over packed rows.

    score = numerator ÷ weight present, both sums of products over all shows and sponsors

A signal without data adds to neither, so the others share its weight; a pair that has none at all comes out as −1 by a
column of its own; blocked pairs are struck out by row. Sponsors are taken in tiles of TILE_ROWS, shows in tiles of
TILE_COLUMNS, both padded to the full tile. So each product has one shape however many rows there are, and a pair's
score is the same to the last bit in a full run, in a run over ten shows, on one thread or on several. Scores are kept
as whole hundredths of a point (int16; −1: not eligible or no data), which makes "the best" exact, ties falling to the
earlier id. Pairs of which nothing is known that speaks of fit are struck from the lists (`scoring.is_known`): which
they are hangs on the flags of both sides alone, so that a sponsor who tells enough for all shows costs nothing.

A range of sponsors against all shows is one block: what a thread, or a Celery task, computes. Blocks are merged by
`merged`; the order in which they end does not matter.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from matchmaking.best import INELIGIBLE, Block, Kept, kept_of, merged
from matchmaking.history import SHOW_DIMS
from matchmaking.packing import FLAGS, LAYOUT, WIDTH
from matchmaking.profiles import RISK_COST, Weights
from matchmaking.scoring import OWN_VOLUME

TILE_ROWS = 256
TILE_COLUMNS = 256
BLOCK_ROWS = 1280
# Blocks scored at a time in one process: tiles are small, so more threads than two wait for the interpreter.
THREADS = min(2, os.cpu_count() or 1)
# A whole score of 100 points, in hundredths.
WHOLE = np.float32(10_000)
# What a pair without any data has of weight; its numerator is −1 × this, so that it comes out as INELIGIBLE.
NOTHING = np.float32(1e-9)

_FLAG = {name: index for index, name in enumerate(FLAGS)}
# The flags of signals that speak of fit, a bit each.
_FIT = ("geo", "age", "sex", "topic", "history")
_BITS = 1 << np.arange(len(_FIT))


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


def blocks_of(sponsors: int) -> list[tuple[int, int]]:
    """Return the ranges of sponsors that are scored as one block each."""
    return [(start, min(start + BLOCK_ROWS, sponsors)) for start in range(0, sponsors, BLOCK_ROWS)]


def score_all(problem: Problem, *, threads: int = THREADS) -> tuple[Kept, Kept]:
    """Return the best DEPTH shows of each sponsor and the best DEPTH sponsors of each show, best first.

    threads: blocks at a time; more cores than two are used by more processes, a block a task.
    """
    run: Callable[[tuple[int, int]], Block] = Scorer(problem).block
    ranges = blocks_of(len(problem.sponsors))
    if threads == 1 or len(ranges) == 1:
        return merged(run(one) for one in ranges)
    with ThreadPoolExecutor(threads) as pool:
        return merged(pool.map(run, ranges))


class Scorer:
    """A problem made ready: the shows' side cut into padded tiles once, for all blocks.

    for_lists: pairs that may stand on no list come out as INELIGIBLE though they have a score.
    """

    def __init__(self, problem: Problem, *, for_lists: bool = True) -> None:
        self.problem = problem
        self.count = len(problem.shows)
        self.columns = max(TILE_COLUMNS, _padded(self.count, TILE_COLUMNS))
        weights, has_evidence = problem.weights, problem.full_evidence > 0
        self.weight = {
            "geo": np.float32(weights.geo_overlap),
            "demo": np.float32(weights.demographic_overlap),
            "topic": np.float32(weights.topic_overlap),
            "history": np.float32(weights.historical_lift),
            "inventory": np.float32(weights.inventory_fit),
            "safety": np.float32(weights.brand_safety),
        }
        self.evidence = np.float32(1 / problem.full_evidence) if has_evidence else np.float32(0)
        # Shows by column: (WIDTH, columns), so that each part of the layout is a contiguous matrix.
        by_column = np.zeros((WIDTH, self.columns), np.float32)
        by_column[:, : self.count] = problem.shows.T
        flags = by_column[LAYOUT["flags"]]
        self.shares = by_column[LAYOUT["countries"]] * flags[_FLAG["geo"]]
        self.blocked = by_column[LAYOUT["blocked"]] > 0
        self.risks, self.has_safety = by_column[LAYOUT["risks"]], flags[_FLAG["safety"]]
        ones = np.ones((1, self.columns), np.float32)
        sides = {
            "topics": np.vstack([by_column[LAYOUT["topics"]], flags[[_FLAG["safety"]]], ones * -NOTHING]),
            "history": by_column[LAYOUT["history"]] * flags[_FLAG["history"]],
            "weeks": by_column[LAYOUT["weeks"]] * flags[_FLAG["inventory"]],
            "price": np.vstack([ones, by_column[LAYOUT["price"]]]),
            "ages": by_column[LAYOUT["ages"]] * flags[_FLAG["age"]],
            "sexes": by_column[LAYOUT["sexes"]] * flags[_FLAG["sex"]],
            "present": np.vstack([flags, flags[_FLAG["age"]] * flags[_FLAG["sex"]], ones * NOTHING]),
            # What the sum of the overlaps by age and by sex counts: half where the show tells both.
            "halves": np.vstack([ones, ones - 0.5 * flags[_FLAG["age"]] * flags[_FLAG["sex"]]]),
        }
        self.tiles = [
            {name: np.ascontiguousarray(side[:, at : at + TILE_COLUMNS]) for name, side in sides.items()}
            for at in range(0, self.columns, TILE_COLUMNS)
        ]
        self.unlisted = self._unlisted(flags[:, : self.count]) if for_lists else None
        facts = problem.facts
        self.refused_order = np.argsort(facts.refused_sponsors, kind="stable")
        self.refused_rows = facts.refused_sponsors[self.refused_order]
        self.own_order = np.argsort(facts.own_sponsors, kind="stable")
        self.own_rows = facts.own_sponsors[self.own_order]
        self._rooms = threading.local()

    def block(self, span: tuple[int, int]) -> Block:
        """Score a range of sponsors against all shows, and keep the best of both."""
        room = self._room()
        if room.scores.shape[1] != self.count:
            room.scores = np.empty((BLOCK_ROWS, self.count), np.int16)
        rows = span[1] - span[0]
        out = room.scores[:rows] if rows <= len(room.scores) else None
        return kept_of(self.scores(span, out), span[0])

    def scores(self, span: tuple[int, int], out: np.ndarray | None = None) -> np.ndarray:
        """Return the scores of a range of sponsors: (rows, shows) int16 hundredths, written into out if it is given."""
        first, last = span
        if out is None:
            out = np.empty((last - first, self.count), np.int16)
        for start in range(first, last, TILE_ROWS):
            end = min(start + TILE_ROWS, last)
            self._rows(start, end, out[start - first : end - first])
        return out

    def _room(self) -> "_Room":
        """Return this thread's room: fresh memory costs more than what is computed in it."""
        room: _Room | None = getattr(self._rooms, "room", None)
        if room is None:
            room = self._rooms.room = _Room(self.columns)
        return room

    def _rows(self, start: int, end: int, out: np.ndarray) -> None:
        work = self._room()
        rows = np.zeros((TILE_ROWS, WIDTH), np.float32)
        rows[: end - start] = self.problem.sponsors[start:end]
        side = self._sponsors(rows)
        self._geography(rows[:, LAYOUT["countries"]] * rows[:, [LAYOUT["flags"].start + _FLAG["geo"]]], work.geo)
        careful = np.flatnonzero(rows[:, LAYOUT["risks"]].any(axis=1))
        lost = self._lost(rows[careful, LAYOUT["risks"]])
        for number, tile in enumerate(self.tiles):
            at = number * TILE_COLUMNS
            there = slice(at, at + TILE_COLUMNS)
            self._tile(side, tile, work.geo[:, there], self._own(start, end, at), work)
            if len(careful):
                work.top[careful] -= lost[:, there] * (self.weight["safety"] * WHOLE)
            np.divide(work.top, work.present, out=work.top)
            if len(careful):
                work.top[careful] *= 1 - lost[:, there]
            np.rint(work.top, out=work.top)
            wide = min(TILE_COLUMNS, self.count - at)
            out[:, at : at + wide] = work.top[: end - start, :wide]
        self._strike_unlisted(start, rows[: end - start], out)
        for row in np.flatnonzero(rows[: end - start, LAYOUT["blocked"]].any(axis=1)):
            topics = np.flatnonzero(rows[row, LAYOUT["blocked"]])
            out[row, self.blocked[topics, : self.count].any(axis=0)] = INELIGIBLE
        low, high = np.searchsorted(self.refused_rows, (start, end))
        refused = self.refused_order[low:high]
        out[self.problem.facts.refused_sponsors[refused] - start, self.problem.facts.refused_shows[refused]] = (
            INELIGIBLE
        )

    def _unlisted(self, flags: np.ndarray) -> list[np.ndarray]:
        """Return, for each set of what a sponsor may tell of fit, the shows that tell none of it: their columns."""
        told = np.ascontiguousarray(flags[[_FLAG[name] for name in _FIT]].T) > 0
        told[:, _FIT.index("history")] &= self.evidence > 0
        theirs = told @ _BITS
        return [np.flatnonzero((theirs & own) == 0) for own in range(1 << len(_FIT))]

    def _strike_unlisted(self, start: int, rows: np.ndarray, out: np.ndarray) -> None:
        """Strike out pairs of which too little is known to be listed; a record of their own is enough."""
        if self.unlisted is None:
            return
        told = rows[:, LAYOUT["flags"]][:, [_FLAG[name] for name in _FIT]] > 0
        history = rows[:, LAYOUT["history"]]
        told[:, _FIT.index("history")] &= history[:, :SHOW_DIMS].any(axis=1)
        facts = self.problem.facts
        for row, own in enumerate((told @ _BITS).tolist()):
            if len(self.unlisted[own]):
                low, high = np.searchsorted(self.own_rows, (start + row, start + row + 1))
                recorded = facts.own_shows[self.own_order[low:high]]
                kept = out[row, recorded]
                out[row, self.unlisted[own]] = INELIGIBLE
                out[row, recorded] = kept

    def _sponsors(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return the sponsors' side of each product, weights folded in."""
        weight, flags = self.weight, rows[:, LAYOUT["flags"]]
        has = {name: flags[:, [index]] for name, index in _FLAG.items()}
        ones = np.ones((len(rows), 1), np.float32)
        has_history = has["history"] if self.evidence else ones * 0
        both = has["age"] * has["sex"]
        parts = {
            "topics": [
                rows[:, LAYOUT["topics"]] * (weight["topic"] * WHOLE),
                has["safety"] * (weight["safety"] * WHOLE),
                ones,
            ],
            "history": [rows[:, LAYOUT["history"]] * (has_history * self.evidence * weight["history"] * WHOLE)],
            "weeks": [rows[:, LAYOUT["weeks"]] * (has["inventory"] * weight["inventory"] * WHOLE)],
            "price": [ones * 2, -rows[:, LAYOUT["price"]]],
            "ages": [rows[:, LAYOUT["ages"]] * has["age"]],
            "sexes": [rows[:, LAYOUT["sexes"]] * has["sex"]],
            # In the order of FLAGS: who tells age or sex or both has demographics once.
            "present": [
                has["geo"] * weight["geo"],
                has["age"] * weight["demo"],
                has["sex"] * weight["demo"],
                has["topic"] * weight["topic"],
                has_history * weight["history"],
                has["inventory"] * weight["inventory"],
                has["safety"] * weight["safety"],
                -both * weight["demo"],
                ones,
            ],
            "halves": [(1 - both) * (weight["demo"] * WHOLE), both * (weight["demo"] * WHOLE)],
        }
        return {name: np.ascontiguousarray(np.hstack(part), dtype=np.float32) for name, part in parts.items()}

    def _geography(self, wishes: np.ndarray, out: np.ndarray) -> None:
        """Put the weighted Σ min(share, wish) into out, (TILE_ROWS, columns): only countries that are named cost."""
        least = np.empty(self.columns, np.float32)
        named_rows, named = np.nonzero(wishes)
        ends = np.searchsorted(named_rows, np.arange(1, len(wishes) + 1)).tolist()
        start, countries = 0, named.tolist()
        for row, wish, end in zip(out, wishes, ends, strict=True):
            row[:] = 0
            for country in countries[start:end]:
                np.minimum(self.shares[country], wish[country], out=least)
                np.add(row, least, out=row)
            start, is_named = end, end > start
            if is_named:
                np.minimum(row, 1, out=row)
                np.multiply(row, self.weight["geo"] * WHOLE, out=row)

    def _lost(self, avoids: np.ndarray) -> np.ndarray:
        """Return how much brand safety is below 1, (sponsors who avoid something, columns)."""
        lost = np.zeros((len(avoids), self.columns), np.float32)
        for row, avoided in zip(lost, avoids, strict=True):
            for risk in np.flatnonzero(avoided):
                row += self.risks[risk]
            row *= np.float32(RISK_COST)
            np.minimum(row, 1, out=row)
            row *= self.has_safety
        return lost

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
        work: "_Room",
    ) -> None:
        """Fill numerator and weight present of a tile."""
        top, part, other = work.top, work.part, work.other
        np.matmul(side["present"], tile["present"], out=work.present)
        # Topics, brand safety of those who fear nothing, and −1 for pairs without any data.
        np.matmul(side["topics"], tile["topics"], out=top)
        np.add(top, geo, out=top)
        self._history(side, tile, own, work)
        np.matmul(side["weeks"], tile["weeks"], out=part)
        np.matmul(side["price"], tile["price"], out=other)
        np.clip(other, 0, 1, out=other)
        np.multiply(part, other, out=part)
        np.add(top, part, out=top)
        _minima(side["ages"], tile["ages"], part, other)
        _minima(side["sexes"], tile["sexes"], work.more, other)
        np.add(part, work.more, out=part)
        np.matmul(side["halves"], tile["halves"], out=other)
        np.multiply(part, other, out=part)
        np.add(top, part, out=top)

    def _history(
        self,
        side: dict[str, np.ndarray],
        tile: dict[str, np.ndarray],
        own: tuple[np.ndarray, ...] | None,
        work: "_Room",
    ) -> None:
        weight, value = self.weight["history"], work.part
        np.matmul(side["history"], tile["history"], out=value)
        np.clip(value, 0, weight * WHOLE, out=value)
        if own is not None and weight > 0:
            rows, columns, outcome, volume = own
            flag = _FLAG["history"]
            known = (side["present"][rows, flag] > 0) & (tile["present"][flag, columns] > 0)
            prior = np.where(known, value[rows, columns] / (weight * WHOLE), np.float32(0.5))
            mixed = (np.float32(OWN_VOLUME) * prior + volume * outcome) / (np.float32(OWN_VOLUME) + volume)
            value[rows, columns] = mixed * (weight * WHOLE)
            work.present[rows[~known], columns[~known]] += weight
        np.add(work.top, value, out=work.top)


class _Room:
    """One thread's memory: for the arithmetic of a tile, the geography of a row of tiles, the scores of a block."""

    def __init__(self, columns: int) -> None:
        shape = (TILE_ROWS, TILE_COLUMNS)
        self.top, self.present, self.part = (np.empty(shape, np.float32) for _ in range(3))
        self.other, self.more = (np.empty(shape, np.float32) for _ in range(2))
        self.geo = np.empty((TILE_ROWS, columns), np.float32)
        self.scores = np.empty((0, 0), np.int16)


def _minima(wishes: np.ndarray, shares: np.ndarray, out: np.ndarray, least: np.ndarray) -> None:
    """Put Σ over the keys of min(wish, share), at most 1, into out: (rows, keys) and (keys, columns)."""
    np.minimum(wishes[:, 0, None], shares[None, 0], out=out)
    for key in range(1, len(shares)):
        np.minimum(wishes[:, key, None], shares[None, key], out=least)
        np.add(out, least, out=out)
    np.minimum(out, 1, out=out)


def _padded(count: int, step: int) -> int:
    return -(-count // step) * step
