"""Scatter charts as SVG, themed by CSS variables; labels are HTML, so text keeps its size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from generator.fits.evidence import Line
from generator.publish.text import escape

WIDTH, HEIGHT = 1000.0, 500.0


@dataclass(frozen=True)
class Point:
    """One mark, with the text that a pointer shows."""

    x: float
    y: float
    title: str


@dataclass(frozen=True)
class Axis:
    """A linear axis and its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)


def make_axis(values: Sequence[float], ticks: int = 6) -> Axis:
    """An axis over all values with round ticks."""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    step = 10 ** math.floor(math.log10(span / ticks))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= ticks)
    first, last = math.floor(low / step), math.ceil(high / step)
    marks = tuple(round(index * step, 10) for index in range(first, last + 1))
    return Axis(marks[0], marks[-1], marks)


def draw_scatter(
    points: Sequence[Point], x_label: str, y_label: str, summary: str, line: Line | None = None
) -> str:
    """A chart with a text summary for those who do not see it. The y axis shows per cent."""
    bounds_x = [point.x for point in points]
    bounds_y = [point.y for point in points]
    if line is not None:
        bounds_y += [*line.low, *line.high]
    x, y = make_axis(bounds_x), make_axis(bounds_y)
    marks = "".join(
        f'<path d="M{WIDTH * x.share(p.x):.1f} {HEIGHT * (1 - y.share(p.y)):.1f}h0">'
        f"<title>{escape(p.title)}</title></path>"
        for p in points
    )
    grid = "".join(
        f'<path d="M0 {HEIGHT * (1 - y.share(tick)):.1f}H{WIDTH:.0f}"/>' for tick in y.ticks
    ) + "".join(f'<path d="M{WIDTH * x.share(tick):.1f} 0V{HEIGHT:.0f}"/>' for tick in x.ticks)
    x_ticks = "".join(
        f'<span style="left:{100 * x.share(tick):.2f}%">{tick:g}</span>' for tick in x.ticks
    )
    y_ticks = "".join(
        f'<span style="bottom:{100 * y.share(tick):.2f}%">{100 * tick:g}</span>' for tick in y.ticks
    )
    return (
        f'<figure class="chart"><div class="chart-y">{escape(y_label)}</div>'
        f'<div class="chart-plot"><div class="chart-yticks" aria-hidden="true">{y_ticks}</div>'
        f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(summary)}"><g class="chart-grid">{grid}</g>'
        f"{_draw_line(line, x, y)}"
        f'<g class="chart-points">{marks}</g></svg></div>'
        f'<div class="chart-xticks" aria-hidden="true">{x_ticks}</div>'
        f'<div class="chart-x">{escape(x_label)}</div>'
        f"<figcaption>{escape(summary)}</figcaption></figure>\n"
    )


def _draw_line(line: Line | None, x: Axis, y: Axis) -> str:
    if line is None:
        return ""

    def path(xs: Sequence[float], ys: Sequence[float]) -> str:
        pairs = zip(xs, ys, strict=True)
        return "L".join(
            f"{WIDTH * x.share(a):.1f} {HEIGHT * (1 - y.share(b)):.1f}" for a, b in pairs
        )

    band = path(line.x + line.x[::-1], line.low + line.high[::-1])
    return (
        f'<path class="chart-band" d="M{band}Z"/>'
        f'<path class="chart-line" d="M{path(line.x, line.y)}"/>'
    )
