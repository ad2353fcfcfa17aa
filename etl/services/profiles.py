"""Teaching the house what a column means."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from etl.models import ImportProfile
from etl.profiles import normal_names
from etl.profiles.mapped import checked_mapping
from etl.profiles.orders import checked_order_mapping
from etl.profiles.redemptions import checked_sales_mapping
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import DomainError

# What each kind of file but that of figures must have a column for.
_CHECKED = {"bookings": checked_order_mapping, "sales": checked_sales_mapping}


@transaction.atomic
def save_profile(
    *,
    header: list[str],
    columns: Mapping[str, str],
    source: str,
    by: HasActor | Actor,
    at: datetime,
    title: str = "",
    dimension: str = "",
    kind: str = "metrics",
) -> ImportProfile:
    """Remember what the columns of a header mean; the same header again is learned anew.

    columns maps a field to a name of the header. kind: metrics, bookings (lines of orders), sales (by code).

    Raises DomainError: mapping_incomplete, source_missing.
    """
    names = [name for name in normal_names(header) if name]
    source = source.strip()[:40]
    if kind != "metrics":
        source = source or {"bookings": "orders", "sales": "sales"}[kind]
    if not source:
        raise DomainError("source_missing", "Say who counted, for example the name of the host.", field="source")
    try:
        given = {field: name for field, name in columns.items() if name in names}
        chosen = checked_mapping(given, dimension=dimension) if kind == "metrics" else _CHECKED[kind](given)
    except ValueError as missing:
        raise DomainError("mapping_incomplete", str(missing)) from None
    profile, _ = ImportProfile.objects.update_or_create(
        header=names,
        defaults={
            "title": title.strip()[:120] or source,
            "source": source,
            "columns": chosen,
            "dimension": dimension if kind == "metrics" else "",
            "kind": kind,
            "created_by": actor_of(by).as_json(),
        },
    )
    return profile
