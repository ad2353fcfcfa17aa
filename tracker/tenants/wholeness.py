"""Does everything stand in a tenant's schema? What is missing there is silently looked for in `public`.

Expected are the tables of the models, the functions of their triggers, and what an app's config lists besides as
`also_in_schema` (views, partitions, functions of raw SQL).
A test compares that with a fresh tenant, so no list grows old.
"""

from collections.abc import Collection
from functools import cache

import pgtrigger
from django.apps import apps
from django.conf import settings
from django.db import connection
from django_tenants.routers import TenantSyncRouter

# Of pghistory, which makes it by a migration of its own.
OF_LIBRARIES = frozenset({"_pgh_attach_context()"})

_NAMES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname = ANY(%(schemas)s)
UNION SELECT n.nspname, p.proname || '()' FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = ANY(%(schemas)s)
"""


# The same of one schema, by the keys of the catalogue: a web process asks for each tenant twice a minute, and the
# catalogue of many tenants is long. Functions of ours that are expected take no arguments.
_GAPS = """
WITH here AS (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
(SELECT unnest(%(relations)s::name[])::text EXCEPT SELECT relname FROM pg_class
 WHERE relname = ANY(%(relations)s::name[]) AND relnamespace = (SELECT oid FROM here)
   AND relkind IN ('r', 'p', 'v', 'm'))
UNION ALL
(SELECT unnest(%(functions)s::name[]) || '()' EXCEPT SELECT proname || '()' FROM pg_proc
 WHERE proname = ANY(%(functions)s::name[]) AND proargtypes = '' AND pronamespace = (SELECT oid FROM here))
"""


def tenant_app_labels() -> set[str]:
    """Return the labels of the apps whose tables stand in a tenant's schema."""
    router = TenantSyncRouter()
    return {one.label for one in apps.get_app_configs() if router.app_in_list(one.label, settings.TENANT_APPS)}


def missing_in(schema: str) -> list[str]:
    """Return the tables, views and functions (with brackets behind them) that a tenant's schema lacks, by name."""
    functions = [name.removesuffix("()") for name in expected() if name.endswith("()")]
    relations = [name for name in expected() if not name.endswith("()")]
    with connection.cursor() as cursor:
        cursor.execute(_GAPS, {"schema": schema, "relations": relations, "functions": functions})
        return sorted(name for (name,) in cursor.fetchall())


def incomplete(schemas: Collection[str]) -> dict[str, list[str]]:
    """Return {schema: what it lacks} of those of these schemas that lack something, by one query."""
    wanted, found = expected(), _found(schemas)
    gaps = {schema: sorted(wanted - found.get(schema, set())) for schema in schemas}
    return {schema: names for schema, names in gaps.items() if names}


@cache
def expected() -> frozenset[str]:
    """Return what every tenant's schema holds with this code."""
    labels = tenant_app_labels()
    models = {
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in labels and not model._meta.proxy
    }
    names = {model._meta.db_table for model in models if model._meta.managed}
    names |= {f"{trigger.get_pgid(model)}()" for model, trigger in pgtrigger.registered() if model in models}
    for label in labels:
        names |= set(getattr(apps.get_app_config(label), "also_in_schema", ()))
    return frozenset(names | OF_LIBRARIES)


def _found(schemas: Collection[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, {"schemas": list(schemas)})
        for schema, name in cursor.fetchall():
            found.setdefault(schema, set()).add(name)
    return found
