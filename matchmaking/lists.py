"""From scores to kept matches: what a run wants, against what is stored, and only the difference written."""

import hashlib
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from django.utils.translation import gettext as _

from matchmaking import store
from matchmaking.engine import (
    INELIGIBLE,
    KEPT,
    Block,
    Kept,
    PairFacts,
    Problem,
    Scorer,
    best_by,
    blocks_of,
    kept_of,
    merged,
    score_all,
)
from matchmaking.explain import explain
from matchmaking.inventory import first_week
from matchmaking.models import PackedSponsor
from matchmaking.packing import LAYOUT_VERSION
from matchmaking.profiles import SIGNALS, Weights

ON_ADVERTISER, ON_PODCAST, ASKED = 1, 2, 4


@dataclass(frozen=True)
class House:
    """All packed rows of a house as one problem, with the ids behind the indices."""

    problem: Problem
    sponsors: store.Packs
    shows: store.Packs
    sponsor_places: store.Places
    show_places: store.Places

    def sponsors_at(self, ids: Collection[UUID]) -> np.ndarray:
        """Return the sorted indices of those that are here."""
        return _sorted_places(self.sponsor_places, ids)

    def shows_at(self, ids: Collection[UUID]) -> np.ndarray:
        return _sorted_places(self.show_places, ids)


def _sorted_places(places: store.Places, ids: Collection[UUID]) -> np.ndarray:
    raw = np.frombuffer(b"".join(pk.bytes for pk in ids), "V16")
    found = places.of(raw)
    return np.unique(found[found >= 0])


@dataclass(frozen=True)
class Written:
    """What a run did. pairs: scored; kept: rows wanted on the lists touched; written, deleted: rows changed."""

    pairs: int
    kept: int
    written: int
    deleted: int


def load_house(*, weights: Weights, full_evidence: float) -> House:
    """Read all packed rows and pair facts."""
    sponsors, shows = store.read_packs("sponsors"), store.read_packs("podcasts")
    sponsor_places, show_places = store.Places(sponsors.raw), store.Places(shows.raw)
    found = store.read_facts()
    at_sponsor, at_show = sponsor_places.of(found.sponsors), show_places.of(found.podcasts)
    here = (at_sponsor >= 0) & (at_show >= 0)
    refused, own = here & found.refused, here & ~np.isnan(found.outcome) & (found.volume > 0)
    facts = PairFacts(
        at_sponsor[refused],
        at_show[refused],
        at_sponsor[own],
        at_show[own],
        found.outcome[own],
        found.volume[own],
    )
    problem = Problem(sponsors.rows, shows.rows, facts, weights, full_evidence)
    return House(problem, sponsors, shows, sponsor_places, show_places)


def recalculate_all(house: House, *, at: datetime, threads: int = 2) -> Written:
    """Score every pair and leave exactly the best of both sides, and what was asked for."""
    by_sponsor, by_show = score_all(house.problem, threads=threads)
    return settle_all(house, by_sponsor, by_show, at=at)


def settle_all(house: House, by_sponsor: Kept, by_show: Kept, *, at: datetime) -> Written:
    """Write the lists of a full run."""
    sponsors, shows = np.arange(len(house.sponsors.ids)), np.arange(len(house.shows.ids))
    wanted = Wanted(by_sponsor, by_show, sponsors, shows, sponsors, shows)
    return _settle(house, wanted, _stored(house, store.read_matches()), pairs=len(sponsors) * len(shows), at=at)


def recalculate_some(house: House, *, sponsors: Collection[UUID], podcasts: Collection[UUID], at: datetime) -> Written:
    """Score what hangs on some sponsors and shows, and leave the table as a full run would.

    Changed shows are scored for every sponsor, changed sponsors for every show. The list of an unchanged sponsor is
    made from what it held and the changed shows; only where that leaves a place which an outsider might take, all
    shows are scored for it again. Shows' lists likewise. Ids that are no more take their matches with them.
    """
    rows, columns = house.sponsors_at(sponsors), house.shows_at(podcasts)
    partial = _Partial(house, rows, columns, sponsors_changed=bool(sponsors), shows_changed=bool(podcasts))
    wanted = partial.wanted()
    gone = [pk for pk in (*sponsors, *podcasts) if pk not in partial.known]
    stored = store.read_matches(
        sponsors=[house.sponsors.ids[index] for index in wanted.touched_sponsors] + gone,
        podcasts=[house.shows.ids[index] for index in wanted.touched_shows] + gone,
    )
    return _settle(house, wanted, _stored(house, stored), pairs=partial.pairs, at=at)


