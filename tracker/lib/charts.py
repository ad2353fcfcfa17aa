"""Charts drawn by the server: the geometry of SVG attributes, in percent of the drawing, and nothing else.

No style attributes are needed, so the strict policy holds; colours come from classes (s1, f1, ...) of app.css.
Solid is measured, dashed is projected or usual, a gap is a day that is unknown. Baselines of counts and money are 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

Value = int | float | Decimal | None


def at(value: float) -> str:
    """Return a coordinate with at most two decimals: "57.62", "100"."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".") or "0"


def path(values: Sequence[Value], *, low: float, high: float) -> str:
    """Return the path of a line over a 100 x 100 drawing; it breaks where a value is None, and never drops to zero."""
    spread, steps = (high - low) or 1, max(len(values) - 1, 1)
    parts, pen_up = [], True
    for index, value in enumerate(values):
        if value is None:
            pen_up = True
            continue
        x, y = 100 * index / steps, 100 - 100 * (float(value) - low) / spread
        parts.append(f"{'M' if pen_up else 'L'}{at(x)} {at(y)}")
        # A single day between two gaps still shows: a line to itself gets a round cap.
        if pen_up and (index + 1 == len(values) or values[index + 1] is None):
            parts.append(f"L{at(x)} {at(y)}")
        pen_up = False
    return " ".join(parts)


def nice_top(highest: float, steps: int = 3) -> tuple[float, float]:
    """Return (top, step) of an axis from 0 that holds `highest` in at most `steps` round steps."""
    if highest <= 0:
        return float(steps), 1.0
    exact = highest / steps
    magnitude = 10.0 ** (len(str(int(exact))) - 1) if exact >= 1 else 10.0 ** _negative_power(exact)
    step = next(m * magnitude for m in (1, 2, 2.5, 3, 4, 5, 6, 8, 10) if m * magnitude >= exact - 1e-9)
    count = 1
    while count * step < highest - 1e-9:
        count += 1
    return round(count * step, 9), round(step, 9)


def _negative_power(value: float) -> int:
    power = 0
    while value < 1:
        value, power = value * 10, power - 1
    return power


@dataclass(frozen=True)
class Line:
    """One line: its values by position (None is a gap), its stroke and fill class, and the words at its end."""

    name: str
    values: Sequence[Value]
    tone: int = 1
    dash: bool = False
    end_label: str = ""


@dataclass(frozen=True)
class Tick:
    at: str
    label: str
    anchor: str = "middle"


@dataclass(frozen=True)
class TipRow:
    """A line of a tooltip: its words, the tone of its mark and where that mark stands."""

    text: str
    y: str
    mark_y: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Tip:
    """What is told of one place of a chart: the strip that shows it, and a box beside the place on either hand."""

    strip_x: str
    strip_width: str
    x: str
    shift: int
    width: int
    height: int
    rows: list[TipRow]

    @property
    def tenth(self) -> int:
        """Where it is, 0 (left) to 10: on a narrow screen the box moves by so many tenths of itself instead."""
        return round(float(self.x) / 10)

    @property
    def said(self) -> str:
        return ". ".join(row.text for row in self.rows)


@dataclass(frozen=True)
class DrawnLine:
    name: str
    d: str
    tone: int
    dash: bool
    end_x: str = ""
    end_y: str = ""
    label_y: str = ""
    end_label: str = ""


@dataclass(frozen=True)
class LineChart:
    """What templates/ui/line_chart.html draws. label: the sentence that a screen reader says."""

    label: str
    y_ticks: list[Tick]
    x_ticks: list[Tick]
    lines: list[DrawnLine]
    tips: list[Tip] = field(default_factory=list)


