"""Show what `migrate_tenants` would do, and take a named point to come back to."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from tracker.tenants import fleet


class Command(BaseCommand):
    requires_system_checks = []  # they read every page of the product, which is not needed here
    help = "List the pending migrations of public and of each tenant; with --point, write down where they stand."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--point", help="name of the point to write")
        parser.add_argument("--folder", type=Path, default=Path("backups/points"))

    def handle(self, *args: Any, **options: Any) -> None:
        for schema in fleet.schemas():
            pending = fleet.pending(schema)
            self.stdout.write(f"{schema}: {len(pending)} pending")
            for app, name in pending:
                self.stdout.write(f"  {app}.{name}")
        if options["point"]:
            point = fleet.take_point(name=options["point"], at=timezone.now())
            self.stdout.write(f"point: {point.write(options['folder'])}")
