"""The test suite's own PostgreSQL and Valkey, in a state folder of their own, up for as long as a run lasts.

Several runs share them: each holds a lock while it runs, and the last one out stops them. They live in memory where
there is room for that (Linux' /dev/shm): a test that commits copies a database, and a busy disk takes seconds for it.
"""

import atexit
import fcntl
import os
import shutil
from pathlib import Path

from tracker.stack.servers import Servers
from tracker.stack.state import PROJECT, State

MEMORY = Path("/dev/shm")
ROOM = 3 * 1024**3


def _folder() -> Path:
    if named := os.environ.get("TRACKER_TEST_STATE"):
        return Path(named).absolute()
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        return MEMORY / f"tracker-test-{State(PROJECT).key}"
    return PROJECT / ".stack" / "test"


STATE = State(_folder())
# For the processes that tests start, which must come to the same folder whatever room there is by then.
os.environ["TRACKER_TEST_STATE"] = str(STATE.folder)


def enter_test_environment() -> None:
    """Point this process, and those it starts, at the test servers; start them in the first one.

    What the shell names is overruled: tests never touch a real database.
    """
    os.environ["TRACKER_STATE"] = str(STATE.folder)
    # Tests start many processes, which would compile the product anew each time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Processes that a test starts are told the addresses of that test.
    if "TRACKER_TEST_RUN" in os.environ:
        return
    os.environ["TRACKER_TEST_RUN"] = str(os.getpid())
    os.environ.update(STATE.environment())
    os.environ["SECRET_KEY"] = "only-for-tests-" + STATE.key
    STATE.folder.mkdir(parents=True, exist_ok=True)
    in_use = (STATE.folder / "in-use.lock").open("w")
    fcntl.flock(in_use, fcntl.LOCK_SH)
    servers = Servers(STATE, for_tests=True)
    started = servers.start()

    def leave() -> None:
        try:
            fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # somebody else still tests
        servers.stop()
        for server in started.values():
            server.wait()

    atexit.register(leave)