def line_chart(
    *,
    lines: Sequence[Line],
    x_labels: Sequence[str],
    label: str,
    y_label: object = str,
    x_count: int = 4,
    tips: Sequence[Sequence[str]] = (),
) -> LineChart:
    """Lay out lines over equal steps of x. `x_labels` has one text for each position; `x_count` of them are shown.

    `y_label` turns a number of the axis into its text. Labels at line ends are pushed apart when they would meet.
    `tips` has the words of each position: a heading, then one text for each line in their order.
    """
    highest = max((float(v) for line in lines for v in line.values if v is not None), default=0.0)
    top, step = nice_top(highest)
    ticks = [Tick(at(100 - 100 * k * step / top), y_label(k * step)) for k in range(round(top / step) + 1)]  # type: ignore[operator]
    drawn = [_draw(line, top) for line in lines]
    return LineChart(label, ticks, _x_ticks(x_labels, x_count), _apart(drawn), _line_tips(lines, tips, top))


# Pixels of a tooltip: a letter is about so wide at 12 px, a line so high.
LETTER, LEADING, PADDING, AWAY = 6.0, 17, 10, 12


def _tip(words: Sequence[str], center: float, left: float, width: float, marks: Sequence[tuple[str, str]]) -> Tip:
    box = round(max(len(text) for text in words) * LETTER) + 2 * PADDING
    rows = [TipRow(text, str(PADDING + 9 + LEADING * n)) for n, text in enumerate(words)]
    for n, (tone, mark_y) in enumerate(marks, start=1):
        rows[n] = TipRow(rows[n].text, rows[n].y, mark_y, tone)
    shift = AWAY if center <= 50 else -AWAY - box
    return Tip(at(left), at(width), at(center), shift, box, 2 * PADDING + LEADING * len(words) - 4, rows)


def _line_tips(lines: Sequence[Line], tips: Sequence[Sequence[str]], top: float) -> list[Tip]:
    step = 100 / max(len(tips) - 1, 1)
    drawn = []
    for index, words in enumerate(tips):
        marks = []
        for line in lines:
            value = line.values[index]
            marks.append((str(line.tone), "" if value is None else at(100 - 100 * float(value) / top)))
        x = index * step
        left, right = max(0.0, x - step / 2), min(100.0, x + step / 2)
        drawn.append(_tip(words, x, left, right - left, marks))
    return drawn


def _draw(line: Line, top: float) -> DrawnLine:
    known = [(index, float(v)) for index, v in enumerate(line.values) if v is not None]
    d = path(line.values, low=0, high=top)
    if not known:
        return DrawnLine(line.name, d, line.tone, line.dash)
    index, value = known[-1]
    x, y = at(100 * index / max(len(line.values) - 1, 1)), at(100 - 100 * value / top)
    return DrawnLine(line.name, d, line.tone, line.dash, x, y, y, line.end_label)


def _apart(lines: list[DrawnLine], gap: float = 16.0) -> list[DrawnLine]:
    """Push end labels apart so that each keeps `gap` percent of the height, and none sinks below the drawing."""
    placed: dict[str, float] = {}
    last = float("-inf")
    ranked = sorted((line for line in lines if line.end_y), key=lambda line: float(line.end_y))
    for line in ranked:
        last = max(float(line.end_y), last + gap)
        placed[line.name] = last
    lowest = 100 - gap / 2
    for line in reversed(ranked):
        placed[line.name] = min(placed[line.name], lowest)
        lowest = placed[line.name] - gap
    return [
        DrawnLine(**{**line.__dict__, "label_y": at(placed[line.name])}) if line.name in placed else line
        for line in lines
    ]


def _x_ticks(labels: Sequence[str], count: int) -> list[Tick]:
    if not labels:
        return []
    last = len(labels) - 1
    picks = sorted({round(k * last / max(count - 1, 1)) for k in range(count)})
    anchors = {0: "start", last: "end"}
    return [Tick(at(100 * i / max(last, 1)), labels[i], anchors.get(i, "middle")) for i in picks]


@dataclass(frozen=True)
class Part:
    """A piece of a column: its value and the class that fills it ("f1", "f-soft")."""

    value: Value
    fill: str = "f1"