def keep_asked(house: House, *, sponsor: UUID, podcast: UUID, at: datetime) -> None:
    """Keep a pair that was asked for by name, on a list or not; one that is not eligible stands with 0 and says so."""
    rows, columns = house.sponsors_at([sponsor]), house.shows_at([podcast])
    stored = _stored(house, store.read_matches(sponsors=[sponsor]))
    here = (stored.sponsors == rows[0]) & (stored.shows == columns[0])
    flags = (int(stored.flags[here][0]) if here.any() else 0) | ASKED
    scores = scores_of(house, rows, columns)
    _write(house, rows, columns, scores, np.array([flags]), np.array([0]), into_empty=False, at=at)


def scores_of(house: House, sponsors: np.ndarray, shows: np.ndarray) -> np.ndarray:
    """Return the scores of single pairs, in hundredths."""
    if not len(sponsors):
        return np.zeros(0, np.int16)
    rows, row_of = np.unique(sponsors, return_inverse=True)
    columns, column_of = np.unique(shows, return_inverse=True)
    return _scores(house.problem, rows, columns)[row_of, column_of]


def spans_of_house() -> list[tuple[int, int]]:
    """Return the blocks into which a run over everything is cut: ranges of places among the sponsors."""
    return blocks_of(PackedSponsor.objects.filter(layout=LAYOUT_VERSION).count())


def block_bytes(house: House, span: tuple[int, int]) -> bytes:
    """Score one block and return its outcome as bytes, with a mark of the packed rows it was scored from."""
    block = Scorer(house.problem).block(span)
    out = io.BytesIO()
    parts: dict[str, Any] = {"mark": _mark(house)}
    parts |= {f"s{index}": part for index, part in enumerate(_columns(block.by_sponsor))}
    parts |= {f"p{index}": part for index, part in enumerate(_columns(block.by_show))}
    np.savez(out, **parts)
    return out.getvalue()


def settle_blocks(house: House, outcomes: Sequence[bytes], *, at: datetime) -> Written:
    """Join the outcomes of all blocks and write the lists.

    If a packed row changed while they were scored, their places no longer tell the same: then all is scored here.
    """
    blocks, mark = [], _mark(house)
    for outcome in outcomes:
        with np.load(io.BytesIO(bytes(outcome))) as found:
            if not np.array_equal(found["mark"], mark):
                return recalculate_all(house, at=at)
            by_sponsor = Kept(*(found[f"s{index}"] for index in range(3)))
            blocks.append(Block(by_sponsor, Kept(*(found[f"p{index}"] for index in range(3)))))
    return settle_all(house, *merged(blocks), at=at)


def _columns(kept: Kept) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return kept.sponsors, kept.shows, kept.scores


def _mark(house: House) -> np.ndarray:
    """Return a digest of everything a score depends on."""
    digest = hashlib.blake2b(digest_size=16)
    problem = house.problem
    for part in (house.sponsors.raw, house.shows.raw, problem.sponsors, problem.shows, problem.facts.refused_sponsors):
        digest.update(np.ascontiguousarray(part).data)
    for part in (problem.facts.refused_shows, problem.facts.own_sponsors, problem.facts.own_outcome):
        digest.update(np.ascontiguousarray(part).data)
    digest.update(repr((problem.weights, problem.full_evidence)).encode())
    return np.frombuffer(digest.digest(), np.uint8)


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
class _Stored:
    """Stored matches by index; -1 for a sponsor or a show that is no more."""

    sponsors: np.ndarray
    shows: np.ndarray
    digests: np.ndarray
    flags: np.ndarray
    scores: np.ndarray
    raw: store.Stored


def _stored(house: House, raw: store.Stored) -> _Stored:
    return _Stored(
        house.sponsor_places.of(raw.sponsors),
        house.show_places.of(raw.podcasts),
        raw.digests,
        raw.flags,
        raw.scores,
        raw,
    )


