"""Write one tenant into one archive: data, files, manifest."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from tracker.lib.errors import DomainError
from tracker.tenants.backups import export_tenant
from tracker.tenants.queries import get_tenant_by_slug


class Command(BaseCommand):
    requires_system_checks = []  # they read every page of the product, which is not needed here
    help = "Write one tenant into one archive, which `restore` takes back, under its own name or another."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("archive", type=Path, help="the file to write, such as backups/acme.tar")

    def handle(self, *args: Any, **options: Any) -> None:
        archive: Path = options["archive"]
        try:
            made = export_tenant(tenant=get_tenant_by_slug(options["slug"]), archive=archive, at=timezone.now())
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        rows = sum(sum(tables.values()) for tables in made.manifest["rows"].values())
        self.stdout.write(f"{archive}: {rows:,} rows and the files, {archive.stat().st_size / 1024**2:.1f} MiB")
