"""Migrate `public` and then every tenant: one that fails stops none, and all that failed are named at the end."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django_tenants.utils import get_public_schema_name

from tracker.tenants.models import Tenant
from tracker.tenants.rights import grant_rights
from tracker.tenants.routing import is_migrated
from tracker.tenants.services import migrate_tenant


class Command(BaseCommand):
    help = "Bring public and every tenant to the migrations of this code. Safe to run again; resumes where it stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        connection.set_schema_to_public()
        call_command("migrate_schemas", shared=True, interactive=False, verbosity=0)
        grant_rights(get_public_schema_name())
        made = Tenant.objects.exclude(status__in=[Tenant.Status.PROVISIONING, Tenant.Status.DELETING])
        failed: list[str] = []
        for tenant in made.order_by("-is_platform", "schema_name"):
            self._migrate(tenant, failed)
        if failed:
            raise CommandError("Behind: " + "; ".join(failed))

    def _migrate(self, tenant: Tenant, failed: list[str]) -> None:
        if is_migrated(tenant.schema_name):
            self.stdout.write(f"{tenant.slug}: up to date")
            return
        try:
            migrate_tenant(tenant.schema_name)
            grant_rights(tenant.schema_name)
        except Exception as error:
            connection.close()
            connection.set_schema_to_public()
            failed.append(f"{tenant.slug} ({type(error).__name__}: {error})")
            self.stderr.write(f"{tenant.slug}: failed")
        else:
            self.stdout.write(f"{tenant.slug}: migrated")
