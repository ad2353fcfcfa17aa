"""How well growth would have been foreseen: learn on the older half of a show's episodes, predict the newer half."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import mean, median

from bookings.curve import WINDOWS, TenantHistory
from bookings.growth import Counted
from tracker.lib.errors import DomainError

PAIRS = ((1, 30), (7, 30), (14, 30), (30, 90))
_SHOW = "show"
COLUMNS = ("episode", "published", *(f"d{window}" for window in WINDOWS))


@dataclass(frozen=True)
class Evaluation:
    """Errors of one pair of ages on the newer half, as shares (0.08 = 8 %); None where nothing could be judged.

    n: episodes of the newer half that have both counts. coverage80: the share of them inside the 80 % interval.
    The baselines are mean absolute percentage errors like `mape`: of growth in a straight line, and of the median
    growth of the older half.
    """

    age: int
    to: int
    n: int
    mape: float | None
    median_ape: float | None
    coverage80: float | None
    straight_line: float | None
    median_curve: float | None

    def as_json(self) -> dict[str, object]:
        return {
            "from": self.age,
            "to": self.to,
            "n": self.n,
            "mape": self.mape,
            "median_ape": self.median_ape,
            "coverage80": self.coverage80,
            "baselines": {"straight_line": self.straight_line, "median_curve": self.median_curve},
        }


def read_episodes(lines: Iterable[str]) -> list[Counted]:
    """Read cumulative windows per episode, oldest first. A blank count is not known.

    Raises DomainError("unreadable_file") that names line, column and reason.
    """
    rows = csv.DictReader(lines, strict=True)
    missing = {"published"} - {(name or "").strip().lower() for name in rows.fieldnames or ()}
    if missing:
        raise DomainError(
            "unreadable_file", f"Line 1: there is no column {missing.pop()}; expected {','.join(COLUMNS)}."
        )
    episodes = []
    for row in rows:
        cells = {(name or "").strip().lower(): (cell or "").strip() for name, cell in row.items() if name is not None}
        if not any(cells.values()):
            continue
        counts = {
            window: count
            for window in WINDOWS
            if (count := _count(cells.get(f"d{window}", ""), rows.line_num, f"d{window}")) is not None
        }
        episodes.append(Counted(published=_instant(cells["published"], rows.line_num), counts=counts))
    return sorted(episodes, key=lambda episode: episode.published)


def evaluate(episodes: Sequence[Counted]) -> list[Evaluation]:
    """Judge each pair of ages on the newer half, learning on the older half alone. Episodes stand oldest first."""
    half = len(episodes) // 2
    return [_evaluate_pair(episodes, half, age, to) for age, to in PAIRS]


def _evaluate_pair(episodes: Sequence[Counted], half: int, age: int, to: int) -> Evaluation:
    growth = TenantHistory({_SHOW: episodes[:half]}).growth(_SHOW, age, to)
    growths = [one.counts[to] / one.counts[age] for one in episodes[:half] if _has(one, age) and _has(one, to)]
    errors, straight, usual, inside = [], [], [], []
    judged = [place for place in range(half, len(episodes)) if _has(episodes[place], age) and _has(episodes[place], to)]
    for place in judged:
        episode = episodes[place]
        known, truth = episode.counts[age], episode.counts[to]
        straight.append(abs(known * to / age / truth - 1))
        forecast = None if growth is None else growth.at_close(episode, episodes[:place])
        if forecast is None:
            continue
        errors.append(abs(forecast.middle / truth - 1))
        usual.append(abs(known * median(growths) / truth - 1))
        if forecast.low is not None and forecast.high is not None:
            # A hair of tolerance, since a show without any noise stands on its bounds.
            inside.append(forecast.low * (1 - 1e-9) <= truth <= forecast.high * (1 + 1e-9))
    return Evaluation(
        age=age,
        to=to,
        n=len(judged),
        mape=mean(errors) if errors else None,
        median_ape=median(errors) if errors else None,
        coverage80=sum(inside) / len(inside) if inside else None,
        straight_line=mean(straight) if straight else None,
        median_curve=mean(usual) if usual else None,
    )


def _has(episode: Counted, age: int) -> bool:
    return episode.log_at(age) is not None


def _count(cell: str, line: int, column: str) -> float | None:
    if not cell:
        return None
    try:
        count = float(cell)
    except ValueError:
        count = float("nan")
    if not 0 <= count < 1e15:
        raise DomainError("unreadable_file", f"Line {line}, {column}: {cell!r} is not a count of downloads.")
    return count


def _instant(cell: str, line: int) -> datetime:
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        reason = f"Line {line}, published: {cell!r} is not a day (2026-11-20) or an instant (ISO 8601)."
        raise DomainError("unreadable_file", reason) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
