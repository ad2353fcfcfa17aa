"""A second tenant sees nothing: by host, session, key, id, cache, task, file or the words of an error."""

import re
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import ProgrammingError, connection
from django.urls import URLPattern, URLResolver, get_resolver
from django_tenants.utils import schema_context, tenant_context

from tests import factories
from tests.factories import make_user
from tracker.accounts.models import User
from tracker.automation.models import JobRun
from tracker.events.models import Event
from tracker.flags.services import switch
from tracker.tenants.wholeness import tenant_app_labels

MARK = "zz-belongs-to-beta"
# Read-only pages and calls that take no id.
LISTS = [
    "/api/v1/deals",
    "/api/v1/advertisers",
    "/api/v1/io",
    "/api/v1/ad-units",
    "/api/v1/orders",
    "/api/v1/makegoods",
    "/api/v1/makegoods/offers",
    "/api/v1/billing-lines",
    "/api/v1/podcasts",
    "/api/v1/episodes",
    "/api/v1/matches",
    "/api/v1/imports",
    "/api/v1/events",
    "/api/v1/webhooks",
    "/api/v1/keys",
    "/api/v1/etl/history",
    "/api/v1/automation/runs",
    "/api/v1/dashboard/creator",
    "/api/schema",
    "/dashboard/creator",
    "/imports",
    "/find?q=zz-belongs",
    "/admin/",
]


@pytest.fixture
def beta_rows(other_tenant):
    """Rows of beta, all of which carry its mark in some text."""
    with tenant_context(other_tenant):
        podcast = factories.make_podcast(title=MARK)
        sponsor = factories.make_sponsor(name=MARK)
        campaign = factories.make_campaign(sponsor=sponsor, name=MARK)
        unit = factories.make_ad_unit(podcast, name=MARK)
        booking = factories.make_booking(campaign=campaign, ad_unit=unit)
        run = JobRun.objects.create(job=MARK, queued_at=factories.NOON)
        person = make_user(name=MARK, email=f"{MARK}@beta.example")
        return {
            "podcast_id": podcast.pk,
            "sponsor_id": sponsor.pk,
            "campaign_id": campaign.pk,
            "ad_unit_id": unit.pk,
            "io_id": booking.pk,
            "order_id": booking.order_id,
            "run_id": run.pk,
            "user_id": person.pk,
        }


def paths_with_one_id() -> list[tuple[str, str]]:
    """Return (path with a blank, name of the id) of every page and call of a tenant's site that takes one id."""
    found = []
    for route in _routes(get_resolver("tracker.urls").url_patterns, ""):
        names = re.findall(r"<uuid:(\w+)>", route)
        if len(names) == 1 and "<" not in route.replace(f"<uuid:{names[0]}>", ""):
            found.append(("/" + route.replace(f"<uuid:{names[0]}>", "{}"), names[0]))
    return sorted(set(found))


def _routes(patterns: list[URLPattern | URLResolver], prefix: str):
    for one in patterns:
        route = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            if not route.startswith("admin/"):
                yield from _routes(one.url_patterns, route)
        else:
            yield route


def answer_of(client, method: str, path: str):
    return client.generic(method, path, "{}", content_type="application/json")


@pytest.mark.parametrize("method", ["GET", "PATCH", "POST", "DELETE"])
def test_an_object_of_another_tenant_looks_like_one_that_is_not_there(api, switch_on_all, beta_rows, method):
    blanks = [(blank, name) for blank, name in paths_with_one_id() if blank.startswith("/api/")]
    assert len(blanks) >= 7

    for blank, name in blanks:
        theirs = answer_of(api, method, blank.format(beta_rows.get(name, uuid4())))
        nobodys = answer_of(api, method, blank.format(uuid4()))
        assert theirs.status_code == nobodys.status_code, blank
        assert theirs.status_code in (400, 404, 405, 415), blank
        assert MARK not in theirs.text


def test_pages_of_another_tenants_objects_are_not_there(client, administrator, login, switch_on_all, beta_rows):
    login(client, administrator)
    blanks = [(blank, name) for blank, name in paths_with_one_id() if not blank.startswith("/api/")]
    assert blanks

    for blank, name in blanks:
        theirs = client.get(blank.format(beta_rows.get(name, uuid4())))
        assert theirs.status_code in (404, 405), blank
        assert MARK not in theirs.text


@pytest.mark.parametrize("path", LISTS)
def test_no_list_page_or_search_shows_another_tenants_rows(
    api, client, administrator, login, switch_on_all, beta_rows, path
):
    caller = api if path.startswith("/api/") else login(client, administrator)

    answer = caller.get(path)

    assert answer.status_code in (200, 302)
    assert MARK not in answer.text


def test_no_list_of_the_admin_shows_another_tenants_rows(client, administrator, login, switch_on_all, beta_rows):
    from django.contrib import admin
    from django.urls import reverse

    login(client, administrator)
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert MARK not in client.get(reverse(f"{name}_changelist")).text
        assert client.get(reverse(f"{name}_change", args=[uuid4()])).status_code == 302
    for name, pk in {
        "metrics_podcast": "podcast_id",
        "deals_campaign": "campaign_id",
        "accounts_user": "user_id",
    }.items():
        theirs = client.get(f"/admin/{name.replace('_', '/')}/{beta_rows[pk]}/change/", follow=True)
        # Django's words for an object that is not there name the id that was asked for, and nothing of the object.
        assert MARK not in theirs.text


