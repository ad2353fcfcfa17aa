"""Facts in bulk: their packed key, a spool that sorts more rows than memory holds, and PostgreSQL's binary COPY form.

A fact is a row of the array type FACT. Its key packs day, episode, source and breakdown into 64 bits so that the order
of keys is the order of the table's primary key, and sorting, finding repeats and merging are one integer comparison.
"""

import tempfile
from collections.abc import Iterator
from datetime import date

import numpy as np

EPOCH = date(2000, 1, 1)
LAST_DAY = date(2088, 12, 31)

# Whole numbers, and rates in millionths; the order is that of the bits in `blank`.
MEASURES = ("downloads", "listeners", "conversions", "revenue_cents", "completion_ppm", "ctr_ppm")
WIDTHS = {"downloads": 8, "listeners": 8, "conversions": 8, "revenue_cents": 8, "completion_ppm": 4, "ctr_ppm": 4}
BLANK_BIT = {measure: np.uint8(1 << n) for n, measure in enumerate(MEASURES)}
ALL_BLANK = np.uint8((1 << len(MEASURES)) - 1)

FACT = np.dtype([("key", "<u8"), *((name, f"<i{WIDTHS[name]}") for name in MEASURES), ("blank", "u1")])

MAX_EPISODE, MAX_SOURCE, MAX_BREAKDOWN = 2**23 - 1, 2**8 - 1, 2**18 - 1
COPY_COLUMNS = (*MEASURES, "batch_code", "day", "episode_code", "breakdown_code", "source_code")


def day_number(day: date) -> int:
    """Return the days since 2000-01-01, as PostgreSQL counts them too. Raises ValueError outside 2000-2088."""
    if not EPOCH <= day <= LAST_DAY:
        raise ValueError(f"{day} is not a day between 2000 and 2088")
    return (day - EPOCH).days


def pack_key(
    day: np.ndarray | int, episode: np.ndarray | int, source: np.ndarray | int, breakdown: np.ndarray | int = 0
) -> np.ndarray:
    """Return keys of 64 bits: 15 of the day's number, 23 of the episode's code, 8 of the source's, 18 of the rest."""
    days, episodes, sources, rest = (np.asarray(part, dtype=np.uint64) for part in (day, episode, source, breakdown))
    return days << np.uint64(49) | episodes << np.uint64(26) | sources << np.uint64(18) | rest


