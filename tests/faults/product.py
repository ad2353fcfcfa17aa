"""The whole product, as an installation runs it: its own PostgreSQL and Valkey, web, worker and beat."""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.database import ensure_template
from tests.servers import STATE
from tracker.stack.programs import client_program
from tracker.stack.servers import Servers
from tracker.stack.state import PROJECT, State

OF_THE_TESTS = ("TRACKER_", "DJANGO_", "PYTEST")
APP_ROLE = "tracker_app"
# What beat asks for twice a minute in an installation comes every two seconds here, and lost imports every three.
QUICK = """
UPDATE django_celery_beat_intervalschedule SET every = 2 WHERE every < 600;
UPDATE django_celery_beat_periodictask SET crontab_id = NULL,
  interval_id = (SELECT min(id) FROM django_celery_beat_intervalschedule WHERE every = 2),
  kwargs = jsonb_set(kwargs::jsonb, '{step_minutes}', '0.05')::text WHERE name = 'job reap-imports';
"""
# Web, worker and beat stand behind the second wall, as docs/security.md advises.
PREPARE = f"""
import django; django.setup()
from django.core.management import call_command
from tracker.automation.schedule import ensure_schedules
ensure_schedules()
call_command("grant_app_role", "{APP_ROLE}")
call_command("create_api_key", tenant="acme", name="faults", scopes="*", role="administrator")
from django_tenants.utils import schema_context
from tests.factories import make_campaign, make_episode, make_podcast
with schema_context("acme"):
    print(*(make_campaign().pk for _ in range(6)))
    show = make_podcast()
    print(*(make_episode(show).pk for _ in range(40)))
"""
FLAGS = (
    "ENABLE_ETL_CSV_UPLOAD",
    "ENABLE_DEAL_PIPELINE",
    "ENABLE_IO_BOOKINGS",
    "ENABLE_MATCHMAKING",
    "ENABLE_AUTOMATION_JOBS",
)


