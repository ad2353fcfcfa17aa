"""Who may call, what a key covers, and how the API says no."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from tests.factories import make_user
from tracker.accounts import keys
from tracker.accounts.models import ApiKey
from tracker.accounts.services import create_api_key
from tracker.api.problems import status_of
from tracker.flags.services import switch
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import Conflict, DomainError, Forbidden, NotFound

RUNS = "/api/v1/automation/runs"
RUN = "/api/v1/automation/pipeline-alerts"


@pytest.fixture(autouse=True)
def _on(tenant):
    switch(flag="ENABLE_AUTOMATION_JOBS", on=True)


def make_key(**fields):
    wanted = {"name": "k", "scopes": ["*"], "role": "administrator", "by": SYSTEM, "at": timezone.now(), **fields}
    return create_api_key(**wanted)


def call(client_of, tenant, secret, path=RUNS, **extra):
    return client_of(tenant, authorization=f"Bearer {secret}").get(path, **extra)


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Bearer pst_00000000_x",
        "bearer pst_é_x",
        "Bearer pst_\udcff_x".encode("utf-8", "surrogateescape").decode("latin-1"),
        "Basic YTpi",
        "Token x",
        "Bearer " + "x" * 10_000,
    ],
)
def test_a_bad_key_is_a_401_that_says_how(client_of, tenant, authorization):
    answer = client_of(tenant, authorization=authorization).get(RUNS)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert answer["Content-Type"] == "application/problem+json"


def test_an_expired_and_a_revoked_key_are_refused(client_of, tenant):
    _old, expired = make_key(expires_at=timezone.now() - timedelta(seconds=1))
    key, secret = make_key()
    assert call(client_of, tenant, secret).status_code == 200

    keys.revoke(key=key, at=timezone.now())

    assert call(client_of, tenant, secret).status_code == 401
    assert call(client_of, tenant, expired).status_code == 401


def test_a_rotated_key_works_beside_the_new_one_for_a_day(client_of, tenant):
    key, secret = make_key(scopes=["automation:read"])

    fresh, new = keys.rotate(key=key, by=SYSTEM, at=timezone.now())

    assert call(client_of, tenant, secret).status_code == 200
    assert call(client_of, tenant, new).status_code == 200
    assert (fresh.scopes, fresh.role_id) == (["automation:read"], "administrator")
    key.refresh_from_db()
    assert not key.is_usable(timezone.now() + timedelta(days=1, minutes=1))


@pytest.mark.parametrize(
    ("scopes", "reads", "writes"),
    [
        (["*"], 200, 200),
        (["automation:read"], 200, 403),
        (["automation:write"], 200, 200),
        (["automation"], 200, 200),
        (["deals:read"], 403, 403),
        ([], 403, 403),
    ],
)
def test_what_a_keys_scopes_cover(client_of, tenant, scopes, reads, writes):
    _key, secret = make_key(scopes=scopes)
    client = client_of(tenant, authorization=f"Bearer {secret}")

    assert client.get(RUNS).status_code == reads
    assert client.post(RUN).status_code == writes


def test_a_missing_scope_is_named(client_of, tenant):
    _key, secret = make_key(scopes=["deals:read"])

    answer = call(client_of, tenant, secret)

    assert answer.json()["code"] == "scope_missing"
    assert "automation:read" in answer.json()["detail"]


def test_a_key_may_do_no_more_than_its_role(client_of, tenant):
    _key, secret = make_key(role="creator")

    assert call(client_of, tenant, secret).json()["code"] == "permission_denied"


def test_a_key_works_from_its_networks_alone_whatever_a_header_claims(client_of, tenant):
    _key, secret = make_key(allowed_networks=["192.0.2.0/24"])

    assert call(client_of, tenant, secret, REMOTE_ADDR="192.0.2.7").status_code == 200
    assert call(client_of, tenant, secret, REMOTE_ADDR="198.51.100.7").status_code == 401
    claimed = call(client_of, tenant, secret, REMOTE_ADDR="198.51.100.7", HTTP_X_FORWARDED_FOR="192.0.2.7")
    assert claimed.status_code == 401


def test_the_last_use_is_kept_and_only_the_hash_of_the_text(client_of, tenant):
    key, secret = make_key()

    call(client_of, tenant, secret)

    key.refresh_from_db()
    assert key.last_used_at is not None
    assert secret not in " ".join(str(value) for value in ApiKey.objects.values().get().values())


def test_a_session_calls_the_api_and_needs_the_token_to_change(client, administrator, login):
    client.handler.enforce_csrf_checks = True
    login(client, administrator)

    assert client.get(RUNS).status_code == 200
    refused = client.post(RUN)
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")


def test_a_caller_who_asks_too_often_is_told_when_to_come_back(api, monkeypatch):
    from tracker.api.throttling import PerCaller

    monkeypatch.setattr(PerCaller, "get_rate", lambda self: "3/min")

    answers = [api.get(RUNS) for _ in range(4)]

    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert [one["RateLimit-Remaining"] for one in answers] == ["2", "1", "0", "0"]
    assert answers[3].json()["code"] == "throttled"
    assert 0 < int(answers[3]["Retry-After"]) <= 61


def test_the_count_of_a_window_goes_by_itself(api):
    server = cache._cache.get_client(None, write=True)
    api.get(RUNS)
    api.get(RUNS)

    counts = list(server.scan_iter("*throttle:*"))
    assert sum(int(server.get(name)) for name in counts) == 2
    assert all(0 < server.ttl(name) <= 61 for name in counts)


def test_one_caller_does_not_use_up_anothers_share(api, api_of, tenant, monkeypatch):
    from tracker.api.throttling import PerCaller

    monkeypatch.setattr(PerCaller, "get_rate", lambda self: "1/min")

    assert (api.get(RUNS).status_code, api_of(tenant).get(RUNS).status_code) == (200, 200)


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (DomainError("bad", "x"), 422),
        (DomainError("bad", "x", status=400), 400),
        (Conflict("taken", "x"), 409),
        (Forbidden("no", "x"), 403),
        (NotFound("gone", "x"), 404),
    ],
)
def test_the_status_of_each_kind_of_refusal(refusal, status):
    assert status_of(refusal) == status


def test_a_trailing_slash_leads_to_the_path_without_it(api):
    answer = api.get(f"{RUNS}/?job=x")

    assert (answer.status_code, answer["Location"]) == (308, f"{RUNS}?job=x")


def test_an_address_that_is_not_there_is_a_problem_document(api):
    answer = api.get("/api/v1/nothing/")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_pages_follow_each_other_by_cursor(api):
    for _ in range(5):
        api.post(RUN)

    seen, link = [], f"{RUNS}?page_size=2"
    while link:
        page = api.get(link).json()
        seen += [one["run_id"] for one in page["results"]]
        link = page["next"] and page["next"].replace("http://acme.localhost", "")

    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("query", ["cursor=nonsense", "page_size=0", "page_size=-1", "page_size=x", "cursor=%00"])
def test_a_bad_cursor_or_size_is_no_crash(api, query):
    assert api.get(f"{RUNS}?{query}").status_code in (200, 400, 404)


def test_an_answer_is_kept_by_nobody(api):
    assert "no-store" in api.get(RUNS)["Cache-Control"]


def test_a_creators_key_is_bound(tenant):
    user = make_user(role="creator")

    assert user.bound_ids("podcast") == set()
