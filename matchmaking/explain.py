"""The six signals of the pairs that are kept, and why they fit in words that can be said aloud.

Signals are computed again from the packed rows of just these pairs, in slices; words are put together from phrases,
each distinct combination once.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import numpy as np
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from matchmaking.engine import PairFacts, Problem
from matchmaking.history import SHOW_DIMS
from matchmaking.packing import FLAGS, LAYOUT
from matchmaking.profiles import AGE_BANDS, RISK_COST, RISKS, SEXES
from matchmaking.scoring import OWN_VOLUME
from matchmaking.taxonomy import BROAD_SHARE, countries, country_names, topic_names, topics

SLICE = 4096
THREADS = 2
THOUSANDTHS = 1000
ABSENT = -1
# A signal is worth saying from here on; the strongest are said first, at most SAID of them.
WORTH_SAYING, SAID = 0.35, 3
# A topic is named if it brings at least this part of the whole signal.
NAMED = 0.02
# How close a show has to come to a topic to be called about it.
ABOUT = 0.9
# Beside 0 and 1, whether anything is worth saying: a pair that may stand on no list.
TOO_LITTLE = 2

_FLAG = {name: index for index, name in enumerate(FLAGS)}


@dataclass(frozen=True)
class Explained:
    """Of n pairs: signals (n, 6) in thousandths, ABSENT without data; confidence (n,) in thousandths; rationale."""

    signals: np.ndarray
    confidence: np.ndarray
    rationale: list[bytes]
    # (n,) a number that stands for the rationale's words.
    words: np.ndarray


class Explainer:
    """Explains pairs of a problem, slice by slice; threads may share it.

    monday: with which the weeks begin; topic_part: how much of the closeness of topics the packed rows let count.
    """

    def __init__(self, problem: Problem, *, monday: date, topic_part: float = 1.0) -> None:
        self._problem, self._topic_part = problem, topic_part
        self._own = _OwnRecords(problem.facts, len(problem.shows))
        self._phrases = _Phrases(monday)
        # {code of the phrases: (the words, a number that stands for them)}
        self._texts: dict[int, tuple[bytes, int]] = {}

    def explain(self, sponsors: np.ndarray, shows: np.ndarray) -> Explained:
        """Explain some pairs, given by their indices, in the language of the moment."""
        one = _Slice(self._problem, sponsors, shows, self._own, self._topic_part)
        distinct, place = np.unique(one.codes(), return_inverse=True)
        found = [self._text(code) for code in distinct.tolist()]
        words = np.array([number for _text, number in found], np.uint64)[place] if found else np.zeros(0, np.uint64)
        return Explained(one.signals(), one.confidence(), [found[index][0] for index in place.tolist()], words)

    def _text(self, code: int) -> tuple[bytes, int]:
        known = self._texts.get(code)
        if known is None:
            text = _rationale(code, self._phrases).encode()
            known = self._texts[code] = (text, zlib.crc32(text))
        return known


class _OwnRecords:
    """Looks up the record that a pair has of its own."""

    def __init__(self, facts: PairFacts, shows: int) -> None:
        self._shows = max(shows, 1)
        keys = facts.own_sponsors.astype(np.int64) * self._shows + facts.own_shows
        self._order = np.argsort(keys)
        self._keys, self._facts = keys[self._order], facts

    def of(self, sponsors: np.ndarray, shows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return outcome and volume, volume 0 for pairs without a record."""
        outcome, volume = np.zeros(len(sponsors), np.float32), np.zeros(len(sponsors), np.float32)
        if not len(self._keys):
            return outcome, volume
        wanted = sponsors.astype(np.int64) * self._shows + shows
        found = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        hit = self._keys[found] == wanted
        place = self._order[found[hit]]
        outcome[hit], volume[hit] = self._facts.own_outcome[place], self._facts.own_volume[place]
        return outcome, volume


