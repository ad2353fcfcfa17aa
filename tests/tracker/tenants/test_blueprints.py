"""A tenant made from the blueprint has exactly what the migrations would have given it."""

import pghistory
import pytest
from django.db import connection

from tracker.tenants import blueprints, services
from tracker.tenants.models import Blueprint
from tracker.tenants.routing import is_migrated
from tracker.tenants.services import create_tenant

CATALOGUE = """
SELECT regexp_replace(what, %(schema)s || '\\.', '', 'g') FROM (
  SELECT format('column %%s %%s %%s %%s %%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                pg_get_expr(d.adbin, d.adrelid)) AS what
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE c.relnamespace = %(schema)s::regnamespace
  UNION ALL SELECT conrelid::regclass || conname || pg_get_constraintdef(oid) FROM pg_constraint
  WHERE connamespace = %(schema)s::regnamespace
  UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = %(schema)s
  UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace
  UNION ALL SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
  WHERE c.relnamespace = %(schema)s::regnamespace AND NOT tgisinternal
  UNION ALL SELECT definition FROM pg_matviews WHERE schemaname = %(schema)s
) AS everything ORDER BY 1
"""


def catalogue(schema: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(CATALOGUE, {"schema": schema})
        return [what for (what,) in cursor.fetchall()]


@pytest.mark.own_database
def test_a_tenant_from_the_blueprint_equals_one_from_the_migrations(database, monkeypatch):
    monkeypatch.setattr(services, "migrate_tenant", None)  # the tests' own first tenant came by migrations
    kept = Blueprint.objects.get()

    create_tenant(slug="replayed", name="By the blueprint")

    assert catalogue("replayed") == catalogue("platform")
    assert len(catalogue("replayed")) > 1000
    assert is_migrated("replayed")
    assert Blueprint.objects.get() == kept


@pytest.mark.own_database
def test_a_request_that_the_audit_follows_uses_the_blueprint_too(database):
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA asked_for")

    with pghistory.context(url="/admin/tenants/tenant/add/?100%Tenants"):
        assert blueprints.replay("asked_for") is True
        with blueprints.recorded("another"), connection.cursor() as cursor:
            cursor.execute("CREATE TABLE public.made_by_a_migration (id int)")

    assert is_migrated("asked_for")
    assert Blueprint.objects.get().statements == ["CREATE TABLE public.made_by_a_migration (id int)"]


@pytest.mark.own_database
def test_a_blueprint_of_other_migrations_is_not_used(database, monkeypatch):
    monkeypatch.setattr(blueprints, "_fingerprint", "another set of files")

    assert blueprints.replay("nowhere") is False


@pytest.mark.own_database
def test_a_blueprint_that_does_not_go_through_leaves_nothing_behind(database, caplog):
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA halfway")
    Blueprint.objects.update(statements=["CREATE TABLE begun (id int)", "CREATE TABLE begun (id int)"])

    assert blueprints.replay("halfway") is False
    assert catalogue("halfway") == []
