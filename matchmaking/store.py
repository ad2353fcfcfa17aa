"""Bulk reading and writing of packed rows: COPY both ways, and nothing written that did not change."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import psycopg
from django.db import connection, transaction

from matchmaking.packing import LAYOUT_VERSION, WIDTH

TABLES = {"podcasts": ("match_packed_podcasts", "podcast_id"), "sponsors": ("match_packed_sponsors", "sponsor_id")}
# What a binary COPY begins and ends with.
COPY_HEADER, COPY_TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_ROW = np.dtype([("id", "V16"), ("features", "<f4", (WIDTH,))])
# Rows that travel together.
TOGETHER = 2000


@dataclass(frozen=True)
class Packs:
    """Packed rows in the order of their ids. rows: (n, WIDTH) float32; raw: (n,) 16 bytes each."""

    ids: list[UUID]
    raw: np.ndarray
    rows: np.ndarray


def read_packs(kind: str, *, ids: Collection[UUID] | None = None) -> Packs:
    """Return the packed rows of shows ("podcasts") or "sponsors", all or some, in the order of their ids."""
    raw, rows = read_rows(kind, ids=ids)
    return Packs([UUID(bytes=one.tobytes()) for one in raw], raw, rows)


def read_rows(kind: str, *, ids: Collection[UUID] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return raw ids and packed rows, all or some, in the order of their ids."""
    table, key = TABLES[kind]
    where = "" if ids is None else f" AND {key} = ANY(%s)"
    found = copied(
        f"SELECT uuid_send({key}) || features FROM {table}"  # noqa: S608
        f" WHERE layout = {LAYOUT_VERSION}{where} ORDER BY {key}",
        _ROW,
        [] if ids is None else [list(ids)],
    )
    return np.ascontiguousarray(found["id"]), found["features"]


def read_ids(kind: str) -> np.ndarray:
    """Return the raw ids of all packed rows of a side, in order."""
    table, key = TABLES[kind]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT string_agg(uuid_send({key}), ''::bytea ORDER BY {key}) FROM {table} WHERE layout = %s",  # noqa: S608
            [LAYOUT_VERSION],
        )
        return np.frombuffer(bytes(cursor.fetchone()[0] or b""), "V16")


def raw_of(ids: Collection[UUID]) -> np.ndarray:
    return np.frombuffer(b"".join(pk.bytes for pk in ids), "V16")


def write_packs(kind: str, rows: dict[UUID, np.ndarray], *, wanted: Collection[UUID] | None) -> set[UUID]:
    """Store packed rows and return the ids of those that differ from before, are new, or are gone.

    wanted: the ids that were asked for; one without a row is removed. None: all, so whatever has no row is removed.
    """
    table, key = TABLES[kind]
    before = read_packs(kind, ids=wanted)
    known = dict(zip(before.ids, before.rows, strict=True))
    differ = {pk for pk, row in rows.items() if pk not in known or known[pk].tobytes() != row.tobytes()}
    gone = [pk for pk in known if pk not in rows]
    with transaction.atomic(), connection.cursor() as cursor:
        if differ:
            cursor.execute(f"CREATE TEMP TABLE new_packs (LIKE {table}) ON COMMIT DROP")
            with cursor.cursor.copy("COPY new_packs FROM STDIN (FORMAT binary)") as copy:
                copy.set_types(["uuid", "int2", "bytea"])
                for pk in sorted(differ):
                    copy.write_row((pk, LAYOUT_VERSION, rows[pk].astype("<f4").tobytes()))
            cursor.execute(
                f"INSERT INTO {table} ({key}, layout, features) SELECT {key}, layout, features FROM new_packs"  # noqa: S608
                f" ON CONFLICT ({key}) DO UPDATE SET layout = excluded.layout, features = excluded.features"
            )
            cursor.execute("DROP TABLE new_packs")
        if gone:
            cursor.execute(f"DELETE FROM {table} WHERE {key} = ANY(%s)", [gone])  # noqa: S608
    return differ | set(gone)


def delete_pairs(pairs: Sequence[tuple[UUID, UUID]]) -> None:
    if not pairs:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM match_packed_pairs p USING unnest(%s::uuid[], %s::uuid[]) AS gone (sponsor_id, podcast_id)"
            " WHERE p.sponsor_id = gone.sponsor_id AND p.podcast_id = gone.podcast_id",
            [[sponsor for sponsor, _podcast in pairs], [podcast for _sponsor, podcast in pairs]],
        )


