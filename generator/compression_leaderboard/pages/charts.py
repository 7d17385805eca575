"""Charts as SVG: clouds of marks, lines, and training runs."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from compression_leaderboard.fits.study import Line
from compression_leaderboard.pages.text import count, escape, table

WIDTH, HEIGHT = 1000.0, 500.0
MARGIN = 0.04  # of the range, so that no mark lies on the frame
NAME_GAP = 0.012  # from a mark to its name, of the width
NAME_ROOM = 0.06  # of the height, for a line of text


@dataclass(frozen=True)
class Point:
    """One mark, with the name that stands beside it."""

    x: float
    y: float
    title: str


@dataclass(frozen=True)
class Cloud:
    """The marks of one group, such as a family; rows: their places in the page's table data."""

    label: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Series:
    """A line through points at equal steps, such as a figure by layer."""

    label: str
    css_class: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Axis:
    """A linear axis, its ticks inside the range, and what the ticks are multiplied by."""

    low: float
    high: float
    ticks: tuple[float, ...]
    shown_times: float = 1.0
    labels: tuple[str, ...] = ()  # of the ticks, where their values are not what they are called

    def name(self, index: int) -> str:
        """What stands beside a tick."""
        return self.labels[index] if self.labels else f"{self.ticks[index] * self.shown_times:g}"

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)


def make_axis(values: Sequence[float], shown_times: float = 1.0, ticks: int = 6) -> Axis:
    """An axis over all values with a little room at both ends and round ticks."""
    low, high = min(values), max(values)
    span = (high - low) or abs(high) or 1.0
    low, high = low - MARGIN * span, high + MARGIN * span
    step = 10 ** math.floor(math.log10(span / ticks))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= ticks)
    first, last = math.ceil(low / step), math.floor(high / step)
    marks = tuple(round(index * step, 10) for index in range(first, last + 1))
    return Axis(low, high, marks, shown_times)


def draw_clouds(
    clouds: Sequence[Cloud],
    labels: tuple[str, str],
    keys: tuple[str, str],
    summary: str,
    table_id: str,
    line: Line | None = None,
    bound: bool = False,
    shown_times: float = 100,
    named: Sequence[Point] = (),
) -> str:
    """Marks in groups, one path a group, so that thousands stay small.

    labels, keys: of both axes, for readers and for the script that shows a mark's figures.
    bound: draw the line where both are equal. shown_times: what the y ticks are multiplied by.
    named: marks whose titles stand beside them; few, as each takes a line of its own.
    """
    heights = [y for cloud in clouds for y in cloud.ys]
    if line is not None:
        heights += [*line.low, *line.high]
    zero = [0.0] if bound else []  # so that the bound is in sight
    x = make_axis([*zero, *(value for cloud in clouds for value in cloud.xs)])
    y = make_axis([*zero, *heights], shown_times)
    drawn = draw_bound(x, y) if bound else _draw_line(line, x, y)
    for cloud in clouds:
        marks = "".join(f"M{place(x, y, *at)}h0" for at in zip(cloud.xs, cloud.ys, strict=True))
        rows = " ".join(map(str, cloud.rows))
        drawn += f'<path data-family="{escape(cloud.label)}" data-rows="{rows}" d="{marks}"/>'
    drawn = f'<g class="chart-points" data-x="{keys[0]}" data-y="{keys[1]}">{drawn}</g>'
    leads, names = _name_marks(x, y, named)
    return draw_frame(x, y, labels, summary, table_id, leads + drawn, names=names)


