"""The ground that all other tests stand on."""

import threading

import pytest
from django.db import connection
from django_tenants.utils import tenant_context

from tracker.accounts.models import User


def test_a_test_stands_in_the_schema_of_acme(tenant, other_tenant):
    assert (tenant.slug, other_tenant.slug) == ("acme", "beta")
    assert connection.schema_name == "acme"


@pytest.mark.parametrize("_turn", [1, 2])
def test_what_a_test_writes_is_gone_in_the_next(tenant, salesperson, _turn):
    assert User.objects.count() == 1


@pytest.mark.own_database
@pytest.mark.parametrize("_turn", [1, 2])
def test_a_test_that_commits_has_a_database_of_its_own(tenant, salesperson, _turn):
    seen = []

    def look_from_another_thread() -> None:
        with tenant_context(tenant):
            seen.append(User.objects.count())
        connection.close()

    thread = threading.Thread(target=look_from_another_thread)
    thread.start()
    thread.join()

    assert seen == [1]


def test_a_person_can_be_signed_in(client, login, administrator):
    assert client.get("/admin/").status_code == 302

    login(client, administrator)

    assert client.get("/admin/").status_code == 200


@pytest.mark.browser
def test_a_browser_reaches_the_tenants_site(live_site, page, administrator):
    live_site.login(page, administrator)

    answer = page.goto(live_site.url("/admin/"))

    assert answer.status == 200
    assert page.url.startswith("http://acme.localhost:")
