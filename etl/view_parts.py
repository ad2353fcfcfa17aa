"""What the page of an import shows beside its figures: the columns to map, the episodes to link."""

from collections.abc import Iterable
from datetime import date
from difflib import SequenceMatcher
from typing import Any
from uuid import UUID

from etl.cells import count_of, day_of, share_of_one
from etl.matching import name_key
from etl.models import Import
from etl.profiles import normal_names
from etl.profiles.mapped import DIMENSIONS, FIELDS
from etl.profiles.orders import ORDER_FIELDS
from etl.profiles.redemptions import SALES_FIELDS
from etl.records import CellError
from etl.services.profile_file import podcast_called
from metrics.models import Episode
from metrics.queries import episodes_of, shows_in_order
from tracker.lib import words

MOST_EPISODES = 500
# For so many names an episode of a similar title is proposed.
MOST_GUESSED = 25
LIKELY = 0.6


def mapping_of(asked: dict[str, Any]) -> dict[str, Any]:
    """Columns of an unknown header, each with the first values as they stand and as they would be read."""
    names = normal_names(asked["header"])
    columns = []
    for place, name in enumerate(names):
        sample = [row[place] if place < len(row) else "" for row in asked.get("sample", [])]
        columns.append((name, [(text, _read_as(text)) for text in sample]))
    return {
        "columns": columns,
        "fields": FIELDS,
        "dimensions": DIMENSIONS,
        "order_fields": ORDER_FIELDS,
        "sales_fields": SALES_FIELDS,
    }


def _read_as(text: str) -> str:
    """What a cell means, in words: a number, a day, a share; "" where it stays text."""
    if not text.strip():
        return ""
    forms: tuple[tuple[Any, Any], ...] = ((count_of, _as_count), (_day, words.day), (share_of_one, _as_share))
    for read, shown in forms:
        try:
            return shown(read(text))
        except CellError as refused:
            if refused.code == "order_unknown":
                return "day or month first?"
    return ""


def _day(text: str) -> date:
    return day_of(text, day_first=None, latest=date.max.replace(year=2088))


def _as_count(count: int | None) -> str:
    return "—" if count is None else words.number(count)


def _as_share(share: Any) -> str:
    return "—" if share is None else f"{share * 100:f} %".replace(".0 %", " %")


def unmatched_of(run: Import) -> dict[str, Any]:
    """Names of episodes that nobody knows yet, the episodes to choose from, and for each name what is likely meant."""
    chosen = run.metadata.get("answers", {}).get("podcast")
    unmatched = run.metadata["unmatched"]
    podcast = (
        None if chosen else next(filter(None, (podcast_called(one["show"]) for one in unmatched if one["show"])), None)
    )
    podcast_id = UUID(chosen) if chosen else podcast.pk if podcast else None
    if podcast_id is None:
        return {"unmatched": [{**one, "guess": "new"} for one in unmatched], "shows": shows_in_order(), "episodes": []}
    episodes = list(episodes_of(podcast_id=podcast_id)[:MOST_EPISODES])
    guessed = [
        {**one, "guess": _guess(one["name"], episodes) if place < MOST_GUESSED else "new"}
        for place, one in enumerate(unmatched)
    ]
    return {"unmatched": guessed, "episodes": episodes}


def _guess(name: str, episodes: Iterable[Episode]) -> str:
    wanted = name_key(name)
    matcher = SequenceMatcher(b=wanted)
    best, found = LIKELY, "new"
    for episode in episodes:
        matcher.set_seq1(name_key(episode.title))
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best and (ratio := matcher.ratio()) > best:
            best, found = ratio, str(episode.pk)
    return found
