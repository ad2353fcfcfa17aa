"""Standing lists: whom each sponsor and each show has on its list, and who stands ready to move up.

A list holds the best DEPTH others in order; the first KEPT of them are matches. Beside it stands its floor: whoever is
not on the list is worse than that. So a run over a few changed shows reads what it must beat and who would take a place
that falls free, and scores nothing but those shows. Lists lose depth by such runs, never exactness; one that would fall
below KEPT is made anew from all scores.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from django.db import connection

from matchmaking import store
from matchmaking.best import DEPTH, INELIGIBLE, KEPT, Kept, place_in_list
from matchmaking.house import Side

# One entry: an id and a score in hundredths; INELIGIBLE: nobody. The first entry of a row is the floor.
ENTRY = np.dtype([("id", "V16"), ("score", "<i2")])
_WIDTH = (DEPTH + 1) * ENTRY.itemsize
_IN = np.dtype([("id", "V16"), ("entries", ENTRY, (DEPTH + 1,))])
_OUT = np.dtype(
    [("n", ">i2"), ("l1", ">i4"), ("kind", "S8"), ("l2", ">i4"), ("id", "V16"), ("l3", ">i4")]
    + [("entries", ENTRY, (DEPTH + 1,))]
)
# Both words have as many letters, so that every row has one width.
_KINDS = {"podcasts": b"podcasts", "sponsors": b"sponsors"}


def tables_of(owners: Side, others: Side, *, owner: np.ndarray, other: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the lists of all owners, (owners, DEPTH + 1) entries, from pairs sorted by owner, the best first."""
    table = _empty(len(owners))
    place = place_in_list(owner)
    table["id"][owner, 1 + place] = others.raw[other]
    table["score"][owner, 1 + place] = scores
    # Only a full list leaves somebody outside.
    full = table["score"][:, DEPTH] > INELIGIBLE
    table[full, 0] = table[full, DEPTH]
    return table


def _empty(count: int) -> np.ndarray:
    table = np.zeros((count, DEPTH + 1), ENTRY)
    table["score"] = INELIGIBLE
    return table


def read(side: Side) -> tuple[np.ndarray, np.ndarray]:
    """Return the stored lists of a side, (owners, DEPTH + 1), and whether each owner has one."""
    found = store.gathered(
        "SELECT uuid_send(owner_id) || entries AS line FROM match_standing_lists"
        " WHERE kind = %s AND length(entries) = %s ORDER BY owner_id",
        _IN,
        [side.kind, _WIDTH],
    )
    if np.array_equal(found["id"], side.raw):
        return np.ascontiguousarray(found["entries"]), np.ones(len(side), bool)
    table, has = _empty(len(side)), np.zeros(len(side), bool)
    at = side.places.of(found["id"])
    table[at[at >= 0]], has[at[at >= 0]] = found["entries"][at >= 0], True
    return table, has


def write_all(side: Side, table: np.ndarray) -> None:
    """Store the lists of all owners; those that did not change are left alone, those of nobody go."""
    before, has = read(side)
    differ = np.flatnonzero(~has | (_bytes_of(before) != _bytes_of(table)).any(axis=1))
    with connection.cursor() as cursor:
        table_of, key = store.TABLES[side.kind]
        cursor.execute(
            "DELETE FROM match_standing_lists l WHERE kind = %s AND NOT EXISTS"  # noqa: S608
            f" (SELECT FROM {table_of} p WHERE p.{key} = l.owner_id)",
            [side.kind],
        )
    write(side, differ, table[differ], has=has[differ])


def write(side: Side, places: np.ndarray, table: np.ndarray, *, has: np.ndarray) -> None:
    """Store the lists of some owners. has: whether each has a row already."""
    rows = np.zeros(len(places), _OUT)
    rows["n"], rows["l1"], rows["l2"], rows["l3"] = 3, 8, 16, _WIDTH
    rows["kind"], rows["id"], rows["entries"] = _KINDS[side.kind], side.raw[places], table
    columns = "(kind, owner_id, entries)"
    with connection.cursor() as cursor:
        if has.any():
            cursor.execute("DELETE FROM match_standing_lists WHERE kind = %s AND owner_id = ANY(%s)",
                           [side.kind, side.ids(places[has])])  # fmt: skip
        if len(rows):
            with cursor.cursor.copy(f"COPY match_standing_lists {columns} FROM STDIN (FORMAT binary)") as copy:
                copy.write(store.COPY_HEADER + rows.tobytes() + store.COPY_TRAILER)


def forget(side: Side, ids: Collection[UUID]) -> None:
    """Drop the lists of owners that are no more."""
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM match_standing_lists WHERE kind = %s AND owner_id = ANY(%s)", [side.kind, list(ids)]
            )