class _Slice:
    """Some pairs with their packed rows side by side."""

    def __init__(
        self, problem: Problem, sponsors: np.ndarray, shows: np.ndarray, own: _OwnRecords, topic_part: float
    ) -> None:
        self.topic_part = topic_part
        self.weights = np.array(problem.weights.as_tuple(), np.float64)
        self.buyer, self.show = problem.sponsors[sponsors], problem.shows[shows]
        flags = self.buyer[:, LAYOUT["flags"]] * self.show[:, LAYOUT["flags"]]
        self.has = {name: flags[:, index] > 0 for name, index in _FLAG.items()}
        self.shared_countries = np.minimum(self._buyer("countries"), self._show("countries"))
        self.shared_ages = np.minimum(self._buyer("ages"), self._show("ages"))
        self.shared_sexes = np.minimum(self._buyer("sexes"), self._show("sexes"))
        self.topic_parts = self._buyer("topics") * self._show("topics")
        self.outcome, self.volume = own.of(sponsors, shows)
        self.values, self.present = self._values(problem.full_evidence)

    def _buyer(self, name: str) -> np.ndarray:
        return self.buyer[:, LAYOUT[name]]

    def _show(self, name: str) -> np.ndarray:
        return self.show[:, LAYOUT[name]]

    def _values(self, full_evidence: float) -> tuple[np.ndarray, np.ndarray]:
        has = self.has
        ages, sexes = _at_most_1(self.shared_ages.sum(1)), _at_most_1(self.shared_sexes.sum(1))
        parts = has["age"].astype(np.float32) + has["sex"]
        demographics = (ages * has["age"] + sexes * has["sex"]) / np.maximum(parts, 1)
        has_likely = has["history"] & (full_evidence > 0)
        likely = np.einsum("ij,ij->i", self._buyer("history"), self._show("history"))
        likely = np.clip(likely / (full_evidence or 1), 0, 1)
        prior = np.where(has_likely, likely, 0.5)
        mixed = (OWN_VOLUME * prior + self.volume * self.outcome) / (OWN_VOLUME + self.volume)
        self.free = np.clip(np.einsum("ij,ij->i", self._buyer("weeks"), self._show("weeks")), 0, 1)
        self.price = np.clip(2 - self._buyer("price")[:, 0] * self._show("price")[:, 0], 0, 1)
        self.unwanted = self._buyer("risks") * self._show("risks")
        values = np.stack(
            [
                _at_most_1(self.shared_countries.sum(1)),
                demographics,
                self.topic_parts.sum(1),
                np.where(self.volume > 0, mixed, likely),
                self.free * self.price,
                np.maximum(0, 1 - RISK_COST * self.unwanted.sum(1)),
            ],
            axis=1,
        )
        present = np.stack(
            [
                has["geo"],
                parts > 0,
                has["topic"],
                has_likely | (self.volume > 0),
                has["inventory"],
                has["safety"],
            ],
            axis=1,
        )
        return values, present

    def signals(self) -> np.ndarray:
        return np.where(self.present, np.rint(np.clip(self.values, 0, 1) * THOUSANDTHS), ABSENT).astype(np.int16)

    def confidence(self) -> np.ndarray:
        known = np.ones(self.values.shape)
        known[:, :2] = self._show("known")
        known[:, 2] = self._buyer("known")[:, 0]
        share = (self.present * self.weights * known).sum(1) / max(self.weights.sum(), 1e-9)
        return np.rint(np.clip(share, 0, 1) * THOUSANDTHS).astype(np.int16)

    def codes(self) -> np.ndarray:
        """Return one number a pair that says which phrases it gets: the strongest signals, and any caution."""
        values = self.values.copy()
        # Words go by the whole closeness of topics, of which only a part may count.
        values[:, 2] = 1 - (1 - values[:, 2]) / self.topic_part
        told = values * self.weights * self.present * (values >= WORTH_SAYING)
        told[:, 5] = 0
        specific = self.topic_parts[:, 1:] / np.float32(self.topic_part)
        # That a show is as good as any other is worth saying of those alone who sell to everyone.
        everything = 1 - (1 - self._buyer("topics")[:, 0]) / self.topic_part
        told[:, 2] *= (specific.max(1) > NAMED) | (everything >= BROAD_SHARE - 1e-4)
        rank = np.argsort(np.argsort(-told, axis=1, kind="stable"), axis=1, kind="stable")
        said = (rank < SAID) & (told > 0)
        best_topic = np.where(specific.max(1) > NAMED, specific.argmax(1) + 1, 0)
        reached = np.take_along_axis(self._show("topics"), best_topic[:, None], axis=1)[:, 0]
        level = ((best_topic > 0) & (reached >= ABOUT)).astype(np.int64)
        level += 2 * (self._buyer("known")[:, 1] > 0)
        digits: list[tuple[np.ndarray, int]] = [
            (np.where(said[:, 2], 1 + best_topic * 4 + level, 0), 4 * len(topics()) + 1),
            (np.where(said[:, 0], 1 + self.shared_countries.argmax(1), 0), len(countries()) + 1),
            (np.where(said[:, 0], np.rint(self.values[:, 0] * 10), 0), 11),
            (np.where(said[:, 1], 1 + self._closest_people(), 0), len(AGE_BANDS) + len(SEXES) + 1),
            (np.where(said[:, 3], self._history_kind(), 0), 5),
            (np.where(said[:, 4], 1 + self._first_free_week() * 3 + self._price_kind(), 0), 3 * 14 + 1),
            (np.where((self.values[:, 5] < 1) & self.present[:, 5], 1 + self.unwanted.argmax(1), 0), len(RISKS) + 1),
            (np.where(self._is_known(), said.any(1), TOO_LITTLE), 3),
        ]
        code = np.zeros(len(told), np.int64)
        for digit, base in digits:
            code = code * base + digit.astype(np.int64)
        return code

    def _is_known(self) -> np.ndarray:
        """Return which pairs are known well enough to be listed (`scoring.is_known`)."""
        placed = self._buyer("history")[:, :SHOW_DIMS].any(1) | (self.volume > 0)
        return self.present[:, :3].any(1) | (self.present[:, 3] & placed)

    def _closest_people(self) -> np.ndarray:
        ages, sexes = self.shared_ages.argmax(1), self.shared_sexes.argmax(1)
        return np.where(self.has["age"], ages, len(AGE_BANDS) + sexes)

    def _history_kind(self) -> np.ndarray:
        """1: its own record is good; 2: it has run there; 3: shows and sponsors like these do it; 4: some do."""
        own, value = self.volume > 0, self.values[:, 3]
        return np.where(own, np.where(self.outcome >= 0.6, 1, 2), np.where(value >= 0.6, 3, 4))

    def _first_free_week(self) -> np.ndarray:
        free = (self._show("weeks") > 0) & (self._buyer("weeks") > 0)
        return np.where(free.any(1), free.argmax(1), 13)

    def _price_kind(self) -> np.ndarray:
        """0: price or budget unknown; 1: within the budget; 2: above it."""
        known = (self._show("price")[:, 0] > 0) & (self._buyer("price")[:, 0] > 0)
        return np.where(known, np.where(self.price >= 1, 1, 2), 0)


