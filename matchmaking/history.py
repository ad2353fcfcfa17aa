"""What similar shows carry and similar sponsors do: the collaborative part of `historical_lift`, as vectors.

A show becomes a vector φ (its words, its topics, its language), a sponsor the sum ψ of the vectors of the shows that
carry it, topped up by what sponsors of the same tags do. The evidence that a show should carry a sponsor is

    E(s, p) = Σ over shows q that carry s of strength(s, q) · φ(p)·φ(q)               similar shows
            + PEERS · the same of one placement of sponsors with the tags of s        similar sponsors
            + SAME_SHOW · Σ over sponsors r on p of strength(r, p) · χ(s)·χ(r)
            = A(s) · B(p)

so one product of two matrices gives it for all pairs. The likeness φ(p)·φ(q) of two shows has a base that all share:
with that alone E is plain popularity, and text, topics and language move it from there. How much each of them says is
learned from the house's own placements (`learning`). What sponsors of the same tags do is shrunk towards what all do,
the more the fewer placements there are; a sponsor without any placement and without such peers has no evidence at all,
which is 0. The sums are linear in the placements: leaving one show out is a subtraction.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matchmaking.taxonomy import topics, words_of

BUCKETS = 8192
TEXT_DIMS = 64
LANGUAGE_DIMS = 12
TAG_DIMS = 64
TOPIC_DIMS = len(topics())
SHOW_DIMS = 1 + TEXT_DIMS + TOPIC_DIMS + LANGUAGE_DIMS
HISTORY_DIMS = SHOW_DIMS + TAG_DIMS
# Where the topics stand in a show's vector, in the order of `topics()`.
TOPIC_PART = slice(1 + TEXT_DIMS, 1 + TEXT_DIMS + TOPIC_DIMS)
# Landmark shows by which the text space is spanned, at most.
LANDMARKS = 1500

SAME_SHOW = 0.05
# How many placements the record of the same tags counts for beside a sponsor's own, and that of all beside the tags'.
PEERS, ALL = 5.0, 8.0
# How many placements of a house count as much as what topics say by themselves, and the least that is left of that.
TOPICS_WORTH, TOPICS_LEAST = 10.0, 0.06


@dataclass(frozen=True)
class Shares:
    """What the likeness of two shows consists of; base is what every show shares with every other."""

    base: float = 0.03
    text: float = 0.45
    topic: float = 0.45
    language: float = 0.07

    def scale(self) -> np.ndarray:
        """Return by what each part of φ is multiplied: (SHOW_DIMS,) float32."""
        parts = ((self.base, 1), (self.text, TEXT_DIMS), (self.topic, TOPIC_DIMS), (self.language, LANGUAGE_DIMS))
        return np.concatenate([np.full(width, np.sqrt(share), np.float32) for share, width in parts])


@dataclass(frozen=True)
class TextModel:
    """Weights of words and the space they span, learned from the shows' texts alone, and the shares. Float32.

    idf: (BUCKETS,) weight of a word; projection: (BUCKETS, TEXT_DIMS).
    """

    idf: np.ndarray
    projection: np.ndarray
    shares: Shares = Shares()

    def to_bytes(self) -> bytes:
        shares = np.array([self.shares.base, self.shares.text, self.shares.topic, self.shares.language])
        return b"".join(part.astype("<f4").tobytes() for part in (self.idf, self.projection, shares))

    @classmethod
    def from_bytes(cls, data: bytes) -> "TextModel":
        values = np.frombuffer(data, "<f4")
        projection = values[BUCKETS : BUCKETS * (1 + TEXT_DIMS)].reshape(BUCKETS, TEXT_DIMS)
        return cls(values[:BUCKETS], projection, Shares(*values[BUCKETS * (1 + TEXT_DIMS) :].tolist()))


@dataclass(frozen=True)
class ShowText:
    """What the collaborative part reads of a show. topics: {topic: presence}."""

    title: str
    description: str
    language: str
    topics: dict[str, float]


def fit_text(shows: Sequence[ShowText]) -> TextModel:
    """Learn the weight of words and the directions in which texts differ. Deterministic; needs no placements."""
    counts = [_counted(show) for show in shows]
    seen = np.zeros(BUCKETS)
    for buckets, _weights in counts:
        seen[buckets] += 1
    idf = np.log((1 + len(shows)) / (1 + seen)).astype(np.float32) if shows else np.zeros(BUCKETS, np.float32)
    # A word that a single show uses says nothing about another.
    idf[seen < 2] = 0
    step = max(1, -(-len(shows) // LANDMARKS))
    chosen = counts[::step]
    marks = np.zeros((len(chosen), BUCKETS), np.float32)
    for row, counted in zip(marks, chosen, strict=True):
        buckets, weights = _weighed(counted, idf)
        row[buckets] = weights
    projection = np.zeros((BUCKETS, TEXT_DIMS), np.float32)
    if len(marks):
        values, vectors = np.linalg.eigh(marks.astype(np.float64) @ marks.T.astype(np.float64))
        kept = np.argsort(values)[::-1][:TEXT_DIMS]
        kept = kept[values[kept] > 1e-6]
        projection[:, : len(kept)] = marks.T @ (vectors[:, kept] / np.sqrt(values[kept]))
    return TextModel(idf, projection)


def show_vectors(shows: Sequence[ShowText], model: TextModel) -> np.ndarray:
    """Return φ of each show: (shows, SHOW_DIMS) float32."""
    phi = np.zeros((len(shows), SHOW_DIMS), np.float32)
    order = {topic: index for index, topic in enumerate(topics())}
    for row, show in zip(phi, shows, strict=True):
        row[0] = 1
        buckets, weights = _weighed(_counted(show), model.idf)
        row[1 : 1 + TEXT_DIMS] = _unit(weights @ model.projection[buckets])
        at = 1 + TEXT_DIMS
        for topic, presence in show.topics.items():
            row[at + order[topic]] = presence
        row[at : at + TOPIC_DIMS] = _unit(row[at : at + TOPIC_DIMS])
        if language := show.language.replace("_", "-").split("-")[0].casefold():
            row[at + TOPIC_DIMS + _bucket(language, LANGUAGE_DIMS)] = 1
    return phi * model.shares.scale()


def tag_vectors(tags: Sequence[Sequence[str]]) -> np.ndarray:
    """Return χ of each sponsor from its tags: (sponsors, TAG_DIMS) float32, of length 1, or 0 without tags."""
    chi = np.zeros((len(tags), TAG_DIMS), np.float32)
    for row, own in zip(chi, tags, strict=True):
        for tag in own:
            row[_bucket(tag.casefold(), TAG_DIMS)] += 1
        row[:] = _unit(row)
    return chi


@dataclass(frozen=True)
class Placements:
    """Who is carried where: rows of sponsor index, show index and strength (more than one placement counts more)."""

    sponsors: np.ndarray
    shows: np.ndarray
    strength: np.ndarray

    def without(self, shows: Sequence[int] | np.ndarray) -> "Placements":
        kept = ~np.isin(self.shows, shows)
        return Placements(self.sponsors[kept], self.shows[kept], self.strength[kept])


def strength_of(count: int | np.ndarray) -> np.ndarray:
    """Return how much the placements of one pair count: 1 for the first, less for each further one."""
    return 1 + 0.5 * np.log2(np.maximum(count, 1))


@dataclass(frozen=True)
class PeerTable:
    """What sponsors of each tag do, and what all do.

    sums: (TAG_DIMS, SHOW_DIMS) Σ χ·ψ; behind: (TAG_DIMS,) Σ χ·placements; mean: (SHOW_DIMS,) ψ of a placement at large.
    """

    sums: np.ndarray
    behind: np.ndarray
    mean: np.ndarray

    def to_bytes(self) -> bytes:
        return b"".join(part.astype("<f4").tobytes() for part in (self.sums, self.behind, self.mean))

    @classmethod
    def from_bytes(cls, data: bytes) -> "PeerTable":
        values = np.frombuffer(data, "<f4")
        sums, rest = values[: TAG_DIMS * SHOW_DIMS], values[TAG_DIMS * SHOW_DIMS :]
        return cls(sums.reshape(TAG_DIMS, SHOW_DIMS), rest[:TAG_DIMS], rest[TAG_DIMS:])


def own_sums(placements: Placements, phi: np.ndarray, sponsors: int) -> np.ndarray:
    """Return ψ of each sponsor without its peers: (sponsors, SHOW_DIMS), linear in the placements."""
    found = np.zeros((sponsors, SHOW_DIMS), np.float32)
    np.add.at(found, placements.sponsors, phi[placements.shows] * placements.strength[:, None].astype(np.float32))
    return found


def topics_seen(own: np.ndarray) -> np.ndarray:
    """Return what the shows that carry each sponsor are about, from its ψ without peers: (sponsors, TOPIC_DIMS).

    A row sums to 1; it is zeros for a sponsor that no show of known topics carries.
    """
    found = own[:, TOPIC_PART].astype(np.float64)
    whole = found.sum(axis=1, keepdims=True)
    return np.divide(found, whole, out=np.zeros_like(found), where=whole > 0)


def around_sums(placements: Placements, chi: np.ndarray, shows: int) -> np.ndarray:
    """Return Σ χ of the sponsors on each show: (shows, TAG_DIMS), linear in the placements."""
    found = np.zeros((shows, TAG_DIMS), np.float32)
    np.add.at(found, placements.shows, chi[placements.sponsors] * placements.strength[:, None].astype(np.float32))
    return found


def peer_table(own: np.ndarray, chi: np.ndarray, shares: Shares) -> PeerTable:
    """Return what sponsors of each tag do, and what all do; zeros without any placement."""
    # Every show's vector begins with the same number: how many placements stand behind each row of sums.
    placed = own[:, 0] / np.float32(np.sqrt(shares.base))
    whole = max(float(placed.sum()), 1e-9)
    return PeerTable(chi.T @ own, chi.T @ placed, own.sum(axis=0) / np.float32(whole))


def sponsor_side(own: np.ndarray, chi: np.ndarray, peers: PeerTable) -> np.ndarray:
    """Return A: (sponsors, HISTORY_DIMS).

    The first SHOW_DIMS are zeros where neither the sponsor nor anybody with its tags was ever placed: shrinking towards
    all needs something to shrink, and what all do is never put in the place of what is known.
    """
    behind = np.maximum(chi @ peers.behind, 0)[:, None]
    alike = (chi @ peers.sums + np.float32(ALL) * peers.mean) / (behind + np.float32(ALL))
    has = own.any(axis=1, keepdims=True) | (behind > 0)
    return np.hstack([own + np.float32(PEERS) * alike * has, chi])


def show_side(phi: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Return B: (shows, HISTORY_DIMS)."""
    return np.hstack([phi, np.float32(SAME_SHOW) * around])


