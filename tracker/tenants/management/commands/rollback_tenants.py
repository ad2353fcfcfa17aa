"""Take `public` and every tenant back to a named point."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from tracker.lib.errors import DomainError
from tracker.tenants import fleet
from tracker.tenants.fleet import Point
from tracker.tenants.routing import forget


class Command(BaseCommand):
    requires_system_checks = []  # they read every page of the product, which is not needed here
    help = (
        "Undo the migrations that were applied since a point, tenants first, then public. Needs the code that brought "
        "them. A tenant that fails stops none; all that failed are named at the end."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("point", type=Path, help="the file that plan_migrations --point wrote")
        parser.add_argument("--dry-run", action="store_true", help="only show what would be undone")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            point = Point.read(options["point"])
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        failed = []
        for schema in reversed(fleet.schemas()):
            try:
                undone = fleet.ahead(schema, point) if options["dry_run"] else fleet.go_back(schema, point)
            except Exception as error:
                connection.close()
                connection.set_schema_to_public()
                failed.append(f"{schema} ({error})")
                continue
            self.stdout.write(f"{schema}: {len(undone)} {'to undo' if options['dry_run'] else 'undone'}")
            for app, name in undone:
                self.stdout.write(f"  {app}.{name}")
        forget()
        if failed:
            raise CommandError("Not taken back: " + "; ".join(failed))
