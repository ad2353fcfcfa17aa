"""Profiles of recorded answers of interfaces, laid out as tables by etl.recorded; their headers are ours."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from etl.cells import count_of, day_of, instant_day, is_missing
from etl.profiles.base import (
    WHOLE_SHOW,
    Answers,
    Daily,
    Hint,
    OfShow,
    Profile,
    Record,
    Share,
    Snapshot,
    cell,
    part_of_audience,
)

# The recorded answers, as two open programs keep them for their tests.
OP3_ANSWERS = "github.com/rpodcast/op3r, tests/testthat"
SPOTIFY_ANSWERS = "github.com/openpodcast/pipelines, spotify/data"


class Op3Days(Profile):
    """OP3's recent episodes of many shows with their downloads by UTC day, known by guid."""

    key = "op3_days"
    title = "OP3, daily downloads of recent episodes"
    source = "op3"
    reference = f"{OP3_ANSWERS}/q_transcripts (recent episodes with transcripts)"
    header = ("op3 episode", "op3 podcast", "pubdate", "day", "downloads")
    any_show = True

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        downloads = cell(cells, "downloads", count_of)
        day = cell(cells, "day", lambda text: day_of(text, day_first=None, latest=answers.latest))
        if downloads is not None:
            hint = Hint(cells["op3 episode"], cell(cells, "pubdate", instant_day))
            yield Daily(line, hint, day, (downloads, None, None, None, None, None))


class Op3ShowTotals(Profile):
    """OP3's downloads of a show in the last 30 days and the last four weeks, up to a day in the answer."""

    key = "op3_show"
    title = "OP3, downloads of a show"
    source = "op3"
    reference = f"{OP3_ANSWERS}/q_dl_show (show download counts)"
    header = ("op3 show", "first_day", "last_day", "downloads")
    asks = ("podcast",)

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        yield from _of_show(cells, line, answers, first="first_day", last="last_day", downloads="downloads")


class Op3Apps(Profile):
    """OP3's downloads of one show by app; the answer does not say which days it counts."""

    key = "op3_apps"
    title = "OP3, apps of a show"
    source = "op3"
    reference = f"{OP3_ANSWERS}/q_top (top apps for a show)"
    header = ("op3 app", "downloads")
    asks = ("podcast", "as_of")

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        downloads = cell(cells, "downloads", count_of)
        if downloads is not None and answers.as_of is not None:
            name = part_of_audience(cells["op3 app"])
            yield Share(line, "app", name, Decimal(downloads), answers.as_of, is_count=True)


class SpotifyStreams(Profile):
    """Streams by day of a show or of one episode: the answer does not say which. A stream is 60 seconds or more."""

    key = "spotify_streams"
    title = "Spotify, streams by day"
    source = "spotify"
    reference = f"{SPOTIFY_ANSWERS} (detailedStreams)"
    header = ("date", "starts", "streams")
    asks = ("podcast", "episode")

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        yield from _of_episode_or_show(cells, line, answers, column="streams", place=0)


class SpotifyListeners(Profile):
    """Listeners by day of a show or of one episode. Unique a day: never added over days."""

    key = "spotify_listeners"
    title = "Spotify, listeners by day"
    source = "spotify"
    reference = f"{SPOTIFY_ANSWERS} (listeners)"
    header = ("date", "spotify listeners")
    asks = ("podcast", "episode")

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        yield from _of_episode_or_show(cells, line, answers, column="spotify listeners", place=1)


class SpotifyAudience(Profile):
    """Listeners by age, sex and country, counted up to the answer's last day."""

    key = "spotify_audience"
    title = "Spotify, audience"
    source = "spotify"
    reference = f"{SPOTIFY_ANSWERS} (aggregate)"
    header = ("facet", "name", "count", "first_day", "last_day")
    asks = ("podcast",)

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        count = cell(cells, "count", count_of)
        last = cell(cells, "last_day", lambda text: day_of(text, day_first=None, latest=answers.latest))
        if count:
            yield Share(line, cells["facet"], part_of_audience(cells["name"]), Decimal(count), last, is_count=True)


class SpotifyCatalogue(Profile):
    """The list of a show's episodes with their streams in the span that was asked for; all time counts."""

    key = "spotify_catalogue"
    title = "Spotify, list of episodes"
    source = "spotify"
    reference = f"{SPOTIFY_ANSWERS} (episodes)"
    header = ("spotify id", "name", "releasedate", "starts", "streams", "listeners")
    asks = ("podcast", "as_of", "span")

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        published = cell(cells, "releasedate", lambda text: day_of(text, day_first=None, latest=answers.latest))
        streams = cell(cells, "streams", count_of)
        if streams is not None and answers.as_of is not None:
            hint = Hint(cells["name"], published, also=cells["spotify id"])
            yield Snapshot(line, hint, None, answers.as_of, streams)


class TransistorDays(Profile):
    """Transistor's downloads by day of a show, or of one episode. Days are written day first."""

    key = "transistor_days"
    title = "Transistor, downloads by day"
    source = "transistor"
    reference = "https://developers.transistor.fm, analytics: dates are dd-mm-yyyy"
    header = ("transistor date", "downloads")
    asks = ("podcast", "episode")

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        yield from _of_episode_or_show(cells, line, answers, column="downloads", place=0, day="transistor date")


class SimplecastDays(Profile):
    """Simplecast's downloads by day of a show, or of one episode."""

    key = "simplecast_days"
    title = "Simplecast, downloads by day"
    source = "simplecast"
    reference = "https://apidocs.simplecast.com, analytics/downloads: by_interval[].interval, downloads_total"
    header = ("interval", "downloads_total")
    asks = ("podcast", "episode")

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        yield from _of_episode_or_show(cells, line, answers, column="downloads_total", place=0, day="interval")


def _of_show(cells, line: int, answers: Answers, *, first: str, last: str, downloads: str) -> Iterable[Record]:
    count = cell(cells, downloads, count_of)
    days = [
        cell(cells, name, lambda text: day_of(text, day_first=None, latest=answers.latest)) for name in (first, last)
    ]
    if count is not None:
        yield OfShow(line, days[0], days[1], downloads=count)


def _of_episode_or_show(
    cells: Mapping[str, str], line: int, answers: Answers, *, column: str, place: int, day: str = "date"
) -> Iterable[Record]:
    """place: where the figure stands among metrics.facts.MEASURES (0 downloads, 1 listeners)."""
    figure = cell(cells, column, count_of)
    on = cell(cells, day, lambda text: day_of(text, day_first=True, latest=answers.latest))
    if figure is None or is_missing(answers.episode):
        return
    if answers.episode == WHOLE_SHOW:
        yield OfShow(line, on, on, **{("downloads", "listeners")[place]: figure})
    else:
        figures = tuple(figure if n == place else None for n in range(6))
        yield Daily(line, Hint(answers.episode), on, figures)


ANSWERS: tuple[Profile, ...] = (
    Op3Days(),
    Op3ShowTotals(),
    Op3Apps(),
    SpotifyStreams(),
    SpotifyListeners(),
    SpotifyAudience(),
    SpotifyCatalogue(),
    TransistorDays(),
    SimplecastDays(),
)
