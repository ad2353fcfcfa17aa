"""Close a tenant for the time being, or open it again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracker.lib.errors import DomainError
from tracker.tenants.models import Tenant
from tracker.tenants.queries import get_tenant_by_slug
from tracker.tenants.services import set_tenant_status


class Command(BaseCommand):
    requires_system_checks = []  # they read every page of the product, which is not needed here
    help = "Suspend a tenant: its pages and calls answer 403, its jobs rest, its data stays. --reopen ends that."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--reopen", action="store_true")
        parser.add_argument("--note", default="", help="why, for those who run the platform")

    def handle(self, *args: Any, **options: Any) -> None:
        to = Tenant.Status.ACTIVE if options["reopen"] else Tenant.Status.SUSPENDED
        try:
            tenant = set_tenant_status(tenant=get_tenant_by_slug(options["slug"]), to=to, note=options["note"])
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"{tenant.slug} is {tenant.get_status_display()}.")
