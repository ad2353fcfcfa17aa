"""A house as one problem: packed rows of both sides, read only as far as a run needs them."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

import numpy as np

# np.unique loads it at its first call, which would be in the middle of a run.
import numpy.ma

from matchmaking import store
from matchmaking.best import INELIGIBLE
from matchmaking.engine import PairFacts, Problem, Scorer
from matchmaking.packing import WIDTH
from matchmaking.profiles import Weights


class Side:
    """The shows or the sponsors of a house in the order of their ids.

    raw: (n,) 16 bytes each; rows: (n, WIDTH) float32, zeros until they are read; the index of a row is its place.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.raw = store.read_ids(kind)
        self.places = store.Places(self.raw)
        self.rows = np.zeros((len(self.raw), WIDTH), np.float32)
        self._is_read = np.zeros(len(self.raw), bool)

    def __len__(self) -> int:
        return len(self.raw)

    def read(self, places: np.ndarray | None = None) -> None:
        """Make sure that the rows at some places (None: at all) are there."""
        wanted = ~self._is_read
        if places is not None:
            asked = np.zeros(len(self), bool)
            asked[places] = True
            wanted &= asked
        missing = np.flatnonzero(wanted)
        if not len(missing):
            return
        raw, rows = store.read_rows(self.kind, ids=None if len(missing) == len(self) else self.ids(missing))
        if np.array_equal(raw, self.raw):
            self.rows[:] = rows
        else:
            at = self.places.of(raw)
            self.rows[at[at >= 0]] = rows[at >= 0]
        self._is_read[missing] = True

    def ids(self, places: np.ndarray) -> list[UUID]:
        data = self.raw[places].tobytes()
        return [UUID(bytes=data[start : start + 16]) for start in range(0, len(data), 16)]

    def at(self, ids: Collection[UUID]) -> np.ndarray:
        """Return the sorted places of those that are here."""
        found = self.places.of(store.raw_of(ids))
        return np.unique(found[found >= 0])


@dataclass(frozen=True)
class House:
    """Both sides of a house, what is known of pairs, and what counts."""

    sponsors: Side
    shows: Side
    facts: PairFacts
    weights: Weights
    full_evidence: float
    # How much of the closeness of topics the packed rows let count: words are chosen by the whole of it.
    topic_part: float = 1.0

    @property
    def problem(self) -> Problem:
        """Return everything a run over all needs, read whole."""
        self.sponsors.read()
        self.shows.read()
        return self.as_read()

    def as_read(self) -> Problem:
        """Return the problem with the rows that have been read so far; the others are zeros."""
        return Problem(self.sponsors.rows, self.shows.rows, self.facts, self.weights, self.full_evidence)

    def scores(self, sponsors: np.ndarray, shows: np.ndarray, *, for_lists: bool = True) -> np.ndarray:
        """Return the scores of some sponsors for some shows (sorted places): (sponsors, shows) int16 hundredths."""
        if not len(sponsors) or not len(shows):
            return np.full((len(sponsors), len(shows)), INELIGIBLE, np.int16)
        self.sponsors.read(sponsors)
        self.shows.read(shows)
        facts = self.facts.within(sponsors, shows, (len(self.sponsors), len(self.shows)))
        own = self.sponsors.rows if len(sponsors) == len(self.sponsors) else self.sponsors.rows[sponsors]
        theirs = self.shows.rows if len(shows) == len(self.shows) else self.shows.rows[shows]
        part = Problem(own, theirs, facts, self.weights, self.full_evidence)
        return Scorer(part, for_lists=for_lists).scores((0, len(sponsors)))

    def scores_of(self, sponsors: np.ndarray, shows: np.ndarray) -> np.ndarray:
        """Return the scores of single pairs, in hundredths, also of those that may stand on no list."""
        if not len(sponsors):
            return np.zeros(0, np.int16)
        rows, row_of = np.unique(sponsors, return_inverse=True)
        columns, column_of = np.unique(shows, return_inverse=True)
        return self.scores(rows, columns, for_lists=False)[row_of, column_of]


def load_house(*, weights: Weights, full_evidence: float, topic_part: float = 1.0) -> House:
    """Return the house with its pair facts; packed rows are read when they are needed."""
    sponsors, shows = Side("sponsors"), Side("podcasts")
    found = store.read_facts()
    at_sponsor, at_show = sponsors.places.of(found.sponsors), shows.places.of(found.podcasts)
    here = (at_sponsor >= 0) & (at_show >= 0)
    refused, own = here & found.refused, here & ~np.isnan(found.outcome) & (found.volume > 0)
    facts = PairFacts(
        at_sponsor[refused],
        at_show[refused],
        at_sponsor[own],
        at_show[own],
        found.outcome[own],
        found.volume[own],
    )
    return House(sponsors, shows, facts, weights, full_evidence, topic_part)