def test_nothing_can_point_at_another_tenants_objects(api, switch_on_all, beta_rows):
    mine = factories.make_booking()
    body = {
        "flight_start": "2031-01-01",
        "flight_end": "2031-01-31",
        "booked_impressions": 1000,
        "booked_cpm_cents": 2500,
        "campaign_id": str(mine.campaign_id),
        "ad_unit_id": str(mine.ad_unit_id),
    }

    for name in ("campaign_id", "ad_unit_id"):
        answer = api.post("/api/v1/io", {**body, name: str(beta_rows[name])}, content_type="application/json")
        assert answer.status_code in (400, 404), name
        assert MARK not in answer.text


def test_a_key_of_one_tenant_is_worth_nothing_at_another(api, other_tenant, client_of, switch_on_all):
    secret = api.defaults["HTTP_AUTHORIZATION"]
    elsewhere = client_of(other_tenant, authorization=secret)

    for path in ("/api/v1/deals", "/api/v1/io", "/api/v1/automation/runs"):
        assert elsewhere.get(path).status_code == 401


def test_a_session_of_one_tenant_is_worth_nothing_at_another(client, administrator, login, other_tenant, client_of):
    login(client, administrator)
    elsewhere = client_of(other_tenant)
    elsewhere.cookies = client.cookies

    for path in ("/admin/", "/api/v1/deals", "/imports"):
        assert elsewhere.get(path).status_code in (302, 401, 403, 404)


def test_the_cache_keeps_tenants_apart(tenant, other_tenant):
    cache.set("page", "acme's")

    with tenant_context(other_tenant):
        assert cache.get("page") is None
        cache.set("page", "beta's")

    assert cache.get("page") == "acme's"


def test_files_keep_tenants_apart(tenant, other_tenant):
    name = default_storage.save("orders/1.pdf", ContentFile(b"acme's"))

    with tenant_context(other_tenant):
        assert not default_storage.exists(name)
        with pytest.raises(FileNotFoundError):
            default_storage.open(name)

    with default_storage.open(name) as file:
        assert file.read() == b"acme's"
    assert "/acme/" in default_storage.path(name)


@pytest.mark.parametrize("path", ["/media/acme/orders/1.pdf", "/media/../acme/orders/1.pdf", "/acme/orders/1.pdf"])
def test_no_address_leads_to_the_files(client, path):
    default_storage.save("orders/1.pdf", ContentFile(b"acme's"))

    assert client.get(path).status_code == 404


def test_the_words_of_an_error_show_no_inner_detail(client, api, monkeypatch, tenant):
    from tracker.automation import api as automation_api

    def crash(*args, **kwargs):
        raise RuntimeError(f"secret {MARK}")

    monkeypatch.setattr(automation_api.RunListView, "list", crash)
    switch(flag="ENABLE_AUTOMATION_JOBS", on=True)
    api.raise_request_exception = False

    answer = api.get("/api/v1/automation/runs")

    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert MARK not in answer.text


def test_events_and_people_are_counted_for_each_tenant_alone(tenant, beta_rows):
    assert User.objects.filter(email__contains=MARK).count() == 0
    assert not Event.objects.filter(subject_id=str(beta_rows["io_id"])).exists()


def test_no_table_stands_both_in_public_and_in_a_tenant(tenant):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'm')"
            " INTERSECT SELECT relname::text FROM pg_class WHERE relnamespace = 'acme'::regnamespace"
        )
        tables = cursor.fetchall()
        cursor.execute(
            "SELECT p.proname::text FROM pg_proc p WHERE pronamespace = 'public'::regnamespace"
            " INTERSECT SELECT proname::text FROM pg_proc WHERE pronamespace = 'acme'::regnamespace"
        )
        functions = cursor.fetchall()

    assert tables == [("django_migrations",)]
    assert functions == []


def test_a_missing_table_is_an_error_and_not_publics(tenant, other_tenant):
    models = [
        model
        for model in apps.get_models()
        if model._meta.app_label in tenant_app_labels() and model._meta.managed and not model._meta.proxy
    ]
    with connection.cursor() as cursor:
        for model in models:
            cursor.execute(f'ALTER TABLE beta."{model._meta.db_table}" RENAME TO "gone_{uuid4().hex[:20]}"')

    with tenant_context(other_tenant):
        for model in models:
            with pytest.raises(ProgrammingError), _savepoint():
                model.objects.first() if hasattr(model, "objects") else model._default_manager.first()


def test_a_row_written_in_one_schema_is_in_no_other(tenant, other_tenant):
    factories.make_podcast(title="only acme's")
    from metrics.models import Podcast

    with schema_context("beta"):
        assert not Podcast.objects.filter(title="only acme's").exists()
    assert Podcast.objects.filter(title="only acme's").count() == 1


def _savepoint():
    from django.db import transaction

    return transaction.atomic()
