"""Backups are worth what comes back: each test destroys what it backed up, or looks at the copy beside it."""

import hashlib
import json
import tarfile
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django_tenants.utils import schema_context, tenant_context

from tests import database as databases
from tests.factories import make_booking, make_user
from tracker.accounts.models import User
from tracker.lib.errors import DomainError
from tracker.tenants.backups import _run, count_rows, open_backup
from tracker.tenants.models import Tenant
from tracker.tenants.queries import get_tenant_by_slug
from tracker.tenants.services import set_tenant_status

pytestmark = pytest.mark.own_database


def checksums(schema: str) -> dict[str, str]:
    """Return a digest of all rows of each table of a schema."""
    found = {}
    with schema_context(schema), connection.cursor() as cursor:
        for table in count_rows(schema):
            cursor.execute(f'SELECT t::text FROM "{schema}"."{table}" t ORDER BY 1')
            found[table] = hashlib.sha256(repr(cursor.fetchall()).encode()).hexdigest()
    return found


@pytest.fixture
def house(tenant, settings):
    """acme with people, a booking and a stored file."""
    make_user(role="salesperson", name="Zażółć Gęślą")
    make_booking()
    stored = Path(settings.MEDIA_ROOT) / "acme" / "orders" / "1.pdf"
    stored.parent.mkdir(parents=True)
    stored.write_bytes(b"%PDF-1.7 of acme")
    other = Path(settings.MEDIA_ROOT) / "beta" / "secret.txt"
    other.parent.mkdir(parents=True)
    other.write_text("of beta")
    return tenant


def backup(folder: Path, **options) -> dict:
    call_command("backup", str(folder), stdout=StringIO(), **options)
    return json.loads((folder / "manifest.json").read_text())


def test_everything_comes_back_into_an_empty_database_with_the_same_checksums(house, settings, tmp_path):
    before = {schema: checksums(schema) for schema in ("public", "platform", "acme", "beta")}
    backup(tmp_path / "b1")
    settings.MEDIA_ROOT = str(tmp_path / "media of the new machine")

    with databases.empty_database("restored"):
        call_command("restore", str(tmp_path / "b1"), stdout=StringIO())
        after = {schema: checksums(schema) for schema in ("public", "platform", "acme", "beta")}

    assert after == before
    assert (Path(settings.MEDIA_ROOT) / "acme/orders/1.pdf").read_bytes() == b"%PDF-1.7 of acme"
    assert (Path(settings.MEDIA_ROOT) / "beta/secret.txt").read_text() == "of beta"


def test_a_backup_of_one_tenant_holds_nothing_of_another(house, tmp_path):
    make_user(role="ops", email="marker-of-acme@example.com")
    with tenant_context(get_tenant_by_slug("beta")):
        make_user(role="ops", email="marker-of-beta@example.com")

    manifest = backup(tmp_path / "b1", tenant="acme")

    assert set(manifest["rows"]) == {"acme"}
    words = _run("pg_restore", "--file=-", str(tmp_path / "b1" / "database.dump"))
    assert "marker-of-acme" in words
    assert "beta" not in words
    with tarfile.open(tmp_path / "b1" / "files.tar.gz") as packed:
        assert all(name.startswith("./acme") for name in packed.getnames())


def test_a_tenant_is_restored_under_another_name_beside_the_living_one(house, tmp_path, settings):
    backup(tmp_path / "b1", tenant="acme")
    lost = User.objects.get(name="Zażółć Gęślą")
    was = checksums("acme")
    User.objects.filter(pk=lost.pk).update(name="changed since")

    call_command("restore", str(tmp_path / "b1"), slug="acme_copy", stdout=StringIO())

    copy = get_tenant_by_slug("acme_copy")
    assert copy.status == Tenant.Status.SUSPENDED
    assert checksums("acme_copy") == was
    with tenant_context(copy):
        assert User.objects.get(pk=lost.pk).name == "Zażółć Gęślą"
    with tenant_context(house):
        assert User.objects.get(pk=lost.pk).name == "changed since"
    assert (Path(settings.MEDIA_ROOT) / "acme_copy/orders/1.pdf").exists()
    call_command("migrate_tenants", stdout=StringIO())


def test_a_destroyed_tenant_comes_back_under_its_own_name(house, tmp_path):
    backup(tmp_path / "b1", tenant="acme")
    was = checksums("acme")
    connection.set_schema_to_public()
    with connection.cursor() as cursor:
        cursor.execute('DROP SCHEMA "acme" CASCADE')
    get_tenant_by_slug("acme").domains.all().delete()
    Tenant.objects.filter(schema_name="acme").delete()

    call_command("restore", str(tmp_path / "b1"), stdout=StringIO())

    assert checksums("acme") == was


def test_a_restored_tenant_serves_once_it_is_opened(house, tmp_path, client_of):
    backup(tmp_path / "b1", tenant="acme")
    call_command("restore", str(tmp_path / "b1"), slug="acme_copy", stdout=StringIO())
    copy = get_tenant_by_slug("acme_copy")
    assert client_of(copy).get("/accounts/login/").status_code == 403

    set_tenant_status(tenant=copy, to=Tenant.Status.ACTIVE)

    assert client_of(copy).get("/accounts/login/").status_code == 200


@pytest.mark.parametrize("name", ["database.dump", "files.tar.gz"])
def test_a_damaged_backup_is_refused_before_anything_happens(house, tmp_path, name):
    backup(tmp_path / "b1", tenant="acme")
    with (tmp_path / "b1" / name).open("ab") as file:
        file.write(b"x")

    with pytest.raises(DomainError) as refusal:
        open_backup(tmp_path / "b1")

    assert refusal.value.code == "backup_damaged"


def test_refusals_say_what_to_do(house, tmp_path):
    backup(tmp_path / "whole")
    backup(tmp_path / "one", tenant="acme")

    with pytest.raises(CommandError, match="There is a tenant or a schema called acme already"):
        call_command("restore", str(tmp_path / "one"))
    with pytest.raises(CommandError, match="restore into an empty one"):
        call_command("restore", str(tmp_path / "whole"))
    with pytest.raises(CommandError, match="holds no finished backup"):
        call_command("restore", str(tmp_path))
    with pytest.raises(CommandError, match="is there already; name another folder"):
        call_command("backup", str(tmp_path / "one"))
    with pytest.raises(CommandError, match="reserved name"):
        call_command("restore", str(tmp_path / "one"), slug="public")
