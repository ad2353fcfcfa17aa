"""Every list and form of the admin opens, for a tenant's administrator and for the platform's."""

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_tenants.utils import tenant_context

from tests.factories import make_user
from tracker.accounts.models import User
from tracker.lib.admin import platform_admin
from tracker.tenants.models import Tenant


def test_every_list_and_form_of_the_tenants_admin_opens(client, administrator, login, switch_on_all):
    login(client, administrator)

    for model, page in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert client.get(reverse(f"{name}_changelist"), follow=True).status_code == 200, name
        add = client.get(reverse(f"{name}_add"))
        assert add.status_code == (200 if page.has_add_permission(add.wsgi_request) else 403), name


@pytest.mark.own_database
@pytest.mark.demo_house
def test_no_list_of_the_admin_asks_more_for_more_rows(client_of, login, database, monkeypatch):
    demo = Tenant.objects.get(schema_name="demo")
    with tenant_context(demo):
        client = login(client_of(demo), User.objects.filter(role="administrator").earliest("email"))
        client.get("/admin/")  # what a process learns once
        asked = {
            model.__name__: [_queries_of_list(client, model, page, rows, monkeypatch) for rows in (1, 20)]
            for model, page in admin.site._registry.items()
            if model._default_manager.count() > 2
        }

    assert len(asked) >= 15
    assert {name: queries for name, queries in asked.items() if queries[1] > queries[0]} == {}


def _queries_of_list(client, model, page, rows, monkeypatch) -> int:
    monkeypatch.setattr(page, "list_per_page", rows)
    path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    with CaptureQueriesContext(connection) as asked:
        assert client.get(path, follow=True).status_code == 200
    return len(asked)


def test_tables_that_all_tenants_share_are_not_in_a_tenants_admin():
    assert {model._meta.app_label for model in admin.site._registry}.isdisjoint(
        {"auth", "django_celery_beat", "tenants"}
    )


def test_every_list_of_the_platforms_admin_opens(platform_tenant, client_of, login):
    with tenant_context(platform_tenant):
        root = make_user(role="administrator")
    client = login(client_of(platform_tenant), root)

    for model in platform_admin._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        path = reverse(name, urlconf="tracker.urls_platform")
        assert client.get(path).status_code == 200, name


@pytest.mark.parametrize("role", ["creator", "advertiser"])
def test_people_of_the_pages_do_not_enter_the_admin(client, login, tenant, role):
    login(client, make_user(role=role))

    assert client.get("/admin/", follow=True).status_code == 403
