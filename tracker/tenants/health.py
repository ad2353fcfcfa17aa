"""`/livez` and `/readyz`: is this process alive, and can it serve? Answered on every host, before tenants are routed.

They tell numbers and never names, since anybody may ask.
"""

import time
from collections.abc import Callable
from typing import Any

from django.core.cache import cache as shared_cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_tenants.utils import get_public_schema_name, schema_context
from redis import RedisError

from tracker.lib import pango
from tracker.lib.fonts import missing_scripts
from tracker.tenants.models import Tenant
from tracker.tenants.routing import is_migrated
from tracker.tenants.wholeness import incomplete

# Written by a task of tracker.automation that beat sends through the queue twice a minute.
HEARTBEAT_KEY = "worker-heartbeat"
# Beat writes down its runs every few minutes.
QUEUE_LATE_SECONDS = 180
BEAT_LATE_SECONDS = 600
LOOK_AT_TENANTS_EVERY_SECONDS = 30

_tenants_seen: tuple[float, dict[str, Any]] | None = None


def livez(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process answers at all. Asks nothing of anybody else."""
    return _answer({"status": "alive"}, 200)


def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when pages can be served and 503 when not, with each part's state.

    Only the database is indispensable: bookings and deals go on without the queue, and what they cause goes out later.
    A part that is amiss makes the status "degraded", which an alarm should watch.
    """
    found = checks()
    serves = found["database"]["ok"]
    whole = all(check["ok"] for check in found.values())
    status = "ready" if whole else "degraded" if serves else "unavailable"
    return _answer({"status": status, "checks": found}, 200 if serves else 503)


def checks() -> dict[str, dict[str, Any]]:
    """Return {part: {"ok": …, numbers or a reason}} for each part, asked now."""
    return {name: _checked(check) for name, check in CHECKS.items()}


def _database() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
        return {"ok": True, "postgresql": cursor.fetchone()[0]}


def _queue() -> dict[str, Any]:
    with schema_context(get_public_schema_name()):
        beaten_at = shared_cache.get(HEARTBEAT_KEY)
    if beaten_at is None:
        return {"ok": False, "reason": "no task has come through the queue for ten minutes"}
    age = round(time.time() - beaten_at)
    return {"ok": age < QUEUE_LATE_SECONDS, "heartbeat_seconds_ago": age}


def _beat() -> dict[str, Any]:
    with schema_context(get_public_schema_name()):
        last = PeriodicTask.objects.filter(enabled=True, last_run_at__isnull=False).order_by("-last_run_at").first()
    if last is None:
        return {"ok": False, "reason": "no schedule has run yet"}
    age = round((timezone.now() - last.last_run_at).total_seconds())
    return {"ok": age < BEAT_LATE_SECONDS, "last_run_seconds_ago": age}


def _tenants() -> dict[str, Any]:
    """Count the tenants whose schema lacks a migration, or something that stood there; looked at twice a minute."""
    global _tenants_seen
    now = time.monotonic()
    if _tenants_seen is None or _tenants_seen[0] < now:
        with schema_context(get_public_schema_name()):
            schemas = list(Tenant.objects.filter(status=Tenant.Status.ACTIVE).values_list("schema_name", flat=True))
            behind = sum(not is_migrated(schema) for schema in schemas)
            damaged = len(incomplete(schemas)) if not behind else 0
        found = {"ok": not behind and not damaged, "active": len(schemas), "behind_on_migrations": behind}
        found["damaged"] = damaged
        _tenants_seen = (now + LOOK_AT_TENANTS_EVERY_SECONDS, found)
    return _tenants_seen[1]


def _pango() -> dict[str, Any]:
    if pango.is_installed():
        return {"ok": True}
    return {"ok": False, "reason": "Pango is missing: PDFs answer 503, their print views work"}


def _fonts() -> dict[str, Any]:
    """Name the scripts that no font here draws. PDFs are made all the same, with boxes in place of such names."""
    missing = missing_scripts()
    if not missing:
        return {"ok": True}
    return {"ok": True, "missing": list(missing), "install": sorted(set(missing.values()))}


CHECKS: dict[str, Callable[[], dict[str, Any]]] = {
    "database": _database,
    "queue": _queue,
    "beat": _beat,
    "tenants": _tenants,
    "pango": _pango,
    "fonts": _fonts,
}


def _checked(check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return check()
    except (DatabaseError, RedisError, OSError) as error:
        return {"ok": False, "reason": type(error).__name__}


def _answer(content: dict[str, Any], status: int) -> JsonResponse:
    headers = {"Cache-Control": "no-store"}
    if status == 503:
        headers["Retry-After"] = "5"
    return JsonResponse(content, status=status, headers=headers)