@dataclass(frozen=True)
class Relisted:
    """What changed others do to lists: places of the owners touched, their new lists, who must be scored anew."""

    touched: np.ndarray
    table: np.ndarray
    refill: np.ndarray


def relist(
    *, table: np.ndarray, has: np.ndarray, fresh: np.ndarray, changed: np.ndarray, gone: np.ndarray, skip: np.ndarray
) -> Relisted:
    """Return the lists of owners after some others have changed.

    table, has: the stored lists. fresh: (owners, changed) new scores; changed: raw ids of those that are here, in the
    order of the columns; gone: raw ids of those that are no more. skip: owners that are scored afresh anyway.
    """
    moved = np.concatenate([changed, gone])
    held = _among(table["id"], moved) & (table["score"] > INELIGIBLE)
    held[:, 0] = False
    enters = _beats(fresh, changed, table[:, 0])
    touched = held.any(axis=1) | enters.any(axis=1) | ~has
    touched[skip] = False
    places, refill, lists = np.flatnonzero(touched), [], []
    for place in places.tolist():
        row = table[place, 1:]
        kept = row[(row["score"] > INELIGIBLE) & ~held[place, 1:]]
        columns = np.flatnonzero(enters[place])
        new = _in_order(kept, changed[columns], fresh[place, columns])
        is_open = table[place, 0]["score"] == INELIGIBLE
        if not has[place] or (not is_open and len(new) < KEPT):
            refill.append(place)
            continue
        out = _empty(1)[0]
        out[1 : 1 + min(len(new), DEPTH)] = new[:DEPTH]
        out[0] = new[DEPTH - 1] if len(new) >= DEPTH else table[place, 0]
        lists.append((place, out))
    return Relisted(
        np.array([place for place, _row in lists], np.int64),
        np.array([row for _place, row in lists], ENTRY).reshape(-1, DEPTH + 1),
        np.array(refill, np.int64),
    )


def firsts(owners: np.ndarray, table: np.ndarray, others: Side) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return owner, other and score of the KEPT best of some lists; others by their places."""
    best = table[:, 1 : 1 + KEPT]
    row, column = np.nonzero(best["score"] > INELIGIBLE)
    chosen = best[row, column]
    return owners[row], others.places.of(np.ascontiguousarray(chosen["id"])), chosen["score"].astype(np.int16)


def joined(parts: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]], *, by_show: bool = False) -> Kept:
    """Return (owner, other, score) parts as one list of pairs; by_show: owners are shows."""
    owners, others, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
    sponsors, shows = (others, owners) if by_show else (owners, others)
    return Kept(sponsors.astype(np.int32), shows.astype(np.int32), scores.astype(np.int16))


def _in_order(kept: np.ndarray, ids: np.ndarray, scores: np.ndarray) -> np.ndarray:
    new = np.zeros(len(ids), ENTRY)
    new["id"], new["score"] = ids, scores
    every = np.concatenate([kept, new])
    high, low = _halves(np.ascontiguousarray(every["id"]))
    return every[np.lexsort((low, high, -every["score"].astype(np.int32)))]


def _among(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return which ids of a table are among some wanted ones."""
    found = np.zeros(ids.shape, bool)
    if not len(wanted):
        return found
    high, low = _halves(np.ascontiguousarray(ids))
    wanted_high, wanted_low = _halves(wanted)
    near = np.flatnonzero(np.isin(low, wanted_low))
    known = set(zip(wanted_high.tolist(), wanted_low.tolist(), strict=True))
    found.reshape(-1)[near] = [pair in known for pair in zip(high[near].tolist(), low[near].tolist(), strict=True)]
    return found


def _beats(fresh: np.ndarray, ids: np.ndarray, floors: np.ndarray) -> np.ndarray:
    """Return which fresh scores are at or above the owner's floor; of equals the smaller id is the better."""
    least = floors["score"].astype(np.int16)[:, None]
    better = (fresh > least) & (fresh > INELIGIBLE)
    rows, columns = np.nonzero((fresh == least) & (fresh > INELIGIBLE))
    if len(rows):
        high, low = _halves(ids)
        floor_high, floor_low = _halves(np.ascontiguousarray(floors["id"]))
        above = high[columns] < floor_high[rows]
        above |= (high[columns] == floor_high[rows]) & (low[columns] <= floor_low[rows])
        better[rows, columns] = above
    return better


def _halves(raw: np.ndarray) -> Sequence[np.ndarray]:
    parts = raw.reshape(-1).view(">u8").reshape(-1, 2)
    return parts[:, 0].astype(np.uint64), parts[:, 1].astype(np.uint64)


def _bytes_of(table: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(table).view(np.uint8).reshape(len(table), -1) if len(table) else np.zeros((0, _WIDTH))
