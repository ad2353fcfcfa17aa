"""The tables of a new tenant in a tenth of a second: what the migrations did to the last empty schema, done again.

Running every migration for a new tenant takes seconds, nearly all of it in Django's bookkeeping. So the first
tenant made with a set of migrations is migrated as usual while its statements are kept, and the next ones get the
same statements in one transaction. The key of a blueprint is a digest of the migration files themselves, so a changed
file never meets an old blueprint. What a migration wrote as rows is the same in each tenant, keys included.
"""

import hashlib
import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
from django.db import DatabaseError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django_tenants.utils import schema_context

from tracker.tenants.models import Blueprint

logger = logging.getLogger(__name__)

# Reads of the catalogue and of Django's own records, and the words that only steer a session or a transaction.
NOT_KEPT = re.compile(
    r"\s*(SAVEPOINT|RELEASE|ROLLBACK|SET\s+CONSTRAINTS|SET\s+search_path|SELECT\b.*\b(pg_catalog|pg_class|pg_attribute|pg_tables|"
    r"pg_constraint|pg_index|pg_namespace|information_schema|django_migrations|django_content_type)\b)",
    re.IGNORECASE | re.DOTALL,
)

_fingerprint: str | None = None


def fingerprint() -> str:
    """Return the digest of every migration file and of Django's version: the key of a blueprint."""
    global _fingerprint
    if _fingerprint is None:
        digest = hashlib.sha256(django.get_version().encode())
        disk = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
        for key in sorted(disk):
            path = sys.modules[disk[key].__module__].__file__
            digest.update(f"{key}".encode() + Path(path or "").read_bytes())
        _fingerprint = digest.hexdigest()
    return _fingerprint


def replay(schema: str) -> bool:
    """Give an empty schema its tables from the blueprint of this code. Returns whether that was done.

    Where there is none, or it does not go through, nothing is left behind and the migrations have to run.
    """
    blueprint = Blueprint.objects.filter(pk=fingerprint()).first()
    if blueprint is None or not _is_empty(schema):
        return False
    try:
        with (
            schema_context(schema),
            transaction.atomic(),
            connection.cursor() as cursor,
            connection.wrap_database_errors,
        ):
            # Past the wrappers: the audit's would add its words, and take each % of a statement for a placeholder.
            cursor.cursor.execute(";\n".join(blueprint.statements))
    except DatabaseError:
        logger.exception("The blueprint did not go through; the migrations run instead.")
        return False
    return True


@contextmanager
def recorded(schema: str) -> Iterator[None]:
    """Write down what is done to an empty schema inside this block, and keep it as the blueprint of this code."""
    if not _is_empty(schema):
        yield
        return
    statements: list[str] = []
    # First of all wrappers: statements are kept as the migration wrote them, not as the audit completes them.
    connection.execute_wrappers.insert(0, recorder := _recorder(statements))
    try:
        yield
    finally:
        connection.execute_wrappers.remove(recorder)
    named = re.compile(rf"[\"']{re.escape(schema)}[\"'.]")
    if any(named.search(statement) for statement in statements):
        logger.warning("A migration names the schema it runs in; no blueprint is kept.")
        return
    Blueprint.objects.exclude(pk=fingerprint()).delete()
    Blueprint.objects.update_or_create(fingerprint=fingerprint(), defaults={"statements": statements})


def _recorder(statements: list[str]) -> Callable[..., Any]:
    def record(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        result = execute(sql, params, many, context)
        rows = params if many else [params]
        for row in rows or ():
            statement = _with_values(sql, row, context)
            if not NOT_KEPT.match(statement):
                statements.append(statement.strip().rstrip(";"))
        return result

    return record


def _with_values(sql: Any, params: Any, context: dict[str, Any]) -> str:
    if params is None:
        return sql if isinstance(sql, str) else sql.as_string(connection.connection)
    return context["connection"].ops.compose_sql(sql, params)


def _is_empty(schema: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace(%s))",
            [connection.ops.quote_name(schema)],
        )
        return cursor.fetchone()[0]
