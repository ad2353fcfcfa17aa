"""Reports of sales by promo code, as sponsors send them: how they are known, and what their rows mean. Pure."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from etl.cells import count_of, day_in, day_of, is_missing, money_of
from etl.profiles.base import Answers, cell
from etl.records import CellError

# What a row can say; the last three may be missing.
SALES_FIELDS = ("code", "day", "orders", "revenue", "revenue_cents", "new_customers")


@dataclass(frozen=True)
class Sale:
    """Sales that named a code on one day. None is unknown; money is cents of the house's currency."""

    line: int
    code: str
    day: date
    orders: int
    revenue_cents: int | None
    new_customers: int | None


class SalesProfile(ABC):
    """The reports of one shape. `columns` maps a field to a column."""

    key: str
    title: str
    asks: tuple[str, ...]
    columns: Mapping[str, str]

    def suggested(self, file_name: str) -> dict[str, str]:
        """Nothing but what the file's name says of the sponsor, which is looked up where sponsors are known."""
        return {"sponsor": file_name}

    def sale(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Sale | None:
        """Return what a row means, None where it tells no orders. Raises CellError by way of `cell`."""
        orders = self._read(cells, "orders", count_of)
        if orders is None:
            return None
        return Sale(
            line=line,
            code=cell(cells, self.columns["code"], _code),
            day=cell(cells, self.columns["day"], lambda text: self._day(text, answers)),
            orders=orders,
            revenue_cents=self._money(cells, answers),
            new_customers=self._read(cells, "new_customers", count_of),
        )

    @abstractmethod
    def _day(self, text: str, answers: Answers) -> date:
        """Return the day that a cell tells. Raises CellError."""

    def _read(self, cells: Mapping[str, str], name: str, read):
        return cell(cells, self.columns[name], read) if name in self.columns else None

    def _money(self, cells: Mapping[str, str], answers: Answers) -> int | None:
        if "revenue" in self.columns:
            return self._read(cells, "revenue", lambda text: money_of(text, currency=answers.currency))
        return self._read(cells, "revenue_cents", count_of)


class OwnSales(SalesProfile):
    """The house's own form: promo_code, day, orders, then any of revenue, revenue_cents, new_customers."""

    key = "sales_by_code"
    title = "Sales by promo code"
    header = ("promo_code", "day", "orders")

    def __init__(self, names: list[str]) -> None:
        self.columns = {"code": "promo_code"} | {name: name for name in SALES_FIELDS[1:] if name in names}
        self.asks = ("sponsor", "day_first", *_money_asked(self.columns))

    def _day(self, text: str, answers: Answers) -> date:
        return day_of(text, day_first=answers.day_first, latest=answers.latest)


class MappedSales(SalesProfile):
    """Reports as a house mapped them. Their days may carry times, so their zone is asked."""

    def __init__(self, key: str, title: str, header: tuple[str, ...], columns: Mapping[str, str]) -> None:
        self.key, self.title, self.header, self.columns = key, title, header, columns
        self.asks = ("sponsor", "day_first", "time_zone", *_money_asked(columns))

    def _day(self, text: str, answers: Answers) -> date:
        return day_in(text, zone=answers.zone, day_first=answers.day_first, latest=answers.latest)


def checked_sales_mapping(columns: Mapping[str, str]) -> dict[str, str]:
    """Return the mapping without empty entries. Raises ValueError that says what is missing."""
    kept = {name: columns[name] for name in SALES_FIELDS if columns.get(name)}
    if missing := [name for name in SALES_FIELDS[:3] if name not in kept]:
        raise ValueError(f"Choose the columns of {', '.join(missing)}.")
    if "revenue" in kept and "revenue_cents" in kept:
        raise ValueError("Choose one column of money: revenue or revenue_cents.")
    return kept


def _money_asked(columns: Mapping[str, str]) -> tuple[str, ...]:
    return ("currency",) if "revenue" in columns or "revenue_cents" in columns else ()


def _code(text: str) -> str:
    if is_missing(text):
        raise CellError("missing", "A code is missing.")
    if len(text.strip()) > 40:
        raise CellError("too_long", "A promo code has 40 characters at most.")
    return text.strip()
