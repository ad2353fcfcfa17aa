"""From lists to rows of `matches`: what shall stand, against what is stored, and only the difference written."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.utils import translation
from django.utils.translation import gettext as _

from matchmaking import rows
from matchmaking.best import INELIGIBLE, Kept
from matchmaking.explain import SLICE, THREADS, Explainer
from matchmaking.house import House
from matchmaking.inventory import first_week
from matchmaking.rows import ASKED, ON_ADVERTISER, ON_PODCAST, Lines, Row

# Slices that are explained ahead of the one being written: the server takes one in while the next is made.
AHEAD = 6


@dataclass(frozen=True)
class Wanted:
    """Lists as they shall be: of the sponsors and shows touched; the scores of all other lists stand.

    changed: sponsors and shows whose own rows changed, so that every stored pair of theirs has a new score.
    """

    by_sponsor: Kept
    by_show: Kept
    touched_sponsors: np.ndarray
    touched_shows: np.ndarray
    changed_sponsors: np.ndarray
    changed_shows: np.ndarray


@dataclass(frozen=True)
class Written:
    """What a run did. pairs: scored; kept: rows wanted on the lists touched; written, deleted: rows changed."""

    pairs: int
    kept: int
    written: int
    deleted: int


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Stored:
    """Stored matches by place; -1 for a sponsor or a show that is no more."""

    sponsors: np.ndarray
    shows: np.ndarray
    digests: np.ndarray
    flags: np.ndarray
    scores: np.ndarray
    raw: rows.Stored


def stored_at(house: House, raw: rows.Stored) -> Stored:
    return Stored(
        house.sponsors.places.of(raw.sponsors),
        house.shows.places.of(raw.podcasts),
        raw.digests,
        raw.flags,
        raw.scores,
        raw,
    )


@dataclass(frozen=True)
class _Final:
    """Pairs that shall stand, each once, in order. before: the digest stored, 0 for a new one."""

    sponsors: np.ndarray
    shows: np.ndarray
    scores: np.ndarray
    flags: np.ndarray
    before: np.ndarray


def settle(
    house: House,
    wanted: Wanted,
    stored: Stored,
    *,
    pairs: int,
    at: datetime,
    meanwhile: Callable[[], None] = _nothing,
) -> Written:
    """Write the difference between the lists as they shall be and the rows that are stored.

    meanwhile: what else is to be written; it is called while the first rows are being explained.
    """
    final, gone, changed = _final(house, wanted, stored)
    deleted = rows.delete(stored.raw, gone)
    everything = len(wanted.changed_shows) == len(house.shows) and len(wanted.changed_sponsors) == len(house.sponsors)
    into_empty = everything and not len(stored.digests)
    todo = final if everything else _chosen(final, changed)
    written = write(house, todo, into_empty=into_empty, at=at, meanwhile=meanwhile)
    return Written(pairs=pairs, kept=len(final.scores), written=written, deleted=deleted)


def _final(house: House, wanted: Wanted, stored: Stored) -> tuple[_Final, np.ndarray, np.ndarray]:
    """Return what shall stand; which stored rows go; which of the former may differ from what is stored."""
    width = max(len(house.shows), 1)
    keys, flags, scores = _desired(wanted, width)
    alive = (stored.sponsors >= 0) & (stored.shows >= 0)
    stored_keys = np.where(alive, stored.sponsors.astype(np.int64) * width + stored.shows, -1)
    keeps = _kept_flags(house, wanted, stored, alive)
    stays = alive & (keeps > 0)
    every = _distinct(np.concatenate([keys, stored_keys[stays]])) if stays.any() else keys
    final_flags, final_scores = np.zeros(len(every), np.int64), np.full(len(every), INELIGIBLE, np.int64)
    at_kept, at_desired = np.searchsorted(every, stored_keys[stays]), np.searchsorted(every, keys)
    final_flags[at_kept] |= keeps[stays]
    final_scores[at_kept] = stored.scores[stays]
    final_flags[at_desired] |= flags
    sponsors, shows = every // width, every % width
    # Kept rows of changed sponsors or shows have a new score, which their lists did not bring.
    changed: np.ndarray = _marked(wanted.changed_sponsors, len(house.sponsors))[sponsors]
    changed |= _marked(wanted.changed_shows, width)[shows]
    unlisted = changed.copy()
    unlisted[at_desired] = False
    final_scores[unlisted] = house.scores_of(sponsors[unlisted], shows[unlisted])
    final_scores[at_desired] = scores
    before, flags_before = np.zeros(len(every), np.int64), np.zeros(len(every), np.int64)
    known = np.zeros(len(stored_keys), bool)
    if len(every):
        position = np.minimum(np.searchsorted(every, stored_keys), len(every) - 1)
        known = alive & (every[position] == stored_keys)
        before[position[known]], flags_before[position[known]] = stored.digests[known], stored.flags[known]
    changed |= (before == 0) | (flags_before != final_flags)
    return _Final(sponsors, shows, final_scores, final_flags, before), ~known, changed


def _kept_flags(house: House, wanted: Wanted, stored: Stored, alive: np.ndarray) -> np.ndarray:
    """Return the flags that stored rows keep: of lists that were not touched, and of having been asked for."""
    on_sponsor = _marked(wanted.touched_sponsors, len(house.sponsors))
    on_show = _marked(wanted.touched_shows, max(len(house.shows), 1))
    keeps = stored.flags & ASKED
    keeps |= np.where(alive & ~on_sponsor[stored.sponsors], stored.flags & ON_ADVERTISER, 0)
    keeps |= np.where(alive & ~on_show[stored.shows], stored.flags & ON_PODCAST, 0)
    return keeps


def _chosen(final: _Final, which: np.ndarray) -> _Final:
    return _Final(
        final.sponsors[which], final.shows[which], final.scores[which], final.flags[which], final.before[which]
    )


def _desired(wanted: Wanted, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return key, flags and score of the pairs on the lists, each pair once, by key."""
    parts = ((wanted.by_sponsor, ON_ADVERTISER), (wanted.by_show, ON_PODCAST))
    keys = np.concatenate([kept.sponsors.astype(np.int64) * width + kept.shows for kept, _flag in parts])
    flags = np.concatenate([np.full(len(kept.sponsors), flag) for kept, flag in parts])
    scores = np.concatenate([kept.scores for kept, _flag in parts])
    order = np.argsort(keys, kind="stable")
    keys, flags, scores = keys[order], flags[order], scores[order]
    first = np.ones(len(keys), bool)
    first[1:] = keys[1:] != keys[:-1]
    # A pair that stands on both lists is there twice, side by side.
    joined = flags[first]
    joined[np.cumsum(first)[~first] - 1] |= flags[~first]
    return keys[first], joined, scores[first]


