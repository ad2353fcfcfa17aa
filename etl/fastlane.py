"""The contract's metrics rows by the block: cells of surely good rows become facts without a Python step a row.

A block is bytes of plain lines (no quotes). Every row is either taken here or left to the careful reader, which alone
decides what is wrong with it and says so. What is taken here is exactly what the careful reader would have taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

import numpy as np

from metrics.facts import ALL_BLANK, BLANK_BIT, EPOCH, FACT, pack_key

COUNTS = ("downloads", "listeners", "conversions", "revenue_cents")
RATES = {"completion_rate": "completion_ppm", "ctr": "ctr_ppm"}

_PAD = b"\0" * 64
_ONE = np.uint64(1)
# Masks that keep the first n bytes of a little-endian word.
_FIRST = np.array([(1 << 8 * n) - 1 for n in range(8)] + [2**64 - 1], dtype=np.uint64)
_MIX = tuple(
    np.uint64(n)
    for n in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F)
)
_SHIFT = np.uint64(29)


class Words:
    """A dictionary of byte strings of up to 40 bytes, asked for many at a time.

    A string is five words of eight bytes, filled up with zeros; it is found by a hash and then compared whole.
    """

    def __init__(self, entries: Mapping[bytes, int]) -> None:
        self.entries = dict(entries)
        raw = b"".join(key.ljust(40, b"\0") for key in self.entries)
        self._words = np.frombuffer(raw, dtype="<u8").reshape(-1, 5)
        hashes = _hash([self._words[:, n] for n in range(5)])
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._words = hashes[order], self._words[order]
        self._codes = np.fromiter(self.entries.values(), dtype=np.int64, count=len(self.entries))[order]

    def codes(self, words: list[np.ndarray]) -> np.ndarray:
        """Return the code of each string given as its words (missing ones are zeros), -1 for those not known."""
        if not len(self._hashes):
            return np.full(len(words[0]), -1, dtype=np.int64)
        at = np.searchsorted(self._hashes, _hash(words))
        at[at == len(self._hashes)] = 0
        known = np.ones(len(at), dtype=bool)
        for n in range(5):
            known &= self._words[at, n] == (words[n] if n < len(words) else np.uint64(0))
        return np.where(known, self._codes[at], -1)


def _hash(words: list[np.ndarray]) -> np.ndarray:
    mixed = np.zeros(len(words[0]), dtype=np.uint64)
    for word, factor in zip(words, _MIX, strict=False):
        term = word * factor
        mixed += term ^ (term >> _SHIFT)  # a word of zeros adds nothing, so missing words need not be there
    return mixed


@lru_cache(maxsize=4)
def day_words(*, first: date, last: date) -> Words:
    """Return the dictionary of all days from first to last as YYYY-MM-DD, coded by their number since 2000-01-01."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return Words({day.isoformat().encode(): (day - EPOCH).days for day in days})


@dataclass(frozen=True)
class Taken:
    """What came of a block: facts and the places of their lines, the places of the lines left over (from 0), and where
    each line starts and ends in the block, its line end excluded.
    """

    facts: np.ndarray
    places: np.ndarray
    left: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


@dataclass
class Lane:
    """How to read blocks of one file: where its columns stand, and the codes of what its rows may name."""

    columns: Mapping[str, int]
    width: int
    days: Words
    episodes: Words
    sources: Words = field(default_factory=lambda: Words({}))

    def read(self, block: bytes) -> "Taken":
        """Take the rows of a block that are surely good; every other line that is not blank is left over."""
        cells = _Cells(block, self.width)
        taken = cells.regular.copy()
        facts = np.zeros(len(cells.starts), dtype=FACT)
        day = self.days.codes(cells.words(self.columns["day"], 2, taken, 10, 10))
        episode = self.episodes.codes(cells.words(self.columns["episode_id"], 5, taken, 36, 36))
        source = self.sources.codes(cells.words(self.columns["source"], 5, taken, 1, 40))
        taken &= (day >= 0) & (episode >= 0) & (source >= 0)
        facts["blank"] = ALL_BLANK
        for name in COUNTS:
            if name in self.columns:
                _put(facts, name, cells.count(self.columns[name], taken), taken)
        for name, column in RATES.items():
            if name in self.columns:
                _put(facts, column, cells.rate(self.columns[name], taken), taken)
        taken &= facts["blank"] != ALL_BLANK
        facts["key"][taken] = pack_key(day[taken], episode[taken], source[taken])
        return Taken(
            facts=facts[taken],
            places=np.flatnonzero(taken),
            left=np.flatnonzero(~taken & ~cells.empty),
            starts=cells.starts,
            ends=cells.ends,
        )


