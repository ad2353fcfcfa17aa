"""Profiles of hosts and measuring services whose headers stand in a public source, named in each."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal

from etl.cells import count_of, day_of, instant_day, is_missing
from etl.profiles.base import Answers, Daily, Hint, Profile, Record, Share, Snapshot, cell


class Op3Episodes(Profile):
    """OP3's table of episodes: downloads in their first 3, 7 and 30 days and in all, as of a day in the file."""

    key = "op3_episodes"
    title = "OP3, episode download counts"
    source = "op3"
    reference = "op3.dev, show page, episode download counts (TSV)"
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
        yield from _windows(self.windows, cells, line, hint, as_of)


class Op3Downloads(Profile):
    """OP3's download rows: one row a download, counted here by UTC day and episode; robots are left out."""

    key = "op3_downloads"
    title = "OP3, download rows"
    source = "op3"
    reference = "op3.dev, show page, downloads of a month (TSV); columns read by name"
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
    reference = "Megaphone, episode report (CSV), as programs that read it name its columns"
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
        yield from _windows(self.windows, cells, line, hint, answers.as_of)


class Podlove(Profile):
    """Podlove Publisher's analytics: downloads by the age of an episode; blank means not that old yet."""

    key = "podlove"
    title = "Podlove Publisher, analytics"
    source = "podlove"
    reference = "Podlove Publisher for WordPress, analytics export (CSV)"
    header = ("title", "post_id", "post_date_gmt", "days_since_release", "downloads", "1w", "1d")
    asks = ("podcast", "as_of")
    # Quarters and years have no fixed number of days, so they are not read.
    windows = {f"{n}d": n for n in range(1, 7)} | {f"{n}w": 7 * n for n in range(1, 5)} | {"downloads": None}

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        hint = Hint(cells["title"], cell(cells, "post_date_gmt", instant_day))
        yield from _windows(self.windows, cells, line, hint, answers.as_of)


class YouTubeTable(Profile):
    """YouTube Studio's table of videos over their whole life; the row of totals is left out."""

    key = "youtube"
    title = "YouTube Studio, table of videos (lifetime)"
    source = "youtube"
    reference = "YouTube Studio, advanced mode, export, Table data.csv (English account)"
    header = ("content", "video title", "video publish time", "views")
    asks = ("podcast", "as_of")

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        if cells["content"].strip().lower() == "total":
            return
        yield from _windows({"views": None}, cells, line, Hint(cells["video title"]), answers.as_of)


class PodigeeAudience(Profile):
    """The long form of Podigee and others: one row a figure. Programs and platforms fill the audience; the rest is of
    whole shows over a span of days, which no day's figures can be made of."""

    key = "podigee"
    title = "Podigee, metrics in long form"
    source = "podigee"
    reference = "a recorded answer of the hoster's interface: start, end, dimension, subdimension, value"
    header = ("start", "end", "dimension", "subdimension", "value")
    asks = ("podcast",)
    dimensions = {"clients": "app", "platforms": "device"}

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        dimension = self.dimensions.get(cells["dimension"].strip().lower())
        amount = cell(cells, "value", count_of)
        if dimension is None or amount is None:
            return
        end = cell(cells, "end", lambda text: day_of(text, day_first=None, latest=answers.latest))
        name = "" if is_missing(cells["subdimension"]) else cells["subdimension"].strip()
        yield Share(line, dimension, name, Decimal(amount), end, is_count=True)


def _windows(windows, cells: Mapping[str, str], line: int, hint: Hint, as_of: date | None) -> Iterator[Record]:
    for column, window in windows.items():
        downloads = cell(cells, column, count_of) if column in cells else None
        if downloads is not None and as_of is not None:
            yield Snapshot(line, hint, window, as_of, downloads)


HOSTS: tuple[Profile, ...] = (
    Op3Episodes(),
    Op3Downloads(),
    Megaphone(),
    Podlove(),
    YouTubeTable(),
    PodigeeAudience(),
)