def _name_marks(x: Axis, y: Axis, named: Sequence[Point]) -> tuple[str, str]:
    """Short lines from marks to their names, and the names: on the side where the room is.

    From the top down, each a line of text below the one before, so that none lies on another.
    """
    leads, names, next_free = "", "", 0.0
    for point in sorted(named, key=lambda point: (-point.y, point.x, point.title)):
        left, top = x.share(point.x), max(1 - y.share(point.y), next_free)
        next_free = top + NAME_ROOM
        on_left = left > 0.5
        end = left + (-NAME_GAP if on_left else NAME_GAP)
        side, room = ("right", end) if on_left else ("left", 1 - end)
        leads += (
            f'<path d="M{place(x, y, point.x, point.y)}L{WIDTH * end:.1f} {HEIGHT * top:.1f}"/>'
        )
        names += (
            f'<span style="{side}:{100 * (1 - room):.2f}%;max-width:{100 * room:.2f}%;'
            f'top:{100 * top:.2f}%">{escape(point.title)}</span>'
        )
    if not names:
        return "", ""
    return (
        f'<g class="chart-grid">{leads}</g>',
        f'<div class="chart-names" aria-hidden="true">{names}</div>',
    )


def draw_bound(x: Axis, y: Axis) -> str:
    """The line where both axes are equal; nothing where it does not cross the plot."""
    low, high = max(x.low, y.low), min(x.high, y.high)
    if low >= high:
        return ""
    return f'<path class="chart-bound" d="M{place(x, y, low, low)}L{place(x, y, high, high)}"/>'


def draw_series(
    series: Sequence[Series],
    steps: Sequence[str],
    labels: tuple[str, str],
    summary: str,
    table_id: str,
) -> str:
    """Lines over equal steps, such as layers, with a legend. steps: what each one is called."""
    every = max(1, round(len(steps) / 8))
    shown = tuple(range(0, len(steps), every))
    x = Axis(
        -0.2, len(steps) - 0.8, tuple(map(float, shown)), labels=tuple(steps[k] for k in shown)
    )
    y = make_axis([0.0, *(value for one in series for value in one.values)], ticks=4)
    drawn = "".join(
        f'<path class="chart-series {one.css_class}" d="M'
        + "L".join(place(x, y, k, value) for k, value in enumerate(one.values))
        + '"/>'
        for one in series
    )
    legend = "".join(f'<li class="{one.css_class}">{escape(one.label)}</li>' for one in series)
    return draw_frame(x, y, labels, summary, table_id, drawn, f"<ul>{legend}</ul>")


def place(x: Axis, y: Axis, a: float, b: float) -> str:
    return f"{WIDTH * x.share(a):.1f} {HEIGHT * (1 - y.share(b)):.1f}"


def draw_frame(
    x: Axis,
    y: Axis,
    labels: tuple[str, str],
    summary: str,
    table_id: str,
    drawn: str,
    legend: str = "",
    names: str = "",
) -> str:
    """Grid, ticks and labels around what was drawn.

    summary: what the chart says, for those who do not see it, and below it for all.
    table_id: of the table on the page with the same figures. names: HTML over the plot.
    """
    grid = "".join(
        f'<path d="M0 {HEIGHT * (1 - y.share(tick)):.1f}H{WIDTH:.0f}"/>' for tick in y.ticks
    ) + "".join(f'<path d="M{WIDTH * x.share(tick):.1f} 0V{HEIGHT:.0f}"/>' for tick in x.ticks)
    x_ticks = "".join(
        f'<span style="left:{100 * x.share(tick):.2f}%">{escape(x.name(index))}</span>'
        for index, tick in enumerate(x.ticks)
    )
    y_ticks = "".join(
        f'<span style="bottom:{100 * y.share(tick):.2f}%">{escape(y.name(index))}</span>'
        for index, tick in enumerate(y.ticks)
    )
    return (
        f'<figure class="chart" aria-details="{escape(table_id)}">'
        f'<div class="chart-y">{escape(labels[1])}</div>{legend}'
        f'<div class="chart-plot"><div class="chart-yticks" aria-hidden="true">{y_ticks}</div>'
        f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(summary)}"><g class="chart-grid">{grid}</g>{drawn}</svg>{names}</div>'
        f'<div class="chart-xticks" aria-hidden="true">{x_ticks}</div>'
        f'<div class="chart-x">{escape(labels[0])}</div>'
        f"<figcaption>{escape(summary)}</figcaption></figure>\n"
    )


