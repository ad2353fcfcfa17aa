"""Making tenants: whole, repeatable, and refused with a reason."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django_tenants.utils import schema_context, tenant_context

from tracker.accounts.models import ApiKey, Role, User
from tracker.lib.errors import Conflict, DomainError
from tracker.tenants.models import Domain, Tenant
from tracker.tenants.services import create_tenant, provision, request_tenant


@pytest.mark.own_database
def test_a_new_tenant_is_open_with_its_host_roles_and_administrator(database, capsys):
    call_command("create_tenant", "gamma_house", "--name", "Gamma", "--admin-email", "ann@gamma.example")

    tenant = Tenant.objects.get(schema_name="gamma_house")
    assert tenant.status == "active"
    assert Domain.objects.get(tenant=tenant).domain == "gamma-house.localhost"
    with tenant_context(tenant):
        assert set(Role.objects.values_list("code", flat=True)) == set(Role.Code.values)
        assert User.objects.get().role_id == "administrator"
    with schema_context("public"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' INTERSECT"
            " SELECT tablename FROM pg_tables WHERE schemaname = 'gamma_house'"
        )
        assert cursor.fetchall() == [("django_migrations",)]


@pytest.mark.own_database
def test_a_tenant_whose_making_failed_says_why_and_can_be_made_again(database, monkeypatch):
    from tracker.tenants import services

    monkeypatch.setattr(services, "ensure_roles", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        create_tenant(slug="delta", name="Delta")
    failed = Tenant.objects.get(schema_name="delta")
    assert (failed.status, "ZeroDivisionError" in failed.status_note) == ("failed", True)
    monkeypatch.undo()

    assert provision(tenant=failed).status == "active"


@pytest.mark.parametrize(
    "slug",
    ["public", "pg_catalog", "information_schema", "Acme", "ac", "a;drop", "a-b-c", "../x", "platform", "a" * 60],
)
def test_a_slug_that_is_no_safe_name_is_refused(database, slug):
    with pytest.raises(DomainError) as refusal:
        request_tenant(slug=slug, name="x")

    assert refusal.value.code == "bad_slug"


def test_a_slug_belongs_to_one_tenant(tenant):
    with pytest.raises(Conflict) as refusal:
        request_tenant(slug="acme", name="Another")

    assert refusal.value.code == "slug_taken"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("time_zone", "Mars/Olympus", "bad_time_zone"),
        ("currency", "usd", "bad_currency"),
        ("currency", "€", "bad_currency"),
    ],
)
def test_a_zone_or_currency_that_is_none_is_refused(database, field, value, code):
    with pytest.raises(DomainError) as refusal:
        request_tenant(slug="epsilon", name="x", **{field: value})

    assert refusal.value.code == code


def test_a_key_made_on_the_command_line_stands_alone_on_the_last_line_and_works(tenant, client_of, capsys):
    call_command("create_api_key", "--tenant", "acme", "--name", "sheet", "--scopes", "automation:read,etl:write")

    secret = capsys.readouterr().out.splitlines()[-1]
    key = ApiKey.objects.get()
    assert (key.name, key.role_id, key.scopes) == ("sheet", "administrator", ["automation:read", "etl:write"])
    assert secret not in str(vars(key))
    answer = client_of(tenant, authorization=f"Bearer {secret}").get("/api/v1/automation/runs")
    assert answer.json()["code"] == "feature_disabled"


def test_a_key_for_a_tenant_that_is_not_there_is_refused(tenant):
    with pytest.raises(CommandError, match="no tenant called nobody"):
        call_command("create_api_key", "--tenant", "nobody", "--name", "x", "--scopes", "*")
