"""Profiles of platforms where people listen and watch: Apple, Spotify and what was Anchor, YouTube.

A platform counts plays or streams. They stand as the downloads of a source of its own, beside those of the host.
"""

from collections.abc import Iterable, Mapping

from etl.cells import count_of, day_of, is_missing, share_of_one
from etl.profiles.base import Answers, Daily, Hint, OfShow, Profile, Record, Share, cell, part_of_audience
from etl.profiles.hosts import windows_of


class AppleEpisodes(Profile):
    """Apple Podcasts Connect's table of episodes: plays of all time, when all time was chosen on the page."""

    key = "apple_episodes"
    title = "Apple Podcasts Connect, episodes"
    source = "apple"
    reference = "github.com/j2kun/pc-automation, process_combined.py, with a row of the export"
    header = ("episode id", "episode title", "release date", "unique listeners", "plays")
    asks = ("podcast", "as_of", "span")

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        published = _published(cells, "release date", answers)
        hint = Hint(cells["episode title"], published, also=cells.get("episode guid", "").strip())
        yield from windows_of({"plays": None}, cells, line, hint, answers.as_of)


class AppleDays(Profile):
    """Apple Podcasts Connect's trend by day; of the whole show, or of the episodes where a column names them."""

    key = "apple_days"
    title = "Apple Podcasts Connect, days"
    source = "apple"
    reference = (
        "github.com/efratt626/Machines-Like-Us, skills/mlu-report/SKILL.md (columns of the export, days as YYYYMMDD); "
        "that its days are UTC: https://podcasters.apple.com/support/844-troubleshooting-data-issues"
    )
    header = ("date", "total time listened", "plays", "unique listeners")
    asks = ("podcast",)

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        day = cell(cells, "date", lambda text: day_of(text.split(".")[0], day_first=None, latest=answers.latest))
        plays, listeners = (cell(cells, name, count_of) for name in ("plays", "unique listeners"))
        if plays is None and listeners is None:
            return
        if "episode title" in cells:
            hint = Hint(cells["episode title"], also=cells.get("episode guid", "").strip())
            yield Daily(line, hint, day, (plays, listeners, None, None, None, None))
        else:
            yield OfShow(line, day, day, downloads=plays, listeners=listeners)


class SpotifyEpisodes(Profile):
    """Spotify for Creators' table of episodes: streams (60 seconds or more) of all time, when that was chosen."""

    key = "spotify_episodes"
    title = "Spotify for Creators, episodes"
    source = "spotify"
    reference = "github.com/amladinov/podcast-stats, lib/parsers/spotify.ts and tests/spotifyParser.test.ts"
    header = ("name", "plays", "streams", "audience_size", "releasedate")
    asks = ("podcast", "as_of", "span")

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        hint = Hint(cells["name"], _published(cells, "releasedate", answers))
        yield from windows_of({"streams": None}, cells, line, hint, answers.as_of)


class AnchorPlays(Profile):
    """Plays of the whole show by day. "01/31/2021 24:00:00" is the end of 31 January, month first."""

    key = "anchor_plays"
    title = "Spotify for Creators / Anchor, total plays"
    source = "anchor"
    reference = "github.com/openpodcast/api, fixtures/anchorPlays.json (columnHeaders)"
    header = ("time (utc)", "plays")
    asks = ("podcast",)

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        day = cell(cells, "time (utc)", lambda text: day_of(text, day_first=False, latest=answers.latest))
        plays = cell(cells, "plays", count_of)
        if plays is not None:
            yield OfShow(line, day, day, downloads=plays)

    def suggested(self, file_name: str) -> dict[str, str]:
        return _anchor_show(file_name)


