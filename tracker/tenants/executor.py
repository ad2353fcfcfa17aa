"""Migrating one schema: what makes nothing there is only written down."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from django.core.management.commands import migrate
from django.db import router
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState


class SchemaExecutor(MigrationExecutor):
    """Runs the migrations of the apps whose tables stand in the schema that is entered.

    Django runs the others too: it draws up all models before each of their operations, and each then finds that it may
    do nothing. That is two fifths of the time of a new schema.
    """

    def _migrate_all_forwards(
        self, state: ProjectState, plan: list[Any], full_plan: list[Any], **options: Any
    ) -> ProjectState:
        wanted = {migration for migration, _backwards in plan}
        in_order = [migration for migration, _backwards in full_plan if migration in wanted]
        for makes_something, some in groupby(in_order, key=self._makes_something):
            if makes_something:
                part = [(migration, False) for migration in some]
                state = super()._migrate_all_forwards(state, part, full_plan, **options)  # type: ignore[misc]
            else:
                self._write_down(some, state)
        return state

    def _makes_something(self, migration: Migration) -> bool:
        return router.allow_migrate(self.connection.alias, migration.app_label)

    def _write_down(self, migrations: Iterable[Migration], state: ProjectState) -> None:
        # Models that are drawn up would be drawn up anew with each change; the next who needs them does it once.
        state.__dict__.pop("apps", None)
        for migration in migrations:
            migration.mutate_state(state, preserve=False)
            self.record_migration(migration)  # type: ignore[call-arg, arg-type]


def teach_command() -> None:
    """Let Django's own command, which django-tenants' runs for each schema, migrate in this way."""
    migrate.MigrationExecutor = SchemaExecutor  # type: ignore[misc]
