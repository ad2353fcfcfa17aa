"""The second wall: web and workers may use a role of the database that owns nothing and can change no table's shape.

The owner migrates, makes and erases tenants; `DATABASE_APP_ROLE` names the other role, which gets its rights on each
schema when that is made or migrated. Empty: everything uses the one role of DATABASE_URL.
"""

import os

from django.conf import settings
from django.db import connection
from django_tenants.utils import get_public_schema_name

from tracker.lib.errors import DomainError

# No statement, wait for a lock or forgotten transaction of a request or a task lasts for ever.
LIMITS = {
    "statement_timeout": "300s",
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "120s",
}


def make_role(name: str) -> None:
    """Make the role when it is not there, without any right to make roles, databases or schemas, and set its limits.

    With DATABASE_APP_PASSWORD in the environment it gets that password. Raises DomainError("bad_role").
    """
    if not name.isidentifier() or name != name.lower() or name == connection.settings_dict["USER"]:
        raise DomainError("bad_role", "Name a role of small letters that is not the owner's own.")
    role = connection.ops.quote_name(name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE ROLE {role} LOGIN")
        cursor.execute(f"ALTER ROLE {role} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS")
        if password := os.environ.get("DATABASE_APP_PASSWORD"):
            cursor.execute(f"ALTER ROLE {role} PASSWORD %s", [password])
        for setting, value in LIMITS.items():
            cursor.execute(f"ALTER ROLE {role} SET {setting} = '{value}'")


def grant_rights(schema: str, role: str = "") -> None:
    """Let the app's role read and write the rows of a schema, and refresh its view; nothing when there is no such role.

    Repeatable. Tables that come later get the same rights by themselves, as long as the same owner makes them.
    """
    role = role or settings.DATABASE_APP_ROLE
    if not role:
        return
    to, place = connection.ops.quote_name(role), connection.ops.quote_name(schema)
    statements = [
        f"GRANT USAGE ON SCHEMA {place} TO {to}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE, MAINTAIN ON ALL TABLES IN SCHEMA {place} TO {to}",
        f"GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {place} TO {to}",
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {place} TO {to}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {place} GRANT SELECT, INSERT, UPDATE, DELETE, MAINTAIN ON TABLES TO {to}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {place} GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO {to}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {place} GRANT EXECUTE ON FUNCTIONS TO {to}",
    ]
    if schema == get_public_schema_name():
        statements.append(f"REVOKE CREATE ON SCHEMA {place} FROM PUBLIC")
    with connection.cursor() as cursor:
        cursor.execute(";".join(statements))
