"""How facts get into the tables: straight in when none of their days has figures yet, staged and compared otherwise."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from django.db import connection

from metrics.facts import COPY_COLUMNS, COPY_HEADER, COPY_TRAILER, MEASURES, FactSpool, copy_rows

T = TypeVar("T")
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Difference:
    """What facts do to the tables: rows that were not there, rows whose numbers differ, rows that change nothing."""

    new: int
    changed: int
    unchanged: int


@dataclass(frozen=True)
class Jump:
    """A download figure that would change: of which episode and day, from what (None: not known) to what."""

    day: date
    episode_code: int
    source_code: int
    before: int | None
    after: int


@dataclass(frozen=True)
class Preview:
    """A difference in figures: what it counts, the downloads of its keys before and after, and the largest jumps."""

    difference: Difference
    downloads_before: int | None
    downloads_after: int | None
    jumps: list[Jump]


def lock_facts() -> None:
    """Let one writer of facts in at a time in this tenant, until the transaction ends (RELIABILITY G40)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ':facts', 0))")


def days_are_free(spool: FactSpool) -> bool:
    """Return whether no source of the spool has any fact on any day between the spool's first and last."""
    days = spool.day_range()
    if days is None:
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT FROM listener_metrics WHERE day BETWEEN %s AND %s AND source_code = ANY(%s))",
            [*days, sorted(spool.sources)],
        )
        return cursor.fetchone()[0]


def copy_straight(spool: FactSpool, *, batch_code: int, progress: Progress) -> int:
    """COPY the spool into the facts and return the rows. Only when `days_are_free`, under `lock_facts`."""
    return _copy(spool, "listener_metrics", batch_code, progress)


def stage(spool: FactSpool, *, batch_code: int, progress: Progress) -> int:
    """COPY the spool into the temporary table `staged_facts` of this transaction and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.staged_facts")
        cursor.execute("CREATE TEMP TABLE staged_facts (LIKE listener_metrics) ON COMMIT DROP")
    rows = _copy(spool, "pg_temp.staged_facts", batch_code, progress)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE staged_facts")
    return rows


def compare_staged() -> Difference:
    """Return what `merge_staged` would do, without doing it."""
    with connection.cursor() as cursor:
        cursor.execute(_COMPARE)
        rows, new, changed = cursor.fetchone()
    return Difference(new=new, changed=changed, unchanged=rows - new - changed)


def preview_staged(*, most_jumps: int = 10) -> Preview:
    """Return what `merge_staged` would do to the totals, without doing it."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMS)
        before, after = cursor.fetchone()
        cursor.execute(_JUMPS, [most_jumps])
        jumps = [Jump(*row) for row in cursor.fetchall()]
    whole = [None if value is None else int(value) for value in (before, after)]
    return Preview(compare_staged(), whole[0], whole[1], jumps)


def merge_staged() -> Difference:
    """Bring the staged facts in: add the new, replace the changed and keep what they replace, leave the rest alone.

    A blank measure never takes away a number. Rows that change nothing are not touched, not even locked.
    """
    before = compare_staged()
    with connection.cursor() as cursor:
        if before.changed:
            cursor.execute(_KEEP_REPLACED)
        if before.new or before.changed:
            cursor.execute(_MERGE)
    return before


_KEY = "(day, episode_code, source_code, breakdown_code)"
_SAME_KEY = (
    "f.day = s.day AND f.episode_code = s.episode_code AND f.source_code = s.source_code "
    "AND f.breakdown_code = s.breakdown_code"
)
_NOW = ", ".join(f"f.{name}" for name in MEASURES)
_THEN = ", ".join(f"coalesce(s.{name}, f.{name})" for name in MEASURES)
_DIFFERS = f"({_THEN}) IS DISTINCT FROM ({_NOW})"

_COMPARE = f"""
SELECT count(*), count(*) FILTER (WHERE f.day IS NULL), count(*) FILTER (WHERE f.day IS NOT NULL AND {_DIFFERS})
FROM staged_facts s LEFT JOIN listener_metrics f ON {_SAME_KEY}
"""  # noqa: S608

_SUMS = f"""
SELECT sum(f.downloads), sum(coalesce(s.downloads, f.downloads))
FROM staged_facts s LEFT JOIN listener_metrics f ON {_SAME_KEY} WHERE s.breakdown_code = 0
"""  # noqa: S608

_JUMPS = f"""
SELECT s.day, s.episode_code, s.source_code, f.downloads, s.downloads
FROM staged_facts s LEFT JOIN listener_metrics f ON {_SAME_KEY}
WHERE s.breakdown_code = 0 AND s.downloads IS DISTINCT FROM f.downloads AND s.downloads IS NOT NULL
ORDER BY abs(s.downloads - coalesce(f.downloads, 0)) DESC, s.day, s.episode_code, s.source_code LIMIT %s
"""  # noqa: S608

_KEEP_REPLACED = f"""
INSERT INTO listener_metrics_replaced
  (day, episode_code, source_code, breakdown_code, {", ".join(MEASURES)}, batch_code, replaced_by)
SELECT f.day, f.episode_code, f.source_code, f.breakdown_code, {_NOW}, f.batch_code, s.batch_code
FROM staged_facts s JOIN listener_metrics f ON {_SAME_KEY} WHERE {_DIFFERS}
"""  # noqa: S608

_MERGE = f"""
INSERT INTO listener_metrics AS f
  ({", ".join(MEASURES)}, batch_code, day, episode_code, breakdown_code, source_code)
SELECT {_THEN}, s.batch_code, s.day, s.episode_code, s.breakdown_code, s.source_code
FROM staged_facts s LEFT JOIN listener_metrics f ON {_SAME_KEY}
WHERE f.day IS NULL OR {_DIFFERS}
ORDER BY s.day, s.episode_code, s.source_code, s.breakdown_code
ON CONFLICT {_KEY} DO UPDATE SET batch_code = excluded.batch_code,
  {", ".join(f"{name} = excluded.{name}" for name in MEASURES)}
"""  # noqa: S608


def _copy(spool: FactSpool, table: str, batch_code: int, progress: Progress) -> int:
    rows = 0
    statement = f"COPY {table} ({', '.join(COPY_COLUMNS)}) FROM STDIN (FORMAT binary)"
    # The wrapper of Django's debug cursor has no copy(), so the driver's own cursor is taken.
    connection.ensure_connection()
    with connection.connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(COPY_HEADER)
        for count, encoded in _ahead(_encoded(spool, batch_code)):
            copy.write(encoded)
            rows += count
            progress(rows)
        copy.write(COPY_TRAILER)
    return rows


def _encoded(spool: FactSpool, batch_code: int) -> Iterator[tuple[int, bytes]]:
    for facts in spool.merged():
        yield len(facts), copy_rows(facts, batch_code=batch_code)


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield the items, preparing the next one while the database takes the present one. The helper has no query."""
    with ThreadPoolExecutor(max_workers=1) as helper:
        coming = helper.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = helper.submit(next, items, None)
            yield item
