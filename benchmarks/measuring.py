"""What every benchmark needs: a database of its own, cases in processes of their own, and verdicts on limits.

Nothing here is measured; `python benchmarks/NAME.py` is how a benchmark is run.
"""

import multiprocessing
import os
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import environ
import psycopg

from tracker.stack.servers import Servers
from tracker.stack.state import PROJECT, local_environment, state_of

FOLDER = PROJECT / ".stack" / "bench"


@contextmanager
def own_database(name: str) -> Iterator[str]:
    """Make an empty database on the server of this checkout, give its address, and drop it at the end.

    The address also stands in `DATABASE_URL` meanwhile, and files go to a folder beside the server's.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    if "DATABASE_URL" not in os.environ:
        Servers(state_of(PROJECT)).start()
        local_environment(PROJECT)
    before = os.environ["DATABASE_URL"]
    _drop(before, name)
    with _server(before) as server:
        server.execute(f"CREATE DATABASE {name}")
    os.environ["DATABASE_URL"] = before.rsplit("/", 1)[0] + f"/{name}"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracker.settings")
    os.environ.setdefault("MEDIA_ROOT", str(FOLDER))
    try:
        yield os.environ["DATABASE_URL"]
    finally:
        os.environ["DATABASE_URL"] = before
        _drop(before, name)


def in_child(case: Callable[..., dict | None], *arguments: Any, **environment: str) -> dict[str, Any]:
    """Run a case in a process of its own, so that its peak memory is its own.

    Returns what the case returned with `seconds` (its own, or the wall time) and `memory` (peak, MB). Ends the whole
    benchmark with the case's traceback when it fails.
    """
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    child = context.Process(target=_child, args=(theirs, case, arguments, environment))
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


def peak_megabytes() -> float:
    """Return the most memory this process has had in use, in MB."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


class Verdicts:
    """Limits and whether they were kept: `limit` prints a line each, `code` is the program's exit code."""

    def __init__(self) -> None:
        self.missed = 0

    def limit(
        self, what: str, found: float, unit: str, *, at_most: float | None = None, at_least: float | None = None
    ) -> None:
        kept = (at_most is None or found <= at_most) and (at_least is None or found >= at_least)
        self.missed += not kept
        bound = f"at most {at_most:g}" if at_most is not None else f"at least {at_least:g}"
        print(f"  {'ok    ' if kept else 'MISSED'} {what:<58} {found:10.2f} {unit} ({bound})", flush=True)

    @property
    def code(self) -> int:
        return 1 if self.missed else 0


def _child(pipe: Connection, case: Callable[..., dict | None], arguments: tuple, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    try:
        import django

        django.setup()
        started = time.perf_counter()
        result = case(*arguments) or {}
        result.setdefault("seconds", time.perf_counter() - started)
        result["memory"] = peak_megabytes()
    except BaseException:
        result = {"error": traceback.format_exc()}
    pipe.send(result)


def _drop(address: str, name: str) -> None:
    with _server(address) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _server(address: str) -> psycopg.Connection:
    database = environ.Env.db_url_config(address)
    wanted = {"host": database["HOST"], "port": database["PORT"], "user": database["USER"], "dbname": database["NAME"]}
    wanted["password"] = database["PASSWORD"]
    return psycopg.connect(**{name: value for name, value in wanted.items() if value}, autocommit=True)
