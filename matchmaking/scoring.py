"""How well a show fits a sponsor: the reference scorer, one pair at a time, to be read.

`engine` computes the same for all pairs at once and must agree with this within a hundredth of a point.

    score = 100 × Σ weight × signal ÷ Σ weight, over the signals that have data
    and brand safety, when below 1, multiplies the whole

A signal without data is left out and the other weights share its part; `confidence` tells how much weight had data,
each signal counted by the part of the audience that is known. A pair of which nothing is known that speaks of fit (FIT)
has a score by what is left, and is on no list. Source: DOMAIN, matching; CONTRACT, match signals.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from matchmaking.history import SHOW_DIMS
from matchmaking.profiles import RISK_COST, SIGNALS, Audience, Pair, Podcast, Sponsor, Weights
from matchmaking.taxonomy import ancestry, reach_of

DEFAULT_WEIGHTS: dict[str, float] = dict(zip(SIGNALS, Weights().as_tuple(), strict=True))
# How many flights of its own a pair needs for them to count as much as what similar shows and sponsors do.
OWN_VOLUME = 2.0
# How many shows must carry a sponsor for topics seen from them to be known as well as not.
SEEN_VOLUME = 2.0
# The signals that tell whether two suit each other; slots and a clean show suit anybody.
FIT = ("geo_overlap", "demographic_overlap", "topic_overlap", "historical_lift")


@dataclass(frozen=True)
class Score:
    """score: 0-100 with two decimals, None when not eligible or without any data; signals: those with data, 0-1.

    is_listed: whether the pair may stand on a list: it has a score, and enough is known of it.
    """

    score: float | None
    signals: Mapping[str, float]
    confidence: float
    refusal: str = ""
    is_listed: bool = False


def score_pair(
    podcast: Podcast, sponsor: Sponsor, *, weights: Weights, pair: Pair | None = None, full_evidence: float = 1.0
) -> Score:
    """Score one show for one sponsor. full_evidence: the collaborative evidence that counts as 1 (see `history`)."""
    pair = pair or Pair()
    refusal = pair.refusal or blocked_by(podcast, sponsor)
    signals = signals_of(podcast, sponsor, pair, full_evidence)
    present = sum(weights.of(name) for name in signals)
    if refusal or present <= 0:
        return Score(None, signals, confidence_of(podcast, sponsor, signals, weights), refusal)
    base = sum(weights.of(name) * value for name, value in signals.items()) / present
    score = 100 * base * min(1.0, signals.get("brand_safety", 1.0))
    confidence = confidence_of(podcast, sponsor, signals, weights)
    return Score(round(score, 2), signals, confidence, is_listed=is_known(sponsor, pair, signals))


def signals_of(podcast: Podcast, sponsor: Sponsor, pair: Pair, full_evidence: float) -> dict[str, float]:
    """Return the signals that have data, in the order of SIGNALS."""
    found = {
        "geo_overlap": overlap(podcast.countries, sponsor.countries),
        "demographic_overlap": demographic_overlap(podcast, sponsor),
        "topic_overlap": topic_overlap(podcast, sponsor),
        "historical_lift": historical_lift(podcast, sponsor, pair, full_evidence),
        "inventory_fit": inventory_fit(podcast, sponsor),
        "brand_safety": brand_safety(podcast, sponsor),
    }
    return {name: value for name, value in found.items() if value is not None}


def is_known(sponsor: Sponsor, pair: Pair, signals: Mapping[str, float]) -> bool:
    """Return whether anything is known that speaks of fit.

    That no show of the house carries a sponsor, nor anybody like it, is a history of 0 and counts in the score; but it
    tells no show from another, and so is not enough to be listed.
    """
    if any(name in signals for name in FIT if name != "historical_lift"):
        return True
    is_placed = sponsor.history is not None and any(sponsor.history[:SHOW_DIMS])
    return "historical_lift" in signals and (is_placed or pair.volume > 0)


def blocked_by(podcast: Podcast, sponsor: Sponsor) -> str:
    """Return the topic for which a sponsor's blocked categories rule a show out, "" for none.

    A blocked category covers all below it. Only what a show is mainly about counts (presence 1), not a passing word.
    """
    for topic, presence in podcast.topics.items():
        if presence >= 1:
            for node in ancestry(topic):
                if node in sponsor.blocked:
                    return node
    return ""


def overlap(audience: Audience | None, wish: Mapping[str, float] | None) -> float | None:
    """Return Σ min(share, wish), at most 1; None when either is unknown."""
    if audience is None or not audience.shares or not wish:
        return None
    return min(1.0, sum(min(share, wish.get(key, 0.0)) for key, share in audience.shares.items()))


def demographic_overlap(podcast: Podcast, sponsor: Sponsor) -> float | None:
    """Return the mean of the overlaps by age and by sex, or the one that has data."""
    found = [overlap(podcast.ages, sponsor.ages), overlap(podcast.sexes, sponsor.sexes)]
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if known else None


def topic_overlap(podcast: Podcast, sponsor: Sponsor) -> float | None:
    """Return Σ interest × how close the show comes to it in the tree of topics."""
    if not podcast.topics or not sponsor.interests:
        return None
    reach = reach_of(podcast.topics)
    return sum(weight * reach[topic] for topic, weight in sponsor.interests.items())


def historical_lift(podcast: Podcast, sponsor: Sponsor, pair: Pair, full_evidence: float) -> float | None:
    """Return how well past placements speak for this one.

    What similar shows carry and similar sponsors do is the prior; the pair's own record pulls away from it the more,
    the more flights it has (shrunk by volume).
    """
    likely = None
    if podcast.history is not None and sponsor.history is not None and full_evidence > 0:
        evidence = sum(one * other for one, other in zip(podcast.history, sponsor.history, strict=True))
        likely = min(1.0, max(0.0, evidence / full_evidence))
    if pair.outcome is None or pair.volume <= 0:
        return likely
    prior = 0.5 if likely is None else likely
    return (OWN_VOLUME * prior + pair.volume * pair.outcome) / (OWN_VOLUME + pair.volume)


def inventory_fit(podcast: Podcast, sponsor: Sponsor) -> float | None:
    """Return the free share of the wanted weeks × how near the price is to the budget.

    The price fits up to the budget and falls to 0 at twice of it; without a price or a budget only the slots count.
    """
    if podcast.free_by_week is None:
        return None
    free = sum(share * wanted for share, wanted in zip(podcast.free_by_week, sponsor.wanted_weeks, strict=True))
    return min(1.0, max(0.0, free)) * price_fit(podcast.cpm_cents, sponsor.budget_cpm_cents)


def price_fit(cpm_cents: int | None, budget_cpm_cents: int | None) -> float:
    if not cpm_cents or not budget_cpm_cents:
        return 1.0
    return min(1.0, max(0.0, 2 - cpm_cents / budget_cpm_cents))


def brand_safety(podcast: Podcast, sponsor: Sponsor) -> float | None:
    """Return 1 less RISK_COST for each unwanted subject, by how much of it a show has; None if that is unknown."""
    if podcast.risks is None:
        return None
    return max(0.0, 1 - RISK_COST * sum(level for risk, level in podcast.risks.items() if risk in sponsor.avoids))


def confidence_of(podcast: Podcast, sponsor: Sponsor, signals: Mapping[str, float], weights: Weights) -> float:
    """Return the share of all weight that had data, geography and demographics counted by their known part.

    Topics seen from shows that carry the sponsor count the more, the more these are (`known_topics`).
    """
    whole = sum(weights.as_tuple())
    if whole <= 0:
        return 0.0
    known = {
        "geo_overlap": known_part(podcast.countries),
        "demographic_overlap": known_demographics(podcast),
        "topic_overlap": known_topics(sponsor),
    }
    return sum(weights.of(name) * known.get(name, 1.0) for name in signals) / whole


def known_topics(sponsor: Sponsor) -> float:
    """Return how well a sponsor's topics are known: 1 where it names them, less where they are seen from few shows."""
    return sponsor.seen_on / (SEEN_VOLUME + sponsor.seen_on) if sponsor.seen_on else 1.0


def known_part(audience: Audience | None) -> float:
    return 1 - audience.unknown if audience is not None else 0.0


def known_demographics(podcast: Podcast) -> float:
    """Return the known part of ages and sexes: their mean, or the one that is reported."""
    parts = [known_part(one) for one in (podcast.ages, podcast.sexes) if one is not None]
    return sum(parts) / len(parts) if parts else 0.0
