"""A profile that a house made itself on the mapping screen: which column means what."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from etl.cells import count_of, day_in, money_of, share_of_one
from etl.profiles.base import Answers, Daily, Hint, Profile, Record, Share, Snapshot, cell, part_of_audience

FIELDS = (
    *("episode", "day", "downloads", "listeners", "conversions"),
    *("revenue", "revenue_cents", "completion_rate", "ctr"),
)
AUDIENCE_FIELDS = ("value", "share")
DIMENSIONS = ("country", "region", "city", "age", "gender", "app", "device")


@dataclass(frozen=True)
class Mapped(Profile):
    """columns maps a field to a header in small letters. With a day the rows are daily figures; without one downloads
    are those so far; with a dimension the rows are shares of the audience."""

    key: str
    title: str
    source: str
    header: tuple[str, ...]
    columns: Mapping[str, str]
    dimension: str = ""
    reference: str = "made by this house"

    @property
    def asks(self) -> tuple[str, ...]:  # type: ignore[override]
        if self.dimension:
            return ("podcast", "as_of")
        money = ("currency",) if "revenue_cents" in self.columns or "revenue" in self.columns else ()
        if "day" in self.columns:
            return ("podcast", "day_first", "time_zone", *money)
        return ("podcast", "as_of", "span", *money)

    def records(self, cells: Mapping[str, str], *, line: int, answers: Answers) -> Iterable[Record]:
        if self.dimension:
            yield from self._shares(cells, line, answers)
            return
        hint = Hint(cells[self.columns["episode"]])
        if "day" not in self.columns:
            downloads = cell(cells, self.columns["downloads"], count_of)
            if downloads is not None and answers.as_of:
                yield Snapshot(line, hint, None, answers.as_of, downloads)
            return
        day = cell(
            cells,
            self.columns["day"],
            lambda text: day_in(text, zone=answers.zone, day_first=answers.day_first, latest=answers.latest),
        )
        figures = (
            *(self._read(cells, name, count_of) for name in ("downloads", "listeners", "conversions")),
            self._money(cells, answers.currency),
            *(self._read(cells, name, _millionths) for name in ("completion_rate", "ctr")),
        )
        if any(figure is not None for figure in figures):
            yield Daily(line, hint, day, figures)

    def _read(self, cells: Mapping[str, str], name: str, read):
        return cell(cells, self.columns[name], read) if name in self.columns else None

    def _money(self, cells: Mapping[str, str], currency: str) -> int | None:
        if "revenue" in self.columns:
            return self._read(cells, "revenue", lambda text: money_of(text, currency=currency))
        return self._read(cells, "revenue_cents", count_of)

    def _shares(self, cells: Mapping[str, str], line: int, answers: Answers) -> Iterable[Record]:
        share = cell(cells, self.columns["share"], share_of_one)
        if share is None or answers.as_of is None:
            return
        yield Share(line, self.dimension, part_of_audience(cells[self.columns["value"]]), share, answers.as_of)


def _millionths(text: str) -> int | None:
    share = share_of_one(text)
    return None if share is None else int((share * 1_000_000).to_integral_value(rounding="ROUND_HALF_UP"))


def checked_mapping(columns: Mapping[str, str], *, dimension: str = "") -> dict[str, str]:
    """Return the mapping without empty entries. Raises ValueError that says what is missing."""
    chosen = {name: column for name, column in columns.items() if column}
    if dimension:
        if dimension not in DIMENSIONS or not set(AUDIENCE_FIELDS) <= set(chosen):
            raise ValueError("Choose the column of names and the column of shares.")
        return {name: chosen[name] for name in AUDIENCE_FIELDS}
    kept = {name: chosen[name] for name in FIELDS if name in chosen}
    if "episode" not in kept or not set(kept) - {"episode", "day"}:
        raise ValueError("Choose the column of episodes and at least one of figures.")
    if "day" not in kept and "downloads" not in kept:
        raise ValueError("Without a day only downloads so far can be taken; choose their column.")
    return kept