def folded_figures(
    table_id: str,
    caption: str,
    header: Iterable[tuple[str, bool]],
    rows: Iterable[Iterable[str]],
) -> str:
    """The table with a chart's figures, folded below it. Arguments as of `table`."""
    body = table(table_id, caption, header, rows)
    return f"<details><summary>The figures of this chart</summary>{body}</details>"


def _draw_line(line: Line | None, x: Axis, y: Axis) -> str:
    if line is None:
        return ""

    def path(xs: Sequence[float], ys: Sequence[float]) -> str:
        return "L".join(place(x, y, a, b) for a, b in zip(xs, ys, strict=True))

    band = path(line.x + line.x[::-1], line.low + line.high[::-1])
    return (
        f'<path class="chart-band" d="M{band}Z"/>'
        f'<path class="chart-line" d="M{path(line.x, line.y)}"/>'
    )


STYLES = 6  # colours, each with dashes of its own; the seventh line begins anew


@dataclass(frozen=True)
class Run:
    """One line: points in order, with what a pointer shows at each."""

    label: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    titles: tuple[str, ...]


def draw_runs(
    runs: Sequence[Run],
    labels: tuple[str, str],
    summary: str,
    table_id: str,
    logarithmic: bool = False,
    shown_times: float = 1.0,
    ends: bool = False,
) -> str:
    """Lines with marks and a legend. logarithmic: the x axis, for tokens seen.

    ends: mark where each line begins (hollow) and ends (large), as its x axis does not tell.
    summary, table_id: as of `draw_frame`.
    """
    xs = [value for run in runs for value in run.xs]
    x = _tokens_axis(xs) if logarithmic else make_axis(xs)
    y = make_axis([value for run in runs for value in run.ys], shown_times)
    drawn, legend = "", ""
    for k, run in enumerate(runs):
        style = f"run-{k % STYLES}"
        at = [
            place(x, y, math.log10(a) if logarithmic else a, b)
            for a, b in zip(run.xs, run.ys, strict=True)
        ]
        drawn += f'<path class="chart-series {style}" d="M{"L".join(at)}"/>'
        marks = "".join(
            f'<path class="{style}" d="M{point}h0"><title>{escape(title)}</title></path>'
            for point, title in zip(at, run.titles, strict=True)
        )
        if ends:
            marks += _ends(style, at, run.titles)
        drawn += f'<g class="chart-marks">{marks}</g>'
        legend += f'<li class="{style}">{escape(run.label)}</li>'
    return draw_frame(x, y, labels, summary, table_id, drawn, f"<ul>{legend}</ul>")


def _ends(style: str, at: Sequence[str], titles: Sequence[str]) -> str:
    """A ring over the first mark, a large mark over the last."""
    first, last = escape(titles[0]), escape(titles[-1])
    return (
        f'<path class="{style} end" d="M{at[-1]}h0"><title>{last}</title></path>'
        f'<path class="{style} start" d="M{at[0]}h0"><title>{first}</title></path>'
        f'<path class="hollow" d="M{at[0]}h0"/>'
    )


def _tokens_axis(xs: Sequence[float]) -> Axis:
    """Powers of ten, and their halves where the range is short."""
    low, high = math.log10(min(xs)), math.log10(max(xs))
    room = 0.03 * ((high - low) or 1.0)
    steps = [
        10**k * factor for k in range(math.floor(low), math.ceil(high) + 1) for factor in (1, 3)
    ]
    ticks = [value for value in steps if low - room <= math.log10(value) <= high + room]
    if len(ticks) > 8:
        ticks = [value for value in ticks if math.log10(value) == round(math.log10(value))]
    return Axis(
        low - room,
        high + room,
        tuple(math.log10(value) for value in ticks),
        labels=tuple(count(value) for value in ticks),
    )
