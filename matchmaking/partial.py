"""A run over what changed: lists as a run over everything would leave them, from a fraction of the scores.

Changed shows are scored for every sponsor, changed sponsors for every show. The list of an unchanged sponsor is made
from what stands on it and the changed shows (`standing`); shows' lists likewise. Ids that are no more leave all lists.
"""

from collections.abc import Collection
from uuid import UUID

import numpy as np

from matchmaking import standing, store
from matchmaking.best import DEPTH, Kept, kept_of
from matchmaking.house import House, Side
from matchmaking.settle import Wanted
from matchmaking.standing import Relisted, firsts, joined


class Partial:
    """The lists that some changed sponsors and shows leave behind. pairs: how many were scored."""

    def __init__(self, house: House, *, sponsors: Collection[UUID], podcasts: Collection[UUID]) -> None:
        self.house = house
        self.rows, self.columns = house.sponsors.at(sponsors), house.shows.at(podcasts)
        known = {*house.sponsors.ids(self.rows), *house.shows.ids(self.columns)}
        self.gone_sponsors = [pk for pk in sponsors if pk not in known]
        self.gone_shows = [pk for pk in podcasts if pk not in known]
        self.pairs = 0

    def wanted(self) -> Wanted:
        """Return the new lists, and store them as the standing ones."""
        house = self.house
        every_sponsor, every_show = np.arange(len(house.sponsors)), np.arange(len(house.shows))
        of_shows, of_sponsors = self._score(every_sponsor, self.columns), self._score(self.rows, every_show)
        on_sponsors = self._relist(
            house.sponsors, house.shows, of_shows, self.columns, self.gone_shows, self.rows, len(every_show)
        )
        on_shows = self._relist(
            house.shows, house.sponsors, of_sponsors.T, self.rows, self.gone_sponsors, self.columns, len(every_sponsor)
        )
        more_sponsors = self._score(on_sponsors.refill, every_show)
        more_shows = self._score(every_sponsor, on_shows.refill)
        by_sponsor = self._settled(
            house.sponsors,
            house.shows,
            on_sponsors,
            {"changed": (self.rows, of_sponsors), "refilled": (on_sponsors.refill, more_sponsors)},
            self.gone_sponsors,
        )
        by_show = self._settled(
            house.shows,
            house.sponsors,
            on_shows,
            {"changed": (self.columns, of_shows.T), "refilled": (on_shows.refill, more_shows.T)},
            self.gone_shows,
            by_show=True,
        )
        return Wanted(
            by_sponsor,
            by_show,
            np.unique(np.concatenate([on_sponsors.touched, on_sponsors.refill, self.rows])),
            np.unique(np.concatenate([on_shows.touched, on_shows.refill, self.columns])),
            self.rows,
            self.columns,
        )

    def _relist(
        self,
        owners: Side,
        others: Side,
        fresh: np.ndarray,
        changed: np.ndarray,
        gone: Collection[UUID],
        skip: np.ndarray,
        other_count: int,
    ) -> Relisted:
        """Return what changed others do to the lists of owners; nothing when no other changed."""
        if not len(changed) and not gone:
            nothing = np.zeros(0, np.int64)
            return Relisted(nothing, np.zeros((0, DEPTH + 1), standing.ENTRY), nothing)
        table, has = standing.read(owners)
        return standing.relist(
            table=table,
            has=has,
            fresh=fresh,
            changed=np.ascontiguousarray(others.raw[changed]),
            gone=store.raw_of(gone),
            skip=skip,
        )

    def _settled(
        self,
        owners: Side,
        others: Side,
        found: Relisted,
        afresh: dict[str, tuple[np.ndarray, np.ndarray]],
        gone: Collection[UUID],
        *,
        by_show: bool = False,
    ) -> Kept:
        """Store new standing lists and return the matches on them. afresh: owners and their scores for everybody."""
        parts = [firsts(found.touched, found.table, others)]
        places, tables = [found.touched], [found.table]
        for chosen, every in afresh.values():
            if len(chosen):
                owner, other, scores = _rows_kept(every, chosen)
                table = standing.tables_of(owners, others, owner=owner, other=other, scores=scores)[chosen]
                parts.append(firsts(chosen, table, others))
                places.append(chosen)
                tables.append(table)
        at = np.concatenate(places)
        standing.write(owners, at, np.concatenate(tables), has=np.ones(len(at), bool))
        standing.forget(owners, gone)
        return joined(parts, by_show=by_show)

    def _score(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        self.pairs += len(rows) * len(columns)
        return self.house.scores(rows, columns)


def _rows_kept(scores: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return owner, other and score of the best of each row; owners: the place of each row."""
    found = kept_of(np.ascontiguousarray(scores), 0).by_sponsor
    return owners[found.sponsors], found.shows, found.scores
