"""Bulk reading and writing of packed rows and matches: COPY both ways, and nothing written that did not change."""

import os
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from django.db import connection, transaction

from matchmaking.packing import LAYOUT_VERSION, WIDTH

TABLES = {"podcasts": ("match_packed_podcasts", "podcast_id"), "sponsors": ("match_packed_sponsors", "sponsor_id")}
_HEADER, _TRAILER = 19, 2
_ROW = np.dtype([("fields", ">i2"), ("l1", ">i4"), ("id", "V16"), ("l2", ">i4"), ("features", "<f4", (WIDTH,))])
_FLAGS_ADVERTISER, _FLAGS_PODCAST, _FLAGS_ASKED = 1, 2, 4


@dataclass(frozen=True)
class Packs:
    """Packed rows in the order of their ids. rows: (n, WIDTH) float32; raw: (n,) 16 bytes each."""

    ids: list[UUID]
    raw: np.ndarray
    rows: np.ndarray


def read_packs(kind: str, *, ids: Collection[UUID] | None = None) -> Packs:
    """Return the packed rows of shows ("podcasts") or "sponsors", all or some, in the order of their ids."""
    table, key = TABLES[kind]
    where = "" if ids is None else f" AND {key} = ANY(%s)"
    statement = (
        f"COPY (SELECT {key}, features FROM {table} WHERE layout = {LAYOUT_VERSION}{where} ORDER BY {key})"  # noqa: S608
        " TO STDOUT (FORMAT binary)"
    )
    with connection.cursor() as cursor, cursor.cursor.copy(statement, None if ids is None else [list(ids)]) as copy:
        data = b"".join(copy)
    table_rows = np.frombuffer(data, _ROW, count=(len(data) - _HEADER - _TRAILER) // _ROW.itemsize, offset=_HEADER)
    raw = np.ascontiguousarray(table_rows["id"])
    return Packs([UUID(bytes=one.tobytes()) for one in raw], raw, np.ascontiguousarray(table_rows["features"]))


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
    row = np.dtype(
        [("n", ">i2"), ("l1", ">i4"), ("s", "V16"), ("l2", ">i4"), ("p", "V16"), ("l3", ">i4"), ("r", "u1")]
        + [("l4", ">i4"), ("o", ">f8"), ("l5", ">i4"), ("v", ">f8")]
    )
    found = _copied(
        "SELECT sponsor_id, podcast_id, refusal <> '', coalesce(outcome, 'NaN'), volume FROM match_packed_pairs"
        " ORDER BY sponsor_id, podcast_id",
        row,
    )
    return Facts(found["s"], found["p"], found["r"].astype(bool), found["o"].astype("f4"), found["v"].astype("f4"))


@dataclass(frozen=True)
class Stored:
    """Stored matches as columns: raw ids, digest and flags (1: advertiser's list, 2: show's list, 4: asked for)."""

    sponsors: np.ndarray
    podcasts: np.ndarray
    digests: np.ndarray
    flags: np.ndarray
    scores: np.ndarray


def read_matches(
    *,
    sponsors: Collection[UUID] | None = None,
    podcasts: Collection[UUID] | None = None,
    lists: str | None = None,
) -> Stored:
    """Return the stored matches of some sponsors or some shows (either side), or all.

    lists: only those on lists: "advertisers", "podcasts" or "both".
    """
    row = np.dtype(
        [("n", ">i2"), ("l1", ">i4"), ("s", "V16"), ("l2", ">i4"), ("p", "V16")]
        + [("l3", ">i4"), ("d", ">i8"), ("l4", ">i4"), ("f", ">i2"), ("l5", ">i4"), ("q", ">i4")]
    )
    parameters: list[object] = []
    where = ""
    if sponsors is not None or podcasts is not None:
        where = " WHERE advertiser_id = ANY(%s) OR podcast_id = ANY(%s)"
        parameters = [list(sponsors or ()), list(podcasts or ())]
    if lists is not None:
        where = {
            "advertisers": " WHERE in_advertiser_top",
            "podcasts": " WHERE in_podcast_top",
            "both": " WHERE in_advertiser_top OR in_podcast_top",
        }[lists]
    flags = "(in_advertiser_top::int + 2 * in_podcast_top::int + 4 * is_asked::int)::int2"
    found = _copied(
        f"SELECT advertiser_id, podcast_id, digest, {flags}, (score * 100)::int4 FROM matches{where}",  # noqa: S608
        row,
        parameters,
    )
    return Stored(found["s"], found["p"], found["d"].astype("i8"), found["f"].astype("i2"), found["q"].astype("i4"))


@dataclass(frozen=True)
class Row:
    """Columns of matches to write, all of one length. signals: JSON texts; scores in hundredths, confidence in ‰."""

    sponsors: list[UUID]
    podcasts: list[UUID]
    scores: np.ndarray
    confidence: np.ndarray
    rationale: list[str]
    signals: list[str]
    flags: np.ndarray
    digests: np.ndarray


def write_matches(rows: Row, *, into_empty: bool, weights_version: int, at: datetime) -> int:
    """Write matches, new ones and such whose digest differs. Returns how many rows were written.

    into_empty: the table holds none of the pairs, so COPY goes straight into it.
    """
    count = len(rows.sponsors)
    if not count:
        return 0
    columns = (
        "match_id, advertiser_id, podcast_id, score, confidence, rationale, signals, weights_version,"
        " in_advertiser_top, in_podcast_top, is_asked, digest, updated_at"
    )
    with transaction.atomic(), connection.cursor() as cursor:
        target = "matches"
        if not into_empty:
            target = "new_matches"
            cursor.execute("CREATE TEMP TABLE new_matches (LIKE matches INCLUDING DEFAULTS) ON COMMIT DROP")
        with cursor.cursor.copy(f"COPY {target} ({columns}) FROM STDIN") as copy:
            for chunk in _lines(rows, weights_version, at):
                copy.write(chunk)
        if into_empty:
            return count
        cursor.execute(
            f"INSERT INTO matches ({columns}) SELECT {columns} FROM new_matches"  # noqa: S608
            " ON CONFLICT (advertiser_id, podcast_id) DO UPDATE SET score = excluded.score,"
            " confidence = excluded.confidence, rationale = excluded.rationale, signals = excluded.signals,"
            " weights_version = excluded.weights_version, in_advertiser_top = excluded.in_advertiser_top,"
            " in_podcast_top = excluded.in_podcast_top, is_asked = matches.is_asked OR excluded.is_asked,"
            " digest = excluded.digest, updated_at = excluded.updated_at"
            " WHERE matches.digest <> excluded.digest"
        )
        written = cursor.rowcount
        cursor.execute("DROP TABLE new_matches")
        return written


def delete_matches(stored: Stored, gone: np.ndarray) -> int:
    """Delete stored matches, chosen by a mask. Returns how many."""
    if not gone.any():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM matches m USING unnest(%s::uuid[], %s::uuid[]) AS gone (advertiser_id, podcast_id)"
            " WHERE m.advertiser_id = gone.advertiser_id AND m.podcast_id = gone.podcast_id",
            [
                [UUID(bytes=one.tobytes()) for one in stored.sponsors[gone]],
                [UUID(bytes=one.tobytes()) for one in stored.podcasts[gone]],
            ],
        )
        return cursor.rowcount


