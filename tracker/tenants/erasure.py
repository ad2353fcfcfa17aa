"""Deleting a tenant: closed at once, erased after a grace period, and then nothing of it remains.

What remains by intention: backups that were taken, and archives that somebody downloaded.
"""

import json
import logging
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import redis
from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django_tenants.utils import get_public_schema_name, schema_context

from tracker.lib.errors import Conflict, DomainError
from tracker.tenants.backups import folders_of
from tracker.tenants.models import Tenant

logger = logging.getLogger(__name__)

GRACE_DAYS = 30


def schedule_deletion(*, tenant: Tenant, at: datetime, days: int = GRACE_DAYS) -> Tenant:
    """Close a tenant and name the moment after which it is erased. A tenant that is being deleted keeps its moment.

    Raises Conflict("platform_stays"), Conflict("invalid_transition"), DomainError("bad_grace_period").
    """
    if tenant.is_platform:
        raise Conflict("platform_stays", _("The platform's own tenant cannot be deleted."))
    if not 0 <= days <= 3650:
        raise DomainError("bad_grace_period", _("The grace period is 0 to 3650 days."))
    with schema_context(get_public_schema_name()), transaction.atomic():
        tenant = Tenant.objects.select_for_update().get(pk=tenant.pk)
        if tenant.status != Tenant.Status.DELETING:
            tenant.move_to(Tenant.Status.DELETING)
            tenant.erase_after = at + timedelta(days=days)
            tenant.status_note = _("erased after %(moment)s") % {"moment": f"{tenant.erase_after:%Y-%m-%d %H:%M} UTC"}
            tenant.save(update_fields=["status", "status_note", "erase_after"])
    return tenant


def keep_after_all(*, tenant: Tenant) -> Tenant:
    """Take a deletion back while the grace period lasts: the tenant is suspended, whole, and can be opened again.

    Raises Conflict("not_being_deleted").
    """
    with schema_context(get_public_schema_name()), transaction.atomic():
        tenant = Tenant.objects.select_for_update().get(pk=tenant.pk)
        if tenant.status != Tenant.Status.DELETING:
            raise Conflict("not_being_deleted", _("%(name)s is not being deleted.") % {"name": tenant})
        tenant.move_to(Tenant.Status.SUSPENDED)
        tenant.erase_after = None
        tenant.status_note = ""
        tenant.save(update_fields=["status", "status_note", "erase_after"])
    return tenant


def due_for_erasure(*, at: datetime) -> list[Tenant]:
    """Return the tenants whose grace period is over."""
    return list(Tenant.objects.filter(status=Tenant.Status.DELETING, erase_after__lte=at).order_by("schema_name"))


def erase(*, tenant: Tenant, at: datetime) -> dict[str, int]:
    """Erase a tenant whose grace period is over, and return how many of each kind went.

    Its row goes last, so that a run that died in the middle is found again and goes on. Runs in `public`, outside a
    transaction. Raises Conflict("grace_period").
    """
    slug = tenant.schema_name
    with schema_context(get_public_schema_name()), transaction.atomic():
        # Whoever keeps it after all at this moment waits here, or made us wait and is found to have kept it.
        tenant = Tenant.objects.select_for_update().get(pk=tenant.pk)
        if tenant.status != Tenant.Status.DELETING or tenant.erase_after is None or tenant.erase_after > at:
            raise Conflict("grace_period", _("%(name)s is not to be erased yet.") % {"name": tenant})
        with connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {connection.ops.quote_name(slug)} CASCADE")
        tenant.status_note = _("its schema is gone; files, cache and queue follow")
        tenant.save(update_fields=["status_note"])
    gone = {"files": _erase_files(slug), "cache keys": _erase_cache(slug), "messages": _erase_messages(slug)}
    with schema_context(get_public_schema_name()), transaction.atomic():
        tenant.domains.all().delete()
        tenant.delete()
    logger.info("A tenant was erased.", extra={"gone": gone})
    return gone


def _erase_files(slug: str) -> int:
    count = 0
    for folder in folders_of(slug, Path(settings.MEDIA_ROOT), exports=True):
        count += sum(path.is_file() for path in folder.rglob("*"))
        shutil.rmtree(folder)
    return count


def _erase_cache(slug: str) -> int:
    """Delete the keys of a tenant: django_tenants.cache.make_key begins each with the schema's name."""
    with redis.Redis.from_url(settings.CACHES["default"]["LOCATION"]) as server:
        keys = list(server.scan_iter(match=f"{slug}:*", count=1000))
        return server.delete(*keys) if keys else 0


def _erase_messages(slug: str) -> int:
    """Take the tenant's tasks out of the queues, and those that a dead worker had taken and not acknowledged."""
    count = 0
    with current_app.connection_for_write() as broker:
        channel = broker.default_channel
        queue = getattr(channel, "client", None)
        if queue is None:  # a broker in memory, as in tests, has no server
            return 0
        for name in {current_app.conf.task_default_queue, settings.OWNER_QUEUE}:
            for message in queue.lrange(name, 0, -1):
                if _schema_of(json.loads(message)) == slug:
                    count += queue.lrem(name, 0, message)
        for tag, kept in _unacknowledged(queue, channel):
            if _schema_of(kept) == slug:
                queue.zrem(channel.unacked_index_key, tag)
                count += queue.hdel(channel.unacked_key, tag)
    return count


def _unacknowledged(queue: redis.Redis, channel: Any) -> Iterator[tuple[bytes, dict[str, Any]]]:
    for tag, kept in queue.hscan_iter(channel.unacked_key):
        yield tag, json.loads(kept)[0]


def _schema_of(message: dict[str, Any]) -> str | None:
    return (message.get("headers") or {}).get("_schema_name")
