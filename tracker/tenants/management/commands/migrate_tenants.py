"""Migrate `public` and then every tenant: one that fails stops none, and all that failed are named at the end."""

import time
from collections.abc import Callable
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django_tenants.utils import get_public_schema_name
from psycopg.errors import LockNotAvailable

from tracker.tenants.models import Tenant
from tracker.tenants.rights import grant_rights
from tracker.tenants.routing import is_migrated
from tracker.tenants.services import migrate_tenant

# Whoever waits for a table makes everybody behind it wait: a migration steps back after this long and tries again.
LOCK_TIMEOUT = "2s"
TRIES, PAUSE_SECONDS = 10, 3.0


class Command(BaseCommand):
    requires_system_checks = []  # they read every page of the product, which is not needed here
    help = "Bring public and every tenant to the migrations of this code. Safe to run again; resumes where it stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        connection.set_schema_to_public()
        _patiently(lambda: call_command("migrate_schemas", shared=True, interactive=False, verbosity=0))
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
            _patiently(lambda: migrate_tenant(tenant.schema_name))
            grant_rights(tenant.schema_name)
        except Exception as error:
            connection.close()
            connection.set_schema_to_public()
            failed.append(f"{tenant.slug} ({type(error).__name__}: {error})")
            self.stderr.write(f"{tenant.slug}: failed")
        else:
            self.stdout.write(f"{tenant.slug}: migrated")


def _patiently(migrate: Callable[[], object]) -> None:
    """Migrate, and try again while others hold a table that a migration needs."""
    for tries_left in reversed(range(TRIES)):
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
            migrate()
            return
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable) or not tries_left:
                raise
            connection.set_schema_to_public()
            time.sleep(PAUSE_SECONDS)
