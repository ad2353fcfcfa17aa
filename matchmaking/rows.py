"""Rows of `matches` in bulk: binary COPY both ways, and nothing written that did not change."""

import os
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from uuid import UUID

import numpy as np
from django.db import connection, transaction

from matchmaking import store
from matchmaking.profiles import SIGNALS

ON_ADVERTISER, ON_PODCAST, ASKED = 1, 2, 4
# Rows in a piece: some hundred kilobytes, which libpq takes whole.
TOGETHER = 256


@dataclass(frozen=True)
class Stored:
    """Stored matches as columns: raw ids, digest and flags (1: advertiser's list, 2: show's list, 4: asked for)."""

    sponsors: np.ndarray
    podcasts: np.ndarray
    digests: np.ndarray
    flags: np.ndarray
    scores: np.ndarray


_STORED = np.dtype([("s", "V16"), ("p", "V16"), ("d", ">i8"), ("f", ">i2"), ("q", ">i4")])


def read(*, sponsors: Collection[UUID] | None = None, podcasts: Collection[UUID] | None = None) -> Stored:
    """Return the stored matches of some sponsors or some shows (either side), or all."""
    parameters: list[object] = []
    where = ""
    if sponsors is not None or podcasts is not None:
        where = " WHERE advertiser_id = ANY(%s) OR podcast_id = ANY(%s)"
        parameters = [list(sponsors or ()), list(podcasts or ())]
    flags = "(in_advertiser_top::int + 2 * in_podcast_top::int + 4 * is_asked::int)::int2"
    found = store.gathered(
        "SELECT uuid_send(advertiser_id) || uuid_send(podcast_id) || int8send(digest)"  # noqa: S608
        f" || int2send({flags}) || int4send((score * 100)::int4) AS line FROM matches{where}",
        _STORED,
        parameters,
    )
    return Stored(found["s"], found["p"], found["d"].astype("i8"), found["f"].astype("i2"), found["q"].astype("i4"))


@dataclass(frozen=True)
class Row:
    """Columns of matches to write, all of one length.

    sponsors, podcasts: raw ids; scores in hundredths; confidence and signals (n, 6) in thousandths, -1: no data.
    """

    sponsors: np.ndarray
    podcasts: np.ndarray
    scores: np.ndarray
    confidence: np.ndarray
    rationale: list[bytes]
    signals: np.ndarray
    flags: np.ndarray
    digests: np.ndarray


_COLUMNS = (
    "match_id, advertiser_id, podcast_id, score, confidence, signals, weights_version,"
    " in_advertiser_top, in_podcast_top, is_asked, digest, updated_at, rationale"
)
# Signals in the order in which jsonb keeps its keys, so that the server need not sort them.
_KEYS = sorted(SIGNALS, key=lambda name: (len(name), name))
_PIECES = [f' "{name}": 0.000' for name in _KEYS]
_SIGNALS_WIDTH = sum(map(len, _PIECES)) + 1
# numeric as PostgreSQL sends it: count of digits (base 10,000), weight, sign, decimals, digits.
_NUMERIC = np.dtype([(name, ">i2") for name in ("count", "weight", "sign", "decimals", "whole", "rest")])
_LINE = np.dtype(
    [("n", ">i2"), ("l1", ">i4"), ("match", "V16"), ("l2", ">i4"), ("sponsor", "V16"), ("l3", ">i4")]
    + [("podcast", "V16"), ("l4", ">i4"), ("score", _NUMERIC), ("l5", ">i4"), ("confidence", _NUMERIC)]
    + [("l6", ">i4"), ("jsonb", "u1")]
    + [(name, f"S{len(piece)}") for name, piece in zip(_KEYS, _PIECES, strict=True)]
    + [("close", "S1"), ("l7", ">i4"), ("version", ">i4"), ("l8", ">i4"), ("top", "u1"), ("l9", ">i4"), ("own", "u1")]
    + [("l10", ">i4"), ("asked", "u1"), ("l11", ">i4"), ("digest", ">i8"), ("l12", ">i4"), ("at", ">i8")]
    + [("l13", ">i4")]
)  # fmt: skip
_LENGTHS = (16, 16, 16, 12, 12, 1 + _SIGNALS_WIDTH, 4, 1, 1, 1, 8, 8)


@dataclass(frozen=True)
class Lines:
    """So many rows as binary COPY, in pieces."""

    count: int
    pieces: list[bytes]


def write(parts: Iterable[Lines], *, into_empty: bool) -> int:
    """Write matches, new ones and such whose digest differs. Returns how many rows were written.

    into_empty: the table holds none of the pairs, so COPY goes straight into it.
    """
    count = 0
    with transaction.atomic(), connection.cursor() as cursor:
        target = "matches" if into_empty else "new_matches"
        if not into_empty:
            cursor.execute("CREATE TEMP TABLE new_matches (LIKE matches INCLUDING DEFAULTS) ON COMMIT DROP")
        with cursor.cursor.copy(f"COPY {target} ({_COLUMNS}) FROM STDIN (FORMAT binary)") as copy:
            copy.write(store.COPY_HEADER)
            for part in parts:
                count += part.count
                for piece in part.pieces:
                    copy.write(piece)
            copy.write(store.COPY_TRAILER)
        if into_empty:
            return count
        written = 0
        if count:
            cursor.execute(_UPSERT)
            written = cursor.rowcount
        cursor.execute("DROP TABLE new_matches")
        return written


