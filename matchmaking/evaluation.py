"""How good are matches? Placements that really happened are hidden one show at a time, and asked for again.

Leave-one-show-out: for each show that carries anybody, all its placements are taken out of the history; every sponsor
is then scored for it as the product scores, and ranked. What counts is where the sponsors it really carries stand. What
is learned from placements (sponsors' vectors, what sponsors of a tag do, how much evidence is full) is learned without
them. The texts of shows teach the weights of words, which is known of a show before it carries anybody.

Time split: history ends on the day before the last fifth of the placements; asked for are pairs that are first placed
after it, and pairs already known are neither asked for nor offered.

Baselines in the same run, on the same candidates and with the same order among equals: random, and "most other shows
carry it". recall10 is over all pairs together, mrr and ndcg (of the whole ranking) are means over shows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from matchmaking import engine, history
from matchmaking.best import INELIGIBLE
from matchmaking.engine import Problem, Scorer
from matchmaking.history import Placements, Shares
from matchmaking.learning import best_shares
from matchmaking.packing import FLAGS, LAYOUT, pack_podcast, pack_sponsor, stacked
from matchmaking.profiles import Podcast, Sponsor, Weights
from matchmaking.taxonomy import BROAD_SHARE

CUT = 10
# The history of the time split ends where this part of all placements lies behind.
TRAINING_PART = 0.8
# In so many parts the shows are held out of what is learned.
FOLDS = 5
SEED = 20261121


@dataclass(frozen=True)
class Case:
    """What is ranked: profiles without history, vectors, and who was placed where and when.

    phi: φ of each show under the default shares; chi: χ of each sponsor; placed: (sponsor, show, day) of each
    placement, by index; a placement without a day is left out of the time split.
    """

    shows: Sequence[Podcast]
    sponsors: Sequence[Sponsor]
    phi: np.ndarray
    chi: np.ndarray
    placed: Sequence[tuple[int, int, date | None]]
    weights: Weights = Weights()


@dataclass(frozen=True)
class Metrics:
    """recall10 over all pairs; mrr and ndcg as means over the shows asked; n: pairs asked for; shows: shows asked."""

    recall10: float | None
    mrr: float | None
    ndcg: float | None
    n: int
    shows: int

    def as_json(self) -> dict[str, Any]:
        return {"recall10": self.recall10, "mrr": self.mrr, "ndcg": self.ndcg, "n": self.n, "shows": self.shows}


def evaluate(case: Case) -> dict[str, Any]:
    """Return the report: with_history, without_history, random, popularity, and the same under time_split."""
    scorer = _Ranker(case)
    report = _summary(_leave_one_out(case, scorer))
    cut = cut_of(case)
    report["time_split"] = {"cut": cut.isoformat() if cut else None, **_summary(_after(case, scorer, cut))}
    return report


def cut_of(case: Case) -> date | None:
    """Return the day with which the future begins; None when all placements are of one day, or undated."""
    days = sorted(day for _sponsor, _show, day in case.placed if day is not None)
    if not days or days[0] == days[-1]:
        return None
    cut = days[int(len(days) * TRAINING_PART)] if int(len(days) * TRAINING_PART) < len(days) else days[-1]
    return cut if cut > days[0] else next(day for day in days if day > days[0])


@dataclass(frozen=True)
class _Asked:
    """One show's question: which sponsors to find, and at which place each method puts every sponsor."""

    wanted: np.ndarray
    places: dict[str, np.ndarray]


