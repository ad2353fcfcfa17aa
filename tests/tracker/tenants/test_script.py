"""A schema made by replaying the migrations' statements is the schema that the migrations make."""

import pytest
from django.core.management import call_command
from django.db import connection
from django_tenants.utils import schema_context

from tracker.tenants import script
from tracker.tenants.models import SchemaScript
from tracker.tenants.services import create_tenant, migrate_tenant

pytestmark = pytest.mark.own_database

FINGERPRINT = """
    SELECT 'column', table_name || '.' || column_name, data_type || is_nullable || coalesce(column_default, '')
        || coalesce(character_maximum_length::text, '') || is_identity || is_generated
    FROM information_schema.columns WHERE table_schema = %(schema)s
    UNION ALL
    SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = to_regnamespace(%(schema)s)
    UNION ALL
    SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = %(schema)s
    UNION ALL
    SELECT 'trigger', tgrelid::regclass || '.' || tgname, pg_get_triggerdef(t.oid)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = to_regnamespace(%(schema)s) AND NOT tgisinternal
    UNION ALL
    SELECT 'function', proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = to_regnamespace(%(schema)s)
    UNION ALL
    SELECT 'view', matviewname, definition FROM pg_matviews WHERE schemaname = %(schema)s
    UNION ALL
    SELECT 'view', viewname, definition FROM pg_views WHERE schemaname = %(schema)s
    UNION ALL
    SELECT 'relation', relname, relkind::text || coalesce(reloptions::text, '')
    FROM pg_class WHERE relnamespace = to_regnamespace(%(schema)s)
    UNION ALL
    SELECT 'comment', d.description, '' FROM pg_description d JOIN pg_class c ON c.oid = d.objoid
    WHERE c.relnamespace = to_regnamespace(%(schema)s)
"""


def fingerprint(schema: str) -> set[tuple[str, str, str]]:
    """Return what a schema consists of, its own name left out."""
    with schema_context(schema), connection.cursor() as cursor:
        cursor.execute(FINGERPRINT, {"schema": schema})
        rows = cursor.fetchall()
        cursor.execute("SELECT 'migration', app, name FROM django_migrations")
        return {tuple(part.replace(schema, "SCHEMA") for part in row) for row in [*rows, *cursor.fetchall()]}


def test_a_replayed_schema_equals_a_migrated_one(database):
    assert SchemaScript.objects.get().digest == script.migrations_digest()
    create_tenant(slug="replayed", name="Replayed")
    SchemaScript.objects.all().delete()
    create_tenant(slug="migrated", name="Migrated")

    replayed, migrated = fingerprint("replayed"), fingerprint("migrated")

    assert len(migrated) > 1000
    assert replayed ^ migrated == set()
    assert SchemaScript.objects.count() == 1


def test_a_script_that_does_not_run_gives_way_to_the_migrations(database):
    kept = SchemaScript.objects.get()
    kept.statements = [*kept.statements[:50], "SELECT 1 / 0"]
    kept.save()

    tenant = create_tenant(slug="gamma", name="Gamma")

    assert tenant.status == "active"
    assert fingerprint("gamma") == fingerprint("acme")


def test_a_schema_with_tables_is_never_replayed_into(tenant):
    assert not script.replay("acme")

    migrate_tenant("acme")

    assert fingerprint("acme") == fingerprint("beta")


def test_the_connection_stands_in_public_after_a_replay(database):
    create_tenant(slug="gamma", name="Gamma")

    with connection.cursor() as cursor:
        cursor.execute("SHOW search_path")
        assert cursor.fetchone()[0] == "public"
    call_command("migrate_schemas", shared=True, interactive=False, verbosity=0)
