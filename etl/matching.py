"""Which episode a file speaks of: by id, guid, a link made by a person, or its title and day. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from uuid import UUID

from etl.profiles import Hint

# A title that is only nearly the same counts when the episode came out within these days, and no other is as near.
NEAR_DAYS = 3
NEAR_ENOUGH = 0.9
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Known:
    """An episode of the show that a file is about."""

    episode_id: UUID
    title: str
    guid: str
    published: date | None


@dataclass(frozen=True)
class Match:
    """The episode found, and how sure that is: 1 for an id, guid, link or title that only one episode has."""

    episode_id: UUID
    confidence: float


def name_key(text: str) -> str:
    """Return a title as it is compared: without case, accents' forms, marks and a number before it."""
    if _ID.fullmatch(text.strip().lower()):
        return text.strip().lower()
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = re.sub(r"^\s*(?:#|ep(?:isode)?\.?\s*)?\d+\s*[:.\-–—|·]\s*", "", plain)
    return " ".join(re.findall(r"\w+", plain))[:300] or plain.strip()[:300]


class Matcher:
    """Looks for episodes among those of one show."""

    def __init__(self, episodes: Iterable[Known], aliases: Mapping[str, UUID], *, ids_only: bool = False) -> None:
        """ids_only: titles do not count, as among the episodes of all shows."""
        self.episodes = list(episodes)
        self.ids_only = ids_only
        self.aliases = aliases
        self._by_id = {str(one.episode_id): one.episode_id for one in self.episodes}
        self._by_guid = {one.guid: one.episode_id for one in self.episodes if one.guid}
        self._by_title: dict[str, list[Known]] = {}
        for one in self.episodes:
            self._by_title.setdefault(name_key(one.title), []).append(one)
        self._found: dict[Hint, Match | None] = {}

    def find(self, hint: Hint) -> Match | None:
        """Return the episode that a hint means, or None where more than one or none fits."""
        if hint not in self._found:
            self._found[hint] = self._look(hint)
        return self._found[hint]

    def _look(self, hint: Hint) -> Match | None:
        text = hint.text.strip()
        for name in filter(None, (text, hint.also)):
            sure = self._by_id.get(name.lower()) or self._by_guid.get(name) or self.aliases.get(name_key(name))
            if sure:
                return Match(sure, 1.0)
        if self.ids_only:
            return None
        same = self._by_title.get(name_key(text), [])
        if len(same) > 1 and hint.published:
            same = [one for one in same if one.published == hint.published]
        if len(same) == 1:
            return Match(same[0].episode_id, 1.0)
        return self._nearest(hint) if not same and hint.published else None

    def _nearest(self, hint: Hint) -> Match | None:
        wanted = name_key(hint.text)
        near = [
            (SequenceMatcher(None, wanted, name_key(one.title)).ratio(), one)
            for one in self.episodes
            if one.published and hint.published and abs((one.published - hint.published).days) <= NEAR_DAYS
        ]
        near = sorted((pair for pair in near if pair[0] >= NEAR_ENOUGH), key=lambda pair: -pair[0])
        if not near or (len(near) > 1 and near[0][0] == near[1][0]):
            return None
        return Match(near[0][1].episode_id, round(near[0][0], 3))
