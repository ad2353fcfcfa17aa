"""Migrations go forward, all the way back and forward again over rows, and a second run changes nothing."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context

from tests import factories
from tracker.tenants import fleet
from tracker.tenants.executor import SchemaExecutor
from tracker.tenants.fleet import Point
from tracker.tenants.routing import is_migrated
from tracker.tenants.services import migrate_tenant

OURS = {
    "etl",
    "matchmaking",
    "bookings",
    "deals",
    "metrics",
    "automation",
    "events",
    "api",
    "feature_flags",
    "dashboards",
}


def applied(schema: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {schema}.django_migrations")
        return cursor.fetchone()[0]


def tables(schema: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema])
        return {name for (name,) in cursor.fetchall()}


def test_the_models_have_all_their_migrations(tenant):
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_every_migration_of_ours_says_what_it_does_and_has_a_way_back():
    from django.db.migrations.loader import MigrationLoader

    ours = {config.label for config in apps.get_app_configs() if "site-packages" not in config.path}
    disk = {key: one for key, one in MigrationLoader(None).disk_migrations.items() if key[0] in ours}

    assert disk
    assert [key for key in disk if "auto_" in key[1]] == []
    assert [key for key, one in disk.items() if not all(operation.reversible for operation in one.operations)] == []
    assert [key for key, one in disk.items() if not one.atomic] == []


@pytest.mark.own_database
def test_forward_back_to_zero_and_forward_again_over_rows(database):
    with schema_context("beta"):
        factories.make_booking()
    before, were = tables("beta"), applied("beta")

    now = fleet.take_point(name="now", at=timezone.now())
    bare = {key for key in now.applied["beta"] if key[0] not in OURS}
    fleet.go_back("beta", Point("bare", now.taken_at, {"beta": frozenset(bare)}))

    with schema_context("public"):
        assert tables("beta").isdisjoint({"io_bookings", "campaigns", "podcasts", "matches", "etl_imports", "job_runs"})
        assert not is_migrated("beta")
        migrate_tenant("beta")

    assert (tables("beta"), applied("beta"), is_migrated("beta")) == (before, were, True)
    with schema_context("beta"):
        factories.make_booking()


@pytest.mark.own_database
def test_a_second_run_changes_nothing_and_leaves_the_rows(database, capsys):
    with schema_context("acme"):
        booking = factories.make_booking()
    before = applied("acme"), tables("acme")

    call_command("migrate_tenants")

    assert (applied("acme"), tables("acme")) == before
    assert capsys.readouterr().out.splitlines() == ["platform: up to date", "acme: up to date", "beta: up to date"]
    with schema_context("acme"):
        booking.refresh_from_db()


@pytest.mark.own_database
def test_what_makes_nothing_in_a_schema_is_only_written_down_there(database, monkeypatch):
    before, ran = applied("beta"), []
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM beta.django_migrations WHERE app IN ('django_celery_beat', 'auth')")
    monkeypatch.setattr(SchemaExecutor, "apply_migration", lambda _self, state, migration, **_: ran.append(migration))

    migrate_tenant("beta")

    assert applied("beta") == before
    assert ran == []


@pytest.mark.own_database
def test_one_tenant_that_cannot_be_migrated_stops_no_other_and_is_named(database, capsys):
    from django.core.management import CommandError

    with connection.cursor() as cursor:
        # acme has lost its record of a table that is there, so that migration cannot run again.
        cursor.execute("DELETE FROM acme.django_migrations WHERE app = 'feature_flags'")
        cursor.execute("DELETE FROM beta.django_migrations WHERE app = 'feature_flags'")
        cursor.execute("DROP TABLE beta.flag_overrides, beta.feature_flags_flagoverrideevent")
        cursor.execute(
            "SELECT format('DROP FUNCTION beta.%I', proname) FROM pg_proc p"
            " WHERE pronamespace = 'beta'::regnamespace AND proname LIKE 'pgtrigger%%'"
            " AND prosrc LIKE '%%flagoverride%%'"
        )
        for (drop,) in cursor.fetchall():
            cursor.execute(drop)

    with pytest.raises(CommandError, match="acme"):
        call_command("migrate_tenants")

    assert (is_migrated("acme"), is_migrated("beta")) == (False, True)
