"""What the scorer reads of a show and of a sponsor: plain facts, nothing of the database.

Shares are 0 to 1. None means unknown and leaves the signal out; it is never read as zero.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SIGNALS = (
    "geo_overlap",
    "demographic_overlap",
    "topic_overlap",
    "historical_lift",
    "inventory_fit",
    "brand_safety",
)
# Weeks ahead that the inventory signal looks at, from the Monday of the week of the run.
WEEKS = 13
AGE_EDGES = (0, 18, 25, 35, 45, 55, 65, 100)
AGE_BANDS = ("0-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+")
SEXES = ("female", "male", "other")
# What a sponsor can ask to keep away from, and the topics that carry it; "explicit" is a flag of the show itself.
RISKS: dict[str, frozenset[str]] = {
    "explicit": frozenset(),
    "crime": frozenset({"380", "KHPC5A"}),
    "politics": frozenset({"386", "389"}),
    "religion": frozenset({"453", "459", "458", "461", "462"}),
    "sexuality": frozenset({"188"}),
    "alcohol": frozenset({"211"}),
    "gambling": frozenset({"508"}),
    "conflict": frozenset({"389"}),
    "health": frozenset({"286", "301"}),
    "news": frozenset({"379"}),
}
# How much of the fit one unwanted subject costs when the show is fully about it.
RISK_COST = 0.5


@dataclass(frozen=True)
class Weights:
    """The tenant's weights of the six signals, and the number of their version. Defaults: CONTRACT, match signals."""

    geo_overlap: float = 0.15
    demographic_overlap: float = 0.20
    topic_overlap: float = 0.25
    historical_lift: float = 0.20
    inventory_fit: float = 0.15
    brand_safety: float = 0.05
    version: int = 1

    def of(self, signal: str) -> float:
        return getattr(self, signal)

    def as_tuple(self) -> tuple[float, ...]:
        return tuple(self.of(signal) for signal in SIGNALS)


@dataclass(frozen=True)
class Audience:
    """One dimension of an audience or of a target: shares by country, age band or sex; the unknown part apart."""

    shares: Mapping[str, float]
    unknown: float = 0.0


@dataclass(frozen=True)
class Podcast:
    """A show as the scorer sees it.

    topics: {topic: presence}; free_by_week: for each of the next WEEKS the share of slots that are free (0 where a week
    has none); cpm_cents: what it asks, the median of its rate card; risks: {unwanted subject: how much of it, 0-1};
    history: the vector B of `history`, None while the house has none.
    """

    topics: Mapping[str, float] = field(default_factory=dict)
    countries: Audience | None = None
    ages: Audience | None = None
    sexes: Audience | None = None
    free_by_week: tuple[float, ...] | None = None
    cpm_cents: int | None = None
    risks: Mapping[str, float] | None = None
    history: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Sponsor:
    """A sponsor as the scorer sees it.

    interests: {topic: weight}, summing to 1 at most, empty while nothing is known; seen_on: from how many shows that
    carry it they are seen, 0 where it names them itself; countries, ages, sexes: whom they want to reach (shares of
    a wish sum to 1; a plain list means "any of these": each 1); wanted_weeks: weight of each of the next WEEKS, summing
    to 1; budget_cpm_cents: what they pay; avoids: unwanted subjects; blocked: topics they never stand beside;
    history: the vector A of `history`, None while the house has none.
    """

    interests: Mapping[str, float] = field(default_factory=dict)
    seen_on: int = 0
    countries: Mapping[str, float] | None = None
    ages: Mapping[str, float] | None = None
    sexes: Mapping[str, float] | None = None
    wanted_weeks: tuple[float, ...] = (1 / WEEKS,) * WEEKS
    budget_cpm_cents: int | None = None
    avoids: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()
    history: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Pair:
    """What is known of the two together.

    refusal: why this pair can never be, "" if it can; outcome: how past placements of the two went, 0-1, and volume:
    how many flights tell so.
    """

    refusal: str = ""
    outcome: float | None = None
    volume: float = 0.0


def wish_of(target: Any, *, ages: bool = False) -> dict[str, float] | None:
    """Read a wish as people write it: {"DE": 0.6, "AT": 0.4} are parts of a whole, ["DE", "AT"] any of these.

    Parts are scaled to sum to 1. ages: keys are age groups in any cut; they are spread over AGE_BANDS by years.
    Nothing readable, or nothing at all: None.
    """
    if isinstance(target, Mapping):
        parts = {str(key): float(value) for key, value in target.items() if _is_number(value) and float(value) > 0}
        wish = spread_ages(parts) if ages else parts
        whole = sum(wish.values())
        return {key: value / whole for key, value in wish.items()} if whole > 0 else None
    if isinstance(target, list | tuple | set | frozenset):
        keys = [str(key) for key in target if str(key).strip()]
        wish = dict.fromkeys(keys, 1.0)
        if ages:
            wish = {band: min(1.0, part) for band, part in spread_ages(wish, fully=True).items()}
        return wish or None
    return None


def spread_ages(shares: Mapping[str, float], *, fully: bool = False) -> dict[str, float]:
    """Spread shares by age groups of any cut ("18-22", "60-150", "65+", "under 18") over AGE_BANDS, by years.

    fully: a band that a group touches counts whole by the part of the band that is covered (for "any of these").
    A group that cannot be read is left out.
    """
    found = dict.fromkeys(AGE_BANDS, 0.0)
    for group, share in shares.items():
        span = _age_span(group)
        if span is None:
            continue
        low, high = span
        for band, start, end in zip(AGE_BANDS, AGE_EDGES, AGE_EDGES[1:], strict=False):
            years = max(0, min(high, end) - max(low, start))
            found[band] += share * years / ((end - start) if fully else (high - low))
    return {band: share for band, share in found.items() if share > 0}


def _age_span(group: str) -> tuple[int, int] | None:
    """Return [from, until) in whole years; the open end is 100."""
    numbers = [int(number) for number in re.findall(r"\d+", group)]
    last = AGE_EDGES[-1]
    if len(numbers) >= 2 and numbers[0] <= numbers[1]:
        low, high = numbers[0], numbers[1] + 1
    elif len(numbers) == 1 and re.search(r"under|<|below|bis|-\s*\d", group.strip().casefold()):
        low, high = 0, numbers[0]
    elif len(numbers) == 1:
        low, high = numbers[0], last
    else:
        return None
    low, high = min(low, last - 1), min(high, last)
    return (low, high) if high > low else (low, low + 1)


def _is_number(value: Any) -> bool:
    try:
        return float(value) == float(value) and not isinstance(value, bool)
    except (TypeError, ValueError):
        return False
