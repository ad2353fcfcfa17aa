"""A tenant leaves: exported, closed, kept after all, or erased so that nothing of it remains."""

import json
import tarfile
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
import redis
from celery import current_app
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from tests.factories import make_booking, make_user
from tests.sessions import session_of
from tests.tracker.tenants.test_backups import checksums
from tracker.lib.errors import Conflict
from tracker.tenants import erasure
from tracker.tenants.backups import _run
from tracker.tenants.models import Blueprint, Domain, Tenant
from tracker.tenants.provisioning import erase_due, exports_of
from tracker.tenants.queries import get_tenant_by_slug
from tracker.tenants.services import create_tenant, set_tenant_status

pytestmark = pytest.mark.own_database

MARKER = "zz-marker-of-acme"


@pytest.fixture
def house(tenant, settings):
    """acme with people, a session, a booking, files, cached values and tasks in the queue, each with its marker."""
    person = make_user(role="administrator", email=f"{MARKER}@example.com")
    session_of(person, tenant)
    make_booking()
    root = Path(settings.MEDIA_ROOT)
    for folder in (root / "acme" / "orders", root / "clicks" / "acme", exports_of("acme"), root / "beta"):
        folder.mkdir(parents=True)
        (folder / "kept.txt").write_text(MARKER)
    cache.set(MARKER, 1)
    with schema_context("beta"):
        cache.set("of-beta", 1)
    for schema in ("acme", "beta"):
        with current_app.producer_or_acquire() as producer:
            producer.publish(
                [[], {}, {}], routing_key=current_app.conf.task_default_queue, headers={"_schema_name": schema}
            )
    connection.set_schema_to_public()
    yield tenant
    _queue().delete(current_app.conf.task_default_queue)


def _queue() -> redis.Redis:
    return redis.Redis.from_url(django_settings.REDIS_URL)


def _waiting() -> list[str]:
    """Return whose tasks wait in the queue."""
    messages = _queue().lrange(current_app.conf.task_default_queue, 0, -1)
    return sorted(json.loads(message)["headers"]["_schema_name"] for message in messages)


def run(*words: str, **options) -> str:
    said = StringIO()
    call_command(*words, stdout=said, **options)
    return said.getvalue()


def erase_now(slug: str) -> str:
    return run("delete_tenant", slug, confirm=slug, days=0, now=True)


def test_nothing_of_an_erased_tenant_remains_and_the_others_are_whole(house, settings):
    others = {schema: checksums(schema) for schema in ("platform", "beta")}

    said = erase_now("acme")

    assert "Erased: schema, host names, 3 files" in said
    left = _run("pg_dump", "--inserts")
    assert MARKER not in left
    assert "acme" not in left.lower()
    assert not [
        path for path in Path(settings.MEDIA_ROOT).rglob("*") if "acme" in str(path.relative_to(settings.MEDIA_ROOT))
    ]
    with redis.Redis.from_url(django_settings.CACHES["default"]["LOCATION"]) as server:
        assert not [key for key in server.scan_iter() if b"acme" in key]
    assert _waiting() == ["beta"]
    assert {schema: checksums(schema) for schema in others} == others
    assert (Path(settings.MEDIA_ROOT) / "beta" / "kept.txt").exists()
    with schema_context("beta"):
        assert cache.get("of-beta") == 1


def test_a_blueprint_holds_nothing_of_the_tenant_it_was_made_from(house):
    blueprint = Blueprint.objects.get()

    assert "platform" not in json.dumps(blueprint.statements).replace("is_platform", "")
    assert MARKER not in json.dumps(blueprint.statements)


def test_an_erased_name_is_free_for_a_new_and_empty_tenant(house):
    erase_now("acme")

    again = create_tenant(slug="acme", name="Another house")

    assert again.status == "active"
    with tenant_context(again), connection.cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM io_bookings)")
        assert cursor.fetchone() == (0,)


def test_a_tenant_that_is_being_deleted_is_closed_and_can_be_kept_until_its_day(house, client_of):
    before = checksums("acme")
    assert "erased after" in run("delete_tenant", "acme", confirm="acme")
    deleting = get_tenant_by_slug("acme")
    assert (deleting.status, (deleting.erase_after - timezone.now()).days) == ("deleting", 29)
    assert client_of(deleting).get("/accounts/login/").status_code == 404

    erase_due.apply(headers={"_schema_name": "public"}, throw=True)
    with pytest.raises(CommandError, match="not to be erased yet"):
        run("delete_tenant", "acme", confirm="acme", now=True)
    with pytest.raises(Conflict, match="Keep it after all first"):
        set_tenant_status(tenant=deleting, to=Tenant.Status.ACTIVE)
    assert "is kept" in run("delete_tenant", "acme", keep=True)
    run("suspend_tenant", "acme", reopen=True)

    assert checksums("acme") == before
    assert client_of(house).get("/accounts/login/").status_code == 200


def test_a_worker_erases_what_is_due_and_nothing_else(house, other_tenant):
    erasure.schedule_deletion(tenant=house, at=timezone.now() - timedelta(days=31))
    erasure.schedule_deletion(tenant=other_tenant, at=timezone.now())

    erase_due.apply(headers={"_schema_name": "public"}, throw=True)

    assert list(Tenant.objects.order_by("schema_name").values_list("schema_name", flat=True)) == ["beta", "platform"]
    assert not Domain.objects.filter(domain__startswith="acme").exists()


