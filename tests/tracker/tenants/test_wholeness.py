"""A tenant that lacks something does not serve; the list of what it should hold is right."""

import pytest
from django.db import connection

from tracker.tenants import health, routing
from tracker.tenants.wholeness import expected, incomplete, missing_in


def test_what_is_expected_is_what_a_fresh_tenant_holds(tenant):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'acme'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')"
            " UNION SELECT proname || '()' FROM pg_proc WHERE pronamespace = 'acme'::regnamespace"
        )
        stands = {name for (name,) in cursor.fetchall()}

    assert stands - expected() == {"django_migrations"}
    assert expected() - stands == set()


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("DROP TABLE acme.matches CASCADE", "matches"),
        ("ALTER TABLE acme.users RENAME TO people", "users"),
        ("DROP MATERIALIZED VIEW acme.metrics_daily", "metrics_daily"),
        ("DROP FUNCTION acme.refresh_metrics_daily()", "refresh_metrics_daily()"),
    ],
)
def test_a_damaged_tenant_answers_503_is_counted_and_harms_no_other(
    client, client_of, other_tenant, monkeypatch, damage, named
):
    monkeypatch.setattr(health, "_tenants_seen", None)
    assert client.get("/accounts/login/").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute(damage)
    routing.forget()

    answer = client.get("/accounts/login/")
    ready = client.get("/readyz").json()

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert named not in answer.text
    assert client_of(other_tenant).get("/accounts/login/").status_code == 200
    assert ready["status"] == "degraded"
    assert ready["checks"]["tenants"] == {"ok": False, "active": 3, "behind_on_migrations": 0, "damaged": 1}
    assert missing_in("acme") == [named]
    assert incomplete(["acme", "beta"]) == {"acme": [named]}