class _Ranker:
    """Scores all sponsors for shows as the product does, from a history of one's choice."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.shows = stacked([pack_podcast(show) for show in case.shows])
        self.sponsors = stacked([pack_sponsor(sponsor) for sponsor in case.sponsors])
        self.chance = np.random.default_rng(SEED).random((len(case.shows), len(case.sponsors)))
        self.plain = self._run(self.shows, self.sponsors, 0.0)

    def scores(self, shows: np.ndarray, known: "_Known") -> np.ndarray:
        """Return the score of each sponsor for some shows, (sponsors, shows), NaN where not eligible."""
        if not known.own.any():
            return self.plain[:, shows]
        chi, own = self.case.chi, known.own
        a = history.sponsor_side(own, chi, history.peer_table(own, chi, known.shares))
        b = history.show_side(known.phi, known.around)
        rows, buyers = self.shows[shows].copy(), self.sponsors.copy()
        rows[:, LAYOUT["history"]], buyers[:, LAYOUT["history"]] = b[shows], a
        part, topics = history.topic_part(known.placements), LAYOUT["topics"]
        # Who names no topic is seen by the shows that carry it, as in `gather.sponsor_profiles`.
        unnamed = ~buyers[:, topics.start + 1 : topics.stop].any(axis=1)
        buyers[unnamed, topics] += np.float32(1 - BROAD_SHARE) * history.topics_seen(own[unnamed]).astype(np.float32)
        # Topics count as they do in a house of so many placements (`taxonomy.damped`).
        told = buyers[:, topics].any(axis=1)
        buyers[:, topics] *= np.float32(part)
        buyers[told, topics.start] += np.float32(1 - part)
        flags = LAYOUT["flags"].start
        buyers[:, flags + FLAGS.index("topic")] = told
        rows[:, flags + FLAGS.index("history")] = buyers[:, flags + FLAGS.index("history")] = 1
        return self._run(rows, buyers, history.full_evidence(a, b))

    def _run(self, shows: np.ndarray, sponsors: np.ndarray, evidence: float) -> np.ndarray:
        problem = Problem(sponsors, shows, engine.PairFacts(), self.case.weights, evidence)
        found = Scorer(problem).scores((0, len(sponsors))).astype(float)
        return np.where(found == INELIGIBLE, np.nan, found)


@dataclass(frozen=True)
class _Known:
    """What is known when a question is put: sums over the placements known then, and what is learned from them.

    own, around: for all sponsors and all shows; phi: under the shares; placements: how many.
    """

    own: np.ndarray
    around: np.ndarray
    phi: np.ndarray
    shares: Shares
    placements: int

    @classmethod
    def of(cls, case: Case, placements: Placements, *, learned_from: Placements) -> "_Known":
        shares = best_shares(case.phi, case.chi, learned_from)
        phi = case.phi / Shares().scale() * shares.scale()
        own = history.own_sums(placements, phi, len(case.sponsors))
        around = history.around_sums(placements, case.chi, len(case.shows))
        return cls(own, around, phi, shares, len(placements.shows))

    def without(self, show: int, wanted: np.ndarray, rest: Placements) -> "_Known":
        """Return it without one show, which carries the wanted sponsors; rest: all other placements.

        The sums of those sponsors are made anew, so that not even a rounding error tells.
        """
        theirs = np.isin(rest.sponsors, wanted)
        part = Placements(rest.sponsors[theirs], rest.shows[theirs], rest.strength[theirs])
        own, around = self.own.copy(), self.around.copy()
        own[wanted] = history.own_sums(part, self.phi, len(own))[wanted]
        around[show] = 0
        return replace(self, own=own, around=around, placements=len(rest.shows))


def _leave_one_out(case: Case, ranker: _Ranker) -> Iterator[_Asked]:
    """Ask for each show. What shows alike is learned without it, and without the others of its fold."""
    every = _placements(case.placed)
    popularity = np.bincount(every.sponsors, minlength=len(case.sponsors)).astype(float)
    carrying = np.unique(every.shows)
    for fold in range(FOLDS):
        held = carrying[fold::FOLDS]
        known = _Known.of(case, every, learned_from=every.without(held))
        for show in held.tolist():
            wanted, count = every.sponsors[every.shows == show], popularity.copy()
            count[wanted] -= 1
            left = known.without(show, wanted, every.without([show]))
            with_history = ranker.scores(np.array([show]), left)[:, 0]
            yield _asked(ranker, show, with_history, count, wanted, np.arange(len(case.sponsors)))


def _after(case: Case, ranker: _Ranker, cut: date | None) -> Iterator[_Asked]:
    if cut is None:
        return
    before = [one for one in case.placed if one[2] is not None and one[2] < cut]
    known = _placements(before)
    taken = {(sponsor, show) for sponsor, show, _day in before}
    future: dict[int, set[int]] = {}
    for sponsor, show, day in case.placed:
        if day is not None and day >= cut and (sponsor, show) not in taken:
            future.setdefault(show, set()).add(sponsor)
    popularity = np.bincount(known.sponsors, minlength=len(case.sponsors)).astype(float)
    shows = np.array(sorted(future), dtype=np.int64)
    scores = ranker.scores(shows, _Known.of(case, known, learned_from=known)) if len(shows) else np.zeros((0, 0))
    for column, show in enumerate(shows.tolist()):
        offered = np.array([one for one in range(len(case.sponsors)) if (one, show) not in taken])
        yield _asked(ranker, show, scores[:, column], popularity, np.array(sorted(future[show])), offered)


def _asked(
    ranker: _Ranker,
    show: int,
    with_history: np.ndarray,
    popularity: np.ndarray,
    wanted: np.ndarray,
    offered: np.ndarray,
) -> _Asked:
    chance = ranker.chance[show]
    scores = {
        "with_history": with_history,
        "without_history": ranker.plain[:, show],
        "random": chance,
        "popularity": popularity,
    }
    # The same coin decides among equals for every method.
    return _Asked(wanted, {name: _ranks(values, chance, offered) for name, values in scores.items()})


def _ranks(scores: np.ndarray, chance: np.ndarray, offered: np.ndarray) -> np.ndarray:
    """Return the place of each sponsor, 1 for the first; those that are not eligible stand last."""
    values = np.nan_to_num(scores[offered], nan=-1.0)
    order = np.lexsort((chance[offered], -values))
    places = np.full(len(scores), len(offered) + 1)
    places[offered[order]] = np.arange(1, len(offered) + 1)
    return places


def _summary(asked: Iterator[_Asked]) -> dict[str, Any]:
    questions = list(asked)
    names = ("with_history", "without_history", "random", "popularity")
    return {name: _metrics([(one.places[name][one.wanted]) for one in questions]).as_json() for name in names}


def _metrics(places: Sequence[np.ndarray]) -> Metrics:
    pairs = sum(len(one) for one in places)
    if not pairs:
        return Metrics(None, None, None, 0, 0)
    found = sum(int((one <= CUT).sum()) for one in places)
    mrr = float(np.mean([1 / one.min() for one in places]))
    ndcg = float(np.mean([_gain(np.sort(one)) / _gain(np.arange(1, len(one) + 1)) for one in places]))
    return Metrics(round(found / pairs, 4), round(mrr, 4), round(ndcg, 4), pairs, len(places))


def _gain(places: np.ndarray) -> float:
    return float((1 / np.log2(1 + places)).sum())


def _placements(placed: Sequence[tuple[int, int, date | None]]) -> Placements:
    """Return placements with each pair once, by how often it was placed."""
    pairs = np.array([(sponsor, show) for sponsor, show, _day in placed], dtype=np.int64).reshape(-1, 2)
    rows, counts = np.unique(pairs, axis=0, return_counts=True)
    return Placements(rows[:, 0], rows[:, 1], history.strength_of(counts).astype(np.float32))


def without_vectors(shows: Sequence[Podcast], sponsors: Sequence[Sponsor]) -> tuple[list[Podcast], list[Sponsor]]:
    """Return profiles with their history taken out: it is put back for each question from what may be known then."""
    return [replace(one, history=None) for one in shows], [replace(one, history=None) for one in sponsors]
