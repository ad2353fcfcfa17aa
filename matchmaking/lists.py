"""Runs over lists: everything, what changed, one pair asked for by name, or blocks that several workers score."""

import hashlib
import io
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from matchmaking import rows, settle, standing
from matchmaking.best import KEPT, Block, Kept, merged, place_in_list
from matchmaking.engine import Scorer, blocks_of, score_all
from matchmaking.house import House
from matchmaking.models import PackedSponsor
from matchmaking.packing import LAYOUT_VERSION
from matchmaking.partial import Partial
from matchmaking.settle import Wanted, Written, stored_at
from tracker.lib.garbage import no_rounds

# From this part of a side on, a run over what changed costs as much as one over everything.
MOST = 0.2


def recalculate_all(house: House, *, at: datetime) -> Written:
    """Score every pair and leave exactly the best of both sides, and what was asked for."""
    by_sponsor, by_show = score_all(house.problem)
    return settle_all(house, by_sponsor, by_show, at=at)


@no_rounds()
def settle_all(house: House, by_sponsor: Kept, by_show: Kept, *, at: datetime) -> Written:
    """Write the lists of a full run: the matches that are on them, and what stands ready too."""
    sponsors, shows = np.arange(len(house.sponsors)), np.arange(len(house.shows))
    wanted = Wanted(
        _firsts(by_sponsor, by_sponsor.sponsors), _firsts(by_show, by_show.shows), sponsors, shows, sponsors, shows
    )
    return settle.settle(
        house,
        wanted,
        stored_at(house, rows.read()),
        pairs=len(sponsors) * len(shows),
        at=at,
        meanwhile=lambda: _write_standing(house, by_sponsor, by_show),
    )


def _write_standing(house: House, by_sponsor: Kept, by_show: Kept) -> None:
    of_sponsors = standing.tables_of(
        house.sponsors, house.shows, owner=by_sponsor.sponsors, other=by_sponsor.shows, scores=by_sponsor.scores
    )
    of_shows = standing.tables_of(
        house.shows, house.sponsors, owner=by_show.shows, other=by_show.sponsors, scores=by_show.scores
    )
    standing.write_all(house.sponsors, of_sponsors)
    standing.write_all(house.shows, of_shows)


def _firsts(kept: Kept, owners: np.ndarray) -> Kept:
    best = place_in_list(owners) < KEPT
    return Kept(kept.sponsors[best], kept.shows[best], kept.scores[best])


def recalculate_some(house: House, *, sponsors: Collection[UUID], podcasts: Collection[UUID], at: datetime) -> Written:
    """Score what hangs on some sponsors and shows, and leave the table as a full run would.

    Ids that are no more take their matches with them. Where much of the house changed, everything is scored.
    """
    if len(sponsors) > max(MOST * len(house.sponsors), 50) or len(podcasts) > max(MOST * len(house.shows), 50):
        return recalculate_all(house, at=at)
    partial = Partial(house, sponsors=sponsors, podcasts=podcasts)
    wanted = partial.wanted()
    stored = rows.read(
        sponsors=house.sponsors.ids(wanted.touched_sponsors) + partial.gone_sponsors,
        podcasts=house.shows.ids(wanted.touched_shows) + partial.gone_shows,
    )
    return settle.settle(house, wanted, stored_at(house, stored), pairs=partial.pairs, at=at)


def keep_asked(house: House, *, sponsor: UUID, podcast: UUID, at: datetime) -> None:
    """Keep a pair that was asked for by name, on a list or not; one that is not eligible stands with 0 and says so."""
    one, other = house.sponsors.at([sponsor])[0], house.shows.at([podcast])[0]
    settle.keep_asked(house, stored_at(house, rows.read(sponsors=[sponsor])), sponsor=one, show=other, at=at)


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
