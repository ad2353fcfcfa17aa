"""Did anything change? One statement over the rows a dashboard is made of, so that an unchanged page is a 304.

The stamp of a table is the number of its live rows and the sum of the transactions that wrote them. Any insert, update
or delete that has committed changes it, in whatever order transactions commit, and whoever wrote, raw SQL included.
Facts are too many to look at: they change only together with their batch, whose table is looked at instead.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.messages import get_messages
from django.db import connection, models
from django.http import HttpRequest

# What depends on the clock alone (a read that has begun, "in 4 days") may be so many minutes old.
MINUTES = 5


def data_version(tables: Sequence[type[models.Model]]) -> str:
    """Return the stamp of some tables of the entered tenant; one statement."""
    names = [connection.ops.quote_name(model._meta.db_table) for model in tables]
    query = " UNION ALL ".join(
        f"SELECT {number}, count(*), coalesce(sum(xmin::text::bigint), 0) FROM {name}"  # noqa: S608
        for number, name in enumerate(names)
    )
    with connection.cursor() as cursor:
        cursor.execute(f"{query} ORDER BY 1")
        return _digest(connection.schema_name, cursor.fetchall())


def page_tag(request: HttpRequest, tables: Sequence[type[models.Model]], *, at: datetime, relative: bool) -> str:
    """Return the ETag of a page or answer for this person, or "" when it carries messages that show only once.

    relative: whether it says how long ago things were, so that a minute makes a difference.
    """
    if hasattr(request, "_messages") and len(get_messages(request)):
        return ""
    step = 1 if relative else MINUTES
    asked = [
        request.get_full_path(),
        str(getattr(request.user, "pk", "")),
        sorted(request.COOKIES.get(name, "") for name in ("theme", "keys", "checklist")),
        request.headers.get("HX-Request", ""),
        int(at.timestamp() // (60 * step)),
    ]
    return f'W/"{_digest(release(), asked, data_version(tables))}"'


@cache
def release() -> str:
    """Return a stamp of what draws the pages, so that a new release is never answered with an old page."""
    folders = [settings.BASE_DIR / "templates", settings.BASE_DIR / "tracker", settings.BASE_DIR / "static"]
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in {".html", ".py", ".css"})
    return _digest([(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files])


def _digest(*parts: Any) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
