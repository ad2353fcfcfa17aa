"""The match API in its three scopes, for each kind of caller."""

import uuid

import pytest
from django_tenants.utils import tenant_context

from matchmaking.models import Match, Run
from tests.factories import make_podcast, make_sponsor

PATHS = ("/api/match/recalculate", "/api/v1/match/recalculate")


@pytest.fixture(autouse=True)
def _on(monkeypatch):
    monkeypatch.setenv("ENABLE_MATCHMAKING", "1")


@pytest.fixture
def pair(tenant):
    return make_sponsor(name="Cloudly", tags=["tech"]), make_podcast(title="Kernel Talk", categories=["Technology"])


@pytest.mark.parametrize("path", PATHS)
def test_both_ids_answer_with_the_match(api, pair, path):
    sponsor, podcast = pair

    answer = api.post(f"{path}?advertiser_id={sponsor.pk}&podcast_id={podcast.pk}")

    assert answer.status_code == 200
    body = answer.json()
    match = Match.objects.get()
    assert body["match_id"] == str(match.pk)
    assert (body["advertiser_id"], body["podcast_id"]) == (str(sponsor.pk), str(podcast.pk))
    # The tag points to technology (1), software (1/2) and electronics (1/3), the show is technology itself: its
    # children stand 4/9 from it. (1 + 4/9 × 1/2 + 4/9 × 1/3) ÷ (1 + 1/2 + 1/3) = 0.7475; a sixth of the interest
    # is for those who sell to everyone: 5/6 × 0.7475 = 0.6229, so (0.25 × 0.6229 + 0.05 × 1) ÷ 0.30 = 0.6857.
    assert body["score"] == float(match.score) == 68.57
    assert body["signals"] == {"topic_overlap": 0.623, "brand_safety": 1.0}
    assert "technology" in body["rationale"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["advertiser_id", "podcast_id"])
def test_one_id_answers_with_a_job_to_follow(api, pair, path, name, django_capture_on_commit_callbacks):
    key = pair[0].pk if name == "advertiser_id" else pair[1].pk

    with django_capture_on_commit_callbacks(execute=True):
        answer = api.post(f"{path}?{name}={key}")

    assert answer.status_code == 202
    status = api.get(answer.json()["status_url"]).json()
    assert (status["job_id"], status["status"]) == (answer.json()["job_id"], "completed")
    assert status["counts"]["written"] == 1


@pytest.mark.parametrize("path", PATHS)
def test_neither_id_is_for_administrators_alone(api, api_of, tenant, pair, path):
    assert api.post(path).status_code == 202

    for role in ("sales_manager", "salesperson", "ops"):
        refusal = api_of(tenant, role=role).post(path)
        assert (refusal.status_code, refusal.json()["code"]) == (403, "administrators_only")
    assert Run.objects.count() == 1


def test_without_a_key_or_the_right_nothing_runs(client, api_of, tenant, pair):
    path = f"{PATHS[0]}?advertiser_id={pair[0].pk}&podcast_id={pair[1].pk}"

    assert client.post(path).status_code == 401
    assert api_of(tenant, role="creator").post(path).status_code == 403
    assert api_of(tenant, scopes=["match:read"]).post(path).status_code == 403
    assert not Match.objects.exists()


def test_switched_off_it_names_its_flag(api, monkeypatch):
    monkeypatch.delenv("ENABLE_MATCHMAKING")

    answer = api.post(PATHS[0])

    assert (answer.status_code, answer.json()["flag"]) == (403, "ENABLE_MATCHMAKING")


def test_ids_of_another_house_look_like_none(api, pair, other_tenant):
    with tenant_context(other_tenant):
        foreign_sponsor, foreign_show = make_sponsor(), make_podcast()
    sponsor, podcast = pair

    for query in (
        f"advertiser_id={foreign_sponsor.pk}",
        f"podcast_id={foreign_show.pk}",
        f"advertiser_id={sponsor.pk}&podcast_id={foreign_show.pk}",
        f"advertiser_id={uuid.uuid4()}",
    ):
        assert api.post(f"{PATHS[1]}?{query}").status_code == 404
    assert api.get(f"/api/v1/matches/{uuid.uuid4()}").status_code == 404


def test_an_id_that_is_none_is_refused_with_its_name(api):
    answer = api.post(f"{PATHS[0]}?advertiser_id=seven")

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_id")


def test_matches_are_listed_and_narrowed_and_an_advertiser_sees_their_own(api, api_of, tenant, pair):
    sponsor, podcast = pair
    other = make_sponsor(name="Other", tags=["tech"])
    for one in (sponsor, other):
        api.post(f"{PATHS[1]}?advertiser_id={one.pk}&podcast_id={podcast.pk}")

    assert len(_results(api.get("/api/v1/matches"))) == 2
    assert len(_results(api.get(f"/api/v1/matches?advertiser_id={sponsor.pk}"))) == 1
    bound = api_of(tenant, role="advertiser", bindings={"sponsor": [sponsor.pk]})
    assert [one["advertiser_id"] for one in _results(bound.get("/api/v1/matches"))] == [str(sponsor.pk)]
    foreign = Match.objects.get(advertiser=other)
    assert bound.get(f"/api/v1/matches/{foreign.pk}").status_code == 404


def test_feedback_is_kept_and_bound_callers_judge_their_own_pairs(api, api_of, tenant, pair):
    sponsor, podcast = pair
    body = {"advertiser_id": str(sponsor.pk), "podcast_id": str(podcast.pk), "verdict": "good"}

    first = api.post("/api/v1/match/feedback", body, content_type="application/json")
    bound = api_of(tenant, role="advertiser", bindings={"sponsor": [make_sponsor().pk]})
    second = bound.post("/api/v1/match/feedback", body, content_type="application/json")

    assert (first.status_code, first.json()["verdict"]) == (201, "good")
    assert second.status_code == 404


def _results(answer):
    body = answer.json()
    return body if isinstance(body, list) else body["results"]
