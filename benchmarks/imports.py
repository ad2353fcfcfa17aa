"""How fast and how large an import is, against what the database can do and against what Django's ORM does.

    python benchmarks/imports.py [--sizes 100000,1000000] [--history 1000000,10000000] [--repeat 3] [--no-orm]

Everything is measured in one run, in a database of its own on the server of this checkout, which it removes at the end.
The file is the contract's metrics file: keys scattered over a year, 1 % bad rows, 1 % repeated; preview, progress and
undoing are the product's own. docs/performance.md keeps the figures of a run; only ratios within one run may be judged.
Ends with exit code 1 when a limit is missed.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import import_cases as cases  # noqa: E402
from benchmarks.measuring import FOLDER, Verdicts, in_child, own_database  # noqa: E402

# Of the time of a bare COPY of the same clean rows into the same table; the pages' rollup is in it.
MOST_TIMES_COPY = 2.0
# Below so many rows the fixed costs of a run weigh more than its rows.
JUDGED_FROM = 1_000_000
# How much more memory ten times the rows may take.
MOST_GROWTH_MB = 64


def main() -> int:
    options = _options()
    verdicts = Verdicts()
    memories: list[float] = []
    with own_database("bench_imports"):
        in_child(cases.prepare)
        for rows in options.sizes:
            memories.append(_size(rows, options, verdicts))
        if len(memories) > 1:
            growth = memories[-1] - memories[0]
            verdicts.limit("memory from the smallest to the largest file", growth, "MB more", at_most=MOST_GROWTH_MB)
        if options.history:
            _histories(options)
    return verdicts.code


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    numbers = lambda text: [int(part) for part in text.split(",") if part]  # noqa: E731
    parser.add_argument("--sizes", type=numbers, default=[100_000, 1_000_000])
    parser.add_argument("--history", type=numbers, default=[])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--no-orm", action="store_true", help="leave the slow comparison out")
    return parser.parse_args()


# --- one size: limits, the product, the peer --------------------------------------------------------------------------
def _size(rows: int, options: argparse.Namespace, verdicts: Verdicts) -> float:
    """Measure one size and return the memory of its import, in MB."""
    file = in_child(cases.make_file, str(FOLDER / f"metrics_{rows}.csv"), rows)["path"]
    clean = in_child(cases.make_clean, file, str(FOLDER / f"clean_{rows}"))
    limit = _repeat(options.repeat, cases.copy_text, clean["text"])
    binary = _repeat(options.repeat, cases.copy_binary, clean["binary"])
    product = _repeat(options.repeat, cases.import_file, file, True)
    again = _repeat(1, cases.import_file, file, False)
    checked = _repeat(1, cases.preview_file, file)
    undone = _repeat(1, cases.undo_newest)
    print(f"\n{rows:,} rows ({clean['rows']:,} good and distinct)")
    _line("COPY of clean, sorted rows, text", limit)
    _line("COPY of clean, sorted rows, binary", binary)
    _line("import: read, judge, sort, COPY, rollup", product, limit, "× COPY")
    _line("the same file again: writes nothing", again, product, "× the first")
    _line("preview over those rows: jumps and sums", checked, product, "× the first")
    _line("undo: takes all of it back", undone, product, "× the first")
    if not options.no_orm:
        peer = _repeat(1, cases.bulk_create, file)
        _line("bulk_create(update_conflicts)", peer, product, "× the import")
    print(f"  of the import: {product['told']}; progress was told {product['beats']} times")
    if rows >= JUDGED_FROM:
        times = product["seconds"] / limit["seconds"]
        verdicts.limit(f"import of {rows:,} rows", times, "× COPY", at_most=MOST_TIMES_COPY)
    return product["memory"]


def _histories(options: argparse.Namespace) -> None:
    print("\nthe same 100,000 rows of the newest days into a longer and longer history")
    first = None
    for rows in options.history:
        in_child(cases.make_history, rows)
        file = in_child(cases.make_newest_file, str(FOLDER / "newest.csv"), 100_000)["path"]
        found = _repeat(max(3, options.repeat), cases.import_newest, file)
        _line(f"{rows:,} rows of history", found, first, "× the first")
        first = first or found


def _repeat(count: int, case: Callable[..., dict], *arguments: object) -> dict:
    runs = [in_child(case, *arguments) for _ in range(count)]
    middle = sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]
    return {**middle, "memory": statistics.median(run["memory"] for run in runs)}


def _line(what: str, run: dict, against: dict | None = None, words: str = "") -> None:
    ratio = f"{run['seconds'] / against['seconds']:6.2f} {words}" if against else ""
    print(f"  {what:<42} {run['seconds']:8.2f} s {run['memory']:7.0f} MB  {ratio}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
