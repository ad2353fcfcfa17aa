"""Topics: a tree of IAB content categories, and the bridges that lead into it from genres, tags and plain words.

The tables stand in `data/`; ORIGIN.md there names their sources.
"""

import csv
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
# The node above all: what a sponsor who sells to everyone is interested in. Every topic is in it.
EVERYTHING = "*"
# Tags that say "fits any show" rather than naming a topic.
BROAD_TAGS = frozenset({"universal"})
# The part of an interest that stands for "fits any show"; who does not say so leaves it empty. See docs/matching.md.
BROAD_SHARE = 1 / 6
# How present a topic is that only words point to: by one word, and by each further one, up to the last figure.
WORD_PRESENCE, WORD_MORE, WORD_MOST = 0.35, 0.15, 0.8
TITLE_PRESENCE = 0.7
_WORDS = re.compile(r"[^\W_]+", re.UNICODE)


@cache
def topics() -> tuple[str, ...]:
    """Return the ids of all topics in a fixed order, EVERYTHING first: the order of packed vectors."""
    return (EVERYTHING, *(row["id"] for row in _rows("topics.csv")))


@cache
def topic_names() -> dict[str, str]:
    return {EVERYTHING: "everything", **{row["id"]: row["name"] for row in _rows("topics.csv")}}


@cache
def _parents() -> dict[str, str]:
    return {row["id"]: row["parent"] for row in _rows("topics.csv")}


@cache
def ancestry(topic: str) -> tuple[str, ...]:
    """Return a topic and what stands above it, nearest first, without EVERYTHING."""
    line = []
    while topic:
        line.append(topic)
        topic = _parents().get(topic, "")
    return tuple(line)


@cache
def closeness(one: str, other: str) -> float:
    """Return how close two topics stand in the tree: 1 for the same, 4/9 for parent and child, 1/4 for siblings, or 0.

    It is (2 × depth of what they share ÷ (depth of one + depth of the other))², the measure of Wu and Palmer squared,
    so that near misses count for little. EVERYTHING is close to each topic.
    """
    if EVERYTHING in (one, other):
        return 1.0
    mine, theirs = ancestry(one), ancestry(other)
    shared = next((len(ancestry(node)) for node in mine if node in theirs), 0)
    return (2 * shared / (len(mine) + len(theirs))) ** 2


@cache
def genre_topics() -> dict[str, str]:
    """Return {folded Apple genre: topic}."""
    return {folded(row["genre"]): row["topic"] for row in _rows("apple_genres.csv")}


@cache
def genre_tags() -> dict[str, str]:
    """Return {folded Apple genre: tag of the vocabulary}."""
    found = json.loads((DATA / "genre_tags.json").read_text(encoding="utf-8"))
    return {folded(genre): tag for genre, tag in found.items() if not genre.startswith("_")}


@cache
def tag_topics() -> dict[str, tuple[str, ...]]:
    """Return {tag of the vocabulary: the topics it points to, the closest first}."""
    return {row["tag"]: tuple(row["topics"].split()) for row in _rows("tag_topics.csv")}


@cache
def tag_meanings() -> dict[str, str]:
    return {row["tag"]: row["description"] for row in _rows("tag_vocabulary.csv")}


@cache
def countries() -> tuple[str, ...]:
    """Return the ISO 3166-1 codes in a fixed order."""
    return tuple(country_names())


@cache
def country_names() -> dict[str, str]:
    return {row["code"]: row["name"] for row in _rows("countries.csv")}


@cache
def known_sponsors() -> dict[str, tuple[str, ...]]:
    """Return {folded name or alias of a well-known podcast advertiser: its tags}."""
    found: dict[str, tuple[str, ...]] = {}
    for row in _rows("known_sponsors.csv"):
        tags = tuple(row["tags"].split("|"))
        for name in (row["name"], *filter(None, row["aliases"].split("|"))):
            found[folded(name)] = tags
    return found


@cache
def word_topics() -> dict[str, tuple[str, ...]]:
    """Return {folded word or phrase: topics it points to}, from the words of each topic and its name."""
    found: dict[str, list[str]] = {}
    for row in _rows("topics.csv"):
        for phrase in (row["name"], *row["words"].split("|")):
            found.setdefault(folded(phrase), []).append(row["id"])
    return {phrase: tuple(dict.fromkeys(ids)) for phrase, ids in found.items()}


def folded(text: str) -> str:
    """Return text for comparing: small letters without accents, words parted by one space."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(_WORDS.findall("".join(letter for letter in plain if not unicodedata.combining(letter))))


def words_of(text: str) -> list[str]:
    return folded(text).split()


def topic_of_category(category: str) -> str | None:
    """Return the topic of a category as feeds and people write it: an Apple genre, a topic's id or name, "A > B"."""
    if category in _parents():
        return category
    for part in reversed(re.split(r"[>/:›»]", category)):
        plain = folded(part)
        if topic := genre_topics().get(plain):
            return topic
        if found := word_topics().get(plain):
            return found[0]
    return None


