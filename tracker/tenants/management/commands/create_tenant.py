"""Make a tenant: its row and host, its schema, its roles, its first administrator."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracker.lib.errors import DomainError
from tracker.tenants.services import create_tenant


class Command(BaseCommand):
    requires_system_checks = []  # they read every page of the product, which is not needed here
    help = "Make a tenant whole and at once, and print its address and its first administrator's password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="3 to 41 small letters, digits or _; names its schema and its host")
        parser.add_argument("--name", required=True)
        parser.add_argument("--admin-email", required=True)
        parser.add_argument("--admin-password", help="default: a random one, printed once")
        parser.add_argument("--currency", default="USD")
        parser.add_argument("--time-zone", default="UTC")

    def handle(self, *args: Any, **options: Any) -> None:
        password = options["admin_password"] or secrets.token_urlsafe(12)
        try:
            tenant = create_tenant(
                slug=options["slug"],
                name=options["name"],
                currency=options["currency"],
                time_zone=options["time_zone"],
                admin_email=options["admin_email"],
                admin_password=password,
            )
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"{tenant.name} is open at {tenant.address}/")
        self.stdout.write(f"Administrator: {options['admin_email']}")
        if not options["admin_password"]:
            self.stdout.write(f"Password (shown this once): {password}")
