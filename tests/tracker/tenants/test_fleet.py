"""Forward and back over all schemas, rehearsed on rows."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from django_tenants.utils import schema_context

from tests.factories import make_booking, make_user
from tracker.lib.errors import DomainError
from tracker.tenants import fleet
from tracker.tenants.fleet import Point

pytestmark = pytest.mark.own_database

# The newest parts: what an older version of the product does without.
NEWEST = {"bookings", "matchmaking", "etl", "dashboards"}


def before_the_last_migrations(*labels: str) -> Point:
    """Return the point at which apps lacked their last migration, in every schema."""
    now = fleet.take_point(name="before", at=timezone.now())
    graph = MigrationLoader(connection).graph
    last = {key for key in graph.leaf_nodes() if key[0] in labels}
    # What stands on one of them goes with it.
    for key in list(last):
        last |= set(graph.backwards_plan(key))
    return Point("before", now.taken_at, {schema: keys - last for schema, keys in now.applied.items()})


def rows_of(schema: str, columns: dict[str, list[str]]) -> dict[str, list]:
    """Return every row of a schema, cut to the columns given, as text and in order."""
    found = {}
    with schema_context(schema), connection.cursor() as cursor:
        for table, names in columns.items():
            listed = ", ".join(f'"{name}"::text' for name in names)
            cursor.execute(f'SELECT {listed} FROM "{schema}"."{table}" ORDER BY {listed}')
            found[table] = cursor.fetchall()
    return found


def columns_of(schema: str) -> dict[str, list[str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, array_agg(column_name ORDER BY column_name)::text[] "
            "FROM information_schema.columns JOIN pg_tables ON schemaname = table_schema AND tablename = table_name "
            "WHERE table_schema = %s AND table_name <> 'django_migrations' GROUP BY 1",
            [schema],
        )
        return dict(cursor.fetchall())


def test_rows_that_the_older_schema_knows_are_the_same_after_back_and_forth(tenant):
    make_user(role="salesperson")
    make_booking()
    newer = columns_of("acme")
    everything = rows_of("acme", newer)

    undone = fleet.go_back("acme", before_the_last_migrations(*NEWEST))
    older = columns_of("acme")
    at_the_point = rows_of("acme", older)
    call_command("migrate_tenants", stdout=StringIO())

    assert {app for app, _name in undone} == NEWEST
    assert columns_of("acme") == newer
    kept = {table: [name for name in names if name in newer.get(table, [])] for table, names in older.items()}
    kept = {table: names for table, names in kept.items() if names}
    again = rows_of("acme", kept)
    assert again == {table: at_the_point[table] for table in kept if kept[table] == older[table]} | {
        table: again[table] for table in kept if kept[table] != older[table]
    }
    assert {table: len(rows) for table, rows in again.items()} == {table: len(everything[table]) for table in kept}


def test_a_point_survives_its_file(tenant, tmp_path):
    point = fleet.take_point(name="p1", at=timezone.now())

    assert Point.read(point.write(tmp_path)) == point


def test_nothing_is_pending_and_nothing_to_undo_right_after_a_point(tenant, tmp_path):
    said = StringIO()
    call_command("plan_migrations", point="here", folder=tmp_path, stdout=said)

    assert "acme: 0 pending" in said.getvalue()
    said = StringIO()
    call_command("rollback_tenants", str(tmp_path / "here.json"), dry_run=True, stdout=said)
    assert said.getvalue().splitlines() == [
        "beta: 0 to undo",
        "acme: 0 to undo",
        "platform: 0 to undo",
        "public: 0 to undo",
    ]


def test_a_tenant_that_cannot_go_back_stops_no_other_and_is_named(tenant, tmp_path):
    point = before_the_last_migrations("etl")
    known = Point(
        "before", point.taken_at, {schema: point.applied[schema] for schema in ("public", "acme", "platform")}
    )

    with pytest.raises(CommandError, match=r"Not taken back: beta \(The point before was taken before beta was made"):
        call_command("rollback_tenants", str(known.write(tmp_path)), stdout=StringIO())

    assert fleet.ahead("acme", known) == []
    assert fleet.pending("acme") != []
    assert fleet.pending("beta") == []


def test_a_file_that_is_no_point_is_refused(tmp_path):
    (tmp_path / "x.json").write_text("{}")

    with pytest.raises(DomainError) as refusal:
        Point.read(tmp_path / "x.json")

    assert refusal.value.code == "unreadable_point"
