#!/usr/bin/env python
"""Rehearse going back to a moment, on a PostgreSQL cluster of its own: base copy, write-ahead log, accident, recovery.

Prints what it did and ends with code 1 if a row is missing or the accident came back. Touches no other database.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tracker.stack.postgres import Postgres
from tracker.stack.state import State


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="an empty folder to work in; default: a temporary one")
    folder = parser.parse_args().folder or Path(tempfile.mkdtemp(prefix="drill-"))
    folder.mkdir(parents=True, exist_ok=True)
    state = State(folder)
    try:
        return drill(state)
    finally:
        Postgres(state).stop()
        for left in {state.sockets, Postgres(state).data.parent, folder}:
            shutil.rmtree(left, ignore_errors=True)


def drill(state: State) -> int:
    postgres = Postgres(state)
    state.make_socket_folder(owner=postgres.owner.get("user", os.getuid()))
    server = postgres.start()
    wal, base = postgres.data.parent / "wal", postgres.data.parent / "base"
    for owned in (wal, base):
        owned.mkdir()
        if postgres.owner:
            os.chown(owned, postgres.owner["user"], postgres.owner["group"])
        owned.chmod(0o700)
    _restart(postgres, server, {"archive_mode": "on", "archive_command": f"test ! -f {wal}/%f && cp %p {wal}/%f"})

    with closing(_connect(state)) as work:
        work.execute("CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS paper FROM generate_series(1, 10000) n")
        postgres.run("pg_basebackup", "-h", str(state.sockets), "-U", "tracker", "-D", str(base), "--checkpoint=fast")
        print(f"base copy taken with {_count(work)} orders")
        work.execute("INSERT INTO orders SELECT n, md5(n::text) FROM generate_series(10001, 10500) n")
        before = _count(work), _digest(work)
        time.sleep(0.2)
        moment = work.execute("SELECT clock_timestamp()").fetchone()[0]
        time.sleep(0.2)
        work.execute("DELETE FROM orders WHERE id % 7 = 0")
        print(f"accident: {before[0] - _count(work)} orders deleted")
        work.execute("SELECT pg_switch_wal()")
        _wait_for_archive(work)
    postgres.stop()

    began = time.monotonic()
    shutil.rmtree(postgres.data)
    base.rename(postgres.data)
    with (postgres.data / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"restore_command = 'cp {wal}/%f %p'\n")
        settings.write(f"recovery_target_time = '{moment.isoformat()}'\nrecovery_target_action = 'promote'\n")
    (postgres.data / "recovery.signal").touch()
    if postgres.owner:
        os.chown(postgres.data / "recovery.signal", postgres.owner["user"], postgres.owner["group"])
    postgres.start()
    with closing(_connect(state)) as work:
        _wait_for_promotion(work)
        after = _count(work), _digest(work)
    print(f"back at {moment.isoformat()}: {after[0]} orders, after {time.monotonic() - began:.1f} s")
    print("the same rows" if after == before else f"NOT the same rows: {before} before, {after} after")
    return 0 if after == before else 1


def _restart(postgres: Postgres, server, extra: dict[str, str]) -> None:
    postgres.stop()
    server.wait()
    postgres.extra = extra
    postgres.start()


def _connect(state: State) -> psycopg.Connection:
    return psycopg.connect(host=str(state.sockets), user="tracker", dbname="tracker", autocommit=True)


def _count(work: psycopg.Connection) -> int:
    return work.execute("SELECT count(*) FROM orders").fetchone()[0]


def _digest(work: psycopg.Connection) -> str:
    return work.execute("SELECT md5(string_agg(id || paper, ',' ORDER BY id)) FROM orders").fetchone()[0]


def _wait_for_archive(work: psycopg.Connection) -> None:
    wanted = work.execute("SELECT pg_walfile_name(pg_current_wal_lsn() - 1)").fetchone()[0]
    deadline = time.monotonic() + 60
    while (work.execute("SELECT last_archived_wal FROM pg_stat_archiver").fetchone()[0] or "") < wanted:
        if time.monotonic() > deadline:
            raise SystemExit("the write-ahead log was not archived within a minute")
        time.sleep(0.1)


def _wait_for_promotion(work: psycopg.Connection) -> None:
    deadline = time.monotonic() + 60
    while work.execute("SELECT pg_is_in_recovery()").fetchone()[0]:
        if time.monotonic() > deadline:
            raise SystemExit("recovery did not end within a minute")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
