"""Where the embedded servers of this checkout are, for every process that needs them.

Addresses follow from the folder alone, so nothing has to be running to know them.
"""

import contextlib
import hashlib
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent


class StackError(Exception):
    """A reason why the servers cannot run, as one sentence with its remedy."""


@dataclass(frozen=True)
class State:
    """The folder of one set of servers and what lies in it."""

    folder: Path

    @property
    def key(self) -> str:
        return hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:10]

    @property
    def sockets(self) -> Path:
        """A short folder, since a socket's path may have 107 bytes at most; one for each state folder."""
        # Not TMPDIR, which differs from shell to shell: every process must come to the same address.
        shared = Path("/tmp") if os.access("/tmp", os.W_OK) else Path(tempfile.gettempdir())  # noqa: S108
        return shared / f"pst-{os.getuid()}-{self.key}"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    def make_socket_folder(self, *, owner: int) -> None:
        """Make the folder of the sockets, private to the servers' user; refuse one that somebody else laid out."""
        with contextlib.suppress(FileExistsError):
            self.sockets.mkdir(mode=0o700)
        found = self.sockets.lstat()
        if self.sockets.is_symlink() or found.st_uid not in {os.getuid(), owner}:
            raise StackError(f"{self.sockets} belongs to somebody else: remove it, then start again.")
        if found.st_uid != owner:
            os.chown(self.sockets, owner, -1)

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def database_url(self) -> str:
        return f"postgres://tracker@/{self.sockets}/tracker"

    def environment(self) -> dict[str, str]:
        """Return the addresses of the embedded servers, each queue and cache in a database of its own."""
        return {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": f"unix://{self.valkey_socket}?db=0",
            "CACHE_URL": f"unix://{self.valkey_socket}?db=1",
            "CELERY_BROKER_URL": f"redis+socket://{self.valkey_socket}?virtual_host=0",
        }


def state_of(project: Path) -> State:
    """Return the state folder of this checkout (TRACKER_STATE names another)."""
    return State(Path(os.environ.get("TRACKER_STATE") or project / ".stack").absolute())


def local_environment(project: Path) -> None:
    """Fill DATABASE_URL, REDIS_URL and SECRET_KEY with those of the embedded servers where the environment names none.

    A site that names its own database must name its own secret key too, unless one was made here by `make run`.
    """
    state = state_of(project)
    addresses = state.environment()
    if "DATABASE_URL" not in os.environ:
        os.environ["DATABASE_URL"] = addresses["DATABASE_URL"]
        secret_key(state)
    if "REDIS_URL" not in os.environ:
        for name in ("REDIS_URL", "CACHE_URL", "CELERY_BROKER_URL"):
            os.environ.setdefault(name, addresses[name])
    recorded = state.folder / "secret_key"
    if "SECRET_KEY" not in os.environ and recorded.exists():
        os.environ["SECRET_KEY"] = recorded.read_text()


def secret_key(state: State) -> str:
    """Return the key of this state folder, made on first use and readable by its owner alone."""
    path = state.folder / "secret_key"
    if not path.exists():
        state.folder.mkdir(parents=True, exist_ok=True)
        draft = state.folder / f"secret_key.{os.getpid()}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)  # whoever comes first wins, so two processes never hold two keys
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text()


def not_running(project: Path) -> str | None:
    """Return one sentence with its remedy if this process relies on embedded servers that do not run, else None."""
    state = state_of(project)
    addresses = state.environment()
    for name, socket, server in (
        ("DATABASE_URL", state.sockets / ".s.PGSQL.5432", "database"),
        ("REDIS_URL", state.valkey_socket, "queue"),
    ):
        if os.environ.get(name) == addresses[name] and not socket.exists():
            return (
                f"The {server} is not running: start it with `make run` (or only the servers with "
                f"`python -m tracker.stack servers`), or name another in {name}."
            )
    return None
