"""What monitors and proxies ask."""

import re
import time

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_tenants.utils import schema_context

from tracker.automation.schedule import ensure_schedules
from tracker.stack.state import PROJECT
from tracker.tenants import health


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(health, "_tenants_seen", None)


@pytest.mark.parametrize("host", ["acme.localhost", "localhost", "nobody.example"])
def test_health_is_answered_on_every_host_without_a_key(database, host):
    client = Client(headers={"host": host})

    assert client.get("/livez").json() == {"status": "alive"}
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["checks"]["database"] == {"ok": True, "postgresql": 18}
    assert answer.json()["checks"]["tenants"] == {
        "ok": True,
        "active": 3,
        "behind_on_migrations": 0,
        "damaged": 0,
    }
    assert answer["Cache-Control"] == "no-store"


def test_a_silent_queue_is_degraded_and_a_heard_one_is_well(database):
    client = Client()
    assert client.get("/readyz").json()["checks"]["queue"]["ok"] is False

    with schema_context("public"):
        cache.set(health.HEARTBEAT_KEY, time.time() - 20)
    heard = client.get("/readyz").json()
    with schema_context("public"):
        cache.set(health.HEARTBEAT_KEY, time.time() - 1000)
    late = client.get("/readyz").json()

    assert heard["checks"]["queue"]["ok"] is True
    assert 20 <= heard["checks"]["queue"]["heartbeat_seconds_ago"] <= 25
    assert late["checks"]["queue"]["ok"] is False
    assert late["status"] == "degraded"


def test_the_heartbeat_task_is_what_readiness_listens_for(database):
    from tracker.automation.tasks import heartbeat

    heartbeat.delay()

    assert Client().get("/readyz").json()["checks"]["queue"]["ok"] is True


def test_without_the_database_it_is_alive_and_not_ready(database, monkeypatch):
    def refuse():
        raise OperationalError

    monkeypatch.setitem(health.CHECKS, "database", refuse)

    answer = Client().get("/readyz")

    assert Client().get("/livez").status_code == 200
    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert answer.json()["checks"]["database"] == {"ok": False, "reason": "OperationalError"}


def test_a_tenant_behind_on_migrations_is_counted_and_not_named(tenant):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'etl'")

    answer = Client().get("/readyz")

    assert answer.json()["checks"]["tenants"] == {
        "ok": False,
        "active": 3,
        "behind_on_migrations": 1,
        "damaged": 0,
    }
    assert b"acme" not in answer.content


class TestMetrics:
    HOST = {"host": "localhost"}

    def test_they_are_absent_unless_a_token_is_set(self, database):
        assert Client(headers=self.HOST).get("/metrics").status_code == 404

    def test_they_ask_for_the_token(self, database, settings):
        settings.METRICS_TOKEN = "t0ken"

        assert Client(headers=self.HOST).get("/metrics").status_code == 401
        assert Client(headers=self.HOST | {"authorization": "Bearer wrong"}).get("/metrics").status_code == 401

    def test_they_tell_numbers_without_naming_a_tenant(self, tenant, client, settings):
        settings.METRICS_TOKEN = "t0ken"
        client.get("/accounts/login/")

        answer = Client(headers=self.HOST | {"authorization": "Bearer t0ken"}).get("/metrics")

        assert answer.status_code == 200
        said = answer.content.decode()
        assert "django_http_responses_total_by_status_view_method_total" in said
        assert "tracker_tenants_active 3.0" in said
        assert 'tracker_part_up{part="database"} 1.0' in said
        assert "acme" not in said

    def test_they_are_not_on_a_tenants_host(self, tenant, client, settings):
        settings.METRICS_TOKEN = "t0ken"

        assert client.get("/metrics", headers={"authorization": "Bearer t0ken"}).status_code == 404

    def test_every_number_that_alarms_and_dashboard_ask_for_is_told(self, tenant, client, settings):
        settings.METRICS_TOKEN = "t0ken"
        client.get("/accounts/login/")
        client.get("/nowhere")
        ensure_schedules()
        with schema_context("public"):
            cache.set(health.HEARTBEAT_KEY, time.time())
            PeriodicTask.objects.filter(enabled=True).update(last_run_at=timezone.now())
        said = Client(headers=self.HOST | {"authorization": "Bearer t0ken"}).get("/metrics").content.decode()

        asked = (PROJECT / "deploy/grafana/tracker.json").read_text()
        asked += (PROJECT / "deploy/prometheus/alarms.yml").read_text()
        names = set(re.findall(r"\b((?:django|tracker)_[a-z_]{6,})", asked))

        assert len(names) > 6
        assert {name for name in names if name not in said} == set()
