"""Dashboards read from a replica when there is one; nothing else does, and nothing is written there."""

import pytest
from django.conf import settings as django_settings
from django.db import connections, router
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import tenant_context

from deals.models import Sponsor
from tests.factories import make_podcast, make_sponsor, make_user
from tracker.flags.services import switch
from tracker.tenants import replicas
from tracker.tenants.replicas import ReplicaMiddleware, ReplicaRouter, reading_from_replica

READ_ONLY = {"options": "-c default_transaction_read_only=on"}


@pytest.fixture
def replica(database, monkeypatch):
    """A second connection to the same database that refuses every write, as a replica would."""
    monkeypatch.setattr(replicas, "_resting_until", 0.0)
    monkeypatch.setattr(router, "routers", [ReplicaRouter(), *router.routers])
    connections.settings["replica"] = {**connections.settings["default"], "OPTIONS": READ_ONLY}
    yield connections["replica"]
    connections["replica"].close()
    del connections["replica"]
    del connections.settings["replica"]


def test_there_is_none_unless_it_is_named():
    assert set(django_settings.DATABASES) == {"default"}
    assert not any("replicas" in name for name in (*django_settings.MIDDLEWARE, *django_settings.DATABASE_ROUTERS))


@pytest.mark.own_database
def test_it_is_read_in_the_tenant_that_is_entered(tenant, other_tenant, replica):
    make_sponsor(name="of acme")
    with tenant_context(other_tenant):
        make_sponsor(name="of beta")

    with reading_from_replica(), CaptureQueriesContext(replica) as asked:
        names = [Sponsor.objects.get().name]
        with tenant_context(other_tenant):
            names.append(Sponsor.objects.get().name)
        names.append(Sponsor.objects.get().name)

    assert names == ["of acme", "of beta", "of acme"]
    assert len([one for one in asked if "sponsors" in one["sql"]]) == 3


@pytest.mark.own_database
def test_what_was_read_there_is_written_where_writes_go(tenant, replica):
    made = make_sponsor(name="before")
    with reading_from_replica():
        read = Sponsor.objects.get(pk=made.pk)
        assert read._state.db == "replica"
        read.name = "after"
        read.save(update_fields=["name"])

    assert Sponsor.objects.get(pk=made.pk).name == "after"


@pytest.mark.own_database
def test_a_dashboard_reads_there_and_a_list_of_deals_does_not(tenant, replica, client, login, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{ReplicaMiddleware.__module__}.{ReplicaMiddleware.__name__}"]
    for flag in settings.FEATURE_FLAGS:
        switch(flag=flag, on=True)
    make_podcast(title="Read from afar")
    login(client, make_user(role="administrator"))

    with CaptureQueriesContext(replica) as asked:
        page = client.get("/dashboard/ops")
    with CaptureQueriesContext(replica) as asked_not:
        admin = client.get("/admin/deals/campaign/")

    assert (page.status_code, admin.status_code) == (200, 200)
    assert len(asked) > 0
    assert not any(f'FROM "{table}"' in one["sql"] for one in asked for table in ("django_session", "users"))
    assert len(asked_not) == 0


@pytest.mark.own_database
def test_a_replica_that_is_gone_is_left_alone_and_pages_go_on(tenant, replica, monkeypatch):
    make_sponsor(name="still here")
    replica.close()
    monkeypatch.setitem(replica.settings_dict, "HOST", "/nowhere")

    with reading_from_replica():
        assert Sponsor.objects.get().name == "still here"
    assert replicas._resting_until > 0
