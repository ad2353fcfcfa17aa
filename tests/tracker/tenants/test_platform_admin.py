"""A house asked for in the platform's admin: made by a task, with an invitation for its first administrator."""

import re

import pytest
from django.core import mail
from django_tenants.utils import tenant_context

from tests.factories import make_user
from tracker.tenants.models import Tenant

pytestmark = pytest.mark.own_database

WISH = {"name": "Gamma Radio", "currency": "EUR", "time_zone": "Europe/Oslo", "admin_email": "ann@gamma.example"}


@pytest.fixture
def root(platform_tenant, client_of, login):
    """A client of the bare host, signed in as the platform's administrator."""
    with tenant_context(platform_tenant):
        someone = make_user(role="administrator")
    return login(client_of(platform_tenant), someone)


def test_a_house_is_asked_for_made_and_its_administrator_invited(root, client_of):
    answer = root.post("/admin/tenants/tenant/add/", WISH | {"schema_name": "gamma"}, follow=True)

    house = Tenant.objects.get(schema_name="gamma")
    assert (house.status, house.time_zone) == ("active", "Europe/Oslo")
    assert "Gamma Radio" in answer.content.decode()
    (letter,) = mail.outbox
    assert letter.to == ["ann@gamma.example"]
    link = re.search(r"http://gamma\.localhost[^/]*(/\S+)", letter.body)
    assert client_of(house).get(link[1]).status_code == 200


def test_a_slug_that_is_taken_is_an_error_beside_the_form_and_makes_nothing(root):
    answer = root.post("/admin/tenants/tenant/add/", WISH | {"schema_name": "acme"}, follow=True)

    assert answer.status_code == 200
    assert "acme" in answer.content.decode()
    assert Tenant.objects.filter(schema_name="acme").count() == 1
    assert mail.outbox == []


def test_the_failure_of_a_house_is_shown_and_it_is_tried_again(root, monkeypatch):
    from tracker.tenants import services

    monkeypatch.setattr(services, "ensure_roles", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        root.post("/admin/tenants/tenant/add/", WISH | {"schema_name": "gamma"})
    monkeypatch.undo()
    failed = Tenant.objects.get(schema_name="gamma")
    assert failed.status == "failed"
    assert "ZeroDivisionError" in root.get("/admin/tenants/tenant/").content.decode()

    root.post("/admin/tenants/tenant/", {"action": "try_again", "_selected_action": [failed.pk]}, follow=True)

    failed.refresh_from_db()
    assert failed.status == "active"


def test_a_house_is_suspended_and_opened_again_by_the_list(root, client_of, other_tenant):
    root.post("/admin/tenants/tenant/", {"action": "suspend", "_selected_action": [other_tenant.pk]}, follow=True)
    while_closed = client_of(other_tenant).get("/accounts/login/").status_code
    root.post("/admin/tenants/tenant/", {"action": "reopen", "_selected_action": [other_tenant.pk]}, follow=True)

    assert while_closed == 403
    assert client_of(other_tenant).get("/accounts/login/").status_code == 200