def _put(facts: np.ndarray, name: str, read: tuple[np.ndarray, np.ndarray], taken: np.ndarray) -> None:
    values, blank = read
    facts[name] = values
    facts["blank"] = np.where(blank, facts["blank"], facts["blank"] & ~BLANK_BIT[name])


class _Cells:
    """Where the cells of a block begin and end. Only rows with the right number of cells are `regular`."""

    def __init__(self, block: bytes, width: int) -> None:
        padded = _PAD + block + (b"" if block.endswith(b"\n") else b"\n") + _PAD
        self.bytes = np.frombuffer(padded, dtype=np.uint8)
        # Every eight bytes of the block as one word, whatever the byte they begin at.
        self.at = np.ndarray(shape=(len(padded) - 7,), dtype="<u8", buffer=padded, strides=(1,))
        body = self.bytes[len(_PAD) : -len(_PAD)]
        line_ends = np.flatnonzero(body == 10) + len(_PAD)
        commas = np.flatnonzero(body == 44) + len(_PAD)
        self._starts = np.concatenate(([len(_PAD)], line_ends[:-1] + 1))
        self._ends = line_ends - (self.bytes[line_ends - 1] == 13)
        self._ends = np.maximum(self._ends, self._starts)
        self.starts, self.ends = self._starts - len(_PAD), self._ends - len(_PAD)
        self.empty = self._starts == self._ends
        before = np.searchsorted(commas, line_ends)
        counts = np.diff(before, prepend=0)
        self.regular = counts == width - 1
        if not self.regular.all():
            commas = commas[np.repeat(self.regular, counts)]
        inner = np.zeros((len(line_ends), width - 1), dtype=np.int64)
        inner[self.regular] = commas.reshape(-1, width - 1)
        inner[~self.regular] = self._starts[~self.regular, None]
        self._borders = inner

    def _span(self, column: int) -> tuple[np.ndarray, np.ndarray]:
        last = self._borders.shape[1]
        start = self._starts if column == 0 else self._borders[:, column - 1] + 1
        end = self._ends if column == last else self._borders[:, column]
        return start, np.maximum(end - start, 0)

    def words(self, column: int, count: int, taken: np.ndarray, shortest: int, longest: int) -> list[np.ndarray]:
        """Return a column's cells as words; rows whose cell is shorter or longer are not taken any more."""
        start, length = self._span(column)
        taken &= (length >= shortest) & (length <= longest)
        widest = int(length[taken].max(initial=1))
        return [
            self.at[np.minimum(start + 8 * n, len(self.at) - 1)] & _FIRST[np.clip(length - 8 * n, 0, 8)]
            for n in range(min(count, -(-widest // 8)))
        ]

    def count(self, column: int, taken: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return whole numbers of up to eight digits, and which cells are blank."""
        start, length = self._span(column)
        digits, good = self._digits(start + length, length)
        blank = length == 0
        taken &= blank | (good & (length <= 8))
        return np.where(blank, 0, digits), blank

    def rate(self, column: int, taken: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return rates of up to six places in millionths (0, 1, 0.84, 1.000), and which cells are blank."""
        start, length = self._span(column)
        blank = length == 0
        places = np.clip(length - 2, 0, 6)
        digits, good = self._digits(start + length, places)
        whole = self.bytes[start].astype(np.int64) - 48
        value = digits * _TENS[6 - places] + whole * 1_000_000
        pointed = (length == 1) | ((length > 2) & (length <= 8) & (self.bytes[start + 1] == 46) & good)
        taken &= blank | (pointed & (whole >= 0) & (whole <= 1) & (value <= 1_000_000))
        return np.where(blank, 0, value), blank

    def _digits(self, end: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the number that the last `length` (0-8) bytes before `end` write, and whether all are digits.

        Eight digits at a time: pairs, then fours, then eights are added up within one word.
        """
        length = np.minimum(length, 8).astype(np.int64)
        word = self.at[end - 8]
        # Bytes before the number become "0".
        low = _FIRST[8 - length]
        word = (word & ~low) | (np.uint64(0x3030303030303030) & low)
        nibbles = word ^ np.uint64(0x3030303030303030)
        good = (nibbles | (nibbles + np.uint64(0x0606060606060606))) & np.uint64(0xF0F0F0F0F0F0F0F0) == 0
        pairs = (nibbles * np.uint64(10) + (nibbles >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
        fours = (pairs * np.uint64(100) + (pairs >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
        eights = (fours * np.uint64(10_000) + (fours >> np.uint64(32))) & np.uint64(0xFFFFFFFF)
        return eights.astype(np.int64), good


_TENS = np.array([10**n for n in range(7)], dtype=np.int64)
