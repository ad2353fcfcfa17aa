"""A small line chart as PNG, at double size, in the colours of the light theme: what every mail program shows."""

import io
from collections.abc import Sequence
from decimal import Decimal

from PIL import Image, ImageDraw

from tracker.lib.charts import nice_top

# The light theme's surface, grid, base line and first two series; mails know no custom properties.
PAPER, GRID, BASE = "#ffffff", "#ecebe7", "#85878d"
INKS = ("#2450c8", "#bd6a05")
WIDTH, HEIGHT, MARGIN = 536, 140, 6
# Drawn four times as large and halved, so that lines are smooth.
SCALE = 4


def line_picture(lines: Sequence[Sequence[Decimal | int | None]]) -> bytes:
    """Return a PNG of 1072 x 280 pixels (shown at half of it) with up to two lines; gaps stay gaps."""
    image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), PAPER)
    pen = ImageDraw.Draw(image)
    highest = max((float(v) for line in lines for v in line if v is not None), default=0.0)
    top, step = nice_top(highest)
    for k in range(round(top / step) + 1):
        y = _y(k * step, top)
        pen.line([(0, y), (WIDTH * SCALE, y)], fill=BASE if k == 0 else GRID, width=SCALE // 2)
    for number, (values, ink) in enumerate(zip(lines, INKS, strict=False)):
        for run in _runs(values):
            points = [(_x(index, len(values)), _y(value, top)) for index, value in run]
            pen.line(points, fill=ink, width=2 * SCALE, joint="curve")
            # Lines are told apart without colour: the second one has a ring on each of its days.
            for x, y in points if number else points[-1:]:
                pen.ellipse(
                    [x - 3 * SCALE, y - 3 * SCALE, x + 3 * SCALE, y + 3 * SCALE],
                    fill=PAPER if number else ink,
                    outline=ink,
                    width=2 * SCALE,
                )
    out = io.BytesIO()
    image.resize((WIDTH * 2, HEIGHT * 2), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()


def _x(index: int, count: int) -> float:
    inner = WIDTH - 2 * MARGIN
    return SCALE * (MARGIN + inner * index / max(count - 1, 1))


def _y(value: float, top: float) -> float:
    inner = HEIGHT - 2 * MARGIN
    return SCALE * (MARGIN + inner * (1 - value / top))


def _runs(values: Sequence[Decimal | int | None]) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((index, float(value)))
    return [run for run in runs if run]
