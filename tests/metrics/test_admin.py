"""Shows and episodes at the sales desk."""

import pytest

from metrics.models import Episode, Podcast
from tests.factories import make_episode, make_podcast, make_rollup
from tracker.events.models import Event

PODCAST = {"title": "Night Shift", "slug": "", "language": "en", "categories": "Technology", "tags": ""}


@pytest.fixture
def desk(client, login, sales_manager):
    return login(client, sales_manager)


def test_a_show_is_added_with_a_short_name_of_its_own(desk):
    make_podcast(title="Night Shift", slug="night-shift")

    answer = desk.post("/admin/metrics/podcast/add/", PODCAST)

    assert answer.status_code == 302, answer.context["errors"]
    assert sorted(Podcast.objects.values_list("slug", flat=True)) == ["night-shift", "night-shift-2"]


def test_an_episode_is_added_and_moved(desk):
    show = make_podcast()
    form = {"podcast": show.pk, "title": "One", "drops_at_0": "2027-01-05", "drops_at_1": "06:00:00", "guid": "a"}
    desk.post("/admin/metrics/episode/add/", form)
    episode = Episode.objects.get()

    desk.post(f"/admin/metrics/episode/{episode.pk}/change/", {**form, "drops_at_0": "2027-01-06"})

    moved = Event.objects.get(type="episode.moved")
    assert (episode.title, episode.guid, episode.is_published) == ("One", "a", False)
    assert (moved.data["from"], moved.data["to"]) == ("2027-01-05T06:00:00+00:00", "2027-01-06T06:00:00+00:00")


def test_an_episode_with_figures_cannot_be_deleted(desk):
    episode = make_episode()
    make_rollup(episode=episode)

    assert desk.post(f"/admin/metrics/episode/{episode.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Episode.objects.exists()


@pytest.mark.parametrize(
    "path", ["metrics/podcast", "metrics/episode", "metrics/metricsource", "metrics/audienceshare"]
)
def test_each_list_opens_and_finds(desk, path):
    make_rollup()

    assert desk.get(f"/admin/{path}/?q=show").status_code == 200


def test_the_list_of_imports_and_one_import_open(desk):
    from tests.etl.files import bring_in

    run = bring_in("nonsense\n")

    assert "metrics.csv" in desk.get("/admin/etl/import/").text
    assert "Line 1 has no column" in desk.get(f"/admin/etl/import/{run.pk}/change/").text
