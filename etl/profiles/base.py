"""What a profile is: how the files of one source are known, what they do not say, and what their rows mean. Pure."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, tzinfo
from decimal import Decimal

from etl.records import CellError, Issue, shown


@dataclass(frozen=True)
class Hint:
    """What a file says of an episode: any of its id here, its guid, its id at the source, its title and day."""

    text: str
    published: date | None = None
    show: str = ""
    # Another name that the file gives, mostly an id at the source.
    also: str = ""


@dataclass(frozen=True)
class Daily:
    """Figures of one day of an episode, in the order of metrics.facts.MEASURES; rates in millionths."""

    line: int
    hint: Hint
    day: date
    figures: tuple[int | None, ...]


@dataclass(frozen=True)
class Snapshot:
    """Downloads of an episode so far on a day: in its first `window` days, or in all (None). Never spread over days."""

    line: int
    hint: Hint
    window: int | None
    as_of: date
    downloads: int


@dataclass(frozen=True)
class OfShow:
    """Figures of a whole show from one day to another, both included. Never spread over its episodes or its days."""

    line: int
    first_day: date
    last_day: date
    downloads: int | None = None
    listeners: int | None = None
    show: str = ""


@dataclass(frozen=True)
class Share:
    """A part of the audience: a share (0-1) or a count of one country, app … on a day. "" is the unknown part."""

    line: int
    dimension: str
    value: str
    amount: Decimal
    as_of: date
    is_count: bool = False


Record = Daily | Snapshot | OfShow | Share

# The answer to "which episode" that means the whole show.
WHOLE_SHOW = "show"


@dataclass(frozen=True)
class Answers:
    """What a person said that the file does not: which show, or which episode of it, as of which day, day or month
    first, in which zone its times are written, in which currency its money is."""

    podcast: str = ""
    episode: str = ""
    as_of: date | None = None
    day_first: bool | None = None
    zone: tzinfo = UTC
    currency: str = ""
    revision: int | None = None
    sponsor: str = ""
    latest: date = date.max


ASKS = ("podcast", "episode", "as_of", "span", "day_first", "time_zone", "currency")


class Profile(ABC):
    """The files of one source. A subclass names the columns and turns a row into records."""

    key: str
    title: str
    # The name under which its figures stand.
    source: str
    # Where the header was taken from: an address that everybody can open.
    reference: str
    # Columns without which a file is not of this profile, in small letters.
    header: tuple[str, ...]
    # What the file does not say: any of ASKS.
    asks: tuple[str, ...] = ()
    # Its rows name episodes of any show, by ids that no two shows share.
    any_show = False

    def fits(self, names: list[str], file_name: str = "") -> bool:
        return set(self.header) <= set(names)

    def suggested(self, file_name: str) -> dict[str, str]:
        """Answers that the file's name suggests; a person confirms them. "podcast" is a show's name here, no id."""
        days = [day.replace("_", "-") for day in re.findall(r"(?<!\d)\d{4}[-_]\d{2}[-_]\d{2}(?!\d)", file_name)]
        days += [f"{one[:4]}-{one[4:6]}-{one[6:]}" for one in re.findall(r"(?<!\d)(20\d{6})(?!\d)", file_name)]
        return {"as_of": days[-1]} if days and "as_of" in self.asks else {}

    @abstractmethod
    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        """Return what a row means; a total or footer means nothing. Raises CellError by way of `cell`."""

    def finish(self, records: Iterator[Record]) -> Iterator[Record]:
        """Turn the records of all rows into those of the file; for sources whose rows must be counted first."""
        return records


def part_of_audience(text: str) -> str:
    """Return what a part of the audience is called, "" for the part that nobody knows."""
    name = text.strip()
    return "" if name.lower() in _UNKNOWN else name


_UNKNOWN = frozenset({"", "unknown", "other", "other/unknown", "not specified", "not_specified"})


class ColumnError(CellError):
    """A cell that cannot be taken, with the column it stands in."""

    def __init__(self, column: str, value: str, error: CellError) -> None:
        super().__init__(error.code, error.reason)
        self.column = column
        self.value = value

    def issue(self, line: int) -> Issue:
        return Issue(line, self.column, shown(self.value), self.code, self.reason)


def cell(cells: Mapping[str, str], column: str, read):
    """Read one cell; a refusal knows its column."""
    text = cells.get(column, "")
    try:
        return read(text)
    except CellError as error:
        raise ColumnError(column, text, error) from None
