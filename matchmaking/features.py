"""Keeping the packed rows true: learn the model, rebuild what may have changed, tell what really did.

A packed row is compared byte by byte with the one that is stored; only those that differ are written, and only they are
scored again. So it does not matter how generously something is called stale.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection

from deals.models import Sponsor
from matchmaking import gather, history, store
from matchmaking.gather import Record
from matchmaking.learning import best_shares
from matchmaking.models import Model, PackedPair, PackedPodcast, PackedSponsor
from matchmaking.packing import FLAGS, LAYOUT, LAYOUT_VERSION, pack_podcast, pack_sponsor
from matchmaking.taxonomy import topics
from metrics.models import Podcast

# The model is learned anew when shows or placements have grown or shrunk by this part since.
REFIT_PART = 0.10
BATCH = 1000


@dataclass
class Changed:
    """Shows and sponsors whose packed rows differ from before, or are new or gone."""

    podcasts: set[UUID] = field(default_factory=set)
    sponsors: set[UUID] = field(default_factory=set)


def fit_if_needed(*, at: datetime) -> bool:
    """Learn the model when there is none, or the house has changed by REFIT_PART since. Returns whether it did."""
    shows, found = gather.shows(), gather.records()
    model = Model.objects.first()
    if model and not (_moved(len(shows), model.shows) or _moved(len(found), model.placements)):
        return False
    fit(shows=shows, sponsors=gather.sponsors(), found=found, at=at)
    return True


def fit(*, shows: Sequence[Podcast], sponsors: Sequence[Sponsor], found: Sequence[Record], at: datetime) -> None:
    """Learn word weights, what makes shows alike, what sponsors of each tag do, how much evidence is full, and the
    usual rate of orders."""
    texts = gather.texts_of(shows)
    text = history.fit_text(texts)
    chi = history.tag_vectors([gather.tags_of(one) for one in sponsors])
    placements = placements_of(found, [one.pk for one in sponsors], [one.pk for one in shows])
    text = replace(text, shares=best_shares(history.show_vectors(texts, text), chi, placements))
    phi = history.show_vectors(texts, text)
    own = history.own_sums(placements, phi, len(sponsors))
    peers = history.peer_table(own, chi, text.shares)
    evidence = history.full_evidence(
        history.sponsor_side(own, chi, peers),
        history.show_side(phi, history.around_sums(placements, chi, len(shows))),
    )
    Model.objects.update_or_create(
        model_id=1,
        defaults={
            "fitted_at": at,
            "shows": len(shows),
            "placements": len(found),
            "full_evidence": evidence if len(placements.shows) else 0.0,
            "topic_part": history.topic_part(len(placements.shows)),
            "usual_rate": gather.usual_rate(),
            "text": text.to_bytes(),
            "peers": peers.to_bytes(),
            "lists_version": None,
        },
    )


def placements_of(found: Iterable[Record], sponsors: Sequence[UUID], shows: Sequence[UUID]) -> history.Placements:
    """Return records as rows of indices into sponsors and shows; those of others are left out."""
    at_sponsor = {pk: index for index, pk in enumerate(sponsors)}
    at_show = {pk: index for index, pk in enumerate(shows)}
    rows = [
        (at_sponsor[one.sponsor_id], at_show[one.podcast_id], one.flights)
        for one in found
        if one.sponsor_id in at_sponsor and one.podcast_id in at_show
    ]
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return history.Placements(columns[:, 0], columns[:, 1], history.strength_of(columns[:, 2]).astype(np.float32))


def refresh(
    *, at: datetime, podcasts: Collection[UUID] | None = None, sponsors: Collection[UUID] | None = None
) -> Changed:
    """Rebuild the packed rows of some shows and sponsors (None: of all), and of those that hang on them.

    A show whose words or topics changed takes the sponsors along that run on it (their vectors are sums of its), and a
    sponsor whose tags changed the shows it runs on. Returns what differs from before.
    """
    model = Model.objects.get()
    changed = Changed()
    phi = _refresh_phi(model, podcasts)
    chi = _refresh_chi(sponsors)
    if podcasts is not None and sponsors is not None:
        # Those that hang on words and tags that changed.
        sponsors = set(sponsors) | {one.sponsor_id for one in gather.records(podcasts=phi.changed)}
        podcasts = set(podcasts) | {one.podcast_id for one in gather.records(sponsors=chi.changed)}
    _pack_podcasts(model, podcasts, phi, chi, at, changed)
    _pack_sponsors(model, sponsors, phi, chi, at, changed)
    changed.podcasts |= _pack_pairs(model, podcasts, sponsors, at)
    return changed


@dataclass
class _Vectors:
    """Vectors by id: those just computed, beside those that are stored for all others."""

    fresh: dict[UUID, np.ndarray]
    changed: set[UUID]
    stored: dict[UUID, np.ndarray] | None = None

    def load(self, kind: str, part: slice, ids: Collection[UUID]) -> None:
        """Read what is stored for the ids that were not computed."""
        missing = [pk for pk in ids if pk not in self.fresh]
        packed = store.read_packs(kind, ids=missing) if missing else None
        self.stored = dict(zip(packed.ids, packed.rows[:, part], strict=True)) if packed else {}

    def of(self, pk: UUID) -> np.ndarray:
        """Return the vector of somebody who is known to have one."""
        found = self.get(pk)
        if found is None:
            raise KeyError(pk)
        return found

    def get(self, pk: UUID) -> np.ndarray | None:
        found = self.fresh.get(pk)
        return found if found is not None else (self.stored or {}).get(pk)


_PHI = slice(LAYOUT["history"].start, LAYOUT["history"].start + history.SHOW_DIMS)
_CHI = slice(LAYOUT["history"].start + history.SHOW_DIMS, LAYOUT["history"].stop)


def _refresh_phi(model: Model, ids: Collection[UUID] | None) -> _Vectors:
    shows = gather.shows(ids=ids)
    rows = history.show_vectors(gather.texts_of(shows), history.TextModel.from_bytes(bytes(model.text)))
    return _against_stored("podcasts", _PHI, dict(zip([one.pk for one in shows], rows, strict=True)), ids)


def _refresh_chi(ids: Collection[UUID] | None) -> _Vectors:
    buyers = gather.sponsors(ids=ids)
    rows = history.tag_vectors([gather.tags_of(one) for one in buyers])
    return _against_stored("sponsors", _CHI, dict(zip([one.pk for one in buyers], rows, strict=True)), ids)


def _against_stored(kind: str, part: slice, fresh: dict[UUID, np.ndarray], ids: Collection[UUID] | None) -> _Vectors:
    if ids is None:
        return _Vectors(fresh, set(fresh))
    packed = store.read_packs(kind, ids=ids)
    before = dict(zip(packed.ids, packed.rows[:, part], strict=True))
    changed = {pk for pk in ids if pk not in fresh or pk not in before or not np.array_equal(fresh[pk], before[pk])}
    return _Vectors(fresh, changed)


def _pack_podcasts(
    model: Model, ids: Collection[UUID] | None, phi: _Vectors, chi: _Vectors, at: datetime, changed: Changed
) -> None:
    shows = gather.shows(ids=ids)
    found = gather.records(podcasts=ids)
    chi.load("sponsors", _CHI, {one.sponsor_id for one in found})
    around = _summed(found, [one.pk for one in shows], "podcast_id", "sponsor_id", chi, history.TAG_DIMS)
    phi.load("podcasts", _PHI, [one.pk for one in shows])
    rows: dict[UUID, np.ndarray] = {}
    for start in range(0, len(shows), BATCH):
        batch = shows[start : start + BATCH]
        own = np.stack([phi.of(one.pk) for one in batch])
        vectors = history.show_side(own, around[start : start + BATCH])
        known = vectors if model.full_evidence > 0 else None
        for show, profile in zip(batch, gather.podcast_profiles(batch, at=at, vectors=known), strict=True):
            row = pack_podcast(profile)
            # φ is kept although the house has no record yet: the first booking needs it.
            row[LAYOUT["history"]] = vectors[len(rows) - start]
            rows[show.pk] = row
    changed.podcasts |= store.write_packs("podcasts", rows, wanted=ids)


def _pack_sponsors(
    model: Model, ids: Collection[UUID] | None, phi: _Vectors, chi: _Vectors, at: datetime, changed: Changed
) -> None:
    buyers = gather.sponsors(ids=ids)
    found = gather.records(sponsors=ids)
    phi.load("podcasts", _PHI, {one.podcast_id for one in found})
    own = _summed(found, [one.pk for one in buyers], "sponsor_id", "podcast_id", phi, history.SHOW_DIMS)
    chi.load("sponsors", _CHI, [one.pk for one in buyers])
    seen = _seen(found, buyers, phi, own)
    tags = np.stack([chi.of(one.pk) for one in buyers]) if buyers else np.zeros((0, history.TAG_DIMS), np.float32)
    vectors = history.sponsor_side(own, tags, history.PeerTable.from_bytes(bytes(model.peers)))
    rows: dict[UUID, np.ndarray] = {}
    for start in range(0, len(buyers), BATCH):
        batch = buyers[start : start + BATCH]
        known, carried = vectors[start : start + BATCH], seen[start : start + BATCH]
        found_profiles = gather.sponsor_profiles(batch, at=at, vectors=known, seen=carried, topic_part=model.topic_part)
        for sponsor, profile in zip(batch, found_profiles, strict=True):
            row = pack_sponsor(profile)
            row[LAYOUT["history"]] = known[len(rows) - start]
            rows[sponsor.pk] = row
    changed.sponsors |= store.write_packs("sponsors", rows, wanted=ids)


def _seen(found: Iterable[Record], buyers: Sequence[Sponsor], phi: _Vectors, own: np.ndarray) -> list[gather.Seen]:
    """Return what the shows that carry each sponsor are about, from the sums of their vectors."""
    count: dict[UUID, int] = {}
    for record in found:
        vector = phi.get(record.podcast_id)
        if vector is not None and vector[history.TOPIC_PART].any():
            count[record.sponsor_id] = count.get(record.sponsor_id, 0) + 1
    return [
        gather.Seen({topics()[index]: float(row[index]) for index in np.flatnonzero(row)}, count.get(one.pk, 0))
        for one, row in zip(buyers, history.topics_seen(own), strict=True)
    ]


def _summed(
    found: Iterable[Record], owners: Sequence[UUID], owner: str, other: str, vectors: _Vectors, width: int
) -> np.ndarray:
    """Return Σ strength × vector of the other side for each owner, added in the order of the records (by id)."""
    place = {pk: index for index, pk in enumerate(owners)}
    sums = np.zeros((len(owners), width), np.float32)
    for record in found:
        index, vector = place.get(getattr(record, owner)), vectors.get(getattr(record, other))
        if index is not None and vector is not None:
            sums[index] += np.float32(history.strength_of(record.flights)) * vector
    return sums


def _pack_pairs(
    model: Model, podcasts: Collection[UUID] | None, sponsors: Collection[UUID] | None, at: datetime
) -> set[UUID]:
    """Write what is known of pairs; return the shows of pairs that changed."""
    found = gather.records() if podcasts is None else gather.records(podcasts=podcasts)
    if podcasts is not None and sponsors:
        found = [*found, *gather.records(sponsors=sponsors)]
    rows: dict[tuple[UUID, UUID], dict[str, Any]] = {}
    for record in found:
        outcome, volume, facts = gather.outcome_of(record, at=at, usual_rate=model.usual_rate)
        rows[record.sponsor_id, record.podcast_id] = {
            "refusal": "",
            "outcome": outcome,
            "volume": volume,
            "facts": facts,
        }
    for sponsor, podcast, reason in gather.refusals(at=at):
        if podcasts is None or podcast in podcasts or sponsor in (sponsors or ()):
            empty: dict[str, Any] = {"refusal": "", "outcome": None, "volume": 0.0, "facts": {}}
            rows.setdefault((sponsor, podcast), empty)["refusal"] = reason
    known = PackedPair.objects.all()
    if podcasts is not None:
        known = known.filter(podcast_id__in=podcasts) | known.filter(sponsor_id__in=list(sponsors or ()))
    before = {
        (one.sponsor_id, one.podcast_id): {
            "refusal": one.refusal,
            "outcome": one.outcome,
            "volume": one.volume,
            "facts": one.facts,
        }
        for one in known
    }
    gone = [pair for pair in before if pair not in rows]
    new = {pair: values for pair, values in rows.items() if before.get(pair) != values}
    store.delete_pairs(gone)
    PackedPair.objects.bulk_create(
        [PackedPair(sponsor_id=sponsor, podcast_id=podcast, **values) for (sponsor, podcast), values in new.items()],
        update_conflicts=True,
        unique_fields=["sponsor_id", "podcast_id"],
        update_fields=["refusal", "outcome", "volume", "facts"],
        batch_size=2000,
    )
    return {podcast for _sponsor, podcast in [*gone, *new]}


@dataclass(frozen=True)
class StoredPair:
    """What is packed of a show and a sponsor: their vectors B and A, one row each, None where none is packed; what the
    shows that carry the sponsor are about."""

    podcast: np.ndarray | None
    sponsor: np.ndarray | None
    seen: gather.Seen


def stored_pair(*, podcast_id: UUID, sponsor_id: UUID, topic_part: float) -> StoredPair:
    """Return what the newest run knew of two beyond their own facts."""
    show, buyer = (
        store.read_packs(kind, ids=[pk]).rows for kind, pk in (("podcasts", podcast_id), ("sponsors", sponsor_id))
    )
    seen = gather.Seen({}, 0)
    if len(buyer):
        # The packed interests are damped: of each topic's a part, and the rest on EVERYTHING, which is none.
        row = buyer[0, LAYOUT["topics"]][1:] / topic_part
        told = {topics()[1 + index]: float(row[index]) for index in np.flatnonzero(row)}
        seen = gather.Seen(told, int(buyer[0, LAYOUT["known"]][1]))
    return StoredPair(
        show[:, LAYOUT["history"]] if len(show) else None, buyer[:, LAYOUT["history"]] if len(buyer) else None, seen
    )


def tells_nothing(*, podcast_id: UUID | None = None, sponsor_id: UUID | None = None) -> bool:
    """Return whether a show or a sponsor was in a run, and nothing known of it speaks of fit (`scoring.FIT`)."""
    kind, pk = ("podcasts", podcast_id) if podcast_id else ("sponsors", sponsor_id)
    packed = store.read_packs(kind, ids=[pk] if pk else [])
    if not len(packed.ids):
        return False
    row = packed.rows[0]
    flags = dict(zip(FLAGS, row[LAYOUT["flags"]], strict=True))
    own = any(flags[name] for name in ("geo", "age", "sex", "topic"))
    if kind == "podcasts":
        return not own and not flags["history"]
    return not own and not row[LAYOUT["history"]][: history.SHOW_DIMS].any()


def forget_all() -> None:
    """Drop every packed row and the model: the next run rebuilds them."""
    for table in (PackedPair, PackedPodcast, PackedSponsor, Model):
        table.objects.all().delete()


def is_current() -> bool:
    """Return whether packed rows stand in the present layout (a new release may have changed it)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT FROM match_packed_podcasts WHERE layout <> %s)"
            " AND NOT EXISTS (SELECT FROM match_packed_sponsors WHERE layout <> %s)",
            [LAYOUT_VERSION, LAYOUT_VERSION],
        )
        return bool(cursor.fetchone()[0])


def _moved(now: int, then: int) -> bool:
    return abs(now - then) > REFIT_PART * max(then, 1)
