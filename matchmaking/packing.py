"""A show or a sponsor as one row of float32: what the engine multiplies and the database keeps as bytes.

Both sides have the same layout, so that one column means the same on either side:

    flags         1 where a signal (or one of its two audiences) has data on this side
    known         shows: known part of countries, of ages and sexes, for confidence;  sponsors: how well the topics are
                  known, and from how many shows that carry it they are seen (0: it names them)
    price         shows: CPM in cents;  sponsors: 1 ÷ budget CPM in cents (0: unknown on either side)
    topics        shows: reach of each topic;  sponsors: interest
    blocked       shows: 1 for each topic (and what stands above it) the show is mainly about;  sponsors: 1 for blocked
    risks         shows: level;  sponsors: 1 for an unwanted subject
    weeks         shows: free share;  sponsors: weight
    ages, sexes, countries   shares on one side, the wish on the other
    history       the vectors B and A of `history`
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from matchmaking.history import HISTORY_DIMS
from matchmaking.profiles import AGE_BANDS, RISKS, SEXES, WEEKS, Audience, Podcast, Sponsor
from matchmaking.scoring import known_demographics, known_part, known_topics
from matchmaking.taxonomy import ancestry, countries, reach_of, topics

FLAGS = ("geo", "age", "sex", "topic", "history", "inventory", "safety")
_SIZES = {
    "flags": len(FLAGS),
    "known": 2,
    "price": 1,
    "topics": len(topics()),
    "blocked": len(topics()),
    "risks": len(RISKS),
    "weeks": WEEKS,
    "ages": len(AGE_BANDS),
    "sexes": len(SEXES),
    "countries": len(countries()),
    "history": HISTORY_DIMS,
}


def _layout() -> tuple[dict[str, slice], int]:
    found, at = {}, 0
    for name, size in _SIZES.items():
        found[name] = slice(at, at + size)
        at += size
    return found, at


LAYOUT, WIDTH = _layout()
# Bytes with another layout are rebuilt, never misread: the number stands beside every packed row.
LAYOUT_VERSION = 4

_TOPICS = {topic: index for index, topic in enumerate(topics())}
_RISKS = {risk: index for index, risk in enumerate(RISKS)}
_AGES = {band: index for index, band in enumerate(AGE_BANDS)}
_SEXES = {sex: index for index, sex in enumerate(SEXES)}
_COUNTRIES = {code: index for index, code in enumerate(countries())}


def pack_podcast(podcast: Podcast) -> np.ndarray:
    """Return a show as (WIDTH,) float32."""
    row = np.zeros(WIDTH, np.float32)
    has = {
        "geo": _fill_audience(row, "countries", podcast.countries, _COUNTRIES),
        "age": _fill_audience(row, "ages", podcast.ages, _AGES),
        "sex": _fill_audience(row, "sexes", podcast.sexes, _SEXES),
        "topic": bool(podcast.topics),
        "history": podcast.history is not None,
        "inventory": podcast.free_by_week is not None,
        "safety": podcast.risks is not None,
    }
    row[LAYOUT["flags"]] = [has[flag] for flag in FLAGS]
    row[LAYOUT["known"]] = (known_part(podcast.countries), known_demographics(podcast))
    row[LAYOUT["price"]] = podcast.cpm_cents or 0
    _fill(row, "topics", reach_of(podcast.topics), _TOPICS)
    main = (topic for topic, presence in podcast.topics.items() if presence >= 1)
    _fill(row, "blocked", {node: 1.0 for topic in main for node in ancestry(topic)}, _TOPICS)
    _fill(row, "risks", podcast.risks or {}, _RISKS)
    if podcast.free_by_week is not None:
        row[LAYOUT["weeks"]] = podcast.free_by_week
    if podcast.history is not None:
        row[LAYOUT["history"]] = podcast.history
    return row


def pack_sponsor(sponsor: Sponsor) -> np.ndarray:
    """Return a sponsor as (WIDTH,) float32."""
    row = np.zeros(WIDTH, np.float32)
    has = {
        "geo": _fill(row, "countries", sponsor.countries or {}, _COUNTRIES) or bool(sponsor.countries),
        "age": _fill(row, "ages", sponsor.ages or {}, _AGES) or bool(sponsor.ages),
        "sex": _fill(row, "sexes", sponsor.sexes or {}, _SEXES) or bool(sponsor.sexes),
        "topic": bool(sponsor.interests),
        "history": sponsor.history is not None,
        "inventory": True,
        "safety": True,
    }
    row[LAYOUT["flags"]] = [has[flag] for flag in FLAGS]
    row[LAYOUT["known"]] = (known_topics(sponsor), sponsor.seen_on)
    row[LAYOUT["price"]] = 1 / sponsor.budget_cpm_cents if sponsor.budget_cpm_cents else 0
    _fill(row, "topics", sponsor.interests, _TOPICS)
    _fill(row, "blocked", dict.fromkeys(sponsor.blocked, 1.0), _TOPICS)
    _fill(row, "risks", dict.fromkeys(sponsor.avoids, 1.0), _RISKS)
    row[LAYOUT["weeks"]] = sponsor.wanted_weeks
    if sponsor.history is not None:
        row[LAYOUT["history"]] = sponsor.history
    return row


def stacked(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Return rows as one matrix, (0, WIDTH) for none."""
    return np.stack(rows) if rows else np.zeros((0, WIDTH), np.float32)


def _fill_audience(row: np.ndarray, name: str, audience: Audience | None, order: Mapping[str, int]) -> bool:
    if audience is None or not audience.shares:
        return False
    _fill(row, name, audience.shares, order)
    return True


def _fill(row: np.ndarray, name: str, values: Mapping[str, float], order: Mapping[str, int]) -> bool:
    """Write values by their place in an order; keys outside it are left out. Returns whether any was written."""
    part = row[LAYOUT[name]]
    known: Iterable[str] = [key for key in values if key in order]
    for key in known:
        value = float(values[key])
        part[order[key]] = value if math.isfinite(value) else 0.0
    return bool(known)
