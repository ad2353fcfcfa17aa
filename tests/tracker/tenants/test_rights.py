"""The second wall: the role of web and workers reads and writes rows, and nothing else, in old and new tenants."""

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg.errors import InsufficientPrivilege

from tests.database import one_at_a_time
from tests.factories import make_booking
from tracker.tenants.rights import LIMITS
from tracker.tenants.services import create_tenant

pytestmark = pytest.mark.own_database

ROLE = "tracker_wall"


@pytest.fixture
def wall(tenant, settings):
    """The role, with its rights. It belongs to the whole server: one test at a time has it, and drops it at its end."""
    settings.DATABASE_APP_ROLE = ROLE
    with one_at_a_time("role"):
        connection.set_schema_to_public()
        call_command("grant_app_role")
        connection.set_tenant(tenant)
        yield
        connection.set_schema_to_public()
        with connection.cursor() as cursor:
            cursor.execute(f"DROP OWNED BY {ROLE} CASCADE")
            cursor.execute(f"DROP ROLE {ROLE}")


def as_role(sql: str, schema: str = "acme") -> list[tuple]:
    params = connection.get_connection_params()
    with psycopg.connect(host=params["host"], dbname=params["dbname"], user=ROLE) as wall:
        wall.execute(f"SET search_path = {schema}, public")
        cursor = wall.execute(sql)
        return cursor.fetchall() if cursor.description else []


REFUSED = [
    "CREATE TABLE mine (x int)",
    "CREATE TABLE public.mine (x int)",
    "ALTER TABLE users ADD COLUMN x int",
    "DROP TABLE matches",
    "ALTER TABLE users DISABLE TRIGGER ALL",
    "DROP SCHEMA beta CASCADE",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "TRUNCATE users CASCADE",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "COPY users TO PROGRAM 'cat'",
    "SELECT pg_read_file('/etc/hostname')",
]


def test_it_changes_no_shape_and_reaches_nothing_outside(wall):
    for sql in REFUSED:
        with pytest.raises(InsufficientPrivilege):
            as_role(sql)


def test_it_owns_nothing_is_nobody_special_and_has_limits(wall):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class JOIN pg_roles r ON r.oid = relowner WHERE rolname = %s", [ROLE])
        owned = cursor.fetchone()
        cursor.execute("SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = %s", [ROLE])
        special = cursor.fetchone()

    assert (owned, special) == ((0,), (False, False, False))
    for setting in LIMITS:
        assert as_role(f"SHOW {setting}") not in ([("0",)], [])


def test_the_product_works_behind_it_in_old_and_in_new_tenants(wall, tenant):
    new = create_tenant(slug="gamma_house", name="Gamma")
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {ROLE}")
    try:
        for house in (tenant, new):
            connection.set_tenant(house)
            booking = make_booking()
            assert type(booking).objects.filter(pk=booking.pk).update(promo_code="") == 1
            with connection.cursor() as cursor:
                cursor.execute("SELECT refresh_metrics_daily()")
                cursor.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY metrics_daily")
            booking.delete()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")


def test_a_table_that_a_later_migration_brings_can_be_used_at_once(wall):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE acme.later (id bigserial PRIMARY KEY, x int)")

    assert as_role("INSERT INTO later (x) VALUES (1) RETURNING id") == [(1,)]


def test_a_role_that_is_the_owners_or_no_name_is_refused(tenant):
    for name in ("tracker", "Wall; DROP", ""):
        with pytest.raises(CommandError):
            call_command("grant_app_role", name)
