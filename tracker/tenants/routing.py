"""From a host name to a tenant, from memory: a request pays no query for knowing whose it is.

Each process keeps its map for half a minute at most. A change of a tenant or a domain drops the map of its own process
at once and bumps a number in the shared cache, which the others look at once a second, so all agree within a second.
"""

import time
from dataclasses import dataclass

from django.core.cache import cache
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.utils import ProgrammingError
from django_tenants.utils import get_public_schema_name, schema_context
from redis.exceptions import RedisError

from tracker.tenants.models import Domain, Tenant
from tracker.tenants.wholeness import missing_in, tenant_app_labels

KEEP_SECONDS = 30.0
# A tenant that is not ready yet is looked at again soon, so that it opens as soon as it is.
KEEP_NOT_READY_SECONDS = 2.0
LOOK_SECONDS = 1.0
MOST_HOSTS = 10_000
VERSION_KEY = "tenant-map-version"


@dataclass(frozen=True)
class Route:
    """A tenant, and whether its schema has every migration, table, view and function that this code knows."""

    tenant: Tenant
    is_whole: bool


class _Map:
    def __init__(self) -> None:
        self.by_host: dict[str, tuple[float, Route]] = {}
        self.by_schema: dict[str, tuple[float, Tenant]] = {}
        self.first_hosts: dict[int, tuple[float, str]] = {}
        self.version: int | None = None
        self.looked_at = 0.0


_map = _Map()
_known_migrations: set[tuple[str, str]] | None = None


def route_of_host(host: str) -> Route | None:
    """Return the route of a host name (lower case, without port), or None when it is nobody's."""
    now = time.monotonic()
    _drop_when_changed(now)
    kept = _map.by_host.get(host)
    if kept and kept[0] > now:
        return kept[1]
    with schema_context(get_public_schema_name()):
        domain = Domain.objects.select_related("tenant").filter(domain=host).first()
        return _remember(host, domain.tenant, now) if domain else None


def route_of_slug(slug: str) -> Route | None:
    """Return the route of a tenant named by its slug, as `X-Tenant` does."""
    key = f"={slug}"
    now = time.monotonic()
    _drop_when_changed(now)
    kept = _map.by_host.get(key)
    if kept and kept[0] > now:
        return kept[1]
    with schema_context(get_public_schema_name()):
        tenant = Tenant.objects.filter(schema_name=slug).first()
        return _remember(key, tenant, now) if tenant else None


def tenant_of_schema(schema: str) -> Tenant | None:
    """Return the tenant whose schema this is, from the same memory."""
    now = time.monotonic()
    _drop_when_changed(now)
    kept = _map.by_schema.get(schema)
    if kept and kept[0] > now:
        return kept[1]
    tenant = Tenant.objects.filter(schema_name=schema).first()
    if tenant:
        _map.by_schema[schema] = (now + KEEP_SECONDS, tenant)
    return tenant


def first_host_of(tenant: Tenant) -> str:
    """Return the host name that a tenant goes by, from the same memory; empty when it has none."""
    now = time.monotonic()
    _drop_when_changed(now)
    kept = _map.first_hosts.get(tenant.pk)
    if kept and kept[0] > now:
        return kept[1]
    names = Domain.objects.filter(tenant_id=tenant.pk).order_by("-is_primary", "pk").values_list("domain", flat=True)
    host = names.first() or ""
    _map.first_hosts[tenant.pk] = (now + KEEP_SECONDS, host)
    return host


def forget() -> None:
    """Drop the map of this process."""
    _map.by_host.clear()
    _map.by_schema.clear()
    _map.first_hosts.clear()


def tenant_changed(**_signal: object) -> None:
    """Drop the map here and, once the change is committed, everywhere. Receives saves and deletions of both models."""
    forget()
    transaction.on_commit(_tell_others)


def is_migrated(schema: str) -> bool:
    """Return whether a tenant's schema has every migration that this code brings."""
    with connection.cursor() as cursor:
        try:
            with transaction.atomic():
                name = connection.ops.quote_name(schema)
                cursor.execute(f"SELECT app, name FROM {name}.django_migrations")  # noqa: S608
        except ProgrammingError:
            return False
        return tenant_migrations() <= set(cursor.fetchall())


def tenant_migrations() -> set[tuple[str, str]]:
    """Return (app, name) of every migration on disk that belongs into a tenant's schema."""
    global _known_migrations
    if _known_migrations is None:
        labels = tenant_app_labels()
        loader = MigrationLoader(None, ignore_no_migrations=True)
        # A squashed migration is recorded under the names it replaces as well; those alone are asked for.
        replaced = {key for one in loader.disk_migrations.values() for key in one.replaces}
        _known_migrations = {key for key in loader.disk_migrations if key[0] in labels} - replaced
    return _known_migrations


def _remember(key: str, tenant: Tenant, now: float) -> Route:
    schema = tenant.schema_name
    whole = tenant.status == Tenant.Status.ACTIVE and is_migrated(schema) and not missing_in(schema)
    route = Route(tenant=tenant, is_whole=whole)
    if len(_map.by_host) >= MOST_HOSTS:
        _map.by_host.clear()
    _map.by_host[key] = (now + (KEEP_SECONDS if whole else KEEP_NOT_READY_SECONDS), route)
    return route


def _drop_when_changed(now: float) -> None:
    if now - _map.looked_at < LOOK_SECONDS:
        return
    _map.looked_at = now
    version = _shared_version()
    if version != _map.version:
        _map.version = version
        forget()


def _shared_version() -> int:
    try:
        with schema_context(get_public_schema_name()):
            return cache.get(VERSION_KEY, 0)
    except RedisError:
        # Without the cache the half minute of each entry is what remains.
        return _map.version or 0


def _tell_others() -> None:
    forget()
    try:
        with schema_context(get_public_schema_name()):
            cache.add(VERSION_KEY, 0, timeout=None)
            cache.incr(VERSION_KEY)
    except RedisError:
        return
