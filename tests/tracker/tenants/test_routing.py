"""The host says whose request it is; on the bare host, and for the API only, X-Tenant may."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django_tenants.utils import schema_context, tenant_context

from tracker.tenants import routing
from tracker.tenants.context import current_tenant, file_prefix, lock_key
from tracker.tenants.models import Domain, Tenant
from tracker.tenants.services import set_tenant_status

RUNS = "/api/v1/automation/runs"


def get(path: str, host: str, **headers: str):
    return Client(headers={"host": host, **headers}).get(path)


@pytest.mark.parametrize(
    "host",
    [
        "nobody.localhost",
        "localhost.evil.example",
        "acme.localhost.evil.example",
        "acme",
        "a.acme.localhost",
        "127.0.0.9",
    ],
)
def test_a_host_that_is_nobodys_reaches_nobody(tenant, host):
    answer = get("/accounts/login/", host)

    assert answer.status_code == 404
    assert "Traceback" not in answer.text
    assert "acme" not in answer.text.lower()


@pytest.mark.parametrize(
    "host", ["", "acme.localhost, beta.localhost", "acme localhost", "[::1", "acme.localhost:port"]
)
def test_a_host_that_is_no_host_is_refused(tenant, host):
    assert get("/accounts/login/", host).status_code in (400, 404)


@pytest.mark.parametrize("host", ["acme.localhost", "ACME.localhost", "acme.localhost:8000", "acme.localhost."])
def test_a_tenants_own_host_reaches_it_however_it_is_spelled(tenant, host):
    assert get("/accounts/login/", host).status_code == 200


def test_a_custom_domain_reaches_its_tenant(tenant):
    with schema_context("public"):
        Domain.objects.create(domain="sponsors.acme.example", tenant=tenant, is_primary=False)

    assert get("/accounts/login/", "sponsors.acme.example").status_code == 200


def test_a_custom_domain_that_is_taken_away_reaches_nobody_at_once(tenant):
    with schema_context("public"):
        domain = Domain.objects.create(domain="old.acme.example", tenant=tenant, is_primary=False)
    assert get("/accounts/login/", "old.acme.example").status_code == 200

    with schema_context("public"):
        domain.delete()

    assert get("/accounts/login/", "old.acme.example").status_code == 404


def test_a_forwarded_host_is_not_believed(tenant, other_tenant):
    answer = get("/api/v1/x", "nobody.localhost", **{"X-Forwarded-Host": "acme.localhost"})

    assert answer.status_code == 404
    assert answer.json()["code"] == "unknown_host"


def test_x_tenant_names_the_tenant_on_the_bare_host(api_of, tenant, other_tenant, platform_tenant):
    bearer = api_of(tenant).defaults["HTTP_AUTHORIZATION"]

    at_home = get(RUNS, "localhost", **{"X-Tenant": "acme", "Authorization": bearer})
    elsewhere = get(RUNS, "localhost", **{"X-Tenant": "beta", "Authorization": bearer})

    assert at_home.json()["code"] == "feature_disabled"
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (401, "invalid_key")


@pytest.mark.parametrize("slug", ["nobody", "ACME", "acme'", "platform", "public", "..", "", "a" * 300, "ácme"])
def test_x_tenant_that_names_nobody_is_a_404(tenant, platform_tenant, slug):
    assert get(RUNS, "localhost", **{"X-Tenant": slug}).status_code == 404


def test_x_tenant_that_contradicts_the_host_is_a_400(tenant, other_tenant):
    answer = get(RUNS, "acme.localhost", **{"X-Tenant": "beta"})

    assert (answer.status_code, answer.json()["code"]) == (400, "tenant_contradiction")
    assert answer["Content-Type"] == "application/problem+json"


def test_x_tenant_that_agrees_with_the_host_changes_nothing(tenant):
    assert get(RUNS, "acme.localhost", **{"X-Tenant": "acme"}).status_code == 401


def test_x_tenant_is_for_the_api_only(tenant, platform_tenant):
    page = get("/accounts/login/", "localhost", **{"X-Tenant": "acme"})

    assert page.wsgi_request.tenant.is_platform


def test_the_bare_host_asks_for_the_tenant(platform_tenant):
    answer = get(RUNS, "localhost")

    assert (answer.status_code, answer.json()["code"]) == (400, "tenant_required")


def test_a_suspended_tenant_answers_403_at_once_and_opens_again(client, tenant):
    assert client.get("/accounts/login/").status_code == 200

    set_tenant_status(tenant=tenant, to=Tenant.Status.SUSPENDED)
    page, call = client.get("/accounts/login/"), client.get(RUNS)
    set_tenant_status(tenant=tenant, to=Tenant.Status.ACTIVE)

    assert page.status_code == 403
    assert (call.status_code, call.json()["code"]) == (403, "tenant_suspended")
    assert client.get("/accounts/login/").status_code == 200


def test_a_tenant_that_is_being_made_answers_503_and_says_when_to_come_back(client, tenant):
    Tenant.objects.filter(pk=tenant.pk).update(status=Tenant.Status.PROVISIONING)
    routing.forget()

    answer = client.get(RUNS)

    assert (answer.status_code, answer.json()["code"]) == (503, "tenant_not_ready")
    assert int(answer["Retry-After"]) > 0


def test_a_tenant_behind_on_migrations_answers_503(client, tenant):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM acme.django_migrations WHERE app = 'events'")
    routing.forget()

    assert client.get("/accounts/login/").status_code == 503


def test_another_process_that_changed_a_tenant_is_noticed(client, tenant, monkeypatch):
    client.get("/accounts/login/")
    # What another process does: its row is changed and the number in the shared cache goes up; our map knows nothing.
    Tenant.objects.filter(pk=tenant.pk).update(status=Tenant.Status.SUSPENDED)
    assert client.get("/accounts/login/").status_code == 200
    with schema_context("public"):
        cache.set(routing.VERSION_KEY, 10**9)

    monkeypatch.setattr(routing._map, "looked_at", 0.0)

    assert client.get("/accounts/login/").status_code == 403


def test_knowing_the_tenant_costs_no_query_once_it_is_known(client, tenant, django_assert_num_queries):
    client.get("/api/v1/nothing-here")

    with django_assert_num_queries(0):
        client.get("/api/v1/nothing-here")


def test_the_host_that_a_tenant_goes_by_is_known_until_its_domains_change(tenant, django_assert_num_queries):
    assert routing.first_host_of(tenant) == "acme.localhost"
    with django_assert_num_queries(0):
        routing.first_host_of(tenant)

    own = Domain.objects.create(tenant=tenant, domain="ads.example.org", is_primary=True)
    assert routing.first_host_of(tenant) == "ads.example.org"

    own.delete()
    assert routing.first_host_of(tenant) == "acme.localhost"


def test_after_a_request_the_connection_is_where_it_was(client, other_tenant):
    with tenant_context(other_tenant):
        client.get("/accounts/login/")
        assert connection.schema_name == "beta"
    with schema_context("public"):
        client.get("/accounts/login/")
        assert connection.schema_name == "public"


def test_names_that_leave_the_schema_carry_the_tenant(tenant, other_tenant):
    mine = (current_tenant().slug, file_prefix(), lock_key("x"))
    with tenant_context(other_tenant):
        theirs = (current_tenant().slug, file_prefix(), lock_key("x"))

    assert mine[:2] == ("acme", "acme/")
    assert theirs[:2] == ("beta", "beta/")
    assert mine[2] != theirs[2]
