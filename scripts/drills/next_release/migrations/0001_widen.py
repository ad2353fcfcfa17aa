"""Widens, fills and guards tables that are in use: a new table, a column with a value in each row, an index, a rule."""

from django.db import migrations

# A row that breaks the rule, as tenants' data may: its tenant cannot be migrated until somebody mends it.
BAD = "breaks the rule of the next release"


class Migration(migrations.Migration):
    dependencies = [("deals", "0001_initial"), ("metrics", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "CREATE TABLE release_notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, words text NOT NULL)",
            "DROP TABLE release_notes",
        ),
        migrations.RunSQL(
            "ALTER TABLE campaigns ADD COLUMN drill_note text NOT NULL DEFAULT ''",
            "ALTER TABLE campaigns DROP COLUMN drill_note",
        ),
        migrations.RunSQL("UPDATE campaigns SET drill_note = left(name, 20)", migrations.RunSQL.noop),
        migrations.RunSQL(
            "CREATE INDEX campaigns_by_drill_note ON campaigns (drill_note)", "DROP INDEX campaigns_by_drill_note"
        ),
        migrations.RunSQL(
            f"ALTER TABLE podcasts ADD CONSTRAINT rule_of_next_release CHECK (title <> '{BAD}')",
            "ALTER TABLE podcasts DROP CONSTRAINT rule_of_next_release",
        ),
    ]
