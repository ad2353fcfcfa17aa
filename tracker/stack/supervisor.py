"""`make run`: servers, migrations, demo tenant, then web, worker and beat side by side until somebody says stop."""

import contextlib
import errno
import fcntl
import hashlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import IO

import environ

from tracker.stack import processes
from tracker.stack.postgres import VERSION
from tracker.stack.servers import Servers
from tracker.stack.state import PROJECT, StackError, State, local_environment

# Printed at the end like the logins of the demo tenant: a laptop's, never a server's.
PLATFORM_LOGIN = ("platform@demo.example", "platform-demo-2026")
COLOURS = {"postgres": 34, "valkey": 31, "web": 32, "worker": 35, "beat": 36}


@dataclass
class Program:
    """One part of the product: how to start it, how to ask it to end, and how long to wait for that."""

    name: str
    command: list[str]
    patience: float
    process: subprocess.Popen[bytes] | None = None


class Supervisor:
    """Starts everything in order, ends it in the reverse order, and leaves nothing behind however it ends itself."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.host = os.environ.get("HOST", "127.0.0.1")
        self.port = int(os.environ.get("PORT", "8000"))
        self.servers = Servers(state)
        self.started_servers: dict[str, subprocess.Popen[bytes]] = {}
        self.programs: list[Program] = []
        self.asked_to_stop = threading.Event()
        self.began = self.step_began = time.monotonic()

    def run(self) -> int:
        check_port(self.host, self.port)
        with one_supervisor(self.state):
            self.guard = processes.Guard()
            for signal_ in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(signal_, self._on_signal)
            try:
                return self._run()
            finally:
                self._stop()
                self.guard.dismiss()

    def _run(self) -> int:
        self._start_servers()
        self._took("servers")
        self._prepare()
        self._took("preparing, static files included")
        if self.asked_to_stop.is_set():
            return 0
        self._start_programs()
        self._wait_for_web()
        self._took("web answers")
        if not self.asked_to_stop.is_set():
            self._welcome()
        return self._watch()

    def _took(self, step: str) -> None:
        """Say how long a step took, and begin the next one."""
        now = time.monotonic()
        self._say(f"{step}: {now - self.step_began:.1f} s")
        self.step_began = now

    def _on_signal(self, *_: object) -> None:
        if self.asked_to_stop.is_set():  # asked twice: no more patience
            for program in self.programs:
                program.patience = 0
        self.asked_to_stop.set()

    # --- before -------------------------------------------------------------------------------------------------------
    def _start_servers(self) -> None:
        own_database = "DATABASE_URL" not in os.environ
        own_queue = "REDIS_URL" not in os.environ
        if own_database or own_queue:
            self._say("starting the database and the queue")
            self.started_servers = self.servers.start(postgres=own_database, valkey=own_queue)
            for name, server in self.started_servers.items():
                how = signal.SIGINT if name == "postgres" else signal.SIGTERM
                self.guard.add(server.pid, how, 30)
        local_environment(PROJECT)
        os.environ.setdefault("SITE_PORT", str(self.port))
        check_database_version(os.environ["DATABASE_URL"])

    def _prepare(self) -> None:
        """Migrate, make the platform's tenant and the demo in one process; collect static files beside it.

        What was done once for this database and these files is not done again.
        """
        collecting = None
        if self._stale("static", self._static_key()):
            collecting = self._manage_in_background("collectstatic", "--noinput", "--verbosity", "0")
        demo = self.state.folder / "demo.txt"
        done_for = hashlib.sha256(os.environ["DATABASE_URL"].encode()).hexdigest()
        arguments = ["--admin-email", PLATFORM_LOGIN[0], "--admin-password", PLATFORM_LOGIN[1]]
        # DEMO=0 leaves the demo tenant out.
        arguments += ["--demo", str(demo)] if os.environ.get("DEMO", "1") != "0" else []
        done = not self._stale("prepared", done_for)
        self._say("preparing" if done else "preparing for the first time: tables, platform, demo tenant")
        self._manage("prepare_run", *(["--migrate-only"] if done else arguments), relay=True)
        self._stamp("prepared", done_for)
        if collecting is not None:
            self._finish("collectstatic", collecting)
            self._stamp("static", self._static_key())

    def _static_key(self) -> str:
        sources = [path for path in (PROJECT / "static").rglob("*") if path.is_file()]
        sources += [PROJECT / "requirements.txt"] if (PROJECT / "requirements.txt").exists() else []
        facts = sorted(f"{path}:{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in sources)
        return hashlib.sha256("\n".join([*facts, str((PROJECT / "staticfiles").exists())]).encode()).hexdigest()

    def _stale(self, what: str, key: str) -> bool:
        stamp = self.state.folder / f"{what}.stamp"
        return not stamp.exists() or stamp.read_text() != key

    def _stamp(self, what: str, key: str) -> None:
        (self.state.folder / f"{what}.stamp").write_text(key)

    def _manage_in_background(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            # The steps are told in sentences; a line for each task that the demo sends would drown them.
            env={**os.environ, "LOG_LEVEL": "WARNING"},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=self.guard.joining(signal.SIGTERM, 5),
        )

    def _manage(self, *arguments: str, relay: bool = False) -> str:
        return self._finish(arguments[0], self._manage_in_background(*arguments), relay=relay)

    def _finish(self, what: str, running: subprocess.Popen[str], *, relay: bool = False) -> str:
        """Wait for a command and return what it said, telling it line by line where asked. Raises StackError."""
        lines: list[str] = []
        reader = threading.Thread(target=self._read, args=(running, lines, relay), daemon=True)
        reader.start()
        while running.poll() is None:
            if self.asked_to_stop.wait(0.1):
                running.terminate()
                running.wait()
        reader.join(5)
        self.guard.drop(running.pid)
        said = "".join(lines)
        if self.asked_to_stop.is_set():
            raise StackError("Stopped while preparing; the next start goes on from there.")
        if running.returncode:
            raise StackError(f"{said.rstrip()}\n`manage.py {what}` failed, see above; nothing was started.")
        return said

    def _read(self, running: subprocess.Popen[str], lines: list[str], relay: bool) -> None:
        assert running.stdout is not None
        for line in running.stdout:
            lines.append(line)
            if relay:
                self._say(f"  {line.rstrip()}")

    # --- during -------------------------------------------------------------------------------------------------------
    def _start_programs(self) -> None:
        python = [sys.executable, "-m"]
        web = [*python, "gunicorn", "tracker.wsgi", "--bind", f"{self.host}:{self.port}"]
        web += ["--worker-class", "tracker.lib.web_worker.Worker"]
        web += ["--workers", os.environ.get("WEB_WORKERS", "2"), "--threads", os.environ.get("WEB_THREADS", "4")]
        web += ["--graceful-timeout", "20", "--keep-alive", "15", "--no-control-socket"]
        celery = [*python, "celery", "--app", "tracker", "--quiet"]
        worker = [*celery, "worker", "--concurrency", os.environ.get("WORKER_PROCESSES", "2"), "--loglevel", "INFO"]
        # A laptop's root is one's own; in production the image and the units run as a plain user.
        quiet = "ignore:You're running the worker with superuser privileges"
        worker[1:1] = ["-W", quiet]
        worker[:0] = ["nice", "-n", "5"]  # background work gives way to pages
        beat = [*celery, "beat", "--scheduler", "django_celery_beat.schedulers:DatabaseScheduler", "--pidfile", ""]
        self.programs = [Program("web", web, 25), Program("worker", worker, 25), Program("beat", beat, 10)]
        counters = self.state.folder / "counters"  # of the web processes, for /metrics; they begin anew with us
        shutil.rmtree(counters, ignore_errors=True)
        counters.mkdir()
        self._say("starting web, worker and beat")
        for program in self.programs:
            program.process = subprocess.Popen(  # noqa: S603
                program.command,
                cwd=PROJECT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "PROMETHEUS_MULTIPROC_DIR": str(counters)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Nobody reads what they say once we are gone, which makes them slow to end: no long patience then.
                preexec_fn=self.guard.joining(signal.SIGTERM, 2),
            )
            threading.Thread(target=self._relay, args=(program,), daemon=True).start()

    def _relay(self, program: Program) -> None:
        """Copy what a program says to the terminal, under its name, and to its log file."""
        assert program.process is not None
        said: IO[bytes] | None = program.process.stdout
        assert said is not None
        with (self.state.logs / f"{program.name}.log").open("ab", buffering=0) as log:
            for line in said:
                log.write(line)
                self._say(line.decode(errors="replace").rstrip("\n"), program.name)

    def _wait_for_web(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not self.asked_to_stop.is_set() and self._ended() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                asked = http.client.HTTPConnection(self.host, self.port, timeout=5)
                asked.request("GET", "/livez", headers={"Host": "localhost"})
                if asked.getresponse().status < 500:
                    return
            time.sleep(0.1)

    def _ended(self) -> str | None:
        for program in self.programs:
            if program.process is not None and program.process.poll() is not None:
                return f"{program.name} ended by itself (code {program.process.returncode})"
        for name, server in self.started_servers.items():
            if server.poll() is not None:
                return f"{name} ended by itself (code {server.returncode}; see {self.state.logs / name}.log)"
        return None

    def _welcome(self) -> None:
        root = f"http://localhost:{self.port}"
        seconds = time.monotonic() - self.began
        demo = self.state.folder / "demo.txt"
        lines = [
            f"ready after {seconds:.1f} s",
            f"  demo tenant  http://demo.localhost:{self.port}/",
            f"  platform     {root}/admin/   {PLATFORM_LOGIN[0]} / {PLATFORM_LOGIN[1]}",
            f'  by curl      curl -H "Host: demo.localhost" {root}/livez',
            *(demo.read_text().rstrip().splitlines() if demo.exists() else []),
            "  Ctrl-C stops everything; the data stays for the next time",
        ]
        for line in lines:
            self._say(line)

    def _watch(self) -> int:
        while not self.asked_to_stop.wait(0.5):
            if reason := self._ended():
                self._say(f"{reason}; stopping the rest")
                return 1
        self._say("stopping")
        return 0

    # --- after --------------------------------------------------------------------------------------------------------
    def _stop(self) -> None:
        for program in reversed(self.programs):
            if program.process is None:
                continue
            self._end(program)
            self.guard.drop(program.process.pid)
        self.servers.stop(postgres="postgres" in self.started_servers, valkey="valkey" in self.started_servers)
        for server in self.started_servers.values():
            server.wait()
            self.guard.drop(server.pid)
        self._say("stopped")

    def _end(self, program: Program) -> None:
        assert program.process is not None
        process = program.process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        asked_at = time.monotonic()
        while process.poll() is None and time.monotonic() - asked_at < program.patience:
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whatever the program left of its own
        process.wait()

    def _say(self, words: str, who: str = "stack") -> None:
        label = f"{who:8} |"
        if sys.stdout.isatty():
            label = f"\033[{COLOURS.get(who, 33)}m{label}\033[0m"
        with contextlib.suppress(BrokenPipeError):
            print(f"{label} {words}", flush=True)


@contextlib.contextmanager
def one_supervisor(state: State):
    """Hold this state folder's lock while a supervisor runs, its process number in it.

    The guard of a killed supervisor holds the lock until everything of it has ended, so wait for that.
    """
    state.logs.mkdir(parents=True, exist_ok=True)
    with (state.folder / "up.lock").open("a+") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if pid := running_pid(state):
                    raise StackError(
                        f"It is running already, as process {pid}: stop it with `make stop`, or follow it with "
                        f"`python -m tracker.stack logs`."
                    ) from None
                time.sleep(0.1)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
        lock.truncate(0)


def running_pid(state: State) -> int | None:
    """Return the process number of the running supervisor of this state folder."""
    path = state.folder / "up.lock"
    if not path.exists():
        return None
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = int(lock.read() or 0)
            return pid if pid and processes.alive(pid) else None
    return None


def stop_running(state: State) -> bool:
    """Ask the running supervisor to stop and wait for it; False if there is none."""
    pid = running_pid(state)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 90
    while running_pid(state) == pid:
        if time.monotonic() > deadline:
            raise StackError(f"Process {pid} does not stop: end it with `kill -9 {pid}`, nothing stays behind.")
        time.sleep(0.1)
    return True


def check_port(host: str, port: int) -> None:
    """Refuse with one sentence when the port cannot be had."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise StackError(
                    f"Port {port} is in use by another program: stop that one, or take another port with "
                    f"`make run PORT={port + 1}`."
                ) from None
            raise StackError(f"Cannot listen on {host} port {port}: {error.strerror}. Set HOST and PORT.") from None


def check_database_version(url: str) -> None:
    """Refuse a database that is not there, or older than the one the product is tested on."""
    import psycopg

    database = environ.Env.db_url_config(url)
    parts = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}
    named = {key: database[name] for key, name in parts.items() if database.get(name)}
    try:
        with psycopg.connect(**named, connect_timeout=10) as connection:
            version = connection.info.server_version // 10000
    except psycopg.OperationalError as error:
        raise StackError(f"The database in DATABASE_URL does not answer: {str(error).strip()}") from None
    if version < int(VERSION):
        raise StackError(
            f"The database in DATABASE_URL is PostgreSQL {version}; the product needs {VERSION} or newer: upgrade it, "
            f"or unset DATABASE_URL to use the embedded one."
        )
