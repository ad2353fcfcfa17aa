"""What holds for every resource of the API, from one table: who adds a resource adds a line, or this file fails."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http.client import HTTPConnection
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import URLResolver, get_resolver
from django_tenants.utils import tenant_context

from tests.factories import make_podcast
from tests.tracker.api.resources import RESOURCES, Resource

# Lists whose form the contract fixes (etl/history), and the log that hangs on one webhook.
ELSEWHERE = {"etl/history", "webhooks/<uuid:webhook_id>/deliveries"}

every = pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: one.path)
readable = pytest.mark.parametrize("resource", [one for one in RESOURCES if one.has_objects], ids=lambda one: one.path)
changeable = pytest.mark.parametrize("resource", [one for one in RESOURCES if one.change], ids=lambda one: one.path)
makeable = pytest.mark.parametrize("resource", [one for one in RESOURCES if one.post], ids=lambda one: one.path)


@pytest.fixture(autouse=True)
def _on(switch_on_all):
    return None


def made(resource: Resource) -> str:
    row = resource.make()
    return str(getattr(row, "pk", row))


def send(client, method: str, path: str, body=None, **headers: str):
    text = "" if body is None else json.dumps(body, default=str)
    return client.generic(method, path, text, content_type="application/json", headers=headers)


def write(client, resource: Resource, url: str, **headers: str):
    method, behind, body = resource.change
    return send(client, method, f"{url}{behind}", body, **headers)


def rows_of(client, resource: Resource, query: str = "") -> list[dict]:
    answer = client.get(f"{resource.url}?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def listed_paths(patterns, prefix: str = ""):
    """Every address below /api/v1 whose GET answers with a list of a model."""
    for one in patterns:
        route = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from listed_paths(one.url_patterns, route)
            continue
        view = getattr(one.callback, "cls", None)
        is_list = (getattr(one.callback, "actions", None) or {}).get("get") in ("list", "deliveries")
        if route.startswith("api/v1/") and view is not None and (is_list or "List" in view.__name__):
            yield route.removeprefix("api/v1/")


def test_every_list_of_the_api_stands_in_the_table():
    found = set(listed_paths(get_resolver("tracker.urls").url_patterns))

    assert found - ELSEWHERE == {one.path for one in RESOURCES}


@every
def test_a_list_is_read_by_cursor_to_the_end_and_back(api, resource):
    wanted = {made(resource) for _ in range(3)}

    seen, link = [], f"{resource.url}?page_size=1"
    while link:
        page = api.get(link).json()
        assert set(page) >= {"results", "next", "previous"}
        seen += [str(one[resource.key]) for one in page["results"]]
        before, link = page["previous"], page["next"] and page["next"].replace("http://acme.localhost", "")
    back = api.get(before.replace("http://acme.localhost", "")).json()["results"]

    assert len(seen) == len(set(seen))
    assert wanted <= set(seen)
    assert [str(one[resource.key]) for one in back] == [seen[-2]]


@every
def test_a_list_takes_as_many_queries_for_three_rows_as_for_one(api, resource):
    counts = []
    for _ in range(3):
        made(resource)
        api.get(resource.url)
        with CaptureQueriesContext(connection) as queries:
            assert api.get(resource.url).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[2]


@every
def test_a_list_is_narrowed_by_what_its_rows_say(api, resource):
    key = made(resource)
    row = next(one for one in rows_of(api, resource) if str(one[resource.key]) == key)
    matching, none = resource.narrow[0](row), resource.narrow[1]

    assert key in {str(one[resource.key]) for one in rows_of(api, resource, matching)}
    assert rows_of(api, resource, none) == []


@every
def test_a_list_is_ordered_both_ways_and_by_nothing_else(api, resource):
    for _ in range(3):
        made(resource)

    up = rows_of(api, resource, f"ordering={resource.ordering}")
    down = rows_of(api, resource, f"ordering=-{resource.ordering}")
    refused = api.get(f"{resource.url}?ordering=metadata__secret")

    values = [one[resource.ordering] for one in up]
    assert values == sorted(values)
    assert {str(one[resource.key]) for one in up} == {str(one[resource.key]) for one in down}
    assert [one[resource.ordering] for one in down] == values[::-1]
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid")
    assert refused.json()["errors"][0]["field"] == "ordering"


@every
def test_a_cursor_of_nobodys_making_is_a_404(api, resource):
    made(resource)

    for cursor in ("cD1hYmM=", "nonsense", "%00", "bz0xJnA9eA==", "cj0xJnA9MTIzNDU2Nzg5MDEyMzQ1Njc4OTA="):
        answer = api.get(f"{resource.url}?cursor={cursor}")
        assert answer.status_code in (200, 404), cursor
        assert answer.status_code == 200 or answer["Content-Type"] == "application/problem+json"


@every
def test_sparse_answers_hold_what_was_asked_for(api, resource):
    key = made(resource)

    assert all(set(row) == {resource.key} for row in rows_of(api, resource, f"fields={resource.key}"))
    if resource.has_objects:
        assert set(api.get(f"{resource.url}/{key}?fields={resource.key}").json()) == {resource.key}


@readable
def test_an_object_has_a_tag_that_spares_reading_it_again(api, resource):
    url = f"{resource.url}/{made(resource)}"

    first = api.get(url)
    again = api.get(url, headers={"if-none-match": first["ETag"]})
    sparse = api.get(f"{url}?fields={resource.key}")

    assert first.status_code == 200
    assert str(first.json()[resource.key]) in url
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert sparse["ETag"] == first["ETag"]


@changeable
def test_a_write_with_a_stale_tag_is_a_412_and_changes_nothing(api, resource):
    url = f"{resource.url}/{made(resource)}"
    before = api.get(url)

    refused = write(api, resource, url, **{"if-match": '"of-another-time"'})

    assert (refused.status_code, refused["Content-Type"]) == (412, "application/problem+json")
    assert refused.json()["code"] in ("stale", "stale_version", "stale_revision")
    assert api.get(url).json() == before.json()


@changeable
def test_a_write_with_the_tag_that_was_read_goes_through_once(api, resource):
    url = f"{resource.url}/{made(resource)}"
    tag = api.get(url)["ETag"]

    first = write(api, resource, url, **{"if-match": tag})
    second = write(api, resource, url, **{"if-match": tag})

    assert first.status_code == 200, first.text
    assert first["ETag"] != tag
    assert first["ETag"] == api.get(url)["ETag"]
    assert second.status_code == 412


@changeable
def test_a_write_without_a_tag_or_with_a_star_is_not_held_up(api, resource):
    for headers in ({}, {"if-match": "*"}):
        assert write(api, resource, f"{resource.url}/{made(resource)}", **headers).status_code == 200


def test_removing_minds_the_tag_too(api):
    webhook = next(one for one in RESOURCES if one.path == "webhooks")
    url = f"{webhook.url}/{made(webhook)}"
    tag = api.get(url)["ETag"]

    refused = send(api, "DELETE", url, **{"if-match": '"of-another-time"'})

    assert (refused.status_code, refused.json()["code"]) == (412, "stale")
    assert send(api, "DELETE", url, **{"if-match": tag}).status_code == 204


@makeable
def test_a_new_one_has_an_address_a_tag_and_one_effect(api, resource):
    body = resource.post()

    first = send(api, "POST", resource.url, body, **{"idempotency-key": "k1"})
    again = send(api, "POST", resource.url, body, **{"idempotency-key": "k1"})
    other = send(api, "POST", resource.url, {**body, "extra": 1}, **{"idempotency-key": "k1"})

    assert first.status_code == 201, first.text
    assert again.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    if resource.has_objects:
        read = api.get(first["Location"])
        assert str(read.json()[resource.key]) == str(first.json()[resource.key])
        assert read["ETag"] == first["ETag"] == again["ETag"]


@makeable
def test_a_body_without_what_is_needed_names_each_field(api, resource):
    answer = send(api, "POST", resource.url, {})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert answer.json()["errors"]
    assert all(set(one) == {"field", "code", "message"} for one in answer.json()["errors"])


@every
def test_a_trailing_slash_redirects_whatever_the_method(api, resource):
    for url in (resource.url, f"{resource.url}/{uuid4()}") if resource.has_objects else (resource.url,):
        for method in ("GET", "POST", "PATCH", "DELETE"):
            answer = send(api, method, f"{url}/?page_size=1", {})
            assert (answer.status_code, answer["Location"]) == (308, f"{url}?page_size=1")


@every
def test_refusals_are_problem_documents_with_a_stable_code(api, api_of, tenant, client, resource):
    nobody = f"{resource.url}/{uuid4()}"
    refusals = {
        (405, "method_not_allowed"): send(api, "PUT", resource.url, {}),
        (401, "not_authenticated"): client.get(resource.url),
        (403, "scope_missing"): api_of(tenant, scopes=["dashboards"]).get(resource.url),
        (404, "not_found"): api.get(nobody),
    }

    for (status, code), answer in refusals.items():
        body = answer.json()
        assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
        assert answer["Content-Type"] == "application/problem+json"
        assert set(body) >= {"type", "title", "status", "code", "detail"}


@every
def test_a_key_needs_the_scope_of_the_resource_and_no_other(api_of, tenant, resource):
    assert api_of(tenant, scopes=[f"{resource.scope}:read"]).get(resource.url).status_code == 200
    assert send(api_of(tenant, scopes=[f"{resource.scope}:read"]), "POST", resource.url, {}).status_code in (403, 405)


@every
def test_instants_carry_an_offset_days_are_days_and_money_is_integer_cents(api, resource):
    made(resource)

    for row in rows_of(api, resource):
        for name, value in row.items():
            if value is None:
                continue
            if name.endswith("_at") or name in ("timestamp", "flight_start", "flight_end"):
                assert datetime.fromisoformat(value).tzinfo is not None, name
            if name.endswith("_cents") or name == "campaign_value":
                assert type(value) is int, name
            if name.endswith("_id") and name != "order_number":
                UUID(str(value))


@every
def test_another_tenants_rows_are_in_no_list_and_at_no_address(api, other_tenant, resource):
    with tenant_context(other_tenant):
        theirs = made(resource)

    assert theirs not in {str(one[resource.key]) for one in rows_of(api, resource)}
    if resource.has_objects:
        url = f"{resource.url}/{theirs}"
        assert api.get(url).status_code == 404
        if resource.change:
            assert write(api, resource, url).status_code == 404


@pytest.mark.parametrize(
    ("other", "name"), [("campaigns", "deals"), ("sponsors", "advertisers"), ("bookings", "io"), ("api-keys", "keys")]
)
def test_the_nouns_of_the_trade_lead_to_the_resource(api, other, name):
    thing = uuid4()

    whole = api.get(f"/api/v1/{other}?page_size=1")
    one = send(api, "PATCH", f"/api/v1/{other}/{thing}/stage/", {})

    assert (whole.status_code, whole["Location"]) == (308, f"/api/v1/{name}?page_size=1")
    assert (one.status_code, one["Location"]) == (308, f"/api/v1/{name}/{thing}/stage")


def test_of_twenty_who_read_the_same_state_one_changes_it(live_site, api_of, tenant):
    bearer = api_of(tenant).defaults["HTTP_AUTHORIZATION"]
    url = f"/api/v1/podcasts/{make_podcast().pk}"
    headers = {"Host": "acme.localhost", "Authorization": bearer, "Content-Type": "application/json"}

    def ask(method: str, body: str = "", **more: str):
        line = HTTPConnection("127.0.0.1", live_site.port, timeout=60)
        line.request(method, url, body, {**headers, **more})
        answer = line.getresponse()
        found = answer.status, answer.headers["ETag"], json.loads(answer.read())
        line.close()
        return found

    tag = ask("GET")[1]

    def change(n: int) -> int:
        return ask("PATCH", json.dumps({"host_name": f"Host {n}"}), **{"If-Match": tag})[0]

    with ThreadPoolExecutor(10) as pool:
        statuses = sorted(pool.map(change, range(20)))

    assert statuses == [200] + [412] * 19
