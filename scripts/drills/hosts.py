"""An installation for a drill: its own PostgreSQL and Valkey, reached by TCP, and web, worker and beat on hosts.

Each host has a state folder of its own; files are shared, as an installation must. Web, worker and beat use the
database role that owns nothing. Everything is removed at the end, and nothing else is touched.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import redis

from scripts.drills.network import Loopback, Namespaces, free_port
from tracker.stack.postgres import Postgres
from tracker.stack.state import PROJECT, State
from tracker.stack.valkey import Valkey

ROLE = "tracker_app"
FLAGS = (
    "ENABLE_ETL_CSV_UPLOAD",
    "ENABLE_DEAL_PIPELINE",
    "ENABLE_IO_BOOKINGS",
    "ENABLE_MATCHMAKING",
    "ENABLE_NEW_DASHBOARD_CARDS",
    "ENABLE_AUTOMATION_JOBS",
)
Address = tuple[str, int]
# Looking at a process's memory takes the kernel milliseconds.
MEMORY_SECONDS = 10


class Installation:
    def __init__(self, folder: Path, network: Loopback | Namespaces | None = None) -> None:
        self.folder, self.state = folder, State(folder / "servers")
        self.network = network or Loopback()
        self.postgres = Postgres(self.state, extra={"listen_addresses": self.network.server})
        self.valkey = Valkey(self.state)
        # Where hosts find the servers; a drill may put something in between.
        self.database_at: Address = (self.network.server, 5432)
        self.queue_at: Address = (self.network.server, free_port(self.network.server))
        self.web_at: dict[str, Address] = {}
        self.servers: dict[str, subprocess.Popen[bytes]] = {}
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        self.memory: dict[str, list[float]] = {}
        self.over = threading.Event()

    # --- servers ------------------------------------------------------------------------------------------------------
    def start_servers(self) -> None:
        self.state.make_socket_folder(owner=self.postgres.owner.get("user", os.getuid()))
        self._serve("PostgreSQL", self.postgres.start())
        with (self.postgres.data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {self.network.clients} trust\n")
        self.ask("SELECT pg_reload_conf()")
        self._serve("Valkey", self.valkey.start())
        with redis.Redis(unix_socket_path=str(self.state.valkey_socket)) as server:
            server.config_set("protected-mode", "no")
            server.config_set("bind", self.network.server)
            server.config_set("port", self.queue_at[1])

    def _serve(self, name: str, server: subprocess.Popen[bytes] | None) -> None:
        if server is not None:  # None: it ran already, which a folder of the drill's own rules out
            self.servers[name] = server

    def environment(self, user: str, host: str) -> dict[str, str]:
        """Return the surroundings of one host: the servers by TCP, a state folder of its own, the shared files."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRACKER_", "DJANGO_"))}
        database, queue = ("{}:{}".format(*at) for at in (self.database_at, self.queue_at))
        return kept | {
            "DATABASE_URL": f"postgres://{user}@{database}/tracker",
            "REDIS_URL": f"redis://{queue}/0",
            "CACHE_URL": f"redis://{queue}/1",
            "CELERY_BROKER_URL": f"redis://{queue}/0",
            "TRACKER_STATE": str(self.folder / host),
            "SECRET_KEY": "only-for-the-drills-of-this-product-1234567890123",
            "MEDIA_ROOT": str(self.folder / "files"),
            "LOG_LEVEL": "WARNING",
            # By this name the server knows its connections (cores.py).
            "PGAPPNAME": host,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **dict.fromkeys(FLAGS, "1"),
        }

    def make_houses(self, count: int, *, small: bool = False, facts: int = 0) -> dict[str, dict[str, Any]]:
        """Make tenants with shows, deals, a key each and so many facts in all; return what a client needs, by slug."""
        more = ["--facts", str(facts), *(["--small"] if small else [])]
        made = self.run("scripts/drills/houses.py", str(count), ROLE, *more)
        return json.loads(made.stdout.splitlines()[-1])

    def settle(self) -> None:
        """Do what the server would begin by itself about so many new rows, and has done in a house at work."""
        with psycopg.connect(host=str(self.state.sockets), user="tracker", dbname="tracker", autocommit=True) as asked:
            asked.execute("VACUUM ANALYZE")

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run Python as the owner of the database, beside the servers."""
        return subprocess.run(
            [sys.executable, "-W", "ignore", *arguments],
            env=self.environment("tracker", "owner") | more,
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )

    # --- hosts --------------------------------------------------------------------------------------------------------
    def start(self, name: str, *, host: str = "", **more: str) -> None:
        """Start a part by name, such as "web-a", on a host (its own, when none is named)."""
        host, part = host or name, name.partition("-")[0]
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        if part == "web":
            address = self.web_at.setdefault(name, (self.network.address(host), free_port()))
            more |= {"HOST": address[0], "PORT": str(address[1]), "WEB_WORKERS": "1", "WEB_THREADS": "4"}
        with (folder / "log.txt").open("ab") as log:
            self.parts[name] = subprocess.Popen(
                [*self.network.inside(host), PROJECT / "deploy/entrypoint.sh", part],
                env=self.environment(ROLE, name) | {"WORKER_PROCESSES": "1"} | more,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def webs(self) -> list[Address]:
        return list(self.web_at.values())

    def end(self, name: str) -> float:
        """Ask a part to end as an operator does, by SIGTERM, and return the seconds until it had."""
        began, part = time.monotonic(), self.parts.pop(name)
        part.terminate()
        part.wait(60)
        return time.monotonic() - began

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
        self.network.remove()
        for left in {self.state.sockets, self.postgres.data.parent, self.folder}:
            shutil.rmtree(left, ignore_errors=True)

    # --- what is watched ----------------------------------------------------------------------------------------------
    def watch_memory(self) -> None:
        def look() -> None:
            while not self.over.wait(MEMORY_SECONDS):
                for name, part in list(self.parts.items()):
                    self.memory.setdefault(name, []).append(megabytes_of_group(part.pid))

        threading.Thread(target=look, daemon=True).start()

    def ask(self, sql: str) -> list[tuple]:
        with psycopg.connect(host=str(self.state.sockets), user="tracker", dbname="tracker") as asked:
            cursor = asked.execute(sql)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def count(self, slugs: list[str], rest: str) -> int:
        """Count the rows of one table over all tenants."""
        counts = " UNION ALL ".join(f"SELECT count(*) AS n FROM {slug}.{rest}" for slug in slugs)
        return int(self.ask(f"SELECT sum(n) FROM ({counts}) t")[0][0])

    def drained(self, slugs: list[str], within: float = 240) -> float:
        """Wait until the workers have done what was accepted, and return how long that took."""
        began = time.monotonic()

        def done() -> bool:
            return (
                self.count(slugs, "events_outbox WHERE relayed_at IS NULL") == 0
                and self.count(slugs, "etl_imports WHERE status IN ('pending', 'processing')") == 0
            )

        wait("the workers are done", within, done)
        return time.monotonic() - began


@contextmanager
def installation(name: str, network: Loopback | Namespaces | None = None) -> Iterator[Installation]:
    """Give an installation whose servers run, and remove it at the end, also of a drill that is told to end."""
    made = Installation(Path(tempfile.mkdtemp(prefix=f"tracker-{name}-", dir="/tmp")), network)
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit("ended from outside"))
    try:
        made.start_servers()
        yield made
    finally:
        made.stop()


def answers(address: Address) -> bool:
    """Tell whether a web host answers at all."""
    try:
        with socket.create_connection(address, 1) as link:
            link.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return link.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def wait(what: str, seconds: float, met: Callable[[], bool]) -> float:
    """Wait until something holds and return how long that took; end the drill when it does not come."""
    began = time.monotonic()
    while not met():
        if time.monotonic() > began + seconds:
            raise SystemExit(f"not within {seconds:g} s: {what}")
        time.sleep(0.1)
    return time.monotonic() - began


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
