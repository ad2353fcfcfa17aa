"""Measure matches against placements that really happened, beside random and "most other shows carry it"."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from matchmaking.evaluation import evaluate
from matchmaking.scratch import fill, read_case, read_tables, scratch_tenant
from tracker.lib.errors import DomainError

NAMES = {
    "with_history": "matches, with history",
    "without_history": "matches, without history",
    "random": "random",
    "popularity": "most other shows carry it",
}


class Command(BaseCommand):
    help = "Rank sponsors for each show without what is known of it, in a scratch tenant that is removed afterwards."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--shows", required=True, type=Path, help="slug,title,description,categories,language")
        parser.add_argument("--sponsors", required=True, type=Path, help="key,name,tags")
        parser.add_argument("--placements", required=True, type=Path, help="show,sponsor,date")
        parser.add_argument("--json", action="store_true", help="print the report as JSON alone")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            table = read_tables(**{name: options[name] for name in ("shows", "sponsors", "placements")})
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        now = timezone.now()
        with scratch_tenant():
            fill(table, at=now)
            report = evaluate(read_case(at=now))
        if options["json"]:
            self.stdout.write(json.dumps(report, indent=2))
            return
        self.stdout.write(
            f"{len(table.shows)} shows, {len(table.sponsors)} sponsors, {len(table.placements)} placements;"
            f" {table.skipped} skipped, since they name a show or a sponsor that is not there."
        )
        self._write_table("Leave one show out", report)
        split = report["time_split"]
        self._write_table(f"Time split at {split['cut']}" if split["cut"] else "Time split: all of one day", split)

    def _write_table(self, title: str, report: dict[str, Any]) -> None:
        self.stdout.write(f"\n{title}\n{'':28}{'recall@10':>10}{'MRR':>8}{'nDCG':>8}{'pairs':>8}{'shows':>8}")
        for name, words in NAMES.items():
            row = report[name]
            cells = "".join(
                f"{'unknown' if row[key] is None else format(row[key], '.4f'):>{width}}"
                for key, width in (("recall10", 10), ("mrr", 8), ("ndcg", 8))
            )
            self.stdout.write(f"{words:28}{cells}{row['n']:>8}{row['shows']:>8}")
