"""Make the platform's own tenant, which owns the bare host and its admin."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracker.lib.errors import DomainError
from tracker.tenants.services import ensure_platform


class Command(BaseCommand):
    requires_system_checks = []  # they read every page of the product, which is not needed here
    help = "Make the platform's own tenant and, with --admin-email, a person who may run it. Safe to run again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--admin-email", default="")
        parser.add_argument("--admin-password", help="default: a random one, printed once")

    def handle(self, *args: Any, **options: Any) -> None:
        password = options["admin_password"] or secrets.token_urlsafe(12)
        try:
            tenant = ensure_platform(admin_email=options["admin_email"], admin_password=password)
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"The platform is open at {tenant.address}/admin/")
        if options["admin_email"] and not options["admin_password"]:
            self.stdout.write(f"Password of {options['admin_email']}, if it was made now (shown this once): {password}")
