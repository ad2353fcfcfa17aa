"""Profiles of hosts and measuring services whose headers stand in a public source, named in each."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal

from etl.cells import count_of, day_of, instant_day, is_missing
from etl.profiles.base import Answers, Daily, Hint, OfShow, Profile, Record, Share, Snapshot, cell, part_of_audience

# Three reports of the host as a podcast published them.
BUZZSPROUT = "github.com/PMendes88/Kings_of_History_Podcast_Data_Analysis"


class Op3Episodes(Profile):
    """OP3's table of episodes: downloads in their first 3, 7 and 30 days and in all, as of a day in the file."""

    key = "op3_episodes"
    title = "OP3, episode download counts"
    source = "op3"
    reference = "https://op3.dev, show page, episode download counts (TSV); github.com/skymethod/op3"
    header = ("episode_title", "episode_pub_date", "downloads_all_time", "downloads_asof")
    asks = ("podcast",)
    windows = {
        "downloads_3_day": 3,
        "downloads_7_day": 7,
        "downloads_30_day": 30,
        "downloads_all_time": None,
    }

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        published = cell(cells, "episode_pub_date", instant_day)
        hint = Hint(cells["episode_title"], published)
        as_of = cell(cells, "downloads_asof", instant_day)
        yield from windows_of(self.windows, cells, line, hint, as_of)


class Op3Downloads(Profile):
    """OP3's download rows: one row a download, counted here by UTC day and episode; robots are left out."""

    key = "op3_downloads"
    title = "OP3, download rows"
    source = "op3"
    reference = "https://op3.dev, show page, downloads of a month (TSV); github.com/skymethod/op3"
    header = ("time", "url", "audienceid", "episodeid", "agenttype")
    asks = ("podcast",)

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        if cells.get("bottype", "").strip():
            return
        day = cell(cells, "time", instant_day)
        yield Daily(line, Hint(cells["episodeid"] or cells["url"]), day, (1, None, None, None, None, None))

    def finish(self, records: Iterator[Record]) -> Iterator[Record]:
        counted: Counter[tuple[date, Hint]] = Counter()
        first: dict[tuple[date, Hint], int] = {}
        for record in records:
            if not isinstance(record, Daily):
                continue
            key = (record.day, record.hint)
            counted[key] += 1
            first.setdefault(key, record.line)
        for (day, hint), downloads in counted.items():
            yield Daily(first[day, hint], hint, day, (downloads, None, None, None, None, None))


class Megaphone(Profile):
    """Megaphone's episode report: downloads in the first day and week and to date; its name holds the day."""

    key = "megaphone"
    title = "Megaphone, episode report"
    source = "megaphone"
    reference = "github.com/XO-Marriage/podcast-dashboard, upload_megaphone.py"
    header = ("podcast", "episode", "published", "first 24 hours", "first 7 days", "to date")
    asks = ("as_of",)
    windows = {"first 24 hours": 1, "first 7 days": 7, "to date": None}

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        published = None
        if not is_missing(cells["published"]):
            published = cell(
                cells,
                "published",
                lambda text: day_of(text, day_first=answers.day_first or False, latest=answers.latest),
            )
        hint = Hint(cells["episode"], published, show=cells["podcast"])
        yield from windows_of(self.windows, cells, line, hint, answers.as_of)


class Podlove(Profile):
    """Podlove Publisher's analytics: downloads by the age of an episode; blank means not that old yet."""

    key = "podlove"
    title = "Podlove Publisher, analytics"
    source = "podlove"
    reference = "github.com/lordyo/podcast_analytics, sample_podlove_data.csv"
    header = ("title", "post_id", "post_date_gmt", "days_since_release", "downloads", "1w", "1d")
    asks = ("podcast", "as_of")
    # Quarters and years have no fixed number of days, so they are not read.
    windows = {f"{n}d": n for n in range(1, 7)} | {f"{n}w": 7 * n for n in range(1, 5)} | {"downloads": None}

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        hint = Hint(cells["title"], cell(cells, "post_date_gmt", instant_day))
        yield from windows_of(self.windows, cells, line, hint, answers.as_of)


class PodigeeAudience(Profile):
    """The long form of Podigee and others: one row a figure. Programs and platforms fill the audience; downloads and
    listeners are of the whole show over a span of days, and stay so."""

    key = "podigee"
    title = "Podigee, metrics in long form"
    source = "podigee"
    reference = "github.com/openpodcast/api, fixtures/hosterPodcastMetrics.json"
    header = ("start", "end", "dimension", "subdimension", "value")
    asks = ("podcast",)
    dimensions = {"clients": "app", "platforms": "device"}

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        what = cells["dimension"].strip().lower()
        amount = cell(cells, "value", count_of)
        if amount is None:
            return
        first, last = (
            cell(cells, name, lambda text: day_of(text, day_first=None, latest=answers.latest))
            for name in ("start", "end")
        )
        if what in self.dimensions:
            name = "" if is_missing(cells["subdimension"]) else part_of_audience(cells["subdimension"])
            yield Share(line, self.dimensions[what], name, Decimal(amount), last, is_count=True)
        elif what in ("downloads", "listeners") and is_missing(cells["subdimension"]):
            yield OfShow(line, first, last, **{what: amount})