def _lines(rows: Row, weights_version: int, at: datetime, size: int = 4096) -> Iterator[str]:
    """Yield rows as COPY text, some thousand lines at a time, so that the server reads while we write."""
    tail = f"\t{weights_version}\t"
    stamp = at.isoformat()
    flags = [
        f"{'t' if bits & 1 else 'f'}\t{'t' if bits & 2 else 'f'}\t{'t' if bits & 4 else 'f'}\t" for bits in range(8)
    ]
    keys = _new_keys(len(rows.sponsors))
    sponsor_text = {pk: pk.hex for pk in set(rows.sponsors)}
    podcast_text = {pk: pk.hex for pk in set(rows.podcasts)}
    scores = [f"{score // 100}.{score % 100:02d}" for score in range(10_001)]
    shares = [f"{share / 1000:.3f}" for share in range(1001)]
    columns = zip(
        keys,
        rows.sponsors,
        rows.podcasts,
        rows.scores.tolist(),
        rows.confidence.tolist(),
        rows.rationale,
        rows.signals,
        rows.flags.tolist(),
        rows.digests.tolist(),
        strict=True,
    )
    lines = []
    for key, sponsor, podcast, score, confidence, rationale, signals, bits, digest in columns:
        lines.append(
            f"{key}\t{sponsor_text[sponsor]}\t{podcast_text[podcast]}\t{scores[score]}\t{shares[confidence]}\t"
            f"{rationale}\t{signals}{tail}{flags[bits]}{digest}\t{stamp}\n"
        )
        if len(lines) == size:
            yield "".join(lines)
            lines = []
    if lines:
        yield "".join(lines)


def copy_text(text: str) -> str:
    """Return text as it stands in a COPY line."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _new_keys(count: int) -> list[str]:
    """Return fresh UUIDs of version 7 as text: one millisecond and as many random tails (RFC 9562)."""
    millis = time.time_ns() // 1_000_000
    noise = np.frombuffer(os.urandom(16 * count), np.uint8).reshape(count, 16).copy()
    noise[:, :6] = np.frombuffer(millis.to_bytes(6), np.uint8)
    # The next two bytes rise, so that rows of one batch stand side by side in the index.
    rise = np.arange(count, dtype=np.uint64) * 0x0FFF // max(count, 1)
    noise[:, 6] = 0x70 | (rise >> 8).astype(np.uint8)
    noise[:, 7] = (rise & 0xFF).astype(np.uint8)
    noise[:, 8] = (noise[:, 8] & 0x3F) | 0x80
    text = noise.tobytes().hex()
    return [text[start : start + 32] for start in range(0, 32 * count, 32)]


def _copied(statement: str, row: np.dtype, parameters: Iterable[object] = ()) -> np.ndarray:
    """Return a query's answer, whose columns all have fixed widths, as an array of records."""
    with connection.cursor() as cursor:
        found = list(parameters) or None
        with cursor.cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT binary)", found) as copy:
            data = b"".join(copy)
    return np.frombuffer(data, row, count=(len(data) - _HEADER - _TRAILER) // row.itemsize, offset=_HEADER)
