"""Where each schema stands in its migrations: what is pending, a named point to come back to, and the way back.

A point is a file: for `public` and each tenant, the migrations that were applied when it was taken.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django_tenants.utils import get_public_schema_name, schema_context

from tracker.lib.errors import DomainError
from tracker.tenants.models import Tenant

Key = tuple[str, str]


@dataclass(frozen=True)
class Point:
    """The migrations that each schema had at one moment."""

    name: str
    taken_at: datetime
    applied: dict[str, frozenset[Key]]

    def write(self, folder: Path) -> Path:
        """Write the point into a folder, under its name, and return the file."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        schemas = {schema: sorted(map(list, keys)) for schema, keys in self.applied.items()}
        content = {"name": self.name, "taken_at": self.taken_at.isoformat(), "schemas": schemas}
        path.write_text(json.dumps(content, indent=1) + "\n")
        return path

    @classmethod
    def read(cls, path: Path) -> "Point":
        """Read a point back. Raises DomainError("unreadable_point")."""
        try:
            content = json.loads(path.read_text())
            applied = {schema: frozenset(map(tuple, keys)) for schema, keys in content["schemas"].items()}
            return cls(content["name"], datetime.fromisoformat(content["taken_at"]), applied)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DomainError("unreadable_point", f"{path} is no point to go back to: {error}") from error


def schemas() -> list[str]:
    """Return `public` and the schemas of all tenants that have one, the platform's own first."""
    made = Tenant.objects.exclude(status__in=[Tenant.Status.PROVISIONING, Tenant.Status.DELETING])
    return [
        get_public_schema_name(),
        *made.order_by("-is_platform", "schema_name").values_list("schema_name", flat=True),
    ]


def take_point(*, name: str, at: datetime) -> Point:
    """Return where every schema stands now."""
    return Point(name=name, taken_at=at, applied={schema: frozenset(_applied(schema)) for schema in schemas()})


def pending(schema: str) -> list[Key]:
    """Return the migrations that this code brings and a schema lacks, in the order in which they would run."""
    with schema_context(schema):
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [
        (migration.app_label, migration.name)
        for migration, _backwards in plan
        if _concerns(schema, migration.app_label)
    ]


def ahead(schema: str, point: Point) -> list[Key]:
    """Return the migrations that a schema has and had not at a point, last first: what going back would undo."""
    return [(migration.app_label, migration.name) for migration in _way_back(schema, point)]


def go_back(schema: str, point: Point) -> list[Key]:
    """Undo in one schema what was migrated since a point, and return it.

    Each migration is undone in a transaction of its own. Raises DomainError("no_way_back") before anything is undone
    when one of them cannot be, or the point does not know the schema.
    """
    undone = _way_back(schema, point)
    stuck = [f"{one.app_label}.{one.name}" for one in undone if not all(op.reversible for op in one.operations)]
    if stuck:
        raise DomainError("no_way_back", f"{schema}: {', '.join(stuck)} cannot be undone; restore the backup instead.")
    if undone:
        with schema_context(schema):
            MigrationExecutor(connection).migrate(list(_targets(schema, point)))
    return [(one.app_label, one.name) for one in undone]


def _way_back(schema: str, point: Point) -> list:
    with schema_context(schema):
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan([(app, target) for app, target in _targets(schema, point)])
        return [migration for migration, backwards in plan if backwards and _concerns(schema, migration.app_label)]


def _targets(schema: str, point: Point) -> Iterator[tuple[str, str | None]]:
    """Yield, for each app that moved on since the point, the last migration it had then (None: none at all)."""
    then = point.applied.get(schema)
    if then is None:
        raise DomainError("no_way_back", f"The point {point.name} was taken before {schema} was made: nothing to undo.")
    with schema_context(schema):
        graph = MigrationExecutor(connection).loader.graph
    for app in sorted({app for app, _name in _applied(schema) - then if _concerns(schema, app)}):
        had = [key for key in then if key[0] == app]
        leaves = [key for key in had if not any(child.key in then for child in _children_in_app(graph, key))]
        yield app, leaves[0][1] if leaves else None


def _children_in_app(graph, key: Key) -> Iterable:
    return [child for child in graph.node_map[key].children if child.key[0] == key[0]] if key in graph.node_map else []


def _applied(schema: str) -> set[Key]:
    with schema_context(schema):
        return set(MigrationRecorder(connection).applied_migrations())


def _concerns(schema: str, label: str) -> bool:
    """Tell whether an app's tables stand in this schema; the others' migrations are only written down there."""
    name = apps.get_app_config(label).name
    return name in (settings.SHARED_APPS if schema == get_public_schema_name() else settings.TENANT_APPS)
