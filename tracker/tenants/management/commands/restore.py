"""Put a backup back: everything into an empty database, or one tenant, under its own name or another."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracker.lib.errors import DomainError
from tracker.tenants.backups import Backup, open_backup, restore_everything, restore_tenant, unpacked


class Command(BaseCommand):
    help = (
        "Restore a folder of `backup`, or an archive of `export_tenant`, and compare the rows with its manifest."
        " Everything goes into an empty database; a tenant comes back suspended, under --as SLUG if its name is taken."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="a folder of `backup`, or an archive of `export_tenant`")
        parser.add_argument("--as", dest="slug", default="", help="another slug for a restored tenant")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with unpacked(options["folder"]) as folder:
                self._restore(open_backup(folder), options["slug"])
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal

    def _restore(self, backup: Backup, slug: str) -> None:
        if backup.tenant:
            tenant = restore_tenant(backup=backup, slug=slug)
            self.stdout.write(f"{tenant.slug} is back, suspended: look at it, then open it in the platform admin.")
        else:
            restore_everything(backup=backup)
            self.stdout.write(f"Everything of {backup.manifest['taken_at']} is back, row for row.")
