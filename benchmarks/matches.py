"""How fast all pairs are scored, against plain Python loops and against the same scoring as an SQL join.

    python benchmarks/matches.py [--shows 10000] [--sponsors 5000] [--repeat 3] [--loops 8] [--sql 4] [--workers]

Everything is measured in one run, in a database of its own on the server of this checkout, which it removes at the end;
each case runs in a process of its own, so that its peak memory is its own. docs/performance.md keeps the figures of a
run; only ratios within one run may be judged. Beside each limit stands "ok" or "MISSED": they are meant for the default
size on two cores that have nothing else to do.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import match_cases as cases
from benchmarks.measuring import Verdicts, in_child, own_database

# What is promised: seconds and megabytes of a full run, and ratios within one run.
SECONDS, MEGABYTES = 5.0, 1024.0
LOOPS, SQL, CHANGED, TWO_WORKERS = 100.0, 50.0, 0.10, 0.80


def main() -> int:
    options = _options()
    verdicts = Verdicts()
    pairs = options.shows * options.sponsors
    with own_database("bench_matches"):
        in_child(cases.prepare, options.shows, options.sponsors)
        print(f"\n{options.shows:,} shows × {options.sponsors:,} sponsors = {pairs:,} pairs")
        first = _full_runs(options, verdicts)
        _peers(options, first, pairs, verdicts)
        if options.workers:
            _workers(verdicts)
    return verdicts.code


def _full_runs(options: argparse.Namespace, verdicts: Verdicts) -> dict:
    limit = _repeat(options.repeat, cases.product_alone)
    _line("bare float32 products, one thread", limit)
    runs = [in_child(cases.full_run, None, True) for _ in range(options.repeat)]
    first = _middle(runs)
    _line("from packed rows to committed matches", first, limit, "× the products")
    alone = in_child(cases.full_run, 1, True)
    _line("the same scored by one thread", alone, first, "× as many as it takes")
    again = _repeat(options.repeat, cases.full_run, None, False)
    _line("unchanged, again", again, first, "× the first")
    some = _middle([in_child(cases.changed_podcasts, 10, seed) for seed in range(options.repeat)])
    _line("ten changed shows", some, first, "× the first")
    check = in_child(cases.full_run, None, False)
    verdicts.limit("full run", first["seconds"], "s", at_most=SECONDS)
    verdicts.limit("its peak memory", first["memory"], "MB", at_most=MEGABYTES)
    verdicts.limit("ten changed shows ÷ full run", some["seconds"] / first["seconds"], "", at_most=CHANGED)
    verdicts.limit("rows that a full run changes after the ten", check["written"] + check["deleted"], "", at_most=0)
    verdicts.limit("rows that an unchanged run changes", again["written"] + again["deleted"], "", at_most=0)
    tables = {run["table"] for run in [*runs, alone]}
    verdicts.limit("different tables by repeats and thread counts", len(tables), "", at_most=1)
    return first


def _peers(options: argparse.Namespace, first: dict, pairs: int, verdicts: Verdicts) -> None:
    if options.loops:
        loops = _scaled(in_child(cases.python_loops, options.loops), pairs)
        _line(f"plain Python loops (from {options.loops} sponsors)", loops, first, "× the product")
        verdicts.limit("plain Python loops ÷ full run", loops["seconds"] / first["seconds"], "", at_least=LOOPS)
    if options.sql:
        join = _scaled(in_child(cases.sql_join, options.sql), pairs)
        _line(f"the same as an SQL join (from {options.sql})", join, first, "× the product")
        verdicts.limit("SQL join ÷ full run", join["seconds"] / first["seconds"], "", at_least=SQL)


def _workers(verdicts: Verdicts) -> None:
    single = in_child(cases.by_workers, 1)
    _line("blocks scored by one worker", single)
    double = in_child(cases.by_workers, 2)
    _line("blocks scored by two workers", double, single, "× one worker")
    if single["blocks"] > 1:
        verdicts.limit("two workers ÷ one", double["seconds"] / single["seconds"], "", at_most=TWO_WORKERS)
    else:
        print("  one block only: a second worker has nothing to do at this size")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shows", type=int, default=10_000)
    parser.add_argument("--sponsors", type=int, default=5_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--loops", type=int, default=8, help="sponsors scored by plain loops; 0 leaves them out")
    parser.add_argument("--sql", type=int, default=4, help="sponsors scored by SQL; 0 leaves it out")
    parser.add_argument("--workers", action="store_true", help="also as blocks, by one worker and by two")
    return parser.parse_args()


def _repeat(count: int, case: Callable[..., dict], *arguments: object) -> dict:
    return _middle([in_child(case, *arguments) for _ in range(count)])


def _middle(runs: list[dict]) -> dict:
    middle = sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]
    return {**middle, "memory": statistics.median(run["memory"] for run in runs)}


def _scaled(run: dict, pairs: int) -> dict:
    """Bring a case measured on fewer sponsors to all pairs: its cost a pair is constant."""
    return {**run, "seconds": run["seconds"] * pairs / run["pairs"]}


def _line(what: str, run: dict, against: dict | None = None, words: str = "") -> None:
    ratio = f"{run['seconds'] / against['seconds']:8.2f} {words}" if against else ""
    print(f"  {what:<42} {run['seconds']:8.2f} s {run['memory']:7.0f} MB  {ratio}", flush=True)
    if "told" in run:
        print(f"    {run['told']}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
