"""One table of a card, for its table view, its CSV and its mail: raw values with a kind that says how they are read."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tracker.lib.spreadsheets import inert


@dataclass(frozen=True)
class Column:
    """key: the name in the CSV, with its unit; label: the words in the table head; kind: how the value is shown.

    Kinds: text, number, cents (integer cents of the row's or the table's currency), pct (already percent), share (0 to
    1), day, instant.
    """

    key: str
    label: Any
    kind: str = "text"

    @property
    def is_figure(self) -> bool:
        return self.kind in {"number", "cents", "pct", "share"}


@dataclass(frozen=True)
class Table:
    """Rows in the order of `columns`; None is unknown. `currency` is that of its cents."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    currency: str = ""


def as_csv(table: Table) -> str:
    """Return the table as CSV (RFC 4180, UTF-8): raw values, an empty cell where a figure is unknown."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column.key for column in table.columns])
    writer.writerows([[_plain(value) for value in row] for row in table.rows])
    return out.getvalue()


def _plain(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | int | float):
        return value
    return inert(str(value))
