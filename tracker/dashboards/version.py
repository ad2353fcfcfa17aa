"""Did anything change? One statement over the rows a dashboard is made of, so that an unchanged page is a 304.

The stamp of a table is the number of its live rows and the sum of the transactions that wrote them. Any insert, update
or delete that has committed changes it, in whatever order transactions commit, and whoever wrote, raw SQL included.
Facts are too many to look at: they change only together with their batch, whose table is looked at instead.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.messages import get_messages
from django.db import connection, models
from django.http import HttpRequest

# What depends on the clock alone (a read that has begun, "in 4 days") may be so many minutes old.
MINUTES = 5


@dataclass(frozen=True)
class Part:
    """Some columns of a table, its key among them, for what other columns do not bear on.

    Its stamp adds up a 64-bit hash of each row, so that it costs more than that of a whole table.
    """

    table: type[models.Model]
    columns: tuple[str, ...]


Source = type[models.Model] | Part


@dataclass(frozen=True)
class Stamps:
    """The stamps of some tables of the entered tenant, all of one moment. server: which database, since which start."""

    server: tuple[Any, ...]
    by_source: Mapping[Source, tuple[Any, ...]]

    def of(self, sources: Iterable[Source]) -> list[Any]:
        """Return what is to be compared of some of them."""
        return [self.server, *(self.by_source[source] for source in sources)]

    def joined(self, others: "Stamps") -> "Stamps":
        return Stamps(self.server, {**self.by_source, **others.by_source})


def stamps_of(sources: Sequence[Source]) -> Stamps:
    """Read the stamps of some tables of the entered tenant; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_query(tuple(sources)))
        server, *found = (row[1:] for row in cursor.fetchall())
    return Stamps(server, dict(zip(sources, found, strict=True)))


def data_version(tables: Sequence[type[models.Model]]) -> str:
    """Return the stamp of some tables of the entered tenant as one; one statement."""
    return digest_of(connection.schema_name, stamps_of(tables).of(tables))


@cache
def _query(sources: tuple[Source, ...]) -> str:
    """A restored database counts its transactions anew, and each comes with another start of the server."""
    server = (
        "SELECT -1, (SELECT oid FROM pg_database WHERE datname = current_database())::bigint,"
        " (1000000 * extract(epoch FROM pg_postmaster_start_time()))::bigint"
    )
    stamps = [f"SELECT {number}, {_stamp(source)}" for number, source in enumerate(sources)]
    return f"{' UNION ALL '.join([server, *stamps])} ORDER BY 1"


def _stamp(source: Source) -> str:
    quote = connection.ops.quote_name
    if isinstance(source, Part):
        row = f"ROW({', '.join(map(quote, source.columns))})"
        table = quote(source.table._meta.db_table)
        return f"count(*), coalesce(sum(hash_record_extended({row}, 0)), 0) FROM {table}"
    return f"count(*), coalesce(sum(xmin::text::bigint), 0) FROM {quote(source._meta.db_table)}"


def page_tag(request: HttpRequest, stamps: Stamps, *, at: datetime, relative: bool) -> str:
    """Return the ETag of a page or answer for this person, or "" when it carries messages that show only once.

    stamps: of all that it is made of; relative: whether it says how long ago things were, so that a minute makes a
    difference.
    """
    if hasattr(request, "_messages") and len(get_messages(request)):
        return ""
    asked = [
        request.get_full_path(),
        str(getattr(request.user, "pk", "")),
        sorted(request.COOKIES.get(name, "") for name in ("theme", "keys", "checklist")),
        request.headers.get("HX-Request", ""),
        step_of(at, relative=relative),
    ]
    return f'W/"{digest_of(release(), asked, connection.schema_name, stamps.of(stamps.by_source))}"'


def step_of(at: datetime, *, relative: bool) -> int:
    """Return the step of the clock: what is said in one of them is not said anew for the clock's sake."""
    return int(at.timestamp() // (60 if relative else 60 * MINUTES))


@cache
def release() -> str:
    """Return a stamp of what draws the pages, so that a new release is never answered with an old page."""
    folders = [settings.BASE_DIR / "templates", settings.BASE_DIR / "tracker", settings.BASE_DIR / "static"]
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in {".html", ".py", ".css"})
    return digest_of([(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files])


def digest_of(*parts: Any) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
