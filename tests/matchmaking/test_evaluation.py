"""The evaluation: its arithmetic, its honesty, its command."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from matchmaking import evaluation, history, taxonomy
from matchmaking.evaluation import Case, cut_of, evaluate
from matchmaking.packing import FLAGS, LAYOUT
from matchmaking.profiles import Podcast, Sponsor
from matchmaking.scratch import read_tables
from tracker.tenants.models import Tenant

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "matching"


def case_of(placed, *, shows=4, sponsors=12, named=True):
    """named: whether the sponsors name topics; else these are seen from the shows that carry them."""
    texts = [history.ShowText(f"title {n % 2}", f"words {n}", "en", {"464": 1.0}) for n in range(shows)]
    phi = history.show_vectors(texts, history.fit_text(texts))
    chi = history.tag_vectors([["science"]] * sponsors)
    buyer = Sponsor(interests={"464": 1.0}) if named else Sponsor()
    return Case([Podcast(topics={"464": 1.0})] * shows, [buyer] * sponsors, phi, chi, placed)


def test_popularity_finds_what_most_other_shows_carry():
    # Sponsor 3 stands on every show: for each, three others carry it and it comes first.
    report = evaluate(case_of([(3, show, date(2025, 1, 1 + show)) for show in range(4)]))

    assert report["popularity"] == {"recall10": 1.0, "mrr": 1.0, "ndcg": 1.0, "n": 4, "shows": 4}
    assert report["with_history"]["mrr"] == 1.0


GENRES = {"464": "tech", "483": "sports", "210": "food", "286": "health"}


NETWORKS = ("amberline", "oakroom", "northpier")


def made_up_house(
    seed,
    *,
    shows=48,
    sponsors=40,
    taste=1.6,
    fame=0.8,
    network=0.0,
    language="en",
    known=1.0,
    tags=True,
    many=(2, 8),
):
    """Placements drawn by fame, by taste for a genre, and by what a show's network sells.

    known: part of the shows whose genre and text are told, and of the sponsors whose tags are; tags: whether these have
    anything to do with taste; many: how many sponsors a show carries.
    """
    rng = np.random.default_rng(seed)
    genres = rng.choice(list(GENRES), shows)
    wanted = rng.choice(list(GENRES), sponsors)
    said = wanted if tags else rng.permutation(wanted)
    networks = rng.integers(0, len(NETWORKS), shows)
    texts, profiles = [], []
    for number, genre in enumerate(genres):
        told = rng.random() < known
        topics = {str(genre): 1.0} if told else {}
        words = " ".join(f"{GENRES[genre]}{language}{n}" for n in rng.integers(0, 12, 10)) if told else ""
        words += f" {NETWORKS[networks[number]]} podcasts" if network else ""
        texts.append(history.ShowText(f"show {number}", words, language, topics))
        profiles.append(Podcast(topics=topics, risks={}))
    buyers = [Sponsor(interests={str(topic): 5 / 6} if rng.random() < known else {}) for topic in said]
    famous = np.log(1 / np.arange(1, sponsors + 1) ** fame)[rng.permutation(sponsors)]
    sold = rng.normal(size=(len(NETWORKS), sponsors)) * network
    placed = []
    for show, genre in enumerate(genres):
        drawn = famous + taste * (wanted == genre) + sold[networks[show]] + rng.gumbel(size=sponsors)
        for sponsor in np.argsort(-drawn)[: rng.integers(*many)]:
            # Days in no order; some are not told.
            day = date(2025, 1, 1) + timedelta(days=int(rng.integers(0, 400)))
            placed.append((int(sponsor), show, day if rng.random() < 0.9 else None))
    phi = history.show_vectors(texts, history.fit_text(texts))
    chi = history.tag_vectors([[GENRES[str(topic)]] if rng.random() < known else [] for topic in said])
    return Case(profiles, buyers, phi, chi, placed)


def means_of(seeds, **kind):
    """Return mean(method, metric) over made-up houses of one kind."""
    reports = [evaluate(made_up_house(seed, **kind)) for seed in range(seeds)]
    return lambda method, metric: sum(report[method][metric] for report in reports) / len(reports)


# By how much matches with history must beat popularity by recall@10, and those without history chance (None: tags say
# nothing there, so nothing can be known).
HOUSES = {
    "plain": ({}, 1.1, 1.6),
    "another language": ({"language": "ja", "shows": 60}, 1.1, 1.6),
    "much is not told": ({"known": 0.6}, 1.02, 1.2),
    "few shows": ({"shows": 24}, 1.05, 1.6),
    "weak taste": ({"taste": 0.8, "sponsors": 60}, 0.95, 1.3),
    "a long tail": ({"sponsors": 120, "fame": 1.0, "taste": 2.5}, 1.1, 2.0),
    "networks": ({"network": 1.2, "taste": 0.8}, 0.98, 1.3),
    "few placements": ({"many": (1, 4), "taste": 2.5}, 1.4, 2.0),
    "tags that say nothing": ({"tags": False, "taste": 2.0}, 1.1, None),
}


@pytest.mark.parametrize(("kind", "over_popularity", "over_chance"), HOUSES.values(), ids=HOUSES.keys())
def test_matches_beat_popularity_with_history_and_chance_without(kind, over_popularity, over_chance):
    mean = means_of(3, **kind)

    assert mean("with_history", "recall10") >= over_popularity * mean("popularity", "recall10")
    assert mean("with_history", "ndcg") >= 0.99 * mean("popularity", "ndcg")
    assert mean("with_history", "recall10") > 1.1 * mean("random", "recall10")
    if over_chance:
        assert mean("without_history", "recall10") >= over_chance * mean("random", "recall10")


def test_where_fame_decides_alone_history_is_as_good_as_popularity():
    mean = means_of(4, taste=0.0, fame=1.3)

    for metric in ("recall10", "mrr", "ndcg"):
        assert mean("with_history", metric) >= 0.95 * mean("popularity", metric)


def test_a_sponsor_that_only_the_held_out_show_carried_is_not_told_by_that():
    """Nothing is known of sponsor 11 but its one placement: without it, it may not stand out from others like it."""
    placed = [(sponsor, show, None) for show in range(4) for sponsor in (1, 2, 3)]
    case = case_of([*placed, (11, 0, None)])
    bare = Case(case.shows, [Sponsor()] * 12, case.phi, np.zeros_like(case.chi), case.placed)

    report = evaluate(bare)

    # Show 0 asks for 1, 2, 3 and 11. The first three stand first; 11 is one of the nine others: a coin decides.
    assert report["with_history"]["mrr"] == 1.0
    ranker = evaluation._Ranker(bare)
    asked = next(evaluation._leave_one_out(bare, ranker))
    others = [asked.places["with_history"][sponsor] for sponsor in (0, 4, 5, 6, 7, 8, 9, 10, 11)]
    assert sorted(others) == list(range(4, 13))


def test_unnamed_topics_are_seen_from_the_other_shows_and_from_none_without_them():
    """Sponsors name no topic; 2 runs on shows of technology and of food, 5 on the one of food alone."""
    case = case_of([(2, 0, None), (2, 1, None), (5, 1, None)], named=False)
    genres = ("464", "210", "464", "210")
    texts = [history.ShowText("", "", "en", {genre: 1.0}) for genre in genres]
    shows = [Podcast(topics={genre: 1.0}, risks={}) for genre in genres]
    case = replace(case, shows=shows, phi=history.show_vectors(texts, history.fit_text(texts)))
    ranker, every = evaluation._Ranker(case), evaluation._placements(case.placed)
    seen = []
    ranker._run = lambda rows, buyers, evidence: seen.append(buyers.copy()) or np.zeros((12, len(rows)))
    known = evaluation._Known.of(case, every, learned_from=every)

    ranker.scores(np.array([1]), known.without(1, np.array([2, 5]), every.without([1])))

    # Without the show of food 2 is known by technology alone, and 5 by nothing. One placement is left: 10 ÷ 11 count.
    topics = dict(zip(taxonomy.topics(), seen[0][2, LAYOUT["topics"]].tolist(), strict=True))
    assert {topic: round(part, 4) for topic, part in topics.items() if part} == {
        "464": round(5 / 6 * 10 / 11, 4),
        "*": round(1 / 11, 4),
    }
    flag = LAYOUT["flags"].start + FLAGS.index("topic")
    assert seen[0][[2, 5], flag].tolist() == [1, 0]
    assert not seen[0][5, LAYOUT["topics"]].any()


def test_gains_and_reciprocal_places_are_worked_by_hand():
    metrics = evaluation._metrics([np.array([1, 3]), np.array([12])])

    # Show 1: places 1 and 3; ideal 1 and 2. Show 2: place 12.
    first = (1 + 1 / 2) / (1 + 1 / np.log2(3))
    second = 1 / np.log2(13)
    assert metrics.recall10 == round(2 / 3, 4)
    assert metrics.mrr == round((1 + 1 / 12) / 2, 4)
    assert metrics.ndcg == round((first + second) / 2, 4)
    assert (metrics.n, metrics.shows) == (3, 2)


@pytest.mark.parametrize("named", [True, False])
def test_what_a_held_out_show_carries_does_not_bear_on_its_own_question(monkeypatch, named):
    """Two worlds that differ only in whom show 0 carries give the same scores for show 0."""
    seen = []
    asked = evaluation._asked

    def spy(ranker, show, with_history, *rest):
        if show == 0:
            seen.append(with_history.copy())
        return asked(ranker, show, with_history, *rest)

    monkeypatch.setattr(evaluation, "_asked", spy)
    others = [(sponsor, show, date(2025, 1, 1)) for show in (1, 2, 3) for sponsor in (1, 2, show + 4)]
    for own in (1, 9):
        evaluate(case_of([(own, 0, date(2025, 1, 1)), *others], named=named))

    assert np.array_equal(seen[0], seen[1], equal_nan=True)


def test_the_time_split_knows_nothing_of_the_future(monkeypatch):
    seen = []
    asked = evaluation._asked

    def spy(ranker, show, with_history, popularity, wanted, offered):
        seen.append((show, popularity.tolist(), wanted.tolist(), offered.tolist()))
        return asked(ranker, show, with_history, popularity, wanted, offered)

    past = [(sponsor, 0, date(2025, 1, 1 + sponsor)) for sponsor in range(8)]
    case = case_of([*past, (0, 0, date(2025, 6, 1)), (9, 1, date(2025, 6, 1))])
    ranker = evaluation._Ranker(case)
    monkeypatch.setattr(evaluation, "_asked", spy)

    list(evaluation._after(case, ranker, cut_of(case)))

    assert cut_of(case) == date(2025, 6, 1)
    # Sponsor 0 on show 0 is known and not asked again; sponsor 9 is unknown to the history.
    assert seen == [(1, [1.0] * 8 + [0.0] * 4, [9], list(range(12)))]


def test_placements_of_one_day_or_none_have_no_time_split():
    assert cut_of(case_of([(0, 0, date(2025, 1, 1)), (1, 1, date(2025, 1, 1))])) is None
    assert cut_of(case_of([(0, 0, None)])) is None
    assert evaluate(case_of([]))["with_history"]["recall10"] is None


def test_files_are_read_whatever_their_cells(tmp_path):
    (tmp_path / "shows.csv").write_text(
        '\ufeffslug,title,description,categories,language\na,Ä,,"Comedy|News",de\na,twice,,,\nb,,,Nonsense,\n,,,,\n',
        encoding="utf-8",
    )
    (tmp_path / "sponsors.csv").write_text("key,name,tags\nx,X,tech|nobody knows\ny,,\n", encoding="utf-8")
    (tmp_path / "placements.csv").write_text(
        "show,sponsor,date\na,x,2025-01-01\na,x,2025-01-01\na,x|y,\nzz,x,2025-01-01\nb,y,no day\n", encoding="utf-8"
    )

    table = read_tables(**{name: tmp_path / f"{name}.csv" for name in ("shows", "sponsors", "placements")})

    assert [row["slug"] for row in table.shows] == ["a", "b"]
    assert table.placements == [
        ("a", "x", None),
        ("a", "x", date(2025, 1, 1)),
        ("a", "y", None),
        ("b", "y", None),
    ]
    assert table.skipped == 1


def test_a_missing_column_is_named(tmp_path):
    for name in ("shows", "sponsors", "placements"):
        (tmp_path / f"{name}.csv").write_text("name\nx\n")

    with pytest.raises(CommandError, match="shows.csv has no column slug"):
        call_command(
            "evaluate_matches",
            **{name: tmp_path / f"{name}.csv" for name in ("shows", "sponsors", "placements")},
        )


@pytest.mark.own_database
def test_the_command_beats_both_baselines_on_the_sample_and_leaves_no_tenant(database, capsys):
    before = set(Tenant.objects.values_list("schema_name", flat=True))

    call_command(
        "evaluate_matches",
        "--json",
        **{name: SAMPLES / f"{name}.csv" for name in ("shows", "sponsors", "placements")},
    )

    report = json.loads(capsys.readouterr().out)
    assert set(Tenant.objects.values_list("schema_name", flat=True)) == before
    assert set(report) == {"with_history", "without_history", "random", "popularity", "time_split"}
    for metric in ("recall10", "mrr", "ndcg"):
        assert report["with_history"][metric] > report["popularity"][metric]
        assert report["with_history"][metric] > report["random"][metric]
        assert report["without_history"][metric] > report["random"][metric] * 1.1
