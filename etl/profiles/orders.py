"""Files of orders that carry a number of somebody else: how they are known, and what their rows mean. Pure."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from etl.cells import count_of, day_of, has_clock, instant_in, is_missing, money_of
from etl.profiles.base import Answers, ColumnError, cell
from etl.records import CellError


@dataclass(frozen=True)
class OrderLine:
    """A line of an order: by its own number and revision, with what it names in words. Days are whole days."""

    line: int
    order_ref: str
    line_ref: str
    revision: int
    campaign: str
    show: str
    ad_unit: str
    episode: str
    flight_start: datetime | date
    flight_end: datetime | date
    booked_impressions: int
    booked_cpm_cents: int
    promo_code: str = ""
    vanity_url: str = ""


class OrderProfile(ABC):
    """The order files of one source."""

    key: str
    title: str
    source = "orders"
    # Where the header was taken from.
    reference: str
    header: tuple[str, ...]
    asks: tuple[str, ...] = ("revision", "currency", "time_zone", "day_first")

    def fits(self, names: list[str], file_name: str = "") -> bool:
        return set(self.header) <= set(names)

    def suggested(self, file_name: str) -> dict[str, str]:
        """The revision that the file's name tells: order-17_rev3.csv, v2."""
        found = re.search(r"(?:rev(?:ision)?|version|v|r)[._ -]?(\d{1,4})(?!\d)", file_name, re.IGNORECASE)
        return {"revision": found[1]} if found else {}

    @abstractmethod
    def order_line(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> OrderLine:
        """Return what a row means. Raises ColumnError."""


class OpenDirectLines(OrderProfile):
    """Lines of IAB OpenDirect orders as a table: the order's number, the line's, product, dates, quantity and rate."""

    key = "opendirect_lines"
    title = "OpenDirect, lines of orders"
    reference = "github.com/InteractiveAdvertisingBureau/OpenDirect, OpenDirect.v2.1.final.md (Line)"
    header = ("id", "orderid", "productid", "startdate", "enddate", "ratetype", "rate", "qty")

    def order_line(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> OrderLine:
        cell(cells, "ratetype", _only_cpm)
        return OrderLine(
            line=line,
            order_ref=cell(cells, "orderid", _reference),
            line_ref=cell(cells, "id", _reference),
            revision=_revision(cells, answers),
            campaign=cells.get("accountid", ""),
            show="",
            ad_unit=cell(cells, "productid", _needed_text),
            episode="",
            flight_start=cell(cells, "startdate", lambda text: _when(text, answers)),
            flight_end=cell(cells, "enddate", lambda text: _when(text, answers)),
            booked_impressions=cell(cells, "qty", _needed(count_of)),
            booked_cpm_cents=cell(cells, "rate", _needed(lambda text: money_of(text, currency=answers.currency))),
        )


ORDER_FIELDS = (
    *("order", "line", "revision", "campaign", "show", "ad_unit", "episode", "flight_start", "flight_end"),
    *("impressions", "cpm", "cost", "promo_code", "vanity_url"),
)


class MappedOrders(OrderProfile):
    """Order files as a house mapped them. Without a line's number a line is known by its place and first day."""

    reference = "made by this house"

    def __init__(self, key: str, title: str, header: tuple[str, ...], columns: Mapping[str, str]) -> None:
        self.key, self.title, self.header, self.columns = key, title, header, columns
        revision = () if "revision" in columns else ("revision",)
        self.asks = (*revision, "currency", "time_zone", "day_first")

    def order_line(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> OrderLine:
        def text(name: str) -> str:
            return cells.get(self.columns.get(name, ""), "").strip()

        def read(name: str, reader):
            return cell(cells, self.columns[name], reader)

        start = read("flight_start", lambda given: _when(given, answers))
        impressions = read("impressions", _needed(count_of))
        line_ref = text("line") or "|".join((text("show"), text("ad_unit"), text("episode"), text("flight_start")))
        return OrderLine(
            line=line,
            order_ref=read("order", _reference),
            line_ref=line_ref[:80],
            revision=read("revision", _number) if "revision" in self.columns else _revision({}, answers),
            campaign=text("campaign"),
            show=text("show"),
            ad_unit=read("ad_unit", _needed_text),
            episode="" if is_missing(text("episode")) else text("episode"),
            flight_start=start,
            flight_end=read("flight_end", lambda given: _when(given, answers)),
            booked_impressions=impressions,
            booked_cpm_cents=self._cpm(cells, impressions, answers),
            promo_code=text("promo_code")[:40],
            vanity_url=text("vanity_url")[:500],
        )

    def _cpm(self, cells: Mapping[str, str], impressions: int, answers: Answers) -> int:
        """The price for a thousand; of a whole price rounded half up to the cent."""

        def money(text: str) -> int | None:
            return money_of(text, currency=answers.currency)

        if "cpm" in self.columns:
            return cell(cells, self.columns["cpm"], _needed(money))
        cost = cell(cells, self.columns["cost"], _needed(money))
        if not impressions:
            raise ColumnError("impressions", "0", CellError("nothing_booked", "A cost for no impressions has no CPM."))
        return (cost * 2000 + impressions) // (2 * impressions)


def checked_order_mapping(columns: Mapping[str, str]) -> dict[str, str]:
    """Return the mapping without empty entries. Raises ValueError that says what is missing."""
    kept = {name: columns[name] for name in ORDER_FIELDS if columns.get(name)}
    if missing := [
        name for name in ("order", "ad_unit", "flight_start", "flight_end", "impressions") if name not in kept
    ]:
        raise ValueError(f"Choose the columns of {', '.join(missing)}.")
    if "cpm" not in kept and "cost" not in kept:
        raise ValueError("Choose the column of the CPM or of the cost.")
    return kept


def _when(text: str, answers: Answers) -> datetime | date:
    if has_clock(text):
        return instant_in(text, zone=answers.zone, day_first=answers.day_first)
    return day_of(text, day_first=answers.day_first, latest=date(2088, 12, 30))


def _revision(cells: Mapping[str, str], answers: Answers) -> int:
    return cell(cells, "revision", _number) if cells.get("revision", "").strip() else answers.revision or 0


def _number(text: str) -> int:
    found = count_of(text)
    if found is None or found > 999_999:
        raise CellError("not_a_revision", "A revision is a whole number.")
    return found


def _reference(text: str) -> str:
    text = _needed_text(text)
    if len(text) > 80:
        raise CellError("too_long", "At most 80 characters.")
    return text


def _needed_text(text: str) -> str:
    if is_missing(text):
        raise CellError("missing", "This cell must not be blank.")
    return text.strip()


def _needed(read):
    def wrapped(text: str) -> int:
        value = read(text)
        if value is None:
            raise CellError("missing", "This cell must not be blank.")
        return value

    return wrapped


def _only_cpm(text: str) -> str:
    if text.strip().upper() not in ("CPM", "CPMV"):
        raise CellError("rate_not_cpm", "Only lines sold by CPM can be booked from a file; book this one by hand.")
    return text


ORDER_PROFILES: tuple[OrderProfile, ...] = (OpenDirectLines(),)