class _Phrases:
    """The phrases in the language of the moment, each put together once a run."""

    def __init__(self, monday: date) -> None:
        self.topic = cache(_topic_words)
        self.country = cache(_country_words)
        self.people = cache(_people_words)
        self.past = cache(_past_words)
        self.inventory = cache(lambda code: _inventory_words(code, monday))


def _rationale(code: int, phrases: _Phrases) -> str:
    """Return the words of one code: digits are taken off in the reverse order of `codes`."""
    digits = []
    for base in (
        3,
        len(RISKS) + 1,
        43,
        5,
        len(AGE_BANDS) + len(SEXES) + 1,
        11,
        len(countries()) + 1,
        4 * len(topics()) + 1,
    ):
        code, digit = divmod(code, base)
        digits.append(digit)
    how_much, risk, inventory, past, people, share, country, topic = digits
    say: list[tuple[int, Callable[[], str]]] = [
        (topic, lambda: phrases.topic(topic - 1)),
        (country, lambda: phrases.country(country - 1, share)),
        (people, lambda: phrases.people(people - 1)),
        (past, lambda: phrases.past(past)),
        (inventory, lambda: phrases.inventory(inventory - 1)),
    ]
    told = [words() for said, words in say if said]
    if how_much == TOO_LITTLE:
        told.append(_("Too little is known to list the two: topics, targets or a first booking would tell."))
    elif not how_much:
        told.append(_("Little speaks for this pair so far."))
    if risk:
        told.append(
            _("Take care: %(subject)s, which you asked to keep away from.") % {"subject": subject_name(risk - 1)}
        )
    return " ".join(phrase for phrase in told if phrase)


