"""Make the demo tenant, once."""

import time
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from tracker.demo.build import make_demo
from tracker.demo.house import KEY, PASSWORD
from tracker.demo.plan import PEOPLE


class Command(BaseCommand):
    requires_system_checks = []  # they read every page of the product, which is not needed here
    help = "Make the demo tenant with a simulated audience, unless it is there, and print its logins and its key."

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        tenant, is_new = make_demo(at=timezone.now())
        took = f"made in {time.monotonic() - started:.1f} s" if is_new else "was here already, left as it is"
        self.stdout.write(f"{tenant.name} ({tenant.address}/) {took}. Its audience figures are simulated.")
        for _slug, name, email, role in PEOPLE:
            self.stdout.write(f"  {role.replace('_', ' '):14} {email:24} {PASSWORD}   ({name})")
        self.stdout.write("  API key of the demo tenant, no secret: " + KEY)