def topic_part(placements: int) -> float:
    """Return how much of the closeness of topics counts, 1 down to TOPICS_LEAST, in a house of so many placements.

    What similar shows carry holds what topics have to say in this house already, measured instead of assumed; the more
    placements there are, the less topics need to say again.
    """
    return max(TOPICS_LEAST, TOPICS_WORTH / (TOPICS_WORTH + placements))


def full_evidence(a: np.ndarray, b: np.ndarray) -> float:
    """Return the evidence that counts as 1: the strongest sponsor's for any show; 0 without any.

    Some hundred shows, evenly spaced, tell it well enough.
    """
    if not len(a) or not len(b):
        return 0.0
    sample = b[:: max(1, len(b) // 200)]
    return max(0.0, float((a @ sample.T).max()))


def _counted(show: ShowText) -> tuple[np.ndarray, np.ndarray]:
    """Return the buckets of a text's words and how often each occurs, damped; the title counts twice."""
    counts: dict[int, float] = {}
    for text, weight in ((show.title, 2.0), (show.description, 1.0)):
        for word in words_of(text):
            if len(word) > 2:
                bucket = _bucket(word, BUCKETS)
                counts[bucket] = counts.get(bucket, 0.0) + weight
    buckets = np.fromiter(counts, np.int64, len(counts))
    return buckets, np.log1p(np.fromiter(counts.values(), np.float64, len(counts)))


def _weighed(counted: tuple[np.ndarray, np.ndarray], idf: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return buckets and weights of a text, of length 1 together."""
    buckets, weights = counted
    return buckets, _unit((weights * idf[buckets]).astype(np.float32))


def _unit(vector: np.ndarray) -> np.ndarray:
    length = float(np.sqrt(np.dot(vector.astype(np.float64), vector)))
    return vector / np.float32(length) if length > 0 else vector


def _bucket(word: str, buckets: int) -> int:
    return zlib.crc32(word.encode()) % buckets
