"""The two servers of a state folder, started and stopped together."""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tracker.stack.postgres import Postgres
from tracker.stack.state import State, secret_key
from tracker.stack.valkey import Valkey


@dataclass
class Servers:
    state: State
    for_tests: bool = False

    @property
    def postgres(self) -> Postgres:
        return Postgres(self.state, self.for_tests)

    @property
    def valkey(self) -> Valkey:
        return Valkey(self.state, self.for_tests)

    def start(self, *, postgres: bool = True, valkey: bool = True) -> dict[str, subprocess.Popen[bytes]]:
        """Start what does not run yet and return what was started, by name. Two callers at once start it once."""
        with self._one_at_a_time():
            secret_key(self.state)
            self.state.make_socket_folder(owner=self.postgres.owner.get("user", os.getuid()))
            started = {}
            if postgres and (server := self.postgres.start()):
                started["postgres"] = server
            if valkey and (server := self.valkey.start()):
                started["valkey"] = server
        return started

    def stop(self, *, postgres: bool = True, valkey: bool = True) -> None:
        with self._one_at_a_time():
            if valkey:
                self.valkey.stop()
            if postgres:
                self.postgres.stop()

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        self.state.folder.mkdir(parents=True, exist_ok=True)
        with (self.state.folder / "servers.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