def _topic_words(code: int) -> str:
    topic, is_seen, near = code // 4, bool(code // 2 % 2), bool(code % 2)
    name = topic_names()[topics()[topic]].lower()
    if topic == 0:
        return _("You sell to everyone, so any topic suits you.")
    if is_seen and near:
        return _("The show is about what the shows that carry you are about: %(topic)s.") % {"topic": name}
    if is_seen:
        return _("The show comes near to what the shows that carry you are about: %(topic)s.") % {"topic": name}
    if near:
        return _("The show is about what you sell: %(topic)s.") % {"topic": name}
    return _("The show comes near to what you sell: %(topic)s.") % {"topic": name}


def _country_words(index: int, tenths: int) -> str:
    name = country_names()[countries()[index]]
    if tenths >= 9:
        return _("Its listeners live where you sell, most of them in %(country)s.") % {"country": name}
    told = {"share": tenths * 10, "country": name}
    return _("About %(share)d %% of its listeners live where you sell, first of all in %(country)s.") % told


def _people_words(index: int) -> str:
    if index < len(AGE_BANDS):
        return _("It reaches the people you want, above all those aged %(ages)s.") % {"ages": AGE_BANDS[index]}
    names = {"female": _("women"), "male": _("men"), "other": _("people of other sexes")}
    return _("It reaches the people you want, above all %(people)s.") % {"people": names[SEXES[index - len(AGE_BANDS)]]}


def _past_words(kind: int) -> str:
    return {
        1: _("You have run here before, and it went well."),
        2: _("You have run here before."),
        3: _("Shows like this carry you or sponsors like you, and keep doing so."),
        4: _("Some shows like this carry you or sponsors like you."),
    }[kind]


def _inventory_words(code: int, monday: date) -> str:
    week, price = divmod(code, 3)
    if week >= 13:
        return ""
    day = date_format(monday + timedelta(weeks=week), "j M")
    return {
        0: _("Slots are open from the week of %(day)s.") % {"day": day},
        1: _("Slots are open from the week of %(day)s, within your budget.") % {"day": day},
        2: _("Slots are open from the week of %(day)s, somewhat above your budget.") % {"day": day},
    }[price]


def subject_name(index: int) -> str:
    """Return the name of an unwanted subject by its place in RISKS."""
    return {
        "explicit": _("explicit language"),
        "crime": _("crime"),
        "politics": _("politics"),
        "religion": _("religion"),
        "sexuality": _("sexuality"),
        "alcohol": _("alcohol"),
        "gambling": _("gambling"),
        "conflict": _("war and conflict"),
        "health": _("health troubles"),
        "news": _("news"),
    }[list(RISKS)[index]]


def _at_most_1(values: np.ndarray) -> np.ndarray:
    return np.minimum(values, 1)
