"""Make a key for a partner's program. Its text is the last line of the output, alone, and is never shown again."""

import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django_tenants.utils import tenant_context

from tracker.accounts.audit import acting
from tracker.accounts.services import create_api_key
from tracker.lib.actors import Actor
from tracker.lib.errors import DomainError
from tracker.tenants.queries import get_tenant_by_slug

OPERATOR = Actor(kind="system", id="command", label="Command line")


class Command(BaseCommand):
    requires_system_checks = []  # they read every page of the product, which is not needed here
    help = "Make an API key in a tenant and print it once, alone on the last line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--name", required=True, help="which program will use it")
        parser.add_argument("--scopes", required=True, help="comma separated, such as deals:read,io:write; * is all")
        parser.add_argument("--role", default="administrator")
        parser.add_argument(
            "--podcast", action="append", default=[], type=uuid.UUID, help="bind to it; may be repeated"
        )
        parser.add_argument(
            "--sponsor", action="append", default=[], type=uuid.UUID, help="bind to it; may be repeated"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        scopes = [scope.strip() for scope in options["scopes"].split(",") if scope.strip()]
        try:
            tenant = get_tenant_by_slug(options["tenant"])
            with tenant_context(tenant), acting(actor=OPERATOR, door="command"):
                key, secret = create_api_key(
                    name=options["name"],
                    scopes=scopes,
                    role=options["role"],
                    by=OPERATOR,
                    at=timezone.now(),
                    bindings={"podcast": options["podcast"], "sponsor": options["sponsor"]},
                )
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"Key {key.prefix} of {tenant.slug}, role {key.role_id}, scopes {', '.join(key.scopes)}.")
        self.stdout.write("Keep it now, it is not shown again:")
        self.stdout.write(secret)
