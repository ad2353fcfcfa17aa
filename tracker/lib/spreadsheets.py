"""Files that people open in a spreadsheet program: no cell of ours may run there. Source: RELIABILITY, promise 43."""

import re
from typing import Any

from import_export.formats.base_formats import CSV
from tablib import Dataset

# A cell that begins so, after blanks and quotes that programs put aside, is read as a formula or a command.
_RUNS = re.compile(r"^[\s\"'\ufeff\u200b]*[=+\-@|%\t\r＝＋－＠]")
_NUMBER = re.compile(r"^[+-]?\d+([.,]\d+)*$")


def inert(cell: Any) -> Any:
    """Return a cell that a spreadsheet program shows and never runs: dangerous text gets a leading apostrophe.

    Numbers, also signed ones, stay as they are.
    """
    if not isinstance(cell, str) or _NUMBER.match(cell) or not _RUNS.match(cell):
        return cell
    return f"'{cell}"


class InertCsv(CSV):
    """The CSV of every export of the admin."""

    def export_data(self, dataset: Dataset, **kwargs: Any) -> str:
        safe = Dataset(headers=dataset.headers)
        for row in dataset:
            safe.append([inert(cell) for cell in row])
        return super().export_data(safe, **kwargs)

    def can_import(self) -> bool:
        return False
