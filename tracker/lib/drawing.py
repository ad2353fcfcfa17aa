"""What a page draws by the hundred, cells of tables and tooltips of charts, put together by hand.

A template node costs some twenty times what joining text does, and that was most of a dashboard's time. Everything that
is not ours is escaped here.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from html import escape
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from tracker.lib import charts, words


def tips(drawn: Iterable[charts.Tip]) -> SafeString:
    """Return the tooltips of a chart: for each place a strip that shows it, a rule, marks and a box of words."""
    return mark_safe("".join(map(_tip, drawn)))  # noqa: S308 (its words are escaped)


def _tip(tip: charts.Tip) -> str:
    x = tip.x
    marks = "".join(
        f'<circle class="f{row.tone}" cx="{x}%" cy="{row.mark_y}%" r="3.5"/>' for row in tip.rows if row.mark_y
    )
    texts = "".join(
        f'<text class="{_class_of(row, place)}" x="{x}%" dx="10" y="{row.y}">{escape(row.text)}</text>'
        for place, row in enumerate(tip.rows)
    )
    return (
        f'<g class="tip" data-said="{escape(tip.said)}">'
        f'<rect class="tip-strip" x="{tip.strip_x}%" y="0" width="{tip.strip_width}%" height="100%"/>'
        f'<g class="tip-shown"><line class="tip-rule" x1="{x}%" x2="{x}%" y1="0" y2="100%"/>{marks}'
        f'<g class="tip-at-{tip.tenth}" transform="translate({tip.shift} 0)">'
        f'<rect class="tip-box" x="{x}%" y="0" width="{tip.width}" height="{tip.height}" rx="6"/>{texts}</g></g></g>'
    )


def _class_of(row: charts.TipRow, place: int) -> str:
    if place == 0:
        return "tip-head"
    return f"t{row.tone}" if row.tone else ""


def table_rows(columns: Sequence[Any], rows: Iterable[Sequence[Any]], *, currency: str = "") -> SafeString:
    """Return `<tr>`s of raw values. Columns have a `kind` (number, cents, pct, share, day, instant, else text) and
    `is_figure`; None is unknown."""
    # Columns repeat themselves: the day, the show, the source of many rows.
    write = [
        (cache(_writer(column.kind, currency)), '<td class="num">' if column.is_figure else "<td>")
        for column in columns
    ]
    drawn = []
    for row in rows:
        cells = (f"{cell}{as_text(value)}</td>" for (as_text, cell), value in zip(write, row, strict=True))
        drawn.append(f"<tr>{''.join(cells)}</tr>")
    return mark_safe("".join(drawn))  # noqa: S308 (each value is escaped by its writer)


def _writer(kind: str, currency: str) -> Callable[[Any], str]:
    """Return what turns a raw value of one kind into HTML."""
    unknown = f'<i class="unknown">{escape(words.unknown())}</i>'

    def figure(as_words: Callable[[Any], str]) -> Callable[[Any], str]:
        return lambda value: unknown if value is None or value == "" else escape(as_words(value))

    def moment(as_words: Callable[[Any], str], stamp: Callable[[Any], str]) -> Callable[[Any], str]:
        return lambda value: unknown if value is None else f'<time datetime="{stamp(value)}">{as_words(value)}</time>'

    if kind == "number":
        return figure(words.number)
    if kind == "cents":
        return figure(lambda cents: words.money(cents, currency))
    if kind == "pct":
        return figure(words.pct)
    if kind == "share":
        return figure(words.percent)
    if kind == "day":
        return moment(words.day, words.stamp)
    if kind == "instant":
        return moment(words.instant, words.stamp)
    return lambda value: '<i class="unknown">–</i>' if value is None or value == "" else escape(str(value))
