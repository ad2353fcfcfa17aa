"""`/metrics` on the bare host: numbers for a Prometheus that knows the token. No label names a tenant or a person."""

import hmac
import os

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Gauge, generate_latest, multiprocess

from tracker.tenants.health import checks


def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with the counters of all web processes and with what `/readyz` sees, as gauges.

    Absent unless METRICS_TOKEN is set, and only for callers that send it as a bearer token.
    """
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"})
    content = generate_latest(_counted()) + generate_latest(_seen())
    return HttpResponse(content, content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


def _counted() -> CollectorRegistry:
    """The counters of this process, or of all of them where they share a folder."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return registry


def _seen() -> CollectorRegistry:
    registry = CollectorRegistry()
    up = Gauge("tracker_part_up", "1 when this part is well", ["part"], registry=registry)
    gauges = {
        ("queue", "heartbeat_seconds_ago"): "tracker_queue_heartbeat_age_seconds",
        ("beat", "last_run_seconds_ago"): "tracker_beat_last_run_age_seconds",
        ("tenants", "active"): "tracker_tenants_active",
        ("tenants", "behind_on_migrations"): "tracker_tenants_behind_on_migrations",
    }
    seen = checks()
    for part, state in seen.items():
        up.labels(part).set(state["ok"])
    for (part, key), name in gauges.items():
        if key in seen[part]:
            Gauge(name, f"{part}: {key.replace('_', ' ')}", registry=registry).set(seen[part][key])
    return registry
