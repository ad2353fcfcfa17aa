"""How fast all pairs are scored, against plain Python loops and against the same scoring as an SQL join.

    python benchmarks/matches.py [--shows 10000] [--sponsors 5000] [--repeat 3] [--loops 8] [--sql 4] [--workers]

Everything is measured in one run, in a database of its own on the server of this checkout, which it removes at the end;
each case runs in a process of its own, so that its peak memory is its own. docs/performance.md keeps the figures of a
run; only ratios within one run may be judged. Beside each limit stands "ok" or "MISSED": they are meant for the default
size on two cores that have nothing else to do.
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

DATABASE = "bench_matches"


# What is promised: seconds and megabytes of a full run, and ratios within one run.
SECONDS, MEGABYTES = 5.0, 1024.0
LOOPS, SQL, CHANGED, TWO_WORKERS = 100.0, 50.0, 0.10, 0.80


def main() -> int:
    options = _options()
    from benchmarks import match_cases as cases

    url = _own_database()
    try:
        _in_child(cases.prepare, url, options.shows, options.sponsors)
        pairs = options.shows * options.sponsors
        print(f"\n{options.shows:,} shows × {options.sponsors:,} sponsors = {pairs:,} pairs")
        ok = _full_runs(options, cases, url)
        ok &= _peers(options, cases, url, pairs)
        if options.workers:
            single = _in_child(cases.by_workers, url, 1)
            _line("blocks scored by one worker", single)
            double = _in_child(cases.by_workers, url, 2)
            _line("blocks scored by two workers", double, single, "× one worker")
            if single["blocks"] > 1:
                ok &= _judge("two workers ÷ one", double["seconds"] / single["seconds"], "<=", TWO_WORKERS)
            else:
                print("    one block only: a second worker has nothing to do at this size")
    finally:
        _drop_database()
    print("all limits kept" if ok else "some limits MISSED")
    return 0


_FULL: dict = {}


def _full_runs(options: argparse.Namespace, cases, url: str) -> bool:
    limit = _repeat(options.repeat, cases.product_alone, url)
    _line("bare float32 products, one thread", limit)
    runs = [_in_child(cases.full_run, url, 2, True) for _ in range(options.repeat)]
    first = _middle(runs)
    _FULL.update(first)
    _line("from packed rows to committed matches", first, limit, "× the products")
    one = _in_child(cases.full_run, url, 1, True)
    _line("the same on one thread", one, first, "× two threads")
    again = _repeat(options.repeat, cases.full_run, url, 2, False)
    _line("unchanged, again", again, first, "× the first")
    some = _middle([_in_child(cases.changed_podcasts, url, 10, seed) for seed in range(options.repeat)])
    _line("ten changed shows", some, first, "× the first")
    check = _in_child(cases.full_run, url, 2, False)
    ok = _judge("seconds of a full run", first["seconds"], "<=", SECONDS)
    ok &= _judge("peak memory of a full run, MB", first["memory"], "<=", MEGABYTES)
    ok &= _judge("ten changed shows ÷ full run", some["seconds"] / first["seconds"], "<=", CHANGED)
    ok &= _judge("rows a full run writes after the ten", check["written"] + check["deleted"], "<=", 0)
    ok &= _judge("rows an unchanged run writes", again["written"] + again["deleted"], "<=", 0)
    tables = {run["table"] for run in [*runs, one]}
    ok &= _judge("different tables from repeats and thread counts", len(tables), "<=", 1)
    return ok


def _peers(options: argparse.Namespace, cases, url: str, pairs: int) -> bool:
    ok = True
    if options.loops:
        loops = _scaled(_in_child(cases.python_loops, url, options.loops), pairs)
        _line(f"plain Python loops (from {options.loops} sponsors)", loops, _FULL, "× the product")
        ok &= _judge("plain Python loops ÷ full run", loops["seconds"] / _FULL["seconds"], ">=", LOOPS)
    if options.sql:
        join = _scaled(_in_child(cases.sql_join, url, options.sql), pairs)
        _line(f"the same as an SQL join (from {options.sql})", join, _FULL, "× the product")
        ok &= _judge("SQL join ÷ full run", join["seconds"] / _FULL["seconds"], ">=", SQL)
    return ok


def _judge(what: str, value: float, sign: str, limit: float) -> bool:
    kept = value <= limit if sign == "<=" else value >= limit
    print(f"    {what:<50} {value:10.2f}  (limit {sign} {limit:g})  {'ok' if kept else 'MISSED'}", flush=True)
    return kept


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
    return _middle([_in_child(case, *arguments) for _ in range(count)])


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
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracker.settings")
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
