"""How much text, topics and language say about placements, learned from a house's own: its shows are asked in turn.

Each show that carries anybody is taken out, and its sponsors are looked for as `history` would, once for each of
CHOICES. The choice under which they stand best is taken. Where likeness says nothing, the one that is little more than
popularity wins; so matches do not fall far behind "most other shows carry it", whatever the house.
"""

from dataclasses import dataclass

import numpy as np

from matchmaking.history import ALL, PEERS, Placements, Shares

# How far shows of one kind stand out from shows at large: (base, language), from sharp to little more than popularity.
_EVENNESS = ((0.03, 0.07), (0.15, 0.15), (2.0, 0.20))
_KINDS = ((0.45, 0.45), (0.85, 0.05), (0.10, 0.80))
CHOICES = tuple(Shares(base, text, topic, language) for base, language in _EVENNESS for text, topic in _KINDS)
# Shows asked, at most, and at least: with fewer, chance would choose.
MOST_ASKED, LEAST_ASKED, AT_ONCE = 150, 10, 32
# How much better than the first choice another must be to be taken.
CLEARLY = 0.01
CUT = 10
# Sums of placements up to this are none but for rounding.
NONE = 1e-6


def best_shares(phi: np.ndarray, chi: np.ndarray, placements: Placements) -> Shares:
    """Return the shares under which a house's own placements are found best.

    phi: (shows, SHOW_DIMS) under the default shares; chi: (sponsors, TAG_DIMS).
    """
    carrying = np.unique(placements.shows)
    asked = carrying[:: max(1, -(-len(carrying) // MOST_ASKED))]
    if len(asked) < LEAST_ASKED:
        return CHOICES[0]
    plain = phi / Shares().scale()
    found = [_quality(plain * one.scale(), chi, placements, asked, one) for one in CHOICES]
    found[0] += CLEARLY
    return CHOICES[int(np.argmax(found))]


def _quality(phi: np.ndarray, chi: np.ndarray, placements: Placements, asked: np.ndarray, shares: Shares) -> float:
    """Return the mean gain of the shows asked + half of the part of their sponsors among the first CUT."""
    sums = _Sums.of(phi.astype(np.float64), chi.astype(np.float64), placements, shares)
    found = [sums.places(asked[at : at + AT_ONCE]) for at in range(0, len(asked), AT_ONCE)]
    show, places = np.concatenate([one for one, _ in found]), np.concatenate([one for _, one in found])
    order = np.lexsort((places, show))
    show, places = show[order], places[order]
    ideal = np.arange(len(show)) - np.searchsorted(show, show) + 1
    at = np.searchsorted(asked, show)
    gain = np.bincount(at, 1 / np.log2(1 + places)) / np.bincount(at, 1 / np.log2(1 + ideal))
    return float(gain.mean() + 0.5 * (places <= CUT).mean())


@dataclass(frozen=True)
class _Sums:
    """The sums of `history` over all placements, in double precision.

    What a show adds to them is subtracted from their products with it, which costs little even in a large house.
    """

    phi: np.ndarray
    chi: np.ndarray
    placements: Placements
    own: np.ndarray
    placed: np.ndarray

    @classmethod
    def of(cls, phi: np.ndarray, chi: np.ndarray, placements: Placements, shares: Shares) -> "_Sums":
        own = np.zeros((len(chi), phi.shape[1]))
        order = np.argsort(placements.sponsors, kind="stable")
        sponsors, starts = np.unique(placements.sponsors[order], return_index=True)
        terms = phi[placements.shows[order]] * placements.strength[order, None].astype(np.float64)
        own[sponsors] = np.add.reduceat(terms, starts)
        return cls(phi, chi, placements, own, own[:, 0] / np.sqrt(shares.base))

    def places(self, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (show, place) of each sponsor that each show carries, once the show is taken out.

        Sponsors that stand equal share the middle of their places.
        """
        rows = np.flatnonzero(np.isin(self.placements.shows, asked))
        its, weight = self.placements.sponsors[rows], self.placements.strength[rows].astype(np.float64)
        column = np.searchsorted(asked, self.placements.shows[rows])
        vectors, chi = self.phi[asked].T, self.chi
        length, count = (vectors**2).sum(axis=0), np.bincount(column, weight, len(asked))
        tags = np.zeros((chi.shape[1], len(asked)))
        np.add.at(tags.T, column, chi[its] * weight[:, None])
        alike = chi @ ((chi.T @ self.own) @ vectors - tags * length)
        at_large = (self.own.sum(axis=0) @ vectors - count * length) / np.maximum(self.placed.sum() - count, 1e-9)
        behind = np.maximum(chi @ ((chi.T @ self.placed)[:, None] - tags), 0)
        placed = np.repeat(self.placed[:, None], len(asked), axis=1)
        placed[its, column] -= weight
        # As in `history.sponsor_side`: nothing is shrunk towards all where there is nothing.
        has = (placed > NONE) | (behind > NONE)
        scores = self.own @ vectors + PEERS * has * (alike + ALL * at_large) / (behind + ALL)
        scores[its, column] -= weight * length[column]
        held, each = scores[its, column], scores[:, column]
        # Sums of the same numbers in another order differ in the last bits.
        near = 1e-9 * (1 + np.abs(held))
        above, equal = (each > held + near).sum(axis=0), (np.abs(each - held) <= near).sum(axis=0)
        return asked[column], above + (equal + 1) / 2
