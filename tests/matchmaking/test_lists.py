"""What runs leave in `matches`: full, partial, repeated."""

from decimal import Decimal

import numpy as np
import pytest

from matchmaking import house as houses
from matchmaking import lists, profiles, settle, store
from matchmaking.best import KEPT
from matchmaking.models import Match, PackedPair
from matchmaking.packing import pack_podcast, pack_sponsor
from matchmaking.profiles import Weights
from tests.factories import NOON
from tests.matchmaking.houses import random_podcast, random_sponsor, store_house

SHOWS, SPONSORS = 60, 50


@pytest.fixture
def house(tenant):
    rng = np.random.default_rng(5)
    shows, sponsors = store_house(
        [random_podcast(rng) for _ in range(SHOWS)], [random_sponsor(rng) for _ in range(SPONSORS)]
    )
    return shows, sponsors


def load():
    return houses.load_house(weights=Weights(), full_evidence=9.0)


def snapshot():
    fields = ("advertiser_id", "podcast_id", "score", "confidence", "rationale", "in_advertiser_top", "in_podcast_top")
    return {
        (row["advertiser_id"], row["podcast_id"]): (*row.values(), tuple(sorted(signals.items())))
        for row, signals in zip(
            Match.objects.order_by("pk").values(*fields),
            Match.objects.order_by("pk").values_list("signals", flat=True),
            strict=True,
        )
    }


def run(**changed):
    return lists.recalculate_some(load(), **{"sponsors": [], "podcasts": [], **changed}, at=NOON)


def test_a_full_run_keeps_the_best_twenty_of_each_side(house):
    done = lists.recalculate_all(load(), at=NOON)

    assert done.pairs == SHOWS * SPONSORS
    assert done.written == done.kept == Match.objects.count()
    for field, flag in (("advertiser_id", "in_advertiser_top"), ("podcast_id", "in_podcast_top")):
        counts = [Match.objects.filter(**{field: pk, flag: True}).count() for pk in house[field == "advertiser_id"]]
        assert max(counts) == KEPT