class Fireside(Profile):
    """Fireside's table of episodes: downloads in the first 1 to 90 days and in all; its name holds the day.

    The column of Spotify is not read: whether it stands within the others is not said.
    """

    key = "fireside"
    title = "Fireside, metrics of episodes"
    source = "fireside"
    reference = "github.com/jamesmontemagno/podstats, test-upload.csv"
    header = ("slug", "title", "published", "spotify", "all time")
    asks = ("podcast", "as_of")
    windows = {
        **{f"day {n}": n for n in (1, 7, 14, 30, 90)},
        **{f"{n} day{'s' * (n > 1)}": n for n in (1, 7, 14, 30, 90)},
        "all time": None,
    }

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        published = None
        if not is_missing(cells["published"]):
            published = cell(
                cells, "published", lambda text: day_of(text, day_first=answers.day_first, latest=answers.latest)
            )
        yield from windows_of(self.windows, cells, line, Hint(cells["title"], published), answers.as_of)


class Libsyn(Profile):
    """Libsyn's table of episodes: all downloads so far. The columns of single months are sums that no day has."""

    key = "libsyn"
    title = "Libsyn, downloads of episodes"
    source = "libsyn"
    reference = "github.com/chrishunt/status-board, lib/status_board/libsyn.rb and its recorded export"
    header = ("item_title", "release_date", "downloads__total")
    asks = ("podcast", "as_of")

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        published = None if is_missing(cells["release_date"]) else cell(cells, "release_date", instant_day)
        hint = Hint(cells["item_title"], published)
        yield from windows_of({"downloads__total": None}, cells, line, hint, answers.as_of)


class BuzzsproutEpisodes(Profile):
    """Buzzsprout's overview: downloads of each episode of all time.

    Its last 7, 30 and 90 days are not the first of an episode and no days of their own, so they are not read.
    """

    key = "buzzsprout_episodes"
    title = "Buzzsprout, overview of episodes"
    source = "buzzsprout"
    reference = f"{BUZZSPROUT}, data/stats_overview_report.csv"
    header = ("episode title", "episode id", "publish date", "publish status", "all time downloads")
    asks = ("podcast", "as_of")

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        published = None
        if not is_missing(cells["publish date"]):
            published = cell(
                cells, "publish date", lambda text: day_of(text, day_first=answers.day_first, latest=answers.latest)
            )
        hint = Hint(cells["episode title"], published, also=cells["episode id"].strip())
        yield from windows_of({"all time downloads": None}, cells, line, hint, answers.as_of)


class BuzzsproutApps(Profile):
    """Buzzsprout's downloads by app; the file does not say up to which day."""

    key = "buzzsprout_apps"
    title = "Buzzsprout, apps"
    source = "buzzsprout"
    reference = f"{BUZZSPROUT}, data/stats_agent_report.csv"
    header = ("podcast app", "downloads")
    asks = ("podcast", "as_of")

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        yield from _counted(cells, line, answers, {"app": part_of_audience(cells["podcast app"])})


class BuzzsproutPlaces(Profile):
    """Buzzsprout's downloads by city: parts of the audience by country, and by city with its country."""

    key = "buzzsprout_places"
    title = "Buzzsprout, locations"
    source = "buzzsprout"
    reference = f"{BUZZSPROUT}, data/stats_locations_report.csv"
    header = ("city", "state", "country", "continent", "downloads")
    asks = ("podcast", "as_of")

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        country, city = (part_of_audience(cells[name]) for name in ("country", "city"))
        yield from _counted(cells, line, answers, {"country": country, "city": f"{city}, {country}" if city else ""})


def _counted(cells: Mapping[str, str], line: int, answers: Answers, parts: Mapping[str, str]) -> Iterator[Record]:
    downloads = cell(cells, "downloads", count_of)
    if downloads is not None and answers.as_of is not None:
        for dimension, name in parts.items():
            yield Share(line, dimension, name, Decimal(downloads), answers.as_of, is_count=True)


def windows_of(windows, cells: Mapping[str, str], line: int, hint: Hint, as_of: date | None) -> Iterator[Record]:
    for column, window in windows.items():
        downloads = cell(cells, column, count_of) if column in cells else None
        if downloads is not None and as_of is not None:
            yield Snapshot(line, hint, window, as_of, downloads)


HOSTS: tuple[Profile, ...] = (
    Op3Episodes(),
    Op3Downloads(),
    Megaphone(),
    Podlove(),
    Fireside(),
    Libsyn(),
    BuzzsproutEpisodes(),
    BuzzsproutApps(),
    BuzzsproutPlaces(),
    PodigeeAudience(),
)
