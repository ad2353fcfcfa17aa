"""Making a new tenant's schema in a fraction of the time: replay what the migrations said to the database before.

Django spends most of a fresh migration on drawing up its models again after each step, some ten seconds of it for each
tenant. What reaches the database is the same for every empty schema, so the first tenant made by a set of migrations
leaves its statements behind, and the next ones run those, in one transaction. The names of constraints, triggers and
functions are those of the migrations, which a copy of a schema could not promise. Only empty schemas: a tenant with
rows is always migrated step by step.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models.signals import post_migrate
from django_tenants.utils import get_public_schema_name, schema_context

from tracker.tenants.models import SchemaScript

# Migrations say where they are; the script says it of the schema it is run in.
PATH = "SET search_path = "
SCHEMA = "%schema%"
# Triggers that wait for the end of the transaction would forbid the next step to alter their table.
BETWEEN_MIGRATIONS = "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED"


def replay(schema: str) -> bool:
    """Run the script of these migrations in an empty schema; False if there is none or it does not run."""
    with schema_context(get_public_schema_name()):
        script = SchemaScript.objects.filter(digest=migrations_digest()).first()
    if script is None or not _is_empty(schema):
        return False
    quoted = connection.ops.quote_name(schema)
    try:
        with schema_context(schema), transaction.atomic(), connection.cursor() as cursor:
            for statement in script.statements:
                cursor.execute(statement.replace(SCHEMA, quoted) if statement.startswith(PATH) else statement)
                if statement.startswith('INSERT INTO "django_migrations"'):
                    cursor.execute(BETWEEN_MIGRATIONS)
            # As the connection believes it to be.
            cursor.execute(f"{PATH}{quoted}, public")
    except DatabaseError:
        # Whatever it is, the migrations themselves are the truth.
        with schema_context(get_public_schema_name()):
            script.delete()
        return False
    return True


@contextmanager
def recording(schema: str) -> Iterator[None]:
    """Keep what is said to the database inside, if the schema was empty, as the script of these migrations."""
    if not _is_empty(schema):
        yield
        return
    said: list[str] = []
    still_migrating = True

    def stop(**_signal: object) -> None:
        # What follows the migrations (content types, permissions) is done once for all, in `public`.
        nonlocal still_migrating
        still_migrating = False

    def listen(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if still_migrating:
            cursor = context["cursor"].cursor
            said.extend(_complete(cursor, str(sql), one) for one in (params if many else [params]))
        return execute(sql, params, many, context)

    post_migrate.connect(stop, weak=False, dispatch_uid="stop-recording")
    try:
        with connection.execute_wrapper(listen):
            yield
    finally:
        post_migrate.disconnect(dispatch_uid="stop-recording")
    statements = list(_for_any_schema(said, schema))
    if statements and not any(_names(schema, statement) for statement in statements):
        with schema_context(get_public_schema_name()), transaction.atomic():
            SchemaScript.objects.all().delete()
            SchemaScript.objects.create(digest=migrations_digest(), statements=statements)


def migrations_digest() -> str:
    """Return a digest of Django's version and of every migration file that tenants get."""
    digest = hashlib.sha256(django.get_version().encode())
    for config in apps.get_app_configs():
        if config.name in settings.TENANT_APPS:
            for path in sorted((Path(config.path) / "migrations").glob("*.py")):
                digest.update(f"{config.label}/{path.name}".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _complete(cursor: Any, sql: str, params: Any) -> str:
    return sql if params is None else cursor.mogrify(sql, params)


def _for_any_schema(said: list[str], schema: str) -> Iterator[str]:
    for statement in said:
        if statement.startswith(PATH):
            yield re.sub(rf"\"?\b{re.escape(schema)}\b\"?", SCHEMA, statement)
        elif "pg_catalog.pg_namespace" not in statement:
            yield statement


def _names(schema: str, statement: str) -> bool:
    """A statement that names its own schema would be wrong in another one."""
    return bool(re.search(rf"\b{re.escape(schema)}\b", statement))


def _is_empty(schema: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(%s)))", [schema]
        )
        return cursor.fetchone()[0]