def test_an_unchanged_run_writes_no_row(house):
    lists.recalculate_all(load(), at=NOON)
    before = list(Match.objects.order_by("pk").values())

    done = lists.recalculate_all(load(), at=NOON.replace(hour=18))

    assert (done.written, done.deleted) == (0, 0)
    assert list(Match.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("seed", range(6))
def test_a_partial_run_leaves_what_a_full_run_would(house, seed):
    shows, sponsors = house
    lists.recalculate_all(load(), at=NOON)
    rng = np.random.default_rng(seed)
    podcasts = [shows[index] for index in rng.choice(SHOWS, 5, replace=False)] if seed != 1 else []
    buyers = [sponsors[index] for index in rng.choice(SPONSORS, 4, replace=False)] if seed != 0 else []
    for kind, chosen, make, pack in (
        ("podcasts", podcasts, random_podcast, pack_podcast),
        ("sponsors", buyers, random_sponsor, pack_sponsor),
    ):
        if chosen:
            rows = {pk: pack(make(rng)) for pk in chosen[:-1]}
            # The last one of each is taken away.
            store.write_packs(kind, rows, wanted=chosen)

    run(podcasts=podcasts, sponsors=buyers)

    partial = snapshot()
    done = lists.recalculate_all(load(), at=NOON)
    assert snapshot() == partial
    assert (done.written, done.deleted) == (0, 0)


def test_many_partial_runs_one_after_another_use_up_what_stands_ready_and_stay_exact(house):
    shows, sponsors = house
    lists.recalculate_all(load(), at=NOON)
    rng = np.random.default_rng(17)
    for step in range(9):
        kind, ids, make, pack = (
            ("podcasts", shows, random_podcast, pack_podcast)
            if step % 3
            else ("sponsors", sponsors, random_sponsor, pack_sponsor)
        )
        chosen = [ids[index] for index in rng.choice(len(ids), 7, replace=False)]
        # Poor ones: they leave lists, and those who stood ready take their places until a list must be made anew.
        poor = {pk: pack(make(rng)) * (rng.random() < 0.3) for pk in chosen}
        store.write_packs(kind, poor, wanted=chosen)
        run(**{kind: chosen})

    partial = snapshot()
    done = lists.recalculate_all(load(), at=NOON)
    assert (done.written, done.deleted) == (0, 0)
    assert snapshot() == partial


def test_a_partial_run_reads_and_scores_only_what_hangs_on_the_change(house, monkeypatch):
    shows, sponsors = house
    lists.recalculate_all(load(), at=NOON)
    read = []
    rows = store.read_rows
    monkeypatch.setattr(
        store, "read_rows", lambda kind, ids=None: read.append((kind, ids and len(ids))) or rows(kind, ids=ids)
    )

    done = run(podcasts=shows[:1])

    assert done.pairs == SPONSORS
    assert ("podcasts", None) not in read


def test_new_shows_and_sponsors_enter_by_a_partial_run(house):
    lists.recalculate_all(load(), at=NOON)
    rng = np.random.default_rng(99)
    packs = store.read_packs("podcasts"), store.read_packs("sponsors")
    shows, sponsors = store_house([random_podcast(rng) for _ in range(3)], [random_sponsor(rng) for _ in range(3)])
    for kind, pack in zip(("podcasts", "sponsors"), packs, strict=True):
        own = store.read_packs(kind)
        rows = dict(zip([*pack.ids, *own.ids], [*pack.rows, *own.rows], strict=True))
        store.write_packs(kind, rows, wanted=None)

    run(podcasts=shows, sponsors=sponsors)

    partial = snapshot()
    assert lists.recalculate_all(load(), at=NOON).written == 0
    assert snapshot() == partial


def test_a_refused_pair_is_on_no_list(house):
    shows, sponsors = house
    PackedPair.objects.create(sponsor_id=sponsors[0], podcast_id=shows[0], refusal="refusal:host")

    lists.recalculate_all(load(), at=NOON)

    assert not Match.objects.filter(advertiser_id=sponsors[0], podcast_id=shows[0]).exists()


def test_a_pair_asked_for_by_name_stays_through_full_and_partial_runs(house):
    shows, sponsors = house
    lists.recalculate_all(load(), at=NOON)
    listed = set(Match.objects.values_list("advertiser_id", "podcast_id"))
    scores = load().scores_of(*np.divmod(np.arange(SHOWS * SPONSORS), SHOWS))
    ordered = sorted(sponsors), sorted(shows)
    pair = next(
        (ordered[0][index // SHOWS], ordered[1][index % SHOWS])
        for index, score in enumerate(scores.tolist())
        if score >= 0 and (ordered[0][index // SHOWS], ordered[1][index % SHOWS]) not in listed
    )

    lists.keep_asked(load(), sponsor=pair[0], podcast=pair[1], at=NOON)
    lists.recalculate_all(load(), at=NOON)
    run(podcasts=[pair[1]])

    match = Match.objects.get(advertiser_id=pair[0], podcast_id=pair[1])
    assert (match.is_asked, match.in_advertiser_top, match.in_podcast_top) == (True, False, False)
    assert match.signals
    assert match.rationale


def test_an_asked_pair_that_is_not_eligible_says_so(house):
    shows, sponsors = house
    PackedPair.objects.create(sponsor_id=sponsors[0], podcast_id=shows[0], refusal="refusal:host")

    lists.keep_asked(load(), sponsor=sponsors[0], podcast=shows[0], at=NOON)

    match = Match.objects.get(advertiser_id=sponsors[0], podcast_id=shows[0])
    assert (match.score, match.rationale) == (0, settle.not_eligible_words())


def test_stored_signals_add_up_to_the_stored_score(house):
    lists.recalculate_all(load(), at=NOON)

    for match in Match.objects.all()[:200]:
        weights = Weights()
        present = sum(weights.of(name) for name in match.signals)
        base = sum(weights.of(name) * value for name, value in match.signals.items()) / present
        expected = 100 * base * min(1.0, match.signals.get("brand_safety", 1.0))
        assert abs(float(match.score) - expected) < 0.2


def test_a_pair_of_which_too_little_is_known_is_on_no_list_but_keeps_its_score_when_asked_for(house):
    shows, sponsors = house
    bare = profiles.Sponsor(wanted_weeks=(1.0,) + (0.0,) * 12)
    free = profiles.Podcast(free_by_week=(0.5,) * 13, risks={})
    store.write_packs("sponsors", {sponsors[0]: pack_sponsor(bare)}, wanted=sponsors[:1])
    store.write_packs("podcasts", {shows[0]: pack_podcast(free)}, wanted=shows[:1])
    lists.recalculate_all(load(), at=NOON)
    assert not Match.objects.filter(advertiser_id=sponsors[0]).exists()
    assert not Match.objects.filter(podcast_id=shows[0]).exists()

    lists.keep_asked(load(), sponsor=sponsors[0], podcast=shows[0], at=NOON)

    # Half of the slots at any price, and nothing unwanted: (0.15 × 0.5 + 0.05) ÷ 0.20.
    expected = (Decimal("62.50"), {"inventory_fit": 0.5, "brand_safety": 1.0}, Decimal("0.200"), False, False)
    fields = ("score", "signals", "confidence", "in_advertiser_top", "in_podcast_top")
    for again in (
        lambda: None,
        lambda: lists.recalculate_all(load(), at=NOON),
        lambda: run(podcasts=shows[:1]),
        lambda: run(sponsors=sponsors[:1]),
    ):
        again()
        assert Match.objects.filter(advertiser_id=sponsors[0]).values_list(*fields).get() == expected
    assert "Too little is known" in Match.objects.get(advertiser_id=sponsors[0]).rationale