def test_an_erasure_that_died_in_the_middle_goes_on(house, monkeypatch):
    monkeypatch.setattr(erasure, "_erase_files", lambda slug: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        erase_now("acme")
    monkeypatch.undo()
    assert get_tenant_by_slug("acme").status == "deleting"

    erase_due.apply(headers={"_schema_name": "public"}, throw=True)

    assert not Tenant.objects.filter(schema_name="acme").exists()
    assert not exports_of("acme").exists()


def test_a_tenant_that_could_not_be_made_can_be_cleaned_away(house, monkeypatch):
    from tracker.tenants import services

    monkeypatch.setattr(services, "ensure_roles", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        create_tenant(slug="delta", name="Delta")
    monkeypatch.undo()

    erase_now("delta")

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace('delta') IS NULL")
        assert cursor.fetchone() == (True,)


def test_deleting_asks_twice_and_spares_the_platform(house, platform_tenant):
    with pytest.raises(CommandError, match="Say it twice: --confirm acme"):
        run("delete_tenant", "acme")
    with pytest.raises(CommandError, match="platform's own tenant cannot be deleted"):
        run("delete_tenant", "platform", confirm="platform")
    with pytest.raises(CommandError, match="is not being deleted"):
        run("delete_tenant", "acme", keep=True)

    assert get_tenant_by_slug("acme").status == "active"


def test_an_export_is_one_archive_that_comes_back_under_another_name(house, tmp_path, settings):
    archive = tmp_path / "acme.tar"
    was = checksums("acme")

    assert "rows and the files" in run("export_tenant", "acme", str(archive))
    with tarfile.open(archive) as packed:
        assert sorted(packed.getnames()) == ["database.dump", "files.tar.gz", "manifest.json"]
    erase_now("acme")
    run("restore", str(archive), slug="acme_again")

    assert checksums("acme_again") == was
    assert (Path(settings.MEDIA_ROOT) / "acme_again/orders/kept.txt").read_text() == MARKER
    assert (Path(settings.MEDIA_ROOT) / "clicks/acme_again/kept.txt").read_text() == MARKER
    assert get_tenant_by_slug("acme_again").status == "suspended"
    with pytest.raises(CommandError, match="is there already; name another file"):
        run("export_tenant", "acme_again", str(archive))


def test_what_is_no_archive_is_refused(house, tmp_path):
    (tmp_path / "acme.tar").write_text("not a tar")

    with pytest.raises(CommandError, match="is no archive of a tenant"):
        run("restore", str(tmp_path / "acme.tar"))


@pytest.mark.parametrize(("name", "kind"), [("../out.txt", tarfile.REGTYPE), ("data.dump", tarfile.SYMTYPE)])
def test_an_archive_writes_nothing_outside_its_folder(house, tmp_path, name, kind):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "acme.tar", "w") as packed:
        packed.addfile(member)

    with pytest.raises(CommandError, match="is no archive of a tenant"):
        run("restore", str(tmp_path / "acme.tar"))


def test_a_suspended_tenant_is_closed_keeps_its_rows_and_opens_again(house, client_of):
    before = checksums("acme")

    assert run("suspend_tenant", "acme", note="unpaid") == "acme is suspended.\n"
    closed = client_of(house).get("/accounts/login/")
    run("suspend_tenant", "acme", reopen=True)

    assert closed.status_code == 403
    assert get_tenant_by_slug("acme").status_note == ""
    assert checksums("acme") == before
    assert client_of(house).get("/accounts/login/").status_code == 200


def test_the_platforms_admin_exports_hands_out_deletes_and_keeps(house, platform_tenant, client_of, login, monkeypatch):
    sent = []
    monkeypatch.setattr("tracker.tenants.admin.enqueue", lambda task, *arguments: sent.append((task, arguments)))
    with tenant_context(platform_tenant):
        root = make_user(role="administrator")
    client = login(client_of(platform_tenant), root)

    def act(action: str):
        with schema_context("public"):
            chosen = {"action": action, "_selected_action": [house.pk]}
        return client.post("/admin/tenants/tenant/", chosen, follow=True)

    assert "appears on its page" in act("export").text
    connection.set_schema_to_public()
    [(task, arguments)] = sent
    task.apply(arguments, headers={"_schema_name": "public"}, throw=True)
    made = next(path for path in exports_of("acme").glob("*.tar"))
    page = client.get(f"/admin/tenants/tenant/{house.pk}/change/")
    assert made.name in page.text
    handed = client.get(f"/admin/tenants/tenant/acme/exports/{made.name}")
    assert b"".join(handed.streaming_content) == made.read_bytes()
    assert client.get("/admin/tenants/tenant/acme/exports/kept.txt").status_code == 404

    act("delete_after_grace")
    connection.set_schema_to_public()
    assert get_tenant_by_slug("acme").status == "deleting"
    act("keep")
    connection.set_schema_to_public()
    assert get_tenant_by_slug("acme").status == "suspended"