def _scores(problem: Problem, rows: np.ndarray, columns: np.ndarray | None = None) -> np.ndarray:
    """Return the scores of some sponsors for some shows (None: all), rows and columns sorted."""
    shows = problem.shows if columns is None else problem.shows[columns]
    chosen = np.arange(len(problem.shows)) if columns is None else columns
    facts = problem.facts.within(rows, chosen, (len(problem.sponsors), len(problem.shows)))
    part = Problem(problem.sponsors[rows], shows, facts, problem.weights, problem.full_evidence)
    return Scorer(part).scores((0, len(rows)))


class _Partial:
    """The lists that some changed sponsors and shows leave behind."""

    def __init__(
        self, house: House, rows: np.ndarray, columns: np.ndarray, *, sponsors_changed: bool, shows_changed: bool
    ) -> None:
        self.sponsors_changed, self.shows_changed = sponsors_changed, shows_changed
        self.house, self.problem = house, house.problem
        self.rows, self.columns = rows, columns
        self.pairs = 0
        self.known = {house.sponsors.ids[index] for index in rows} | {house.shows.ids[index] for index in columns}

    def wanted(self) -> Wanted:
        every_sponsor, every_show = np.arange(len(self.problem.sponsors)), np.arange(len(self.problem.shows))
        of_shows = self._score(every_sponsor, self.columns)
        of_sponsors = self._score(self.rows, every_show)
        lists = _stored(self.house, store.read_matches(lists=self._lists_needed()))
        # Lists of unchanged sponsors, by what the changed shows do to them; and the other way round.
        on_sponsors = _relisted(
            owners=lists.sponsors,
            others=lists.shows,
            scores=lists.scores,
            chosen=(lists.flags & ON_ADVERTISER) > 0,
            fresh=of_shows,
            changed=self.columns,
            skip=self.rows,
            other_count=len(every_show),
        )
        on_shows = _relisted(
            owners=lists.shows,
            others=lists.sponsors,
            scores=lists.scores,
            chosen=(lists.flags & ON_PODCAST) > 0,
            fresh=of_sponsors.T,
            changed=self.rows,
            skip=self.columns,
            other_count=len(every_sponsor),
        )
        more_sponsors = self._score(on_sponsors.refill, every_show)
        more_shows = self._score(every_sponsor, on_shows.refill)
        by_sponsor = [
            Kept(on_sponsors.owners, on_sponsors.others, on_sponsors.scores),
            _rows_kept(of_sponsors, self.rows),
            _rows_kept(more_sponsors, on_sponsors.refill),
        ]
        by_show = [
            Kept(on_shows.others, on_shows.owners, on_shows.scores),
            _columns_kept(of_shows, self.columns),
            _columns_kept(more_shows, on_shows.refill),
        ]
        return Wanted(
            _together(by_sponsor),
            _together(by_show),
            np.unique(np.concatenate([on_sponsors.touched, self.rows])),
            np.unique(np.concatenate([on_shows.touched, self.columns])),
            self.rows,
            self.columns,
        )

    def _lists_needed(self) -> str:
        """Return which stored lists matter: changed shows bear on sponsors' lists, changed sponsors on shows'."""
        if self.sponsors_changed and self.shows_changed:
            return "both"
        return "podcasts" if self.sponsors_changed else "advertisers"

    def _score(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        self.pairs += len(rows) * len(columns)
        if not len(rows) or not len(columns):
            return np.zeros((len(rows), len(columns)), np.int16)
        return _scores(self.problem, rows, columns)


@dataclass(frozen=True)
class _Relisted:
    """New lists of touched owners; refill: owners among them for whom everything must be scored."""

    owners: np.ndarray
    others: np.ndarray
    scores: np.ndarray
    touched: np.ndarray
    refill: np.ndarray


def _relisted(
    *,
    owners: np.ndarray,
    others: np.ndarray,
    scores: np.ndarray,
    chosen: np.ndarray,
    fresh: np.ndarray,
    changed: np.ndarray,
    skip: np.ndarray,
    other_count: int,
) -> _Relisted:
    """Return what changed others do to the lists of owners.

    owners, others, scores, chosen: the stored lists. fresh: (all owners, changed) new scores. skip: owners that are
    scored afresh anyway. A list that was full had nobody outside above its last place; so whoever stands at or above
    that place now is sure, and only if these are fewer than KEPT must an outsider be looked for.
    """
    count = len(fresh)
    on = chosen & (owners >= 0)
    is_changed = np.zeros(other_count + 1, bool)
    is_changed[changed] = True
    # Index -1, those that are no more, reads the last cell.
    is_changed[other_count] = True
    skipped = np.zeros(count, bool)
    skipped[skip] = True
    owner, other, score = owners[on], others[on], scores[on].astype(np.int64)
    key = _keys(score, other, other_count)
    # The key of somebody who is no more is unknown; the score alone bounds it from below.
    size = np.bincount(owner, minlength=count)
    last = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(last, owner, key)
    full = size >= KEPT
    floor = np.where(full, last, 0)
    held = is_changed[other]
    fresh_keys = np.where(fresh >= 0, _keys(fresh.astype(np.int64), changed[None, :], other_count), -1)
    enters = fresh_keys >= floor[:, None]
    touched = np.logical_or.reduce(enters, axis=1)
    touched[owner[held]] = True
    touched &= ~skipped
    sure = np.bincount(owner[~held], minlength=count) + enters.sum(axis=1)
    refill = touched & full & (sure < KEPT)
    listed = touched & ~refill
    kept = ~held & listed[owner]
    rows, columns = np.nonzero(enters & listed[:, None])
    found = Kept(
        np.concatenate([owner[kept], rows]).astype(np.int32),
        np.concatenate([other[kept], changed[columns]]).astype(np.int32),
        np.concatenate([score[kept], fresh[rows, columns]]).astype(np.int16),
    )
    best = best_by(found, found.sponsors, found.shows)
    return _Relisted(best.sponsors, best.shows, best.scores, np.flatnonzero(touched), np.flatnonzero(refill))


def _keys(scores: np.ndarray, others: np.ndarray, other_count: int) -> np.ndarray:
    """Return what orders a list: the score, then the smaller index."""
    return scores * (other_count + 1) + (other_count - 1 - others)


def _rows_kept(scores: np.ndarray, rows: np.ndarray) -> Kept:
    found = kept_of(scores, 0).by_sponsor
    return Kept(rows[found.sponsors].astype(np.int32), found.shows, found.scores)


def _columns_kept(scores: np.ndarray, columns: np.ndarray) -> Kept:
    found = kept_of(np.ascontiguousarray(scores.T), 0).by_sponsor
    return Kept(found.shows, columns[found.sponsors].astype(np.int32), found.scores)


def _together(parts: Sequence[Kept]) -> Kept:
    return Kept(
        np.concatenate([part.sponsors for part in parts]),
        np.concatenate([part.shows for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def _settle(house: House, wanted: Wanted, stored: _Stored, *, pairs: int, at: datetime) -> Written:
    """Write the difference between the lists as they shall be and the rows that are stored."""
    width = max(len(house.shows.ids), 1)
    keys, flags, scores = _desired(wanted, width)
    alive = (stored.sponsors >= 0) & (stored.shows >= 0)
    stored_keys = np.where(alive, stored.sponsors.astype(np.int64) * width + stored.shows, -1)
    # Flags that stored rows keep: of lists that were not touched, and of having been asked for.
    on_sponsor, on_show = (
        _marked(wanted.touched_sponsors, len(house.sponsors.ids)),
        _marked(wanted.touched_shows, width),
    )
    keeps = stored.flags & ASKED
    keeps |= np.where(alive & ~on_sponsor[stored.sponsors], stored.flags & ON_ADVERTISER, 0)
    keeps |= np.where(alive & ~on_show[stored.shows], stored.flags & ON_PODCAST, 0)
    stays = alive & (keeps > 0)
    # Every pair that shall stand, desired or kept, once.
    every = np.union1d(keys, stored_keys[stays])
    final_flags, final_scores = np.zeros(len(every), np.int64), np.full(len(every), INELIGIBLE, np.int64)
    at_kept = np.searchsorted(every, stored_keys[stays])
    final_flags[at_kept] |= keeps[stays]
    final_scores[at_kept] = stored.scores[stays]
    at_desired = np.searchsorted(every, keys)
    final_flags[at_desired] |= flags
    sponsors, shows = every // width, every % width
    # Kept rows of changed sponsors or shows have a new score, which their lists did not bring.
    changed: np.ndarray = _marked(wanted.changed_sponsors, len(house.sponsors.ids))[sponsors]
    changed |= _marked(wanted.changed_shows, width)[shows]
    changed[at_desired] = False
    final_scores[changed] = scores_of(house, sponsors[changed], shows[changed])
    final_scores[at_desired] = scores
    before = np.zeros(len(every), np.int64)
    position = np.minimum(np.searchsorted(every, stored_keys), max(len(every) - 1, 0))
    known: np.ndarray = np.ones(len(stored_keys), bool) if len(every) else np.zeros(len(stored_keys), bool)
    if len(every):
        known &= alive
        known &= every[position] == stored_keys
    before[position[known]] = stored.digests[known]
    gone = ~known
    deleted = store.delete_matches(stored.raw, gone)
    is_empty = not len(stored_keys) and len(wanted.changed_shows) == len(house.shows.ids)
    written = _write(house, sponsors, shows, final_scores, final_flags, before, into_empty=is_empty, at=at)
    return Written(pairs=pairs, kept=len(every), written=written, deleted=deleted)


def _desired(wanted: Wanted, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return key, flags and score of the pairs on the lists, each pair once."""
    parts = ((wanted.by_sponsor, ON_ADVERTISER), (wanted.by_show, ON_PODCAST))
    keys = np.concatenate([kept.sponsors.astype(np.int64) * width + kept.shows for kept, _flag in parts])
    flags = np.concatenate([np.full(len(kept.sponsors), flag) for kept, flag in parts])
    scores = np.concatenate([kept.scores for kept, _flag in parts])
    unique, first, place = np.unique(keys, return_index=True, return_inverse=True)
    joined = np.zeros(len(unique), np.int64)
    np.bitwise_or.at(joined, place, flags)
    return unique, joined, scores[first]


def _write(
    house: House,
    sponsors: np.ndarray,
    shows: np.ndarray,
    scores: np.ndarray,
    flags: np.ndarray,
    before: np.ndarray,
    *,
    into_empty: bool,
    at: datetime,
) -> int:
    """Explain pairs, and write those whose digest is not the one before."""
    monday = first_week(at).date()
    told = explain(house.problem, sponsors, shows, monday=monday)
    refused = scores == INELIGIBLE
    rationale = told.rationale
    if refused.any():
        words = not_eligible_words()
        rationale = [words if no else text for no, text in zip(refused.tolist(), rationale, strict=True)]
    scores = np.where(refused, 0, scores)
    digests = _digests(
        [scores, told.confidence, flags, *told.signals.T, told.words, refused], house.problem.weights.version
    )
    differ = np.flatnonzero(digests != before)
    sponsor_ids, show_ids = house.sponsors.ids, house.shows.ids
    rows = store.Row(
        sponsors=[sponsor_ids[index] for index in sponsors[differ].tolist()],
        podcasts=[show_ids[index] for index in shows[differ].tolist()],
        scores=scores[differ],
        confidence=told.confidence[differ],
        rationale=[store.copy_text(rationale[index]) for index in differ.tolist()],
        signals=_json(told.signals[differ]),
        flags=flags[differ],
        digests=digests[differ],
    )
    return store.write_matches(rows, into_empty=into_empty, weights_version=house.problem.weights.version, at=at)


def not_eligible_words() -> str:
    return _("Not eligible for now; the match page tells why.")


def _json(signals: np.ndarray) -> list[str]:
    """Return signals as JSON texts: {"geo_overlap": 0.613, ...}, without those that have no data."""
    parts = [[f'"{name}": {value / 1000:.3f}, ' for value in range(1001)] + [""] for name in SIGNALS]
    columns = [[part[value] for value in column] for part, column in zip(parts, signals.T.tolist(), strict=True)]
    return ["{" + "".join(row)[:-2] + "}" for row in zip(*columns, strict=True)]


def _digests(columns: Sequence[np.ndarray], version: int) -> np.ndarray:
    """Return one 64-bit number a row that changes when anything in it does; never 0, which means "not stored"."""
    mixed = np.full(len(columns[0]), version, np.uint64)
    for column in columns:
        mixed = (mixed ^ column.astype(np.int64).view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return (mixed | np.uint64(1)).view(np.int64)


def _marked(indices: np.ndarray, size: int) -> np.ndarray:
    """Return which indices are meant; one cell more at the end, so that -1 reads False."""
    found = np.zeros(size + 1, bool)
    found[indices] = True
    return found
