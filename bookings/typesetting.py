"""The typesetter of this process: started with its first page, asked one page at a time, replaced when it is lost."""

import atexit
import os
import subprocess
import sys
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from bookings.typesetter import STATIC, Page

# The longest order, of two hundred lines, takes five seconds of a quiet core.
MOST_SECONDS = 60


class NotTypeset(Exception):
    """A page could not be typeset; its words say what the typesetter said."""


class Typesetter:
    """A process beside this one, and the pipe to it."""

    def __init__(self) -> None:
        here, there = Pipe()
        command = [sys.executable, "-m", "bookings.typesetter", str(there.fileno())]
        self.process = subprocess.Popen(command, cwd=STATIC.parent, pass_fds=[there.fileno()])  # noqa: S603
        there.close()
        self.pipe: Connection = here
        self.started_by = os.getpid()

    def typeset(self, page: Page) -> bytes:
        """Return the PDF. Raises EOFError or OSError when the process is gone, NotTypeset when the page is at fault."""
        self.pipe.send(page)
        if not self.pipe.poll(MOST_SECONDS):
            self.end(patience=0)
            raise NotTypeset(f"not done after {MOST_SECONDS} s")
        content, error = self.pipe.recv()
        if content is None:
            raise NotTypeset(error)
        return bytes(content)

    def end(self, *, patience: float = 2) -> None:
        """End it: it puts its files away when nobody is there to ask any more; one that goes on is killed."""
        self.pipe.close()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


# One page at a time: a page takes tens of megabytes, and a second typesetter would take a core from the pages.
_turn = threading.Lock()
_own: Typesetter | None = None


def typeset(page: Page) -> bytes:
    """Return a page as PDF bytes, equal for an equal page. Raises NotTypeset.

    A typesetter that went away (idle for long, killed, out of memory) is replaced once.
    """
    with _turn:
        try:
            return _beside_us().typeset(page)
        except (EOFError, OSError):
            _forget()
        try:
            return _beside_us().typeset(page)
        except (EOFError, OSError) as error:
            _forget()
            raise NotTypeset("the typesetter ended while it worked on this page") from error


def own_process() -> int | None:
    """Return the process number of the typesetter that stands ready, if one does."""
    return _own.process.pid if _own is not None and _own.started_by == os.getpid() else None


def _beside_us() -> Typesetter:
    """Return this process' own typesetter: one that a parent started before a fork is the parent's."""
    global _own
    if _own is None or _own.started_by != os.getpid() or _own.process.poll() is not None:
        _own = Typesetter()
    return _own


def _forget() -> None:
    global _own
    if _own is not None and _own.started_by == os.getpid():
        _own.end()
    _own = None


atexit.register(_forget)
