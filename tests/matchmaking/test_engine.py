"""The fast scorer against the readable one, and against itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matchmaking import engine, profiles
from matchmaking.best import DEPTH, INELIGIBLE, Kept, best_by
from matchmaking.engine import PairFacts, Problem, Scorer, score_all
from matchmaking.history import HISTORY_DIMS
from matchmaking.packing import pack_podcast, pack_sponsor, stacked
from matchmaking.profiles import Pair, Weights
from matchmaking.scoring import score_pair
from tests.matchmaking.houses import random_podcast, random_sponsor

EVIDENCE = 9.0


def problem_of(rng, *, shows=40, sponsors=30, weights=None, facts=None, evidence=EVIDENCE):
    podcasts = [random_podcast(rng) for _ in range(shows)]
    buyers = [random_sponsor(rng) for _ in range(sponsors)]
    packed = Problem(
        stacked([pack_sponsor(one) for one in buyers]),
        stacked([pack_podcast(one) for one in podcasts]),
        facts or PairFacts(),
        weights or Weights(),
        evidence,
    )
    return podcasts, buyers, packed


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), evidence=st.sampled_from([0.0, EVIDENCE]))
def test_the_fast_scorer_agrees_with_the_reference_within_a_hundredth_on_every_pair(seed, evidence):
    """Scores are the same, and so are the pairs of which too little is known to be listed."""
    rng = np.random.default_rng(seed)
    own = rng.choice(30 * 40, size=60, replace=False)
    refused, recorded = own[:10], own[10:]
    facts = PairFacts(
        refused // 40,
        refused % 40,
        recorded // 40,
        recorded % 40,
        rng.random(50).astype(np.float32),
        rng.integers(1, 9, 50).astype(np.float32),
    )
    values = rng.random(6).round(3)
    weights = Weights(*values.tolist())
    podcasts, buyers, packed = problem_of(rng, weights=weights, facts=facts, evidence=evidence)

    fast = Scorer(packed, for_lists=False).scores((0, 30))
    listed = Scorer(packed).scores((0, 30))

    out = set(refused.tolist())
    records = {int(pair): (float(facts.own_outcome[i]), float(facts.own_volume[i])) for i, pair in enumerate(recorded)}
    for sponsor, buyer in enumerate(buyers):
        for show, podcast in enumerate(podcasts):
            key = sponsor * 40 + show
            outcome, volume = records.get(key, (None, 0.0))
            pair = Pair("refused" if key in out else "", outcome, volume)
            slow = score_pair(podcast, buyer, weights=weights, pair=pair, full_evidence=evidence)
            if slow.score is None:
                assert fast[sponsor, show] == INELIGIBLE
            else:
                assert abs(fast[sponsor, show] / 100 - slow.score) <= 0.0101
            assert listed[sponsor, show] == (fast[sponsor, show] if slow.is_listed else INELIGIBLE)


def test_a_pairs_score_is_the_same_to_the_bit_alone_in_another_order_and_among_all():
    rng = np.random.default_rng(7)
    _podcasts, _buyers, packed = problem_of(rng, shows=700, sponsors=300)
    whole = Scorer(packed).scores((0, 300))
    rows, columns = rng.permutation(300)[:9], rng.permutation(700)[:11]

    part = Problem(packed.sponsors[rows], packed.shows[columns], PairFacts(), packed.weights, EVIDENCE)

    assert np.array_equal(Scorer(part).scores((0, 9)), whole[np.ix_(rows, columns)])


def test_lists_do_not_depend_on_the_number_of_threads_or_the_size_of_blocks(monkeypatch):
    rng = np.random.default_rng(11)
    _podcasts, _buyers, packed = problem_of(rng, shows=300, sponsors=520)
    one = score_all(packed, threads=1)
    monkeypatch.setattr(engine, "BLOCK_ROWS", 130)

    four = score_all(packed, threads=4)

    for first, second in zip(one, four, strict=True):
        assert np.array_equal(first.sponsors, second.sponsors)
        assert np.array_equal(first.shows, second.shows)
        assert np.array_equal(first.scores, second.scores)


@pytest.mark.parametrize("ties", [False, True])
def test_lists_hold_exactly_the_best_of_both_sides_ties_falling_to_the_earlier(ties):
    rng = np.random.default_rng(3)
    _podcasts, _buyers, packed = problem_of(rng, shows=90, sponsors=70)
    if ties:
        packed = Problem(
            packed.sponsors, np.repeat(packed.shows[:3], 30, axis=0), PairFacts(), packed.weights, EVIDENCE
        )
    scores = Scorer(packed).scores((0, 70)).astype(int)

    by_sponsor, by_show = score_all(packed)

    def expected(table):
        found = set()
        for owner, row in enumerate(table):
            order = sorted((other for other in range(len(row)) if row[other] >= 0), key=lambda o: (-row[o], o))
            found |= {(owner, other) for other in order[:DEPTH]}
        return found

    assert set(zip(by_sponsor.sponsors.tolist(), by_sponsor.shows.tolist(), strict=True)) == expected(scores)
    assert set(zip(by_show.shows.tolist(), by_show.sponsors.tolist(), strict=True)) == expected(scores.T)


def test_nothing_to_score_gives_empty_lists():
    empty = Problem(stacked([]), stacked([]), PairFacts(), Weights(), 0.0)

    by_sponsor, by_show = score_all(empty)

    assert not len(by_sponsor.scores)
    assert not len(by_show.scores)


def test_a_list_keeps_the_smaller_index_of_equal_scores():
    kept = Kept(np.zeros(50, np.int32), np.arange(50, dtype=np.int32)[::-1].copy(), np.full(50, 5, np.int16))

    best = best_by(kept, kept.sponsors, kept.shows)

    assert best.shows.tolist() == list(range(DEPTH))


def test_without_full_evidence_history_is_left_out():
    buyer = profiles.Sponsor(interests={"464": 1.0}, history=(1.0,) * HISTORY_DIMS)
    show = profiles.Podcast(topics={"464": 1.0}, history=(1.0,) * HISTORY_DIMS)
    packed = Problem(stacked([pack_sponsor(buyer)]), stacked([pack_podcast(show)]), PairFacts(), Weights(), 0.0)

    assert Scorer(packed).scores((0, 1)).tolist() == [[10_000]]
