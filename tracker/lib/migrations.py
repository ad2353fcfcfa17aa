"""The first migration of an app, run in seconds instead of minutes."""

from django.contrib.postgres.operations import CreateExtension
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState
from pgtrigger.migrations import AddTrigger


class InitialMigration(migrations.Migration):
    """Renders its models once, where Django renders every related model again after each single operation.

    That holds only while no operation changes what an earlier one made: fields, indexes and constraints stand in
    their `CreateModel`, and a later migration, which changes them, is an ordinary one.
    """

    initial = True
    ALLOWED = (migrations.CreateModel, migrations.RunSQL, AddTrigger, CreateExtension)

    def mutate_state(self, project_state: ProjectState, preserve: bool = True) -> ProjectState:
        state = project_state.clone() if preserve else project_state
        _forget_models(state)
        for operation in self.operations:
            operation.state_forwards(self.app_label, state)
        return state

    def apply(
        self, project_state: ProjectState, schema_editor: BaseDatabaseSchemaEditor, collect_sql: bool = False
    ) -> ProjectState:
        if collect_sql or self._strangers():
            return super().apply(project_state, schema_editor, collect_sql)
        before = project_state.clone()
        after = self.mutate_state(project_state, preserve=False)
        for operation in self.operations:
            operation.database_forwards(self.app_label, schema_editor, before, after)
        return after

    def unapply(
        self, project_state: ProjectState, schema_editor: BaseDatabaseSchemaEditor, collect_sql: bool = False
    ) -> ProjectState:
        if collect_sql or self._strangers():
            return super().unapply(project_state, schema_editor, collect_sql)
        after = self.mutate_state(project_state)
        for operation in reversed(self.operations):
            operation.database_backwards(self.app_label, schema_editor, after, after)
        return project_state

    def _strangers(self) -> list[object]:
        return [one for one in self.operations if not isinstance(one, self.ALLOWED) or not one.reversible]


def _forget_models(state: ProjectState) -> None:
    """Drop the rendered models, which come again when somebody asks for them."""
    state.__dict__.pop("apps", None)
