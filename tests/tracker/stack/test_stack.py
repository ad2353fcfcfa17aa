"""The launcher as a person meets it: `python -m tracker.stack …` in a state folder of its own."""

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import psycopg
import pytest

from tests.servers import STATE
from tracker.stack.servers import Servers
from tracker.stack.state import PROJECT, StackError, State
from tracker.stack.supervisor import check_database_version

OWN = ("DATABASE_URL", "REDIS_URL", "CACHE_URL", "CELERY_BROKER_URL", "SECRET_KEY", "DJANGO_SETTINGS_MODULE")


class Stack:
    """The command line, with its state folder and port."""

    def __init__(self, folder: Path) -> None:
        self.state = State(folder)
        self.port = _free_port()
        self.environment = {name: value for name, value in os.environ.items() if name not in OWN}
        self.environment |= {"TRACKER_STATE": str(folder), "PORT": str(self.port)}
        self.environment |= {"WEB_WORKERS": "1", "WORKER_PROCESSES": "1", "DEMO": "0"}
        self.environment |= {"COMPRESS_STATIC_FILES": "0"}  # tests/lib/test_static_files.py has that

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tracker.stack", *arguments],
            cwd=PROJECT,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    @property
    def said(self) -> Path:
        return self.state.folder / "said.txt"

    def up(self) -> subprocess.Popen[bytes]:
        self.state.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tracker.stack", "up"]
        with self.said.open("ab") as output:
            return subprocess.Popen(command, cwd=PROJECT, env=self.environment, stdout=output, stderr=output)

    def query(self, sql: str) -> list[tuple]:
        with psycopg.connect(host=str(self.state.sockets), user="tracker", dbname="tracker", autocommit=True) as asked:
            cursor = asked.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def processes(self) -> list[str]:
        """Return the command lines of what runs on behalf of this state folder."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                surroundings = (entry / "environ").read_bytes()
            except OSError:
                continue
            ours = f"TRACKER_STATE={self.state.folder}".encode() in surroundings
            if words and (ours or str(self.state.sockets) in words) and int(entry.name) != os.getpid():
                found.append(words)
        return found


@pytest.fixture
def stack() -> Iterator[Stack]:
    made = Stack(STATE.folder / f"launcher-{uuid.uuid4().hex[:8]}")
    yield made
    _remove(made)


def test_the_servers_start_are_adopted_stop_and_find_their_data_again(stack):
    servers = Servers(stack.state, for_tests=True)
    first = servers.start()
    stack.query("CREATE TABLE kept AS SELECT 'Łódź' AS town")
    stack.query("SELECT pg_sleep(0.6)")
    adopted = servers.start()
    servers.stop()
    left = [server.wait(10) for server in first.values()], stack.processes()
    second = servers.start()

    assert set(first) == set(second) == {"postgres", "valkey"}
    assert adopted == {}
    assert left == ([0, 0], [])
    assert re.search(r"duration: \d+.* SELECT pg_sleep\(0\.6\)", servers.postgres.log.read_text())
    assert stack.query("SELECT lower(town), upper(town) FROM kept") == [("łódź", "ŁÓDŹ")]
    servers.stop()
    assert [server.wait(10) for server in second.values()] == [0, 0]


def test_the_command_line_starts_once_for_two_callers_shows_and_removes(stack):
    command = [sys.executable, "-m", "tracker.stack", "servers"]
    options = {"cwd": PROJECT, "env": stack.environment, "stdout": PIPE, "text": True}
    starts = [subprocess.Popen(command, **options) for _ in range(2)]
    said = [start.communicate(timeout=60)[0] for start in starts]

    assert [start.returncode for start in starts] == [0, 0]
    assert len([words for words in said if re.search(r"postgres +started", words)]) == 1
    assert sum("postgres -D" in words for words in stack.processes()) == 1
    assert stack("status").stdout.count("running, socket") == 2
    assert stack("psql", "-At", "-c", "SELECT current_database()").stdout == "tracker\n"
    assert f"export DATABASE_URL=postgres://tracker@/{stack.state.sockets}/tracker" in stack("env").stdout

    stack("reset")

    assert stack.processes() == []
    assert not stack.state.folder.exists()
    assert not stack.state.sockets.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root hands the database to another user")
def test_a_folder_that_the_databases_user_cannot_enter_is_left_closed(tmp_path):
    tmp_path.chmod(0o700)
    stack = Stack(tmp_path / "state")

    assert stack("servers").returncode == 0

    assert stack.query("SELECT 1") == [(1,)]
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert Servers(stack.state).postgres.data == Path(f"/var/lib/pst-{stack.state.key}/postgres")
    stack("reset")
    assert not Path(f"/var/lib/pst-{stack.state.key}").exists()


def test_data_of_another_postgresql_version_is_refused_with_the_remedy(stack):
    data = Servers(stack.state).postgres.data
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("16\n")

    with pytest.raises(StackError, match="was made by PostgreSQL 16, and this is 18: .* `make reset`"):
        Servers(stack.state).start()


def test_a_port_in_use_is_refused_with_the_remedy(stack):
    with socket.create_server(("127.0.0.1", stack.port)):
        refused = stack("up")

    assert refused.returncode == 1
    assert refused.stderr == (
        f"Port {stack.port} is in use by another program: stop that one, or take another port with "
        f"`make run PORT={stack.port + 1}`.\n"
    )


def test_a_named_database_that_does_not_answer_is_refused_in_one_sentence():
    with pytest.raises(StackError, match="The database in DATABASE_URL does not answer: "):
        check_database_version(f"postgres://nobody@127.0.0.1:{_free_port()}/none")


def test_a_command_says_so_when_no_server_runs(stack):
    refused = subprocess.run(
        [sys.executable, "manage.py", "migrate_schemas"],
        cwd=PROJECT,
        env=stack.environment,
        capture_output=True,
        text=True,
    )

    assert refused.returncode == 1
    assert refused.stderr.startswith("The database is not running: start it with `make run`")
    assert len(refused.stderr.splitlines()) == 1


def test_the_product_serves_survives_a_kill_without_orphans_and_stops_in_order(stack):
    first = stack.up()
    _wait_until_served(stack, first)
    stack.query("CREATE TABLE kept AS SELECT 1 AS one")
    steps = re.findall(r"^stack +\| +(.+): [\d.]+ s$", stack.said.read_text(), re.MULTILINE)
    assert steps == [
        "servers",
        "migrations",
        "the platform's tenant",
        "preparing, static files included",
        "web answers",
    ]

    assert stack("up", PORT=str(_free_port())).stderr.startswith(f"It is running already, as process {first.pid}:")

    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    assert stack.said.read_text().rstrip().endswith("stack    | stopped")
    assert stack.processes() == []

    second = stack.up()
    _wait_until(lambda: stack.said.read_text().count("starting web, worker and beat") == 2, seconds=200)
    second.kill()
    second.wait()
    _wait_until(lambda: stack.processes() == [], seconds=30, otherwise=stack.processes)
    stack("servers")
    assert stack.query("SELECT one FROM kept") == [(1,)]


def _remove(stack: Stack) -> None:
    Servers(stack.state).stop()
    for folder in (stack.state.sockets, stack.state.folder):
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_served(stack: Stack, process: subprocess.Popen[bytes]) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{stack.port}/readyz", headers={"Host": "localhost"})

    def served() -> bool:
        assert process.poll() is None, stack.said.read_text()
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    _wait_until(served, seconds=400)


def _wait_until(met, *, seconds: float, otherwise=lambda: "not in time") -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
