"""Teaching the house what a column means."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from etl.models import ImportProfile
from etl.profiles import normal_names
from etl.profiles.mapped import checked_mapping
from etl.profiles.orders import checked_order_mapping
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import DomainError


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

    columns maps a field to a name of the header. Raises DomainError: mapping_incomplete, source_missing.
    """
    names = [name for name in normal_names(header) if name]
    source = source.strip()[:40]
    if kind == "bookings":
        source = source or "orders"
    if not source:
        raise DomainError("source_missing", "Say who counted, for example the name of the host.", field="source")
    try:
        given = {field: name for field, name in columns.items() if name in names}
        is_orders = kind == "bookings"
        chosen = checked_order_mapping(given) if is_orders else checked_mapping(given, dimension=dimension)
    except ValueError as missing:
        raise DomainError("mapping_incomplete", str(missing)) from None
    profile, _ = ImportProfile.objects.update_or_create(
        header=names,
        defaults={
            "title": title.strip()[:120] or source,
            "source": source,
            "columns": chosen,
            "dimension": "" if is_orders else dimension,
            "kind": "bookings" if is_orders else "metrics",
            "created_by": actor_of(by).as_json(),
        },
    )
    return profile