@dataclass(frozen=True)
class Column:
    """A stacked column with the number above it; `mark` is a dashed line across, such as the best case.

    tip: the words told of it, a heading first; none, and it has no tooltip.
    """

    label: str
    parts: Sequence[Part]
    value_label: str
    mark: Value = None
    tip: Sequence[str] = ()


@dataclass(frozen=True)
class DrawnPart:
    fill: str
    y: str
    height: str


@dataclass(frozen=True)
class DrawnColumn:
    label: str
    value_label: str
    x: str
    width: str
    center: str
    label_y: str
    parts: list[DrawnPart]
    mark_x1: str = ""
    mark_x2: str = ""
    mark_y: str = ""


@dataclass(frozen=True)
class ColumnChart:
    label: str
    y_ticks: list[Tick]
    columns: list[DrawnColumn] = field(default_factory=list)
    tips: list[Tip] = field(default_factory=list)


def column_chart(*, columns: Sequence[Column], label: str, y_label: object = str) -> ColumnChart:
    """Lay out stacked columns from a baseline of 0; an unknown part is left out, not drawn as nothing measured."""
    sums = [sum(float(p.value) for p in c.parts if p.value is not None) for c in columns]
    marks = [float(c.mark) for c in columns if c.mark is not None]
    top, step = nice_top(max([*sums, *marks], default=0.0))
    ticks = [Tick(at(100 - 100 * k * step / top), y_label(k * step)) for k in range(round(top / step) + 1)]  # type: ignore[operator]
    band = 100 / max(len(columns), 1)
    drawn = [_column(c, total, top, band * i, band) for i, (c, total) in enumerate(zip(columns, sums, strict=True))]
    tips = [_tip(c.tip, band * i + band / 2, band * i, band, ()) for i, c in enumerate(columns) if c.tip]
    return ColumnChart(label, ticks, drawn, tips)


def _column(column: Column, total: float, top: float, left: float, band: float) -> DrawnColumn:
    width, center = band * 0.5, left + band / 2
    parts, base = [], 100.0
    for part in column.parts:
        height = 0.0 if part.value is None else 100 * float(part.value) / top
        base -= height
        if height:
            parts.append(DrawnPart(part.fill, at(base), at(height)))
    mark_y = None if column.mark is None else 100 - 100 * float(column.mark) / top
    # The number stands on the column, or on the mark when that is so near that they would meet.
    near = mark_y is not None and 0 <= (100 - 100 * total / top) - mark_y < 9
    label_y = mark_y if near and mark_y is not None else 100 - 100 * total / top
    return DrawnColumn(
        label=column.label,
        value_label=column.value_label,
        x=at(center - width / 2),
        width=at(width),
        center=at(center),
        label_y=at(label_y),
        parts=parts,
        mark_x1=at(center - band * 0.31) if mark_y is not None else "",
        mark_x2=at(center + band * 0.31) if mark_y is not None else "",
        mark_y=at(mark_y) if mark_y is not None else "",
    )


@dataclass(frozen=True)
class PaceBar:
    """Geometry of a pacing bar, in percent of its width, which is the goal or the projection when that is larger."""

    band: str
    fill: str
    zone_x: str = ""
    zone_width: str = ""
    mark: str = ""
    low: str = ""
    high: str = ""
    dot: str = ""


def pace_bar(
    *,
    goal: Value,
    delivered: Value,
    expected: Value = None,
    band: str = "",
    projected: Value = None,
    low: Value = None,
    high: Value = None,
) -> PaceBar:
    """Lay out delivered against expected of a goal. expected None means unknown: an empty track without a tick."""
    whole = max(float(goal or 0), float(projected or 0), float(high or 0), float(delivered or 0)) or 1.0

    def of(value: Value) -> str:
        return at(min(100.0, 100 * float(value) / whole)) if value is not None else ""

    if expected is None:
        return PaceBar("", "0")
    lower, upper = 0.99 * float(expected), min(1.10 * float(expected), whole)
    zone = at(100 * max(upper - lower, 0) / whole)
    return PaceBar(band, of(delivered or 0), of(lower), zone, of(expected), of(low), of(high), of(projected))
