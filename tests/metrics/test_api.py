"""Shows and episodes for programs."""

from uuid import uuid4

import pytest
from django_tenants.utils import tenant_context

from tests.factories import make_episode, make_podcast

KINDS = ["podcasts", "episodes"]


def test_shows_and_their_episodes_are_listed(api):
    episode = make_episode(title="One", number=7)

    shows = api.get("/api/v1/podcasts").json()["results"]
    episodes = api.get(f"/api/v1/episodes?podcast_id={episode.podcast_id}").json()["results"]
    others = api.get(f"/api/v1/episodes?podcast_id={uuid4()}").json()["results"]

    assert [show["podcast_id"] for show in shows] == [str(episode.podcast_id)]
    assert [(one["episode_id"], one["title"], one["number"]) for one in episodes] == [(str(episode.pk), "One", 7)]
    assert others == []


def test_a_creator_sees_their_own_shows_alone(tenant, api_of):
    own, other = make_episode(), make_episode()
    key = api_of(tenant, role="creator", bindings={"podcast": [own.podcast_id]})

    assert [show["podcast_id"] for show in key.get("/api/v1/podcasts").json()["results"]] == [str(own.podcast_id)]
    assert [one["episode_id"] for one in key.get("/api/v1/episodes").json()["results"]] == [str(own.pk)]
    assert key.get(f"/api/v1/episodes/{other.pk}").status_code == 404


@pytest.mark.parametrize("kind", KINDS)
def test_another_tenants_object_looks_like_none(api, other_tenant, kind):
    with tenant_context(other_tenant):
        foreign = make_podcast() if kind == "podcasts" else make_episode()

    answer, absent = api.get(f"/api/v1/{kind}/{foreign.pk}"), api.get(f"/api/v1/{kind}/{uuid4()}")

    assert (answer.status_code, answer.json()) == (404, absent.json())