def keep_asked(house: House, stored: Stored, *, sponsor: int, show: int, at: datetime) -> None:
    """Keep a pair that was asked for by name, on a list or not; one that is not eligible stands with 0 and says so."""
    here = (stored.sponsors == sponsor) & (stored.shows == show)
    flags = (int(stored.flags[here][0]) if here.any() else 0) | ASKED
    one, other = np.array([sponsor]), np.array([show])
    asked = _Final(one, other, house.scores_of(one, other).astype(np.int64), np.array([flags]), np.zeros(1, np.int64))
    write(house, asked, into_empty=False, at=at)


def write(
    house: House, final: _Final, *, into_empty: bool, at: datetime, meanwhile: Callable[[], None] = _nothing
) -> int:
    """Explain pairs, and write those whose digest is not the one before. Returns how many rows were written."""
    if not len(final.scores):
        meanwhile()
        return 0
    house.sponsors.read(final.sponsors)
    house.shows.read(final.shows)
    explainer = Explainer(house.as_read(), monday=first_week(at).date(), topic_part=house.topic_part)
    language = translation.get_language()

    def made(start: int) -> Lines:
        with translation.override(language):
            part = _row(house, explainer, final, slice(start, start + SLICE))
        return rows.lines(part, weights_version=house.weights.version, at=at)

    with _ahead(made, range(0, len(final.scores), SLICE)) as parts:
        meanwhile()
        return rows.write(parts, into_empty=into_empty)


@contextmanager
def _ahead(made: Callable[[int], Lines], starts: range) -> Iterator[Iterator[Lines]]:
    """Give slices in order, some of them made ahead by threads: NumPy lets go of the interpreter meanwhile."""
    if len(starts) < 2:
        yield map(made, starts)
        return
    with ThreadPoolExecutor(THREADS) as pool:
        waiting = deque(pool.submit(made, start) for start in starts[:AHEAD])

        def in_turn() -> Iterator[Lines]:
            for start in starts[AHEAD:]:
                done = waiting.popleft().result()
                waiting.append(pool.submit(made, start))
                yield done
            while waiting:
                yield waiting.popleft().result()

        yield in_turn()


def _row(house: House, explainer: Explainer, final: _Final, part: slice) -> Row:
    """Return the rows of a slice that differ from what is stored."""
    sponsors, shows, flags = final.sponsors[part], final.shows[part], final.flags[part]
    told = explainer.explain(sponsors, shows)
    refused = final.scores[part] == INELIGIBLE
    scores = np.where(refused, 0, final.scores[part])
    content = [scores, told.confidence, flags, *told.signals.T, told.words, refused]
    digests = _digests(content, house.weights.version)
    differ = np.flatnonzero(digests != final.before[part])
    words = not_eligible_words().encode()
    rationale = [words if refused[index] else told.rationale[index] for index in differ.tolist()]
    return Row(
        sponsors=house.sponsors.raw[sponsors[differ]],
        podcasts=house.shows.raw[shows[differ]],
        scores=scores[differ],
        confidence=told.confidence[differ],
        rationale=rationale,
        signals=told.signals[differ],
        flags=flags[differ],
        digests=digests[differ],
    )


def not_eligible_words() -> str:
    return _("Not eligible for now; the match page tells why.")


def _digests(columns: list[np.ndarray], version: int) -> np.ndarray:
    """Return one 64-bit number a row that changes when anything in it does; never 0, which means "not stored"."""
    mixed = np.full(len(columns[0]), version, np.uint64)
    for column in columns:
        mixed = (mixed ^ column.astype(np.int64).view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return (mixed | np.uint64(1)).view(np.int64)


def _distinct(keys: np.ndarray) -> np.ndarray:
    found = np.sort(keys)
    return found[np.concatenate([[True], found[1:] != found[:-1]])] if len(found) else found


def _marked(indices: np.ndarray, size: int) -> np.ndarray:
    """Return which indices are meant; one cell more at the end, so that -1 reads False."""
    found = np.zeros(size + 1, bool)
    found[indices] = True
    return found
