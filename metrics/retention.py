"""How long daily detail is kept: what a house's policy calls old is added up to months, and its days are dropped.

Detail is figures by app, country and the like. Totals of a day stay for good: pages, pacing and billing read them.
A month is closed once. Detail of a closed month that comes later, from the same file again or another, is dropped, so
that nothing is counted twice. A rate is no sum and is not kept; listeners are never added over days.
"""

from dataclasses import dataclass
from datetime import date

from django.db import connection, transaction

from metrics.recording import lock_facts


@dataclass(frozen=True)
class Closed:
    """What was closed: detail of days before `border`; months written, days dropped, earlier versions dropped."""

    border: date | None
    months: int = 0
    days: int = 0
    replaced: int = 0


def border_of(*, today: date, kept_months: int) -> date:
    """Return the first day of which detail is kept: the first of a month, `kept_months` whole months before today's."""
    months = today.year * 12 + today.month - 1 - kept_months
    return date(months // 12, months % 12 + 1, 1)


@transaction.atomic
def close_months(*, border: date) -> Closed:
    """Add daily detail before `border` up to months and drop it, with what it had replaced. Repeatable."""
    lock_facts()
    with connection.cursor() as cursor:
        cursor.execute(_ADD_UP, [border])
        months = cursor.rowcount
        cursor.execute("DELETE FROM listener_metrics_breakdowns WHERE day < %s", [border])
        days = cursor.rowcount
        cursor.execute("DELETE FROM listener_metrics_replaced WHERE breakdown_code <> 0 AND day < %s", [border])
        return Closed(border=border, months=months, days=days, replaced=cursor.rowcount)


# A month that was closed stays as it was closed, whoever tells of it later.
_ADD_UP = """
INSERT INTO metrics_monthly_detail
  (month, episode_code, source_code, breakdown_code, downloads, conversions, revenue_cents, days)
SELECT date_trunc('month', f.day)::date, f.episode_code, f.source_code, f.breakdown_code,
  sum(f.downloads), sum(f.conversions), sum(f.revenue_cents), count(*)
FROM listener_metrics_breakdowns f WHERE f.day < %s
GROUP BY 1, 2, 3, 4
ON CONFLICT (month, episode_code, source_code, breakdown_code) DO NOTHING
"""