class Product:
    """Starts and ends parts by name; speaks to acme over HTTP with a key that may do everything."""

    def __init__(self, folder: Path) -> None:
        self.state = State(folder)
        self.servers = Servers(self.state, for_tests=True)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._asked: psycopg.Connection | None = None
        self.port = _free_port()
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("TRACKER_", "DJANGO_", "PYTEST"))
            },
            **self.state.environment(),
            "TRACKER_STATE": str(folder),
            "SECRET_KEY": "only-for-the-fault-tests-of-this-product-1234567890",
            "MEDIA_ROOT": str(folder / "media"),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "WORKER_PROCESSES": "1",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **dict.fromkeys(FLAGS, "1"),
            # The tests' receivers stand on this machine and do not wait three days.
            "WEBHOOK_ALLOW_LOOPBACK": "1",
            "WEBHOOK_RETRY_SCHEDULE": "1,1,2,2,3,3,5,5,5,5",
        }
        self.key = ""
        self.deals: list[str] = []  # leads that no test has used yet
        self.episodes: list[str] = []

    def prepare(self) -> None:
        """Start the servers, fill the database from the tests' template, make a key."""
        self.running |= self.servers.start()
        template = ensure_template()
        dump = self.state.folder / "template.dump"
        self._client("pg_dump", STATE, "--format=custom", f"--file={dump}", f"--dbname={template}")
        self._client("pg_restore", self.state, "--dbname=tracker", "--exit-on-error", str(dump))
        *_words, self.key, deals, episodes = self._python("-c", PREPARE).splitlines()
        self.deals, self.episodes = deals.split(), episodes.split()
        self._client("psql", self.state, "--dbname=tracker", "--command", QUICK)

    def _client(self, program: str, state: State, *arguments: str) -> None:
        command = [client_program(program), "--host", str(state.sockets), "--username", "tracker", *arguments]
        subprocess.run(command, check=True, capture_output=True)

    def start(self, *names: str, **more: str) -> None:
        """Start parts by name, with more in their environment; "beat-2" is a second beat."""
        behind_the_wall = self.environment["DATABASE_URL"].replace("//tracker@", f"//{APP_ROLE}@")
        for name in names:
            with (self.state.logs / f"{name}.log").open("ab") as log:
                self.running[name] = subprocess.Popen(
                    [PROJECT / "deploy/entrypoint.sh", name.partition("-")[0]],
                    env=self.environment | {"DATABASE_URL": behind_the_wall} | more,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def kill(self, name: str) -> None:
        """End a part and its children the hard way."""
        process = self.running.pop(name)
        os.killpg(process.pid, 9)
        process.wait()

    def children(self, name: str) -> list[int]:
        """Return the process numbers of a part and of the processes it started."""
        group = self.running[name].pid
        return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _group_of(int(entry.name)) == group]

    def stop_server(self, name: str) -> None:
        if self._asked is not None and name == "postgres":
            self._asked.close()
        self.servers.stop(postgres=name == "postgres", valkey=name == "valkey")
        self.running.pop(name).wait()

    def start_server(self, name: str) -> None:
        self.running |= self.servers.start(postgres=name == "postgres", valkey=name == "valkey")

    def remove(self) -> None:
        if self._asked is not None:
            self._asked.close()
        for name in [name for name in self.running if name not in ("postgres", "valkey")]:
            self.kill(name)
        self.servers.stop()
        for server in self.running.values():
            server.wait()
        for folder in (self.state.sockets, self.state.folder):
            shutil.rmtree(folder, ignore_errors=True)

    def manage(self, *arguments: str) -> str:
        return self._python("manage.py", *arguments)

    def _python(self, *arguments: str) -> str:
        environment = {**self.environment, "DJANGO_SETTINGS_MODULE": "tracker.settings"}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=PROJECT, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def connect(self) -> psycopg.Connection:
        """Return a connection of the database's owner, in a transaction."""
        return psycopg.connect(host=str(self.state.sockets), user="tracker", dbname="tracker")

    def query(self, sql: str) -> list[tuple]:
        """Ask on a connection that is kept, since tests ask again and again; opened anew when the server is another."""
        if self._asked is None or self._asked.closed:
            self._asked = self.connect()
            self._asked.autocommit = True
        try:
            cursor = self._asked.execute(sql)
        except psycopg.OperationalError:
            self._asked.close()
            raise
        return cursor.fetchall() if cursor.description else []

    def ask(
        self, method: str, path: str, body: object = None, *, data: bytes | None = None, kind: str = "application/json"
    ) -> tuple[int, dict[str, str], str]:
        """Return (status, headers, text) of one request; 0 when nobody answered."""
        headers = {"Host": "acme.localhost", "Content-Type": kind}
        # A page looks its session up; the API its key.
        headers |= (
            {"Authorization": f"Bearer {self.key}"} if path.startswith("/api/") else {"Cookie": f"session={'x' * 32}"}
        )
        sent = data if data is not None else json.dumps(body).encode() if body is not None else None
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            # Who is refused in the middle of sending still hears why.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                line.request(method, path, sent, headers)
            answer = line.getresponse()
            return answer.status, dict(answer.headers), answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, {}, ""
        finally:
            line.close()

    def upload(self, text: str) -> tuple[int, dict]:
        """Send a metrics file; return (status, the import)."""
        edge = "----edge-of-the-form"
        lines = [f"--{edge}", 'Content-Disposition: form-data; name="file"; filename="m.csv"', "Content-Type: text/csv"]
        data = "\r\n".join([*lines, "", text, f"--{edge}--", ""]).encode()
        kind = f"multipart/form-data; boundary={edge}"
        status, _headers, said = self.ask("POST", "/api/v1/etl/upload", data=data, kind=kind)
        return status, json.loads(said)

    def wait(self, met: Callable[[], bool], seconds: float) -> float:
        """Wait until something holds; return how long it took, fail with the logs after `seconds`."""
        began = time.monotonic()
        while not met():
            if time.monotonic() - began > seconds:
                logs = "\n".join(path.read_text()[-3000:] for path in sorted(self.state.logs.glob("*.log")))
                raise AssertionError(f"not within {seconds} s\n{logs}")
            time.sleep(0.15)
        return time.monotonic() - began


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
