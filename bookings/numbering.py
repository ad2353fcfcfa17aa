"""The next order number: without gaps per tenant and year, whoever asks at once."""

import re
from datetime import datetime

from django.db import connection

from bookings.models import OrderNumber
from tracker.tenants.context import current_tenant, tenant_zone

SHORTEST = 4


def next_number(*, prefix: str, at: datetime) -> str:
    """Take and return the next order number, such as NLA-2026-0147; the year is that of the house's own clock.

    The counter's row stays locked to the end of the transaction: a number is used if and only if that commits.
    """
    year = at.astimezone(tenant_zone()).year
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {OrderNumber._meta.db_table} AS counter (year, last) VALUES (%s, 1) "  # noqa: S608
            "ON CONFLICT (year) DO UPDATE SET last = counter.last + 1 RETURNING last",
            [year],
        )
        (last,) = cursor.fetchone()
    return f"{prefix or default_prefix()}-{year}-{last:0{SHORTEST}d}"


def default_prefix() -> str:
    """Return a prefix made of the house's slug, for a house that chose none."""
    return re.sub(r"[^A-Z0-9]", "", current_tenant().slug.upper())[:8]
