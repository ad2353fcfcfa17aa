"""Middles and spreads that a few wild values do not move."""

from collections.abc import Sequence
from statistics import median

from bookings.pacing import Z80

_BIWEIGHT = 4.685
_STUDENT80 = {1: 3.078, 2: 1.886, 3: 1.638, 4: 1.533, 5: 1.476, 6: 1.440, 7: 1.415}


def robust_centre(values: Sequence[float]) -> float:
    """Return the middle of some numbers, wild ones left out of it (Tukey's biweight, begun at the median)."""
    centre = median(values)
    scale = 1.4826 * median(abs(value - centre) for value in values)
    if scale <= 1e-12 or len(values) < 4:
        return centre
    for _round in range(12):
        pulls = [max(0.0, 1 - ((value - centre) / (_BIWEIGHT * scale)) ** 2) ** 2 for value in values]
        moved = sum(pull * value for pull, value in zip(pulls, values, strict=True)) / sum(pulls)
        if abs(moved - centre) < 1e-4 * scale:
            return moved
        centre = moved
    return centre


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that a new draw stays below with probability `share` (Weibull's (n + 1) positions).

    These positions make the interval between two such values hold exactly its nominal share of draws from anywhere.
    """
    ordered = sorted(values)
    place = share * (len(ordered) + 1) - 1
    if place <= 0:
        return ordered[0]
    if place >= len(ordered) - 1:
        return ordered[-1]
    below = int(place)
    return ordered[below] + (place - below) * (ordered[below + 1] - ordered[below])


def spread80(residuals: Sequence[float]) -> tuple[float, float] | None:
    """Return (low, high) between which four of five new residuals fall; None when there are too few to say.

    From nine on the residuals speak for themselves; fewer are taken for normal, with Student's wider tails.
    """
    count = len(residuals)
    if count < 2:
        return None
    if count >= 9:
        return quantile(residuals, 0.1), quantile(residuals, 0.9)
    mean = sum(residuals) / count
    deviation = (sum((value - mean) ** 2 for value in residuals) / (count - 1)) ** 0.5
    wide = _STUDENT80.get(count - 1, Z80) * deviation * (1 + 1 / count) ** 0.5
    return mean - wide, mean + wide
