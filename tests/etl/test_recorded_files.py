"""Recorded answers of OP3 and Spotify, as found: each imports with its own sums, or is refused with the reason."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.db.models import Sum

from etl.services import undo_import
from metrics.models import AudienceShare, DailyRollup, Episode, EpisodeSnapshot, ShowFigure
from tests.etl.files import bring_in
from tests.factories import NOON, make_episode, make_podcast
from tracker.lib.actors import SYSTEM

FOLDER = Path(__file__).parent.parent / "data" / "metrics"


def recorded(name: str) -> dict:
    return json.loads((FOLDER / name).read_text())


def take(name: str, **answers: str):
    return bring_in((FOLDER / name).read_bytes(), name=name, answers=answers)


@pytest.fixture
def show(tenant):
    return make_podcast(title="The Open Podcast Podcast")


def test_daily_downloads_of_recent_episodes_are_those_of_the_answer(show):
    told = recorded("op3_recent_episodes_with_transcripts.json")["rt"]["episodes"]
    for one in told:
        make_episode(guid=one["episodeItemGuid"])

    run = take("op3_recent_episodes_with_transcripts.json")

    assert (run.status, run.records_imported, run.metadata["profile_key"]) == ("completed", 5, "op3_days")
    own = sum(sum(one["dailyDownloads"].values()) for one in told)
    assert DailyRollup.objects.aggregate(total=Sum("downloads"))["total"] == own == 15933


def test_totals_of_a_show_stay_spans_of_days(show):
    take("op3_show_download_counts.json", podcast=str(show.pk))

    spans = ShowFigure.objects.order_by("first_day").values_list("first_day", "last_day", "downloads")
    assert list(spans) == [
        (date(2024, 4, 20), date(2024, 5, 19), 2183),
        (date(2024, 4, 22), date(2024, 5, 19), 411 + 640 + 628 + 471),
    ]
    assert not DailyRollup.objects.exists()


def test_apps_of_a_show_are_shares_of_what_is_known(show):
    counts = recorded("op3_top_apps_for_show.json")["appDownloads"]

    take("op3_top_apps_for_show.json", podcast=str(show.pk), as_of="2024-05-19")

    shares = dict(AudienceShare.objects.values_list("value", "share"))
    assert len(shares) == len(counts)
    assert shares["Overcast"] == (Decimal(536) / sum(counts.values())).quantize(Decimal("0.000001"))
    assert abs(sum(shares.values()) - 1) < Decimal("0.0001")


@pytest.mark.parametrize(
    ("name", "field"),
    [("spotify_podcast_streams.json", "downloads"), ("spotify_podcast_listeners.json", "listeners")],
)
def test_days_of_a_whole_show_are_kept_as_the_shows(show, name, field):
    told = recorded(name)
    own = sum(one.get("streams", one.get("count", 0)) for one in told.get("detailedStreams") or told["counts"])

    run = take(name, podcast=str(show.pk), episode="show")

    assert run.records_imported == 4
    assert ShowFigure.objects.aggregate(total=Sum(field))["total"] == own
    assert set(ShowFigure.objects.filter(first_day=date(2022, 11, 2)).values_list(field, flat=True)) == {0}


@pytest.mark.parametrize(
    ("name", "field", "own"),
    [("spotify_episodes_streams.json", "downloads", 1), ("spotify_episodes_listeners.json", "listeners", 6)],
)
def test_days_of_one_episode_are_that_episodes(show, name, field, own):
    episode = make_episode(show)

    take(name, podcast=str(show.pk), episode=str(episode.pk))

    rows = DailyRollup.objects.filter(episode=episode, source="spotify")
    assert rows.aggregate(total=Sum(field))["total"] == own
    assert not ShowFigure.objects.exists()


def test_ages_sexes_and_countries_fill_the_audience(show):
    take("spotify_podcast_aggregate.json", podcast=str(show.pk))

    found = {(one.dimension, one.value): one.share for one in AudienceShare.objects.all()}
    half = Decimal("0.5")
    assert found == {
        **{("age", "28-34"): half, ("age", "35-44"): half, ("gender", "female"): half, ("gender", "male"): half},
        **{("country", "PT"): half, ("country", "DE"): half},
    }
    assert set(AudienceShare.objects.values_list("as_of", flat=True)) == {date(2022, 11, 1)}


def test_the_audience_of_an_episode_has_the_same_shape(show):
    run = take("spotify_episodes_aggregate.json", podcast=str(show.pk))

    assert (run.status, run.records_imported) == ("completed", 3)


def test_the_list_of_episodes_gives_streams_so_far(show):
    told = recorded("spotify_podcast_episodes.json")["episodes"]
    for one in told:
        make_episode(show, title=one["name"])

    run = take("spotify_podcast_episodes.json", podcast=str(show.pk), as_of="2022-11-02", span="all")

    assert (run.status, run.records_failed) == ("completed", 0)
    assert EpisodeSnapshot.objects.aggregate(total=Sum("downloads"))["total"] == sum(one["streams"] for one in told)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("op3_top_apps.json", "all shows"),
        ("spotify_episodes_performance.json", "curve"),
        ("spotify_podcast_metadata.json", "belong to no day"),
    ],
)
def test_what_holds_no_figure_of_a_show_is_refused_with_the_reason(show, name, words):
    run = take(name)

    assert run.status == "failed"
    assert words in run.error_message


def test_every_recorded_file_is_spoken_of_here():
    text = Path(__file__).read_text()
    assert [path.name for path in FOLDER.glob("*.json") if path.name not in text] == []


def test_what_an_answer_does_not_say_is_asked(show):
    run = bring_in((FOLDER / "spotify_podcast_streams.json").read_bytes(), name="x.json", dry_run=True)

    assert run.metadata["asked"]["asks"] == ["podcast", "episode"]


def test_undoing_a_report_restores_what_stood_there_and_keeps_what_came_later(show):
    first = take("op3_show_download_counts.json", podcast=str(show.pk))
    changed = json.dumps(recorded("op3_show_download_counts.json")).replace("2183", "9999")
    second = bring_in(changed, name="x.json", answers={"podcast": str(show.pk)})

    undone = undo_import(import_run=second, by=SYSTEM, at=NOON)
    assert sorted(ShowFigure.objects.values_list("downloads", flat=True)) == [2150, 2183]
    assert (undone.metadata["undo"]["restored"], undone.metadata["undo"]["removed"]) == (1, 0)

    third = bring_in(changed, name="x.json", answers={"podcast": str(show.pk)})
    told = undo_import(import_run=first, by=SYSTEM, at=NOON).metadata["undo"]
    assert list(ShowFigure.objects.values_list("downloads", flat=True)) == [9999]
    assert (told["kept"], told["kept_rows"][0]["day"]) == (1, "2024-05-19")

    undo_import(import_run=third, by=SYSTEM, at=NOON)
    assert not ShowFigure.objects.exists()


def test_undoing_an_audience_report_brings_the_earlier_one_back(show):
    take("spotify_podcast_aggregate.json", podcast=str(show.pk))
    before = sorted(AudienceShare.objects.values_list("dimension", "value", "share"))
    told = recorded("spotify_podcast_aggregate.json")
    told["countryFacetedCounts"]["Spain"] = {"counts": {"MALE": 2}, "countryCode": "ES"}

    run = bring_in(json.dumps(told), name="x.json", answers={"podcast": str(show.pk)})
    assert AudienceShare.objects.filter(value="ES", share=Decimal("0.5")).exists()
    undo_import(import_run=run, by=SYSTEM, at=NOON)

    assert sorted(AudienceShare.objects.values_list("dimension", "value", "share")) == before
    assert Episode.objects.count() == 0
