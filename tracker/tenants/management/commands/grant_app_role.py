"""Make the role of web and workers, and give it its rights on every schema."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from tracker.lib.errors import DomainError
from tracker.tenants.fleet import schemas
from tracker.tenants.rights import grant_rights, make_role


class Command(BaseCommand):
    requires_system_checks = []  # they read every page of the product, which is not needed here
    help = (
        "As the owner: make the role that web and workers use (it owns nothing and changes no table) and grant it rows "
        "of public and every tenant. With DATABASE_APP_ROLE set, migrations and new tenants keep the grants up."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("role", nargs="?", default=settings.DATABASE_APP_ROLE)

    def handle(self, *args: Any, **options: Any) -> None:
        role = options["role"]
        if not role:
            raise CommandError("Name the role, here or in DATABASE_APP_ROLE.")
        connection.set_schema_to_public()
        try:
            make_role(role)
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        granted = schemas()
        for schema in granted:
            grant_rights(schema, role)
        self.stdout.write(f"{role} may read and write rows in {len(granted)} schemas, and nothing else.")
