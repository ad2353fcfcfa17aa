"""How fast and how large an import is, against what the database can do and against what Django's ORM does.

    python benchmarks/imports.py [--sizes 10000,100000,1000000] [--history 1000000,10000000] [--repeat 3] [--no-orm]

Everything is measured in one run, in a database of its own on the server of this checkout, which it removes at the end.
The file is the contract's metrics file: keys scattered over a year, 1 % bad rows, 1 % repeated. docs/performance.md
keeps the figures of a run; only ratios within one run may be judged.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

DATABASE = "bench_imports"
SCHEMA = "bench"


def main() -> int:
    options = _options()
    folder = ROOT / ".stack" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    url = _own_database()
    try:
        _in_child(_prepare, url)
        for rows in options.sizes:
            _size(url, folder, rows, options)
        if options.history:
            _histories(url, folder, options)
    finally:
        _drop_database()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    numbers = lambda text: [int(part) for part in text.split(",") if part]  # noqa: E731
    parser.add_argument("--sizes", type=numbers, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--history", type=numbers, default=[1_000_000, 10_000_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--no-orm", action="store_true", help="leave the slow comparison out")
    return parser.parse_args()


# --- one size: limits, the product, the peer --------------------------------------------------------------------------
def _size(url: str, folder: Path, rows: int, options: argparse.Namespace) -> None:
    from benchmarks import import_cases as cases

    file = _in_child(cases.make_file, url, str(folder / f"metrics_{rows}.csv"), rows)["path"]
    clean = _in_child(cases.make_clean, url, file, str(folder / f"clean_{rows}"))
    limit = _repeat(options.repeat, cases.copy_text, url, clean["text"])
    binary = _repeat(options.repeat, cases.copy_binary, url, clean["binary"])
    product = _repeat(options.repeat, cases.import_file, url, file, True)
    again = _repeat(1, cases.import_file, url, file, False)
    print(f"\n{rows:,} rows ({clean['rows']:,} good and distinct)")
    _line("COPY of clean, sorted rows, text", limit)
    _line("COPY of clean, sorted rows, binary", binary)
    _line("import: read, judge, sort, COPY, rollup", product, limit, "× COPY")
    _line("the same file again: writes nothing", again, product, "× the first")
    if not options.no_orm:
        peer = _repeat(1, cases.bulk_create, url, file)
        _line("bulk_create(update_conflicts)", peer, product, "× the import")
    print(f"  of the import: {product['told']}")


def _histories(url: str, folder: Path, options: argparse.Namespace) -> None:
    from benchmarks import import_cases as cases

    print("\nthe same 100,000 rows of the newest days into a longer and longer history")
    first = None
    for rows in options.history:
        _in_child(cases.make_history, url, rows)
        file = _in_child(cases.make_newest_file, url, str(folder / "newest.csv"), 100_000)["path"]
        found = _repeat(max(3, options.repeat), cases.import_newest, url, file)
        _line(f"{rows:,} rows of history", found, first, "× the first")
        first = first or found


def _repeat(count: int, case: Callable[..., dict], *arguments: object) -> dict:
    runs = [_in_child(case, *arguments) for _ in range(count)]
    middle = sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]
    return {**middle, "memory": statistics.median(run["memory"] for run in runs)}


def _line(what: str, run: dict, against: dict | None = None, words: str = "") -> None:
    ratio = f"{run['seconds'] / against['seconds']:6.2f} {words}" if against else ""
    print(f"  {what:<42} {run['seconds']:8.2f} s {run['memory']:7.0f} MB  {ratio}", flush=True)


# --- children: each case in a process of its own, so that its peak memory is its own ----------------------------------
def _in_child(case: Callable[..., dict], url: str, *arguments: object) -> dict:
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    child = context.Process(target=_child, args=(theirs, case, url, arguments))
    child.start()
    theirs.close()
    try:
        result = mine.recv()
    except EOFError:
        result = {"error": "the process died"}
    child.join()
    if "error" in result:
        raise SystemExit(f"{case.__name__}: {result['error']}")
    return result


def _child(pipe, case: Callable[..., dict], url: str, arguments: tuple) -> None:
    import traceback

    os.environ["DATABASE_URL"] = url
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracker.settings")
    os.environ["MEDIA_ROOT"] = str(ROOT / ".stack" / "bench")
    try:
        import django

        django.setup()
        started = time.perf_counter()
        result = case(*arguments) or {}
        result.setdefault("seconds", time.perf_counter() - started)
        result["memory"] = _peak_megabytes()
    except BaseException:
        result = {"error": traceback.format_exc()}
    pipe.send(result)


def _peak_megabytes() -> float:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def _prepare() -> dict:
    from benchmarks import import_cases

    return import_cases.prepare()


# --- the database -----------------------------------------------------------------------------------------------------
def _own_database() -> str:
    from tracker.stack.servers import Servers
    from tracker.stack.state import PROJECT, local_environment, state_of

    if "DATABASE_URL" not in os.environ:
        Servers(state_of(PROJECT)).start()
        local_environment(PROJECT)
    _drop_database()
    with _server() as server:
        server.execute(f"CREATE DATABASE {DATABASE}")
    return os.environ["DATABASE_URL"].rsplit("/", 1)[0] + f"/{DATABASE}"


def _drop_database() -> None:
    with _server() as server:
        server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def _server():
    import environ
    import psycopg

    database = environ.Env.db_url_config(os.environ["DATABASE_URL"])
    wanted = {"host": database["HOST"], "port": database["PORT"], "user": database["USER"], "dbname": database["NAME"]}
    wanted["password"] = database["PASSWORD"]
    return psycopg.connect(**{name: value for name, value in wanted.items() if value}, autocommit=True)


if __name__ == "__main__":
    sys.exit(main())
