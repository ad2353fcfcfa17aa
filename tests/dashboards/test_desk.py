"""The first page of the platform's admin: every house, and which of them is behind this release."""

from types import SimpleNamespace

from django.db import connection
from django_tenants.utils import schema_context

from tracker.dashboards.desk import desk_context


def test_a_house_whose_tables_are_behind_is_named(tenant, other_tenant):
    request = SimpleNamespace(tenant=SimpleNamespace(is_platform=True))
    with schema_context(other_tenant.schema_name), connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'dashboards'")

    with schema_context("public"):
        houses = {row["tenant"].schema_name: row["is_behind"] for row in desk_context(request, {})["houses"]}

    assert houses["beta"] is True
    assert houses["acme"] is False