def topics_of_text(text: str) -> dict[str, int]:
    """Return {topic: how many of its different words and phrases a text contains}."""
    words = words_of(text)
    known = word_topics()
    hits: dict[str, set[str]] = {}
    for length in (1, 2, 3):
        for start in range(len(words) - length + 1):
            phrase = " ".join(words[start : start + length])
            for topic in known.get(phrase, ()):
                hits.setdefault(topic, set()).add(phrase)
    return {topic: len(phrases) for topic, phrases in hits.items()}


def topics_of_show(
    *, categories: Iterable[str], tags: Iterable[str] = (), title: str = "", description: str = ""
) -> dict[str, float]:
    """Return {topic: how present it is in a show, 0 to 1}: categories fully, words of title and description less."""
    present: dict[str, float] = {}

    def note(topic: str, presence: float) -> None:
        present[topic] = max(present.get(topic, 0.0), presence)

    for category in categories:
        if topic := topic_of_category(category):
            note(topic, 1.0)
    for tag in tags:
        for topic in _topics_of_tag(tag)[:1]:
            note(topic, 0.9)
    for topic in topics_of_text(title):
        note(topic, TITLE_PRESENCE)
    for topic, hits in topics_of_text(description).items():
        note(topic, min(WORD_MOST, WORD_PRESENCE + WORD_MORE * (hits - 1)))
    return present


def interests_of(
    *, tags: Iterable[str], category: str = "", name: str = "", aliases: Iterable[str] = ()
) -> dict[str, float]:
    """Return {topic: weight}, summing to 1 at most: which topics a sponsor wants to stand beside. Empty: not known.

    Tags lead; without any, those by which the trade knows the name, then the words of its product category and of its
    name. BROAD_SHARE lies on EVERYTHING for a sponsor who sells to everyone, and on nothing for others.
    """
    tags = _tags_of(tags, name, aliases)
    weights: dict[str, float] = {}
    broad = any(folded(tag) in BROAD_TAGS for tag in tags)
    for tag in tags:
        found = _topics_of_tag(tag)
        for rank, topic in enumerate(found):
            weights[topic] = weights.get(topic, 0.0) + 1 / (1 + rank)
    if not weights and category:
        for topic in topics_of_text(category) or filter(None, [topic_of_category(category)]):
            weights[topic] = 1.0
    if not weights and not broad:
        weights = dict.fromkeys(topics_of_text(name), 1.0)
    return shared_out(weights) | ({EVERYTHING: BROAD_SHARE} if broad else {})


def names_topics(interests: Mapping[str, float]) -> bool:
    """Return whether interests tell any topic; that a sponsor sells to everyone is none."""
    return any(topic != EVERYTHING for topic in interests)


def shared_out(weights: Mapping[str, float]) -> dict[str, float]:
    """Return weights scaled to what a sponsor's topics sum to: 1 - BROAD_SHARE."""
    whole = sum(weights.values())
    return {topic: weight / whole * (1 - BROAD_SHARE) for topic, weight in weights.items()}


def _tags_of(tags: Iterable[str], name: str, aliases: Iterable[str]) -> list[str]:
    own = [tag for tag in tags if tag.strip()]
    known = (known_sponsors().get(folded(one)) for one in (name, *aliases))
    return own or list(next(filter(None, known), ()))


def damped(interests: Mapping[str, float], part: float) -> dict[str, float]:
    """Return interests of which only a part of the distance from 1 counts: the rest goes to EVERYTHING."""
    found = {topic: weight * part for topic, weight in interests.items()}
    return {**found, EVERYTHING: found.get(EVERYTHING, 0.0) + 1 - part} if interests else {}


def reach_of(present: Mapping[str, float]) -> dict[str, float]:
    """Return {topic: the closest a show comes to it, 0 to 1}; a show without topics reaches none."""
    if not present:
        return {}
    return {topic: max(closeness(topic, own) * level for own, level in present.items()) for topic in topics()} | {
        EVERYTHING: 1.0
    }


def _topics_of_tag(tag: str) -> tuple[str, ...]:
    plain = folded(tag)
    if plain in BROAD_TAGS:
        return ()
    if found := tag_topics().get(plain.replace(" ", "_")):
        return found
    if topic := topic_of_category(tag):
        return (topic,)
    hits = topics_of_text(plain)
    return tuple(sorted(hits, key=lambda topic: (-hits[topic], topic)))


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