class AnchorEpisodes(Profile):
    """Plays of each episode of all time."""

    key = "anchor_episodes"
    title = "Spotify for Creators / Anchor, top episodes"
    source = "anchor"
    reference = "github.com/openpodcast/api, fixtures/anchorTotalPlaysByEpisode.json (columnHeaders)"
    header = ("episode title", "plays", "publish time (utc)")
    asks = ("podcast", "as_of")

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        published = None
        if not is_missing(cells["publish time (utc)"]):
            published = cell(
                cells, "publish time (utc)", lambda text: day_of(text, day_first=False, latest=answers.latest)
            )
        hint = Hint(cells["episode title"], published, also=cells.get("episode id", "").strip())
        yield from windows_of({"plays": None}, cells, line, hint, answers.as_of)

    def suggested(self, file_name: str) -> dict[str, str]:
        return super().suggested(file_name) | _anchor_show(file_name)


class AnchorShares(Profile):
    """Shares of plays by app, device or place, up to a day."""

    source = "anchor"
    asks = ("podcast", "as_of")

    def __init__(self, column: str, dimension: str, words: str, fixture: str) -> None:
        self.key = f"anchor_{dimension}"
        self.title = f"Spotify for Creators / Anchor, plays by {words}"
        self.reference = f"github.com/openpodcast/api, fixtures/{fixture}.json (columnHeaders)"
        self.header = (column, "percent of plays")
        self.column = column
        self.dimension = dimension

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        share = cell(cells, "percent of plays", share_of_one)
        if share is not None and answers.as_of is not None:
            yield Share(line, self.dimension, part_of_audience(cells[self.column]), share, answers.as_of)

    def suggested(self, file_name: str) -> dict[str, str]:
        return super().suggested(file_name) | _anchor_show(file_name)


class YouTubeTable(Profile):
    """YouTube Studio's table of videos over their whole life; the row of totals is left out."""

    key = "youtube"
    title = "YouTube Studio, table of videos (lifetime)"
    source = "youtube"
    reference = "github.com/tarun9346/youtube-channel-analytics, Table data.csv (the export of an English account)"
    header = ("content", "video title", "video publish time", "views")
    asks = ("podcast", "as_of", "span")

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        hint = Hint(cells["video title"], _published(cells, "video publish time", answers), also=cells["content"])
        yield from windows_of({"views": None}, cells, line, hint, answers.as_of)


class YouTubeDays(Profile):
    """YouTube Studio's chart by day and video; without a column of videos it is of the whole channel."""

    key = "youtube_days"
    title = "YouTube Studio, chart by day"
    source = "youtube"
    reference = "github.com/tarun9346/youtube-channel-analytics, Chart data.csv (the export of an English account)"
    header = ("date", "content", "video title", "views")
    asks = ("podcast",)

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        views = cell(cells, "views", count_of)
        if views is None:
            return
        day = cell(cells, "date", lambda text: day_of(text, day_first=answers.day_first, latest=answers.latest))
        hint = Hint(cells["video title"], also=cells["content"])
        yield Daily(line, hint, day, (views, None, None, None, None, None))


def _published(cells: Mapping[str, str], column: str, answers: Answers):
    if is_missing(cells[column]):
        return None
    return cell(cells, column, lambda text: day_of(text, day_first=answers.day_first, latest=answers.latest))


def _anchor_show(file_name: str) -> dict[str, str]:
    show = file_name.split("_TotalPlays")[0].split("_TopEpisodes")[0].split("_PlaysBy")[0].split("_GeoLocation")[0]
    return {"podcast": show.replace("_", " ").strip()} if show != file_name else {}


PLATFORMS: tuple[Profile, ...] = (
    AppleEpisodes(),
    AppleDays(),
    SpotifyEpisodes(),
    AnchorPlays(),
    AnchorEpisodes(),
    AnchorShares("app", "app", "app", "anchorPlaysByApp"),
    AnchorShares("device", "device", "device", "anchorPlaysByDevice"),
    AnchorShares("geo", "country", "place", "anchorPlaysByGeo"),
    YouTubeTable(),
    YouTubeDays(),
)
