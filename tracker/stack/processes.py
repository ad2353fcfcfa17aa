"""Starting programs so that they can be stopped: own process groups, log files, and a guard against orphans."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def start(command: Sequence[str], *, log: Path, **options: object) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, its output appended to a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - the commands are our own
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,  # type: ignore[call-overload]
        )


def last_lines(log: Path, count: int = 5) -> str:
    """Return the end of a log file, for an error message."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # an ended child of ours still counts as alive until somebody asks
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def group_alive(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def end_group(pid: int, how: signal.Signals, patience: float) -> None:
    """Ask a process to end, wait up to `patience` seconds, then end its whole group."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)
    deadline = time.monotonic() + patience
    while group_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


class Guard:
    """A small process that ends the registered ones, last first, when this one dies without saying goodbye.

    It holds the reading end of a pipe: the kernel closes the writing end whatever way the supervisor ends, kill -9
    included. It works the same on Linux and macOS.
    """

    def __init__(self) -> None:
        sys.stdout.flush()
        reading, self._writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._writing)
            self._watch(reading)
        os.close(reading)

    def joining(self, how: signal.Signals, patience: float) -> Callable[[], None]:
        """Return what a process of ours runs before its program (`preexec_fn`): it registers itself.

        Told by us once it runs, it would be nobody's if we died in between. Until its program starts it holds the
        writing end too, so the guard hears of it whatever becomes of us.
        """

        def join() -> None:
            self.add(os.getpid(), how, patience)

        return join

    def add(self, pid: int, how: signal.Signals, patience: float) -> None:
        self._say(f"+ {pid} {int(how)} {patience}\n")

    def drop(self, pid: int) -> None:
        self._say(f"- {pid}\n")

    def dismiss(self) -> None:
        """End the guard, leaving the processes alone."""
        self._say("bye\n")
        os.close(self._writing)
        os.waitpid(self.pid, 0)

    def _say(self, words: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self._writing, words.encode())

    @staticmethod
    def _watch(reading: int) -> None:
        with contextlib.suppress(PermissionError):
            os.setsid()
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)
        watched: dict[int, tuple[signal.Signals, float]] = {}
        with os.fdopen(reading) as words:
            for line in words:
                match line.split():
                    case ["+", pid, how, patience]:
                        watched[int(pid)] = signal.Signals(int(how)), float(patience)
                    case ["-", gone]:
                        watched.pop(int(gone), None)
                    case ["bye"]:
                        os._exit(0)
        for last, (how_last, patience_last) in reversed(watched.items()):
            end_group(last, how_last, patience_last)
        os._exit(0)
