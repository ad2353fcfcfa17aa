#!/usr/bin/env python
"""Fifty tenants, two web and two worker hosts with a beat each, mixed traffic for ten minutes: does it hold?

Each host has a state folder of its own and reaches PostgreSQL and Valkey over TCP on the loopback; files are shared,
as an installation must. Web, worker and beat use the database role that owns nothing. Prints each figure with its
limit and `ok` or `MISSED`; ends by itself, cleans up after itself, and touches nothing else.

    python scripts/drills/load.py                 # ten minutes
    python scripts/drills/load.py --minutes 1     # a trial
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import redis

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from benchmarks.measuring import Verdicts
from scripts.drills.traffic import Neighbours, Tally, Traffic
from tracker.stack.postgres import Postgres
from tracker.stack.state import PROJECT, State
from tracker.stack.valkey import Valkey

ROLE = "tracker_app"
HERE = "127.0.0.1"
# PostgreSQL keeps its usual port, at an address of the loopback that nobody else uses.
DATABASE_HOST = f"127.{os.getpid() % 250 + 1}.{os.getpid() // 250 % 250 + 1}.1"
FLAGS = (
    "ENABLE_ETL_CSV_UPLOAD",
    "ENABLE_DEAL_PIPELINE",
    "ENABLE_IO_BOOKINGS",
    "ENABLE_MATCHMAKING",
    "ENABLE_NEW_DASHBOARD_CARDS",
    "ENABLE_AUTOMATION_JOBS",
)


class Drill:
    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, State(folder / "servers")
        self.postgres = Postgres(self.state, extra={"listen_addresses": DATABASE_HOST})
        self.valkey = Valkey(self.state)
        self.queue_port = free_port()
        self.ports: list[int] = []
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        self.memory: dict[str, list[float]] = {}
        self.over = threading.Event()

    # --- hosts --------------------------------------------------------------------------------------------------------
    def start_servers(self) -> None:
        self.state.make_socket_folder(owner=self.postgres.owner.get("user", os.getuid()))
        self.postgres.start()
        self.valkey.start()
        with redis.Redis(unix_socket_path=str(self.state.valkey_socket)) as server:
            server.config_set("port", self.queue_port)

    def environment(self, user: str, host: str) -> dict[str, str]:
        """Return the surroundings of one host: the servers by TCP, a state folder of its own, the shared files."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRACKER_", "DJANGO_"))}
        return kept | {
            "DATABASE_URL": f"postgres://{user}@{DATABASE_HOST}:5432/tracker",
            "REDIS_URL": f"redis://{HERE}:{self.queue_port}/0",
            "CACHE_URL": f"redis://{HERE}:{self.queue_port}/1",
            "CELERY_BROKER_URL": f"redis://{HERE}:{self.queue_port}/0",
            "TRACKER_STATE": str(self.folder / host),
            "SECRET_KEY": "only-for-the-load-drill-of-this-product-123456789",
            "MEDIA_ROOT": str(self.folder / "files"),
            "LOG_LEVEL": "WARNING",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **dict.fromkeys(FLAGS, "1"),
        }

    def make_houses(self, count: int) -> dict[str, dict]:
        made = subprocess.run(
            [sys.executable, "-W", "ignore", str(PROJECT / "scripts/drills/houses.py"), str(count), ROLE],
            env=self.environment("tracker", "owner"),
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return json.loads(made.stdout.splitlines()[-1])

    def start_hosts(self) -> None:
        for letter in "ab":
            port = free_port()
            self.ports.append(port)
            web = {"HOST": HERE, "PORT": str(port), "WEB_WORKERS": "1", "WEB_THREADS": "4"}
            self._start(f"web-{letter}", "web", web)
            self._start(f"worker-{letter}", "worker", {"WORKER_PROCESSES": "1"})
            self._start(f"beat-{letter}", "beat", {})
        wait("web answers", 120, lambda: all(answers(port) for port in self.ports))

    def _start(self, name: str, part: str, more: dict[str, str]) -> None:
        host = self.folder / name
        host.mkdir(parents=True)
        with (host / "log.txt").open("wb") as log:
            self.parts[name] = subprocess.Popen(
                [PROJECT / "deploy/entrypoint.sh", part],
                env=self.environment(ROLE, name) | more,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> None:
        self.over.set()
        for part in self.parts.values():
            part.terminate()
        for part in self.parts.values():
            try:
                part.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(part.pid, 9)
                part.wait()
        self.valkey.stop()
        self.postgres.stop()
        for left in {self.state.sockets, self.postgres.data.parent, self.folder}:
            shutil.rmtree(left, ignore_errors=True)

    # --- what is watched ----------------------------------------------------------------------------------------------
    def watch_memory(self) -> None:
        def look() -> None:
            while not self.over.wait(2):
                for name, part in self.parts.items():
                    self.memory.setdefault(name, []).append(megabytes_of_group(part.pid))

        threading.Thread(target=look, daemon=True).start()

    def ask(self, sql: str) -> list[tuple]:
        with psycopg.connect(host=str(self.state.sockets), user="tracker", dbname="tracker") as asked:
            return asked.execute(sql).fetchall()  # type: ignore[arg-type]

    def count(self, slugs: list[str], rest: str) -> int:
        """Count the rows of one table over all tenants."""
        counts = " UNION ALL ".join(f"SELECT count(*) AS n FROM {slug}.{rest}" for slug in slugs)
        return int(self.ask(f"SELECT sum(n) FROM ({counts}) t")[0][0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--tenants", type=int, default=50)
    parser.add_argument("--rate", type=float, default=20, help="requests a second, all hosts together")
    given = parser.parse_args()
    if not 0 < given.minutes <= 60 or not 2 <= given.tenants <= 99 or not 0 < given.rate <= 200:
        parser.error("minutes 0 to 60, tenants 2 to 99, rate up to 200")
    drill = Drill(Path(tempfile.mkdtemp(prefix="tracker-load-", dir="/tmp")))
    try:
        return run(drill, given)
    finally:
        drill.stop()


def run(drill: Drill, given: argparse.Namespace) -> int:
    began = time.monotonic()
    drill.start_servers()
    houses = drill.make_houses(given.tenants)
    print(f"{len(houses)} tenants made in {time.monotonic() - began:.0f} s", flush=True)
    drill.start_hosts()
    drill.watch_memory()
    time.sleep(3)
    print(f"{given.minutes:g} minutes of {given.rate:g} requests a second over two web hosts", flush=True)
    tally = Traffic(houses, drill.ports, rate=given.rate, seconds=given.minutes * 60).run()
    waited = drained(drill, list(houses))
    verdicts = Verdicts()
    judge(verdicts, drill, list(houses), tally, waited, given)
    greed(verdicts, drill, houses)
    return verdicts.code


def greed(verdicts: Verdicts, drill: Drill, houses: dict[str, dict]) -> None:
    """Judge what a tenant notices while the one beside it sends fifty files at once."""
    beside = Neighbours(*list(houses.values())[:2], drill.ports[0])
    quiet = p(beside.looks(), 95)
    sending = beside.send_many()
    starts = beside.import_starts()
    busy = p(beside.looks(), 95)
    sending.join()
    drained(drill, list(houses))
    print(f"one tenant sends fifty files: the other's p95 {quiet:.0f} ms before, {busy:.0f} ms meanwhile")
    verdicts.limit("the other's p95 meanwhile, of before", busy / quiet, "x", at_most=2)
    verdicts.limit("its own import begins after", starts, "s", at_most=10)


def drained(drill: Drill, slugs: list[str]) -> float:
    """Wait until the workers have done what was accepted, and return how long that took."""
    began = time.monotonic()

    def done() -> bool:
        return (
            drill.count(slugs, "events_outbox WHERE relayed_at IS NULL") == 0
            and drill.count(slugs, "etl_imports WHERE status IN ('pending', 'processing')") == 0
        )

    wait("the workers are done", 240, done)
    return time.monotonic() - began


def judge(
    verdicts: Verdicts, drill: Drill, slugs: list[str], tally: Tally, waited: float, given: argparse.Namespace
) -> None:
    asked = sum(map(len, tally.seconds.values()))
    for kind, seconds in sorted(tally.seconds.items()):
        print(f"  {kind:20} {len(seconds):6}   median {p(seconds, 50):6.0f} ms   p95 {p(seconds, 95):6.0f} ms")
    for words, count in tally.wrong.most_common(10):
        print(f"  {count} x {words}")
    dashboards = [one for kind in tally.seconds if kind.startswith("dashboard") for one in tally.seconds[kind]]
    bookings = [one for kind in ("book", "booking") for one in tally.seconds.get(kind, [])]
    everything = [one for seconds in tally.seconds.values() for one in seconds]
    verdicts.limit("requests that were answered wrongly or not at all", sum(tally.wrong.values()), "", at_most=0)
    verdicts.limit("answers that showed another tenant", tally.foreign, "", at_most=0)
    verdicts.limit("requests, of those planned", 100 * asked / (given.minutes * 60 * given.rate), "%", at_least=85)
    verdicts.limit("p95 of all requests", p(everything, 95), "ms", at_most=500)
    verdicts.limit("p95 of dashboards", p(dashboards, 95), "ms", at_most=300)
    verdicts.limit("p95 of bookings made and read", p(bookings, 95), "ms", at_most=150)
    moved = sum(n for what, n in tally.accepted.items() if what.startswith("moves"))
    told = drill.count(slugs, "events_outbox WHERE type = 'deal.stage_changed'")
    verdicts.limit("moves of deals without their one event", abs(moved - told), "", at_most=0)
    uploads = drill.count(slugs, "etl_imports WHERE status = 'completed'")
    verdicts.limit("accepted uploads that did not come in", tally.accepted["uploads"] - uploads, "", at_most=0)
    runs = drill.count(slugs, "job_runs WHERE tick IS NOT NULL")
    ticks = " UNION ALL ".join(
        f"SELECT '{slug}', job, tick FROM {slug}.job_runs WHERE tick IS NOT NULL" for slug in slugs
    )
    once = drill.ask(f"SELECT count(*) FROM (SELECT DISTINCT * FROM ({ticks}) t) d")[0][0]
    verdicts.limit("runs of scheduled jobs more than one a tick, with two beats", runs - once, "", at_most=0)
    verdicts.limit("failed runs", drill.count(slugs, "job_runs WHERE status = 'failed'"), "", at_most=0)
    verdicts.limit("the quieter web host's share of requests", share(tally.by_web, asked), "%", at_least=30)
    verdicts.limit("workers that were done after the last request", waited, "s", at_most=60)
    for name, seen in sorted(drill.memory.items()):
        verdicts.limit(f"memory of {name} ({seen[-1]:.0f} MB): growth since warm", growth(seen), "%", at_most=15)
    ended = [name for name, part in drill.parts.items() if part.poll() is not None]
    verdicts.limit("parts that ended by themselves", len(ended), "", at_most=0)


def p(seconds: list[float], percent: int) -> float:
    """Return a percentile in milliseconds; 0 of nothing."""
    if len(seconds) < 2:
        return 1000 * sum(seconds)
    return 1000 * statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1]


def share(by_web: dict[int, int], asked: int) -> float:
    return 100 * min(by_web.values(), default=0) / max(asked, 1) if len(by_web) == 2 else 0


def growth(seen: list[float]) -> float:
    """Return by how many percent the last fifth uses more than the second fifth: the first warms caches up."""
    fifth = max(1, len(seen) // 5)
    warm, last = statistics.mean(seen[fifth : 2 * fifth] or seen), statistics.mean(seen[-fifth:])
    return 100 * (last - warm) / warm if warm else 0


def megabytes_of_group(leader: int) -> float:
    """Return the memory of a program and its children that is theirs alone or their part of what they share."""
    total = 0.0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(entry.name)) == leader:
                line = next(one for one in (entry / "smaps_rollup").read_text().splitlines() if one.startswith("Pss:"))
                total += int(line.split()[1]) / 1024
        except (OSError, StopIteration):
            continue
    return total


def answers(port: int) -> bool:
    try:
        with socket.create_connection((HERE, port), 1) as link:
            link.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return link.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def wait(what: str, seconds: float, met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {seconds:g} s: {what}")
        time.sleep(0.5)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
