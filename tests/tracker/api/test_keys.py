"""Keys are made, rotated and ended over the API; a key gives out no more than it has."""

import pytest

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
    "fields",
    [
        {"name": ""},
        {"scopes": []},
        {"scopes": ["DROP TABLE"]},
        {"role": "emperor"},
        {"allowed_networks": ["everywhere"]},
    ],
)
def test_a_wish_that_makes_no_sense_is_a_400(api, fields):
    assert make(api, **fields).status_code == 400
