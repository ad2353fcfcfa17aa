"""How well the download curve foresees: `manage.py evaluate_curve FILE.csv [--json]`."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings.backtest import COLUMNS, Evaluation, evaluate, read_episodes
from tracker.lib.errors import DomainError


class Command(BaseCommand):
    help = (
        "Learn from the older half of the episodes in a file, predict the newer half, and print error and coverage "
        f"beside a straight line and the plain median curve. Columns: {','.join(COLUMNS)}; a blank is not known."
    )
    # The file is judged by itself: no tenant, no database.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="cumulative downloads per episode, CSV in UTF-8")
        parser.add_argument("--json", action="store_true", help="print one JSON list; shares are 0 to 1")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with options["file"].open(encoding="utf-8-sig", newline="") as lines:
                evaluations = evaluate(read_episodes(lines))
        except (OSError, UnicodeDecodeError, DomainError) as problem:
            raise CommandError(f"{options['file']}: {problem}") from problem
        if options["json"]:
            self.stdout.write(json.dumps([one.as_json() for one in evaluations]))
            return
        self.stdout.write("days      episodes  error   median  in 80 %   straight line  median curve")
        for one in evaluations:
            self.stdout.write(_line(one))


def _line(one: Evaluation) -> str:
    pair = f"{one.age} → {one.to}"
    cells = [one.mape, one.median_ape, one.coverage80, one.straight_line, one.median_curve]
    shown = ["unknown" if cell is None else f"{100 * cell:.1f} %" for cell in cells]
    return f"{pair:<9} {one.n:>8}  {shown[0]:>7} {shown[1]:>7} {shown[2]:>8}   {shown[3]:>13}  {shown[4]:>12}"
