"""Keys are made, rotated and ended over the API; a key gives out no more than it has, and reaches no further."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from bookings.makegoods.services import open_makegood
from matchmaking.models import Match
from tests.factories import NOON, make_booking, make_campaign, make_episode, make_podcast, make_sponsor
from tracker.accounts.models import ApiKey
from tracker.lib.actors import SYSTEM

KEYS = "/api/v1/keys"


def make(client, **fields):
    body = {"name": "sheet", "role": "ops", "scopes": ["etl:write"], **fields}
    return client.post(KEYS, body, content_type="application/json")


def test_a_key_is_made_and_its_text_shown_once(api, tenant, client_of):
    made = make(api).json()

    listed = api.get(KEYS).json()["results"]
    assert [one["name"] for one in listed] == ["sheet", "test"]
    assert all("key" not in one for one in listed)
    caller = client_of(tenant, authorization=f"Bearer {made['key']}")
    assert caller.get("/api/v1/etl/history").status_code in (200, 403)
    assert caller.get(KEYS).json()["code"] == "scope_missing"


def test_a_key_is_rotated_and_revoked(api):
    made = make(api).json()

    rotated = api.post(f"{KEYS}/{made['key_id']}/rotate").json()
    revoked = api.post(f"{KEYS}/{made['key_id']}/revoke").json()

    assert rotated["key"] != made["key"]
    assert revoked["revoked_at"] is not None
    assert api.post(f"{KEYS}/{made['key_id']}/rotate").status_code == 409


def test_a_key_gives_out_no_more_than_it_has(tenant, api_of):
    narrow = api_of(tenant, scopes=["keys", "etl:read"])

    assert make(narrow, scopes=["etl:read"]).status_code == 201
    for scopes in (["*"], ["etl:write"], ["deals"]):
        assert make(narrow, scopes=scopes).json()["code"] == "scope_missing"


@pytest.mark.parametrize("role", ["sales_manager", "salesperson", "creator", "advertiser", "ops"])
def test_only_administrators_make_keys(tenant, api_of, role):
    assert make(api_of(tenant, role=role)).status_code == 403


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"name": ""}, 400),
        ({"scopes": []}, 400),
        ({"scopes": ["DROP TABLE"]}, 400),
        ({"role": "emperor"}, 422),
        ({"allowed_networks": ["everywhere"]}, 422),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(api, fields, status):
    assert make(api, **fields).status_code == status


def patch(client, key_id, **fields):
    return client.patch(f"{KEYS}/{key_id}", fields, content_type="application/json")


def test_a_rotated_key_works_beside_the_new_one_and_then_no_more(api, tenant, client_of):
    made = make(api).json()
    fresh = api.post(f"{KEYS}/{made['key_id']}/rotate").json()
    old, new = (client_of(tenant, authorization=f"Bearer {one['key']}") for one in (made, fresh))

    during = [one.get("/api/v1/imports").status_code for one in (old, new)]
    ApiKey.objects.filter(pk=made["key_id"]).update(expires_at=timezone.now() - timedelta(seconds=1))
    after = [one.get("/api/v1/imports").status_code for one in (old, new)]

    assert during == [403, 403]  # both are let in; the feature is off
    assert after == [401, 403]
    assert {fresh[name] == made[name] for name in ("role", "scopes", "allowed_networks", "name")} == {True}
    ends = datetime.fromisoformat(api.get(f"{KEYS}/{made['key_id']}").json()["expires_at"])
    assert ends < timezone.now()


def test_a_keys_networks_name_and_end_are_changed_and_its_role_is_not(api, tenant, client_of):
    made = make(api, scopes=["keys:read"], role="administrator").json()
    caller = client_of(tenant, authorization=f"Bearer {made['key']}")

    changed = patch(api, made["key_id"], name="mine", allowed_networks=["192.0.2.7/24"], role="ops").json()

    assert (changed["name"], changed["allowed_networks"], changed["role"]) == (
        "mine",
        ["192.0.2.0/24"],
        "administrator",
    )
    assert caller.get(KEYS, REMOTE_ADDR="192.0.2.200").status_code == 200
    assert caller.get(KEYS, REMOTE_ADDR="198.51.100.1").status_code == 401
    assert patch(api, made["key_id"], expires_at="2020-01-01T00:00:00Z").status_code == 200
    assert caller.get(KEYS, REMOTE_ADDR="192.0.2.200").status_code == 401
    assert patch(api, made["key_id"], name="late").json()["code"] == "key_ended"


def test_a_key_widens_neither_itself_nor_another(tenant, api_of):
    narrow = api_of(tenant, scopes=["keys", "etl:read"])
    (mine,) = narrow.get(KEYS).json()["results"]

    assert patch(narrow, mine["key_id"], scopes=["*"]).json()["code"] == "scope_missing"
    assert patch(narrow, mine["key_id"], scopes=["etl:read"]).status_code == 200


@pytest.fixture
def two_houses_of_one_tenant(switch_on_all):
    """Two shows and two sponsors, each pair with a line, a case and a match of its own: [(show, sponsor, ids), ...]."""
    found = []
    for _ in range(2):
        show, sponsor = make_podcast(), make_sponsor()
        episode = make_episode(show)
        line = make_booking(campaign=make_campaign(sponsor=sponsor), episode=episode)
        case = open_makegood(booking=line, reason="by_hand", owed_impressions=500, by=SYSTEM, at=NOON)
        match = Match.objects.create(advertiser=sponsor, podcast=show, score="50.00", updated_at=NOON)
        ids = {
            "podcasts": show.pk,
            "episodes": episode.pk,
            "ad-units": line.ad_unit_id,
            "advertisers": sponsor.pk,
            "io": line.pk,
            "orders": line.order_id,
            "makegoods": case.pk,
            "matches": match.pk,
        }
        found.append((show, sponsor, {path: str(key) for path, key in ids.items()}))
    return found


@pytest.mark.parametrize(
    ("role", "kind", "sees"),
    [
        ("creator", "podcast", ["podcasts", "episodes", "ad-units", "io", "makegoods"]),
        ("advertiser", "sponsor", ["advertisers", "io", "orders", "matches"]),
    ],
)
def test_a_bound_key_sees_its_own_alone(tenant, api_of, two_houses_of_one_tenant, role, kind, sees):
    (show, sponsor, mine), (_show, _sponsor, others) = two_houses_of_one_tenant
    bound = {"podcast": show.pk, "sponsor": sponsor.pk}[kind]
    caller = api_of(tenant, role=role, bindings={kind: [bound]})

    for path, key in mine.items():
        listed = caller.get(f"/api/v1/{path}")
        if path not in sees:
            assert listed.status_code == 403, path
            assert caller.get(f"/api/v1/{path}/{key}").status_code == 403
            continue
        assert [key in str(row) for row in listed.json()["results"]] == [True], path
        assert others[path] not in listed.text
        assert caller.get(f"/api/v1/{path}/{key}").status_code == 200
        assert caller.get(f"/api/v1/{path}/{others[path]}").status_code == 404
        written = caller.patch(f"/api/v1/{path}/{key}", {}, content_type="application/json")
        assert written.status_code in (403, 405), path


@pytest.mark.parametrize("role", ["creator", "advertiser"])
def test_a_bound_key_without_a_binding_sees_nothing(tenant, api_of, two_houses_of_one_tenant, role):
    caller = api_of(tenant, role=role)

    for path in two_houses_of_one_tenant[0][2]:
        answer = caller.get(f"/api/v1/{path}")
        assert answer.status_code == 403 or answer.json()["results"] == []


def test_every_answer_tells_what_is_left_of_the_keys_share(api, api_of, tenant, monkeypatch):
    from tracker.api.throttling import PerCaller

    monkeypatch.setattr(PerCaller, "get_rate", lambda self: "2/min")
    answers = [api.get(KEYS), api.get(f"{KEYS}/nothing"), api.post(KEYS, "{", content_type="application/json")]
    first, _missing, refused = answers

    assert [first[f"RateLimit-{name}"] for name in ("Limit", "Remaining")] == ["2", "1"]
    assert 0 < int(first["RateLimit-Reset"]) <= 61
    assert refused.status_code in (400, 429)
    over = api.get(KEYS)
    assert (over.status_code, over.json()["code"], over["RateLimit-Remaining"]) == (429, "throttled", "0")
    assert int(over["Retry-After"]) >= 1
    assert api_of(tenant).get(KEYS).status_code == 200


def test_a_key_is_counted_at_its_own_tenant_and_no_other(api, api_of, other_tenant, monkeypatch):
    from tracker.api.throttling import PerCaller

    monkeypatch.setattr(PerCaller, "get_rate", lambda self: "1/min")
    theirs = api_of(other_tenant)

    assert [api.get(KEYS).status_code, api.get(KEYS).status_code, theirs.get(KEYS).status_code] == [200, 429, 200]
    with tenant_context(other_tenant):
        assert ApiKey.objects.get().last_used_at is not None
