"""One migrated database with two tenants, made once for each set of migrations, copied for whoever needs one.

Migrating takes seconds, copying a template a fraction of one. Plain `transaction=True` tests are not an option: their
flush empties `public`, tenants included, and leaves the rows of the tenants' schemas.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import django
import psycopg
from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, connections
from psycopg import sql

from tests.servers import STATE
from tracker.stack.state import PROJECT

# What is in the template besides tables: change one of these, and it is made anew.
SEEDS = ["tests/database.py", "tracker/accounts/roles.py", "tracker/tenants/services.py", "tracker/settings.py"]
TENANTS = {"platform": "Platform", "acme": "Acme Audio", "beta": "Beta Broadcasting"}


def template_name() -> str:
    """Return the template's name: a digest of Django's version, every migration file and what is seeded."""
    digest = hashlib.sha256(django.get_version().encode())
    files = [PROJECT / name for name in SEEDS]
    for app in apps.get_app_configs():
        files += sorted((Path(app.path) / "migrations").glob("*.py"))
    for path in files:
        digest.update(f"{path.parent.parent.name}/{path.name}".encode())
        digest.update(path.read_bytes())
    return f"tmpl_{digest.hexdigest()[:16]}"


def ensure_template() -> str:
    """Make the template unless it is there, one process at a time, and return its name."""
    name = template_name()
    with one_at_a_time("template"), _server() as server:
        if _exists(server, name):
            return name
        for (old,) in server.execute("SELECT datname FROM pg_database WHERE datname LIKE 'tmpl_%'").fetchall():
            _drop(server, old)
        _make(server, name, _fill)
    return name


def ensure_demo() -> str:
    """Make the database that also holds the demo house unless this run has it, and return its name."""
    name = f"t_{os.environ['TRACKER_TEST_RUN']}_demo"
    with one_at_a_time("demo"), _server() as server:
        if not _exists(server, name):
            _make(server, name, _make_demo, source=ensure_template())
    return name


def said_of_demo() -> str:
    """Return what the command printed that made this run's demo house."""
    return _demo_words().read_text()


def _make_demo() -> None:
    said = StringIO()
    call_command("make_demo", stdout=said)
    _demo_words().write_text(said.getvalue())


def _demo_words() -> Path:
    return STATE.folder / f"demo-{os.environ['TRACKER_TEST_RUN']}.txt"


def _make(server: psycopg.Connection, name: str, fill: Callable[[], object], source: str = "template1") -> None:
    """Make a database under another name, so that one half made is never taken for it."""
    draft = f"{name}_draft"
    _drop(server, draft)
    _copy(server, draft, source)
    with _pointed_at(draft):
        fill()
    server.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(draft), sql.Identifier(name)))


@contextmanager
def copy_of_template(label: str, *, with_demo: bool = False) -> Iterator[str]:
    """Make a copy named by this process and `label`, point Django at it, and drop it at the end."""
    template = ensure_demo() if with_demo else ensure_template()
    name = f"t_{os.environ['TRACKER_TEST_RUN']}_{os.environ.get('PYTEST_XDIST_WORKER', 'one')}_{label}"
    with _server() as server:
        _drop(server, name)
        _copy(server, name, template)
    try:
        with _pointed_at(name):
            yield name
    finally:
        with _server() as server:
            _drop(server, name)


@contextmanager
def empty_database(label: str) -> Iterator[str]:
    """Make an empty database, point Django at it, and drop it at the end."""
    name = f"t_{os.environ['TRACKER_TEST_RUN']}_{os.environ.get('PYTEST_XDIST_WORKER', 'one')}_{label}"
    with _server() as server:
        _drop(server, name)
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        with _pointed_at(name):
            yield name
    finally:
        with _server() as server:
            _drop(server, name)


def drop_leftovers() -> None:
    """Drop the copies of runs that were killed."""
    with _server() as server:
        for (name,) in server.execute("SELECT datname FROM pg_database WHERE datname LIKE 't\\_%'").fetchall():
            run = int(name.split("_")[1])
            if not Path(f"/proc/{run}").exists():
                _drop(server, name)


def database_url(name: str) -> str:
    return f"postgres://tracker@/{STATE.sockets}/{name}"


def _fill() -> None:
    from tracker.tenants.services import create_tenant

    call_command("migrate_schemas", shared=True, interactive=False, verbosity=0)
    for slug, name in TENANTS.items():
        create_tenant(slug=slug, name=name, is_platform=slug == "platform")
    cache.clear()


@contextmanager
def _pointed_at(name: str) -> Iterator[None]:
    """Point every connection of this process at another database, those of new threads included."""
    places = [settings.DATABASES["default"], connections.settings["default"], connection.settings_dict]
    before = [place["NAME"] for place in places]
    _close()
    for place in places:
        place["NAME"] = name
    try:
        yield
    finally:
        _close()
        for place, old in zip(places, before, strict=True):
            place["NAME"] = old


def _close() -> None:
    connection.set_schema_to_public()
    connection.close()


@contextmanager
def _server() -> Iterator[psycopg.Connection]:
    with psycopg.connect(host=str(STATE.sockets), user="tracker", dbname="postgres", autocommit=True) as server:
        yield server


@contextmanager
def one_at_a_time(what: str) -> Iterator[None]:
    """Hold back the other processes of the tests, and of runs beside this one, as long as the block lasts."""
    with (STATE.folder / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copy(server: psycopg.Connection, name: str, source: str) -> None:
    server.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
            sql.Identifier(name), sql.Identifier(source)
        )
    )


def _exists(server: psycopg.Connection, name: str) -> bool:
    return server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def _drop(server: psycopg.Connection, name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
