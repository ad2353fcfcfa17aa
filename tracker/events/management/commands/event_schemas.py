"""Print the JSON Schema of every type of event: what docs/event-schemas.json holds."""

import json
from typing import Any

from django.core.management.base import BaseCommand

from tracker.events.schemas import all_described


class Command(BaseCommand):
    requires_system_checks = []  # they read every page of the product, which is not needed here
    help = "Print the JSON Schemas of all events, one a line. Written to docs/event-schemas.json after each change."

    def handle(self, *args: Any, **options: Any) -> None:
        lines = [f'"{one.type}": {json.dumps(one.schema(), sort_keys=True)}' for one in all_described()]
        self.stdout.write("{\n" + ",\n".join(lines) + "\n}")