def unpack_key(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (day number, episode code, source code, breakdown code) of packed keys."""
    return (
        keys >> np.uint64(49),
        keys >> np.uint64(26) & np.uint64(MAX_EPISODE),
        keys >> np.uint64(18) & np.uint64(MAX_SOURCE),
        keys & np.uint64(MAX_BREAKDOWN),
    )


class FactSpool:
    """Facts in the order in which they came, given back sorted by key with repeats merged, in bounded memory.

    Each addition is sorted and written to a temporary file as one run; reading merges the same key range of all runs
    at a time. Of repeated keys the later row wins, measure by measure: a blank never takes away a number.
    """

    SAMPLE = 512

    def __init__(self) -> None:
        self._keys = tempfile.TemporaryFile()  # noqa: SIM115
        self._facts = tempfile.TemporaryFile()  # noqa: SIM115
        self._runs: list[tuple[int, int]] = []
        self._samples: list[np.ndarray] = []
        self.rows = 0
        self.repeated = 0
        self.sources: set[int] = set()
        self.episodes: set[int] = set()

    def add(self, facts: np.ndarray) -> None:
        if not len(facts):
            return
        facts = facts[np.argsort(facts["key"], kind="stable")]
        keys = np.ascontiguousarray(facts["key"])
        self._keys.write(keys.tobytes())
        self._facts.write(facts.tobytes())
        self._runs.append((self.rows, len(facts)))
        self._samples.append(keys[:: self.SAMPLE])
        _, episodes, sources, _ = unpack_key(keys)
        self.sources.update(np.unique(sources).tolist())
        self.episodes.update(np.unique(episodes).tolist())
        self.rows += len(facts)

    def day_range(self) -> tuple[date, date] | None:
        """Return the first and the last day of all facts, None when there are none."""
        if not self.rows:
            return None
        keys = self._all_keys()
        firsts = min(int(keys[start]) for start, _ in self._runs)
        lasts = max(int(keys[start + count - 1]) for start, count in self._runs)
        return date.fromordinal(EPOCH.toordinal() + (firsts >> 49)), date.fromordinal(EPOCH.toordinal() + (lasts >> 49))

    def merged(self, rows: int = 32_768) -> Iterator[np.ndarray]:
        """Yield arrays of about `rows` facts that follow each other in key order, each key once."""
        self.repeated = 0
        if not self.rows:
            return
        keys = self._all_keys()
        self._facts.flush()
        borders = np.sort(np.concatenate(self._samples))[:: max(1, rows // self.SAMPLE)][1:]
        starts = [start for start, _ in self._runs]
        for border in [*borders, None]:
            parts = []
            for n, (first, count) in enumerate(self._runs):
                stop = (
                    first + count
                    if border is None
                    else first + int(np.searchsorted(keys[first : first + count], border))
                )
                if stop > starts[n]:
                    parts.append(self._read(starts[n], stop))
                    starts[n] = stop
            if parts:
                yield self._once(np.concatenate(parts))

    def close(self) -> None:
        self._keys.close()
        self._facts.close()

    def __enter__(self) -> "FactSpool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _all_keys(self) -> np.ndarray:
        self._keys.flush()
        return np.memmap(self._keys, dtype="<u8", mode="r", shape=(self.rows,))

    def _read(self, start: int, stop: int) -> np.ndarray:
        self._facts.seek(start * FACT.itemsize)
        return np.frombuffer(self._facts.read((stop - start) * FACT.itemsize), dtype=FACT)

    def _once(self, facts: np.ndarray) -> np.ndarray:
        facts = facts[np.argsort(facts["key"], kind="stable")]
        again = np.flatnonzero(facts["key"][1:] == facts["key"][:-1]) + 1
        if not len(again):
            return facts
        for n in again.tolist():
            earlier, later = facts[n - 1], facts[n]
            for measure in MEASURES:
                if later["blank"] & BLANK_BIT[measure] and not earlier["blank"] & BLANK_BIT[measure]:
                    later[measure] = earlier[measure]
            later["blank"] &= earlier["blank"]
        self.repeated += len(again)
        return np.delete(facts, again - 1)


# --- binary COPY: https://www.postgresql.org/docs/18/sql-copy.html ----------------------------------------------------
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
COPY_TRAILER = b"\xff\xff"

_SIZES = {**WIDTHS, "batch_code": 4, "day": 4, "episode_code": 4, "breakdown_code": 4, "source_code": 2}
_ROW = np.dtype(
    [("fields", ">i2")]
    + [part for name in COPY_COLUMNS for part in ((f"{name}_size", ">i4"), (name, f">i{_SIZES[name]}"))]
)

_OFFSETS = {name: int(place[1]) for name, place in (_ROW.fields or {}).items()}


def copy_rows(facts: np.ndarray, *, batch_code: int) -> bytes:
    """Return facts as rows of a binary COPY of COPY_COLUMNS; blank measures become NULL."""
    rows = np.empty(len(facts), dtype=_ROW)
    rows["fields"] = len(COPY_COLUMNS)
    for name in COPY_COLUMNS:
        rows[f"{name}_size"] = _SIZES[name]
    for name in MEASURES:
        rows[name] = facts[name]
    day, episode, source, breakdown = unpack_key(facts["key"])
    rows["batch_code"], rows["day"], rows["episode_code"] = batch_code, day, episode
    rows["breakdown_code"], rows["source_code"] = breakdown, source
    if not facts["blank"].any():
        return rows.tobytes()
    keep = np.ones((len(rows), _ROW.itemsize), dtype=bool)
    for name in MEASURES:
        blank = (facts["blank"] & BLANK_BIT[name]).astype(bool)
        rows[f"{name}_size"][blank] = -1
        offset = _OFFSETS[name]
        keep[blank, offset : offset + _SIZES[name]] = False
    return rows.view(np.uint8).reshape(len(rows), -1)[keep].tobytes()
