"""Recorded answers of interfaces (JSON) -> tables, so that profiles read them like any other file. Pure.

Each shape is known by its keys. What no figure can be taken from is refused with the reason.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from etl.readers import UnreadableFile

Table = Iterator[list[Any]]
# An answer is read as a whole, so it must be small.
MOST_BYTES = 32 * 1024 * 1024


def table_of(content: bytes) -> Table:
    """Yield the header and the rows of an answer. Raises UnreadableFile for what is no known answer."""
    try:
        answer = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise UnreadableFile("broken_json", "The file begins like JSON and cannot be read as such.") from None
    # Recorders put the server's answer into an envelope of their own.
    inner = answer.get("rt") if isinstance(answer, dict) and isinstance(answer.get("rt"), dict) else answer
    if isinstance(inner, Mapping):
        for is_it, lay_out in _SHAPES:
            if is_it(inner):
                return _checked(lay_out, inner)
    raise UnreadableFile("json_unknown", "This JSON is no answer that can be read; send the table as CSV.")


def _checked(lay_out: Callable[[Any], Table], answer: Any) -> Table:
    try:
        return iter(list(lay_out(answer)))
    except UnreadableFile:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, OSError):
        raise UnreadableFile("json_broken", "This answer lacks parts that it should have; record it anew.") from None


def _refused(reason: str) -> Callable[[Any], Table]:
    def refuse(_: Any) -> Table:
        raise UnreadableFile("json_without_figures", reason)

    return refuse


# --- OP3 --------------------------------------------------------------------------------------------------------------
def _op3_episodes(answer: Any) -> Table:
    yield ["op3 episode", "op3 podcast", "pubdate", "day", "downloads"]
    for one in answer["episodes"]:
        for day, downloads in one["dailyDownloads"].items():
            yield [one["episodeItemGuid"], one["podcastGuid"], one["pubdate"], day, downloads]


def _op3_show(answer: Any) -> Table:
    shows = answer["showDownloadCounts"]
    if len(shows) != 1:
        raise UnreadableFile("several_shows", f"The answer tells of {len(shows)} shows; record one show at a time.")
    (show, counts), last = next(iter(shows.items())), date.fromisoformat(answer["asof"][:10])
    yield ["op3 show", "first_day", "last_day", "downloads"]
    weeks = counts.get("weeklyDownloads") or []
    for days, downloads in ((30, counts.get("monthlyDownloads")), (7 * len(weeks), sum(weeks) if weeks else None)):
        if downloads is not None:
            yield [show, (last - timedelta(days=days - 1)).isoformat(), last.isoformat(), downloads]


def _op3_apps(answer: Any) -> Table:
    yield ["op3 app", "downloads"]
    yield from ([app, downloads] for app, downloads in answer["appDownloads"].items())


# --- Spotify ----------------------------------------------------------------------------------------------------------
def _spotify_streams(answer: Any) -> Table:
    yield ["date", "starts", "streams"]
    yield from ([one["date"], one["starts"], one["streams"]] for one in answer["detailedStreams"])


def _spotify_listeners(answer: Any) -> Table:
    yield ["date", "spotify listeners"]
    yield from ([one["date"], one["count"]] for one in answer["counts"])


def _spotify_audience(answer: Any) -> Table:
    yield ["facet", "name", "count", "first_day", "last_day"]
    span = [answer["start"], answer["end"]]
    for age, group in answer["ageFacetedCounts"].items():
        yield ["age", age, sum(group["counts"].values()), *span]
    for gender, count in answer["genderedCounts"]["counts"].items():
        yield ["gender", gender.lower(), count, *span]
    for name, country in answer["countryFacetedCounts"].items():
        yield ["country", country.get("countryCode") or name, sum(country["counts"].values()), *span]


def _spotify_catalogue(answer: Any) -> Table:
    yield ["spotify id", "name", "releasedate", "starts", "streams", "listeners"]
    for one in answer["episodes"]:
        yield [one["id"], one["name"], one["releaseDate"], one["starts"], one["streams"], one["listeners"]]


# --- others -----------------------------------------------------------------------------------------------------------
def _anchor(answer: Any) -> Table:
    """A table as it came, its header beside it; moments are seconds."""
    columns = answer["data"]["columnHeaders"]
    yield [column["name"] for column in columns]
    for row in answer["data"]["rows"]:
        yield [
            datetime.fromtimestamp(int(value), UTC).date().isoformat() if column.get("isDateTime") else value
            for column, value in zip(columns, row, strict=True)
        ]


def _transistor(answer: Any) -> Table:
    yield ["transistor date", "downloads"]
    yield from ([one["date"], one["downloads"]] for one in answer["data"]["attributes"]["downloads"])


def _simplecast(answer: Any) -> Table:
    yield ["interval", "downloads_total"]
    yield from ([one["interval"][:10], one["downloads_total"]] for one in answer["by_interval"])


def _is_list(answer: Mapping[str, Any], name: str, *keys: str) -> bool:
    rows = answer.get(name)
    return (
        isinstance(rows, list) and bool(rows) and isinstance(rows[0], Mapping) and all(key in rows[0] for key in keys)
    )


def _inside(answer: Mapping[str, Any], *path: str) -> Any:
    found: Any = answer
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


_SHAPES: tuple[tuple[Callable[[Mapping[str, Any]], bool], Callable[[Any], Table]], ...] = (
    (lambda a: _is_list(a, "episodes", "dailyDownloads", "episodeItemGuid"), _op3_episodes),
    (lambda a: isinstance(a.get("showDownloadCounts"), Mapping), _op3_show),
    (lambda a: isinstance(a.get("appDownloads"), Mapping), _op3_apps),
    (
        lambda a: isinstance(a.get("appShares"), Mapping),
        _refused("These are the apps of all shows that OP3 measures, not of one of yours; record those of a show."),
    ),
    (lambda a: _is_list(a, "detailedStreams", "date", "streams"), _spotify_streams),
    (lambda a: _is_list(a, "counts", "date", "count"), _spotify_listeners),
    (lambda a: "ageFacetedCounts" in a and "genderedCounts" in a, _spotify_audience),
    (lambda a: _is_list(a, "episodes", "streams", "releaseDate"), _spotify_catalogue),
    (
        lambda a: isinstance(a.get("samples"), list),
        _refused("This is the curve of how far people listen; it holds no figure of a day, and no curve is kept."),
    ),
    (
        lambda a: "totalEpisodes" in a and "followers" in a,
        _refused("This describes the show; its totals belong to no day. Send streams or episodes."),
    ),
    (lambda a: isinstance(_inside(a, "data", "columnHeaders"), list), _anchor),
    (lambda a: isinstance(_inside(a, "data", "attributes", "downloads"), list), _transistor),
    (lambda a: _is_list(a, "by_interval", "interval", "downloads_total"), _simplecast),
)