_UPSERT = (
    f"INSERT INTO matches ({_COLUMNS}) SELECT {_COLUMNS} FROM new_matches"  # noqa: S608
    " ON CONFLICT (advertiser_id, podcast_id) DO UPDATE SET score = excluded.score,"
    " confidence = excluded.confidence, rationale = excluded.rationale, signals = excluded.signals,"
    " weights_version = excluded.weights_version, in_advertiser_top = excluded.in_advertiser_top,"
    " in_podcast_top = excluded.in_podcast_top, is_asked = matches.is_asked OR excluded.is_asked,"
    " digest = excluded.digest, updated_at = excluded.updated_at"
    " WHERE matches.digest <> excluded.digest"
)


def delete(stored: Stored, gone: np.ndarray) -> int:
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


def lines(part: Row, *, weights_version: int, at: datetime) -> Lines:
    """Return rows as binary COPY: all but the rationale has one width."""
    out = np.zeros(len(part.scores), _LINE)
    out["n"] = len(_LENGTHS) + 1
    for number, length in enumerate(_LENGTHS, start=1):
        out[f"l{number}"] = length
    out["match"] = _new_keys(len(out))
    out["sponsor"], out["podcast"] = part.sponsors, part.podcasts
    _numeric(out["score"], part.scores, decimals=2)
    _numeric(out["confidence"], part.confidence, decimals=3)
    _signals(out, part.signals)
    out["version"], out["digest"] = weights_version, part.digests
    for name, flag in (("top", ON_ADVERTISER), ("own", ON_PODCAST), ("asked", ASKED)):
        out[name] = (part.flags & flag) > 0
    out["at"] = (at.astimezone(UTC) - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    out["l13"] = np.fromiter(map(len, part.rationale), np.int64, len(out))
    data, width = out.tobytes(), _LINE.itemsize
    every = [data[start : start + width] for start in range(0, len(data), width)]
    both = list(chain.from_iterable(zip(every, part.rationale, strict=True)))
    return Lines(
        len(out), [b"".join(both[start : start + 2 * TOGETHER]) for start in range(0, len(both), 2 * TOGETHER)]
    )


def _numeric(out: np.ndarray, values: np.ndarray, *, decimals: int) -> None:
    one = 10**decimals
    values = values.astype(np.int64)
    out["count"], out["decimals"] = 2, decimals
    out["whole"], out["rest"] = values // one, (values % one) * (10_000 // one)


def _signals(lines: np.ndarray, signals: np.ndarray) -> None:
    """Fill in {"geo_overlap": 0.613, ...}; those without data are blanks, the first of the others opens."""
    lines["jsonb"], lines["close"] = 1, b"}"
    # The first letter of each piece: what opens or parts; blank where there is nothing.
    letters = lines.view(np.uint8).reshape(len(lines), _LINE.itemsize)
    opened = np.zeros(len(lines), bool)
    for name in _KEYS:
        values = signals[:, SIGNALS.index(name)]
        lines[name] = _texts(name)[values]
        present = values >= 0
        letters[:, _offset(name)] = np.where(present, np.where(opened, ord(","), ord("{")), ord(" "))
        opened |= present
    letters[~opened, _offset(_KEYS[0])] = ord("{")


def _offset(name: str) -> int:
    return _LINE.fields[name][1] if _LINE.fields else 0


@cache
def _texts(name: str) -> np.ndarray:
    """Return the text of each value in thousandths; the last one, for -1, is blank."""
    piece = f' "{name}": '
    found = [f"{piece}{value / 1000:.3f}".encode() for value in range(1001)]
    return np.array([*found, b" " * len(found[0])])


def _new_keys(count: int) -> np.ndarray:
    """Return fresh UUIDs of version 7, raw: one millisecond and as many random tails (RFC 9562)."""
    millis = time.time_ns() // 1_000_000
    noise = np.frombuffer(os.urandom(16 * count), np.uint8).reshape(count, 16).copy()
    noise[:, :6] = np.frombuffer(millis.to_bytes(6), np.uint8)
    # The next two bytes rise, so that rows of one batch stand side by side in the index.
    rise = np.arange(count, dtype=np.uint64) * 0x0FFF // max(count, 1)
    noise[:, 6] = 0x70 | (rise >> 8).astype(np.uint8)
    noise[:, 7] = (rise & 0xFF).astype(np.uint8)
    noise[:, 8] = (noise[:, 8] & 0x3F) | 0x80
    return np.ascontiguousarray(noise).view("V16").reshape(count)
