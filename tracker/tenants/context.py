"""Where we are: the tenant of this request or task, and names that keep tenants apart where no schema does."""

import hashlib
from zoneinfo import ZoneInfo

from django.db import connection

from tracker.lib.errors import NotFound
from tracker.tenants.models import Tenant
from tracker.tenants.routing import tenant_of_schema


def current_tenant() -> Tenant:
    """Return the tenant whose schema is entered. Raises NotFound("no_tenant") in `public`."""
    tenant = getattr(connection, "tenant", None)
    if isinstance(tenant, Tenant):
        return tenant
    found = tenant_of_schema(connection.schema_name)
    if found is None:
        raise NotFound("no_tenant", "No tenant is entered here.")
    return found


def tenant_zone() -> ZoneInfo:
    """Return the time zone of the entered tenant: the one in which its people read and its flight days begin."""
    return ZoneInfo(current_tenant().time_zone)


def file_prefix() -> str:
    """Return the folder of the entered tenant below the private storage."""
    return f"{connection.schema_name}/"


def process_key(name: str) -> str:
    """Return a key for something kept in the memory of a process or on a server shared by tenants."""
    return f"{connection.schema_name}:{name}"


def lock_key(name: str) -> int:
    """Return the 64-bit number of a PostgreSQL advisory lock of the entered tenant.

    Advisory locks belong to the whole database, so the schema is part of what is hashed.
    """
    digest = hashlib.blake2b(process_key(name).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
