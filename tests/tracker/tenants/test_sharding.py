"""What must be true so that a tenant's schema can move whole: to another server, or to a node of a sharded cluster."""

import pytest
from django.db import connection

# Small tables that every server has, the same everywhere: a sharded cluster keeps a copy on each node.
REFERENCE_TABLES = {"django_content_type", "auth_permission"}
SCHEMAS = "('acme', 'beta', 'platform')"


def ask(sql: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def test_no_foreign_key_leads_into_another_schema_save_to_reference_tables(tenant):
    leaving = ask(
        "SELECT conname, to_table.relname FROM pg_constraint k"
        " JOIN pg_class from_table ON from_table.oid = k.conrelid JOIN pg_class to_table ON to_table.oid = k.confrelid"
        f" WHERE k.contype = 'f' AND from_table.relnamespace::regnamespace::text IN {SCHEMAS}"
        " AND to_table.relnamespace <> from_table.relnamespace"
    )

    assert {table for _name, table in leaving} <= REFERENCE_TABLES


def test_nothing_in_public_points_into_a_tenant(tenant):
    pointing = ask(
        "SELECT conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid"
        f" WHERE k.contype = 'f' AND c.relnamespace::regnamespace::text IN {SCHEMAS}"
        " AND k.connamespace <> c.relnamespace"
    )

    assert pointing == []


def test_every_number_comes_from_a_sequence_of_the_tenants_own(tenant):
    shared = ask(
        "SELECT t.relnamespace::regnamespace::text, t.relname, s.relnamespace::regnamespace::text, s.relname"
        " FROM pg_attrdef a JOIN pg_class t ON t.oid = a.adrelid"
        " JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid"
        "   AND d.refclassid = 'pg_class'::regclass"
        " JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'"
        f" WHERE t.relnamespace::regnamespace::text IN {SCHEMAS} AND s.relnamespace <> t.relnamespace"
    )
    owned_elsewhere = ask(
        "SELECT s.relname FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i')"
        " JOIN pg_class t ON t.oid = d.refobjid"
        f" WHERE s.relkind = 'S' AND s.relnamespace::regnamespace::text IN {SCHEMAS}"
        " AND t.relnamespace <> s.relnamespace"
    )

    assert (shared, owned_elsewhere) == ([], [])


def test_views_and_triggers_use_what_stands_beside_them(tenant):
    views = ask(
        "SELECT v.relname, t.relname FROM pg_rewrite r JOIN pg_class v ON v.oid = r.ev_class"
        " JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid"
        "   AND d.refclassid = 'pg_class'::regclass"
        " JOIN pg_class t ON t.oid = d.refobjid"
        f" WHERE v.relnamespace::regnamespace::text IN {SCHEMAS} AND t.relnamespace <> v.relnamespace"
    )
    triggers = ask(
        "SELECT g.tgname, p.proname FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid"
        " JOIN pg_proc p ON p.oid = g.tgfoid"
        f" WHERE t.relnamespace::regnamespace::text IN {SCHEMAS} AND NOT g.tgisinternal"
        " AND p.pronamespace <> t.relnamespace AND p.pronamespace <> 'pg_catalog'::regnamespace"
    )

    assert (views, triggers) == ([], [])


@pytest.mark.parametrize("schema", ["acme", "beta"])
def test_no_function_names_a_schema(tenant, schema):
    named = ask(
        f"SELECT proname FROM pg_proc WHERE prosrc ~ '\\m{schema}\\.' OR array_to_string(proconfig, ' ') ~ '{schema}'"
    )

    assert named == []
