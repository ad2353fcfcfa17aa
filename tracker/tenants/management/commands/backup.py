"""Back up everything, or one tenant, into a folder."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from tracker.lib.errors import DomainError
from tracker.tenants.backups import back_up
from tracker.tenants.queries import get_tenant_by_slug


class Command(BaseCommand):
    requires_system_checks = []  # they read every page of the product, which is not needed here
    help = "Write database and files into a new folder, with a manifest; --tenant SLUG for one tenant alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--tenant", help="the slug of one tenant; default: everything")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            tenant = get_tenant_by_slug(options["tenant"]) if options["tenant"] else None
            made = back_up(folder=options["folder"], at=timezone.now(), tenant=tenant)
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        rows = sum(sum(tables.values()) for tables in made.manifest["rows"].values())
        size = sum(path.stat().st_size for path in made.folder.iterdir())
        self.stdout.write(
            f"{made.folder}: {len(made.manifest['rows'])} schemas, {rows:,} rows, {size / 1024**2:.1f} MiB"
        )
