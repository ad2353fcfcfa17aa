"""Taking a batch of facts back: what it added goes, what it replaced comes back, what came later stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection

from metrics.facts import MEASURES

KEY = ("day", "episode_code", "source_code", "breakdown_code")
KEPT_SHOWN = 100


@dataclass(frozen=True)
class Undone:
    """Rows taken out, rows set back to what stood there before, and rows kept because a later batch changed them.

    `kept_first` lists up to a hundred of the kept: (day, episode_code, source_code).
    """

    removed: int
    restored: int
    kept: int
    kept_first: list[tuple]


def take_back(*, batch_code: int, by_batch: int, first_day: date | None, last_day: date | None) -> Undone:
    """Undo one batch, under `lock_facts`. `by_batch` is the batch of the undoing itself.

    Afterwards the tables are as if the batch had never been, so that undoing a later one goes back past it too. The
    steps taken back stay in listener_metrics_replaced as history.
    """
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"batch": batch_code, "undo": by_batch, "first": first_day, "last": last_day}
        cursor.execute(_KEPT, {**values, "most": KEPT_SHOWN})
        found = cursor.fetchall()
        kept, kept_first = (found[0][0] if found else 0), [row[1:] for row in found]
        cursor.execute(_REMEMBER, values)
        cursor.execute(_BRIDGE, values)
        cursor.execute(_RESTORE, values)
        restored = cursor.rowcount
        cursor.execute(_REMOVE, values)
        removed = cursor.rowcount
        cursor.execute(_CLOSE, values)
    return Undone(removed=removed, restored=restored, kept=kept, kept_first=kept_first)


_COLUMNS = ", ".join((*KEY, *MEASURES))
_R_KEY = " AND ".join(f"r.{name} = f.{name}" for name in KEY)
_L_KEY = " AND ".join(f"l.{name} = e.{name}" for name in KEY)

# Rows that the batch wrote and a later one has changed since.
_KEPT = """
SELECT count(*) OVER (), day, episode_code, source_code FROM listener_metrics_replaced
WHERE batch_code = %(batch)s AND closed_by IS NULL ORDER BY day, episode_code, source_code LIMIT %(most)s
"""

# What the batch said is remembered as history before it goes.
_REMEMBER = f"""
INSERT INTO listener_metrics_replaced ({_COLUMNS}, batch_code, replaced_by, closed_by)
SELECT {_COLUMNS}, batch_code, %(undo)s, %(undo)s FROM listener_metrics
WHERE batch_code = %(batch)s AND day BETWEEN %(first)s AND %(last)s
"""  # noqa: S608

# Where a later batch replaced what this one said, the later step now leads past this one: to what this one replaced.
# Where this one had added the row, nothing stood there, and undoing the later one will take the row out.
_BRIDGE = f"""
INSERT INTO listener_metrics_replaced ({_COLUMNS}, batch_code, replaced_by)
SELECT {", ".join(f"e.{name}" for name in (*KEY, *MEASURES))}, e.batch_code, l.replaced_by
FROM listener_metrics_replaced l JOIN listener_metrics_replaced e ON {_L_KEY} AND e.replaced_by = %(batch)s
WHERE l.batch_code = %(batch)s AND l.closed_by IS NULL AND e.closed_by IS NULL
"""  # noqa: S608

_RESTORE = f"""
UPDATE listener_metrics f SET batch_code = r.batch_code, {", ".join(f"{name} = r.{name}" for name in MEASURES)}
FROM listener_metrics_replaced r
WHERE {_R_KEY} AND r.replaced_by = %(batch)s AND r.closed_by IS NULL
  AND f.batch_code = %(batch)s AND f.day BETWEEN %(first)s AND %(last)s
"""  # noqa: S608

# What still names the batch was added by it.
_REMOVE = "DELETE FROM listener_metrics WHERE batch_code = %(batch)s AND day BETWEEN %(first)s AND %(last)s"

_CLOSE = """
UPDATE listener_metrics_replaced SET closed_by = %(undo)s
WHERE closed_by IS NULL AND (replaced_by = %(batch)s OR batch_code = %(batch)s)
"""


def drop_derived(*, days: Sequence[tuple[date, int, int]], by_batch: int) -> int:
    """Take out figures (day, episode_code, source_code) that are differences of snapshots; others stay.

    What they said stays in listener_metrics_replaced as history. Under `lock_facts`. Returns how many went.
    """
    with connection.cursor() as cursor:
        columns = [list(column) for column in zip(*days, strict=True)] or [[], [], []]
        cursor.execute(_DROP_DERIVED, [*columns, by_batch, by_batch])
        return cursor.rowcount


_DROP_DERIVED = f"""
WITH gone AS (
  DELETE FROM listener_metrics f
  USING unnest(%s::date[], %s::int[], %s::int[]) AS w (day, episode_code, source_code), metric_batches b
  WHERE f.day = w.day AND f.episode_code = w.episode_code AND f.source_code = w.source_code AND f.breakdown_code = 0
    AND b.code = f.batch_code AND b.is_derived
  RETURNING {", ".join(f"f.{name}" for name in (*KEY, *MEASURES))}, f.batch_code
)
INSERT INTO listener_metrics_replaced ({_COLUMNS}, batch_code, replaced_by, closed_by)
SELECT {_COLUMNS}, batch_code, %s, %s FROM gone
"""  # noqa: S608