class Places:
    """Where an id stands among the sorted ids of one side: raw 16-byte ids to indices, −1 for a stranger."""

    def __init__(self, raw: np.ndarray) -> None:
        self._keys = _halves(raw)
        self._order = np.argsort(self._keys, order=("low", "high"))
        self._sorted = self._keys[self._order]

    def of(self, raw: np.ndarray) -> np.ndarray:
        if not len(self._sorted):
            return np.full(len(raw), -1)
        keys = _halves(raw)
        # By the random half alone, which is as good as unique; then told apart where it is not.
        found = np.searchsorted(self._sorted["low"], keys["low"])
        found = np.minimum(found, len(self._sorted) - 1)
        for _again in range(8):
            wrong = (self._sorted["low"][found] == keys["low"]) & (self._sorted["high"][found] != keys["high"])
            wrong &= found < len(self._sorted) - 1
            if not wrong.any():
                break
            found = found + wrong
        same = self._sorted[found] == keys
        return np.where(same, self._order[found], -1)


def _halves(raw: np.ndarray) -> np.ndarray:
    parts = np.ascontiguousarray(raw).view(">u8").reshape(-1, 2)
    keys = np.empty(len(parts), dtype=[("low", "u8"), ("high", "u8")])
    keys["high"], keys["low"] = parts[:, 0], parts[:, 1]
    return keys


@dataclass(frozen=True)
class Facts:
    """match_packed_pairs as columns: raw ids, whether refused, outcome (NaN: none) and volume."""

    sponsors: np.ndarray
    podcasts: np.ndarray
    refused: np.ndarray
    outcome: np.ndarray
    volume: np.ndarray


def read_facts() -> Facts:
    row = np.dtype([("s", "V16"), ("p", "V16"), ("r", "u1"), ("o", ">f8"), ("v", ">f8")])
    found = gathered(
        "SELECT uuid_send(sponsor_id) || uuid_send(podcast_id) || boolsend(refusal <> '')"
        " || float8send(coalesce(outcome, 'NaN')) || float8send(volume) AS line FROM match_packed_pairs"
        " ORDER BY sponsor_id, podcast_id",
        row,
    )
    return Facts(found["s"], found["p"], found["r"].astype(bool), found["o"].astype("f4"), found["v"].astype("f4"))


def copied(lines: str, row: np.dtype, parameters: Iterable[object] = ()) -> np.ndarray:
    """Return a query's answer as an array of records: a message for each, which suits those of kilobytes.

    lines: a query in order, of one column: bytes of one width.
    """
    message = np.dtype([("columns", ">i2"), ("length", ">i4"), ("line", row)])
    # It grows in place: collected first and joined then, the lines would take twice the memory, and memory takes time.
    data = bytearray()
    with connection.cursor() as cursor:
        statement = f"COPY ({lines}) TO STDOUT (FORMAT binary)"
        with cursor.cursor.copy(statement, list(parameters) or None) as copy:
            for piece in copy:
                data += piece
    count = (len(data) - len(COPY_HEADER) - len(COPY_TRAILER)) // message.itemsize
    return np.frombuffer(data, message, count, offset=len(COPY_HEADER))["line"]


def gathered(lines: str, row: np.dtype, parameters: Iterable[object] = ()) -> np.ndarray:
    """Return a query's answer as an array of records, some thousand of them travelling as one value.

    lines: a query in order, of one column "line": some bytes of one width, numbers as PostgreSQL sends them. A message
    for each would cost more than what is in it.
    """
    statement = (
        "SELECT string_agg(line, ''::bytea ORDER BY n) FROM"  # noqa: S608
        f" (SELECT line, row_number() OVER () AS n FROM ({lines}) AS found) AS numbered"
        f" GROUP BY n / {TOGETHER} ORDER BY n / {TOGETHER}"
    )
    # Django's cursor finds the tenant's schema; a plain one beside it can read bytes as they are.
    with connection.cursor(), psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, list(parameters) or None, binary=True)
        return np.frombuffer(b"".join(value for (value,) in cursor), row)
