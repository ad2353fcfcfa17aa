"""Everything between an empty database and serving, in one process: what `make run` does before it starts the parts."""

import time
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    requires_system_checks = []  # they read every page of the product, which is not needed here
    help = (
        "Migrate, make the platform's tenant and, with --demo FILE, the demo tenant, whose logins go into the file. "
        "Safe to run again. Prints how long each step took."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--admin-email", default="")
        parser.add_argument("--admin-password", default="")
        parser.add_argument("--demo", default="", metavar="FILE")
        parser.add_argument("--migrate-only", action="store_true", help="platform and demo are there already")

    def handle(self, *args: Any, **options: Any) -> None:
        self._step("migrations", "migrate_tenants")
        if options["migrate_only"]:
            return
        login = {"admin_email": options["admin_email"], "admin_password": options["admin_password"]}
        self._step("the platform's tenant", "prepare_platform", **login)
        if options["demo"]:
            said = self._step("the demo tenant, through the same services as real use", "make_demo")
            with open(options["demo"], "w") as file:
                file.write(said)

    def _step(self, what: str, command: str, **options: Any) -> str:
        began, said = time.monotonic(), StringIO()
        call_command(command, stdout=said, stderr=self.stderr, **options)
        self.stdout.write(f"{what}: {time.monotonic() - began:.1f} s")
        self.stdout._out.flush()  # read line by line by whoever started us
        return said.getvalue()
