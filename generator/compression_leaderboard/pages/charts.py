"""Charts as view models, which site/templates/charts.html draws: clouds, lines, training runs."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from compression_leaderboard.fits.study import Line
from compression_leaderboard.pages.text import count

WIDTH, HEIGHT = 1000.0, 500.0
MARGIN = 0.04  # of the range, so that no mark lies on the frame
NAME_GAP = 0.012  # from a mark to its name, of the width
NAME_ROOM = 0.06  # of the height, for a line of text
STYLES = 6  # colours, each with its dashes; the seventh line begins anew


@dataclass(frozen=True)
class Point:
    """A mark, with the name beside it."""

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
class Run:
    """A line through points in order, with what a pointer shows at each."""

    label: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """An SVG path: a line, an area or a mark."""

    d: str
    css: str = ""
    title: str = ""  # what a pointer shows
    family: str = ""  # of the marks of a cloud
    rows: Sequence[int] = ()  # of the marks of a cloud


@dataclass(frozen=True, slots=True)
class Group:
    """Shapes of one class. keys: of both axes, for the script that shows a mark's figures."""

    css: str
    shapes: Sequence[Shape]
    keys: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Name:
    """A name beside its mark, in shares of the plot: from one side, and from the top."""

    text: str
    side: str  # left or right
    start: float
    room: float
    top: float


@dataclass(frozen=True)
class Axis:
    """A linear axis and its ticks inside the range, with their labels."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)

    @property
    def marks(self) -> list[tuple[float, str]]:
        """Place, as a share of the length, and label of every tick."""
        return [
            (self.share(tick), label) for tick, label in zip(self.ticks, self.labels, strict=True)
        ]


@dataclass(frozen=True)
class Chart:
    """What the macro `chart` draws.

    summary: what the chart shows, for those who do not see it, and below it for all.
    table_id: of the table on the page with the same figures. legend: class and label.
    """

    x: Axis
    y: Axis
    labels: tuple[str, str]
    summary: str
    table_id: str
    groups: Sequence[Group]
    legend: Sequence[tuple[str, str]] = ()
    names: Sequence[Name] = ()

    width = WIDTH
    height = HEIGHT


def make_axis(values: Sequence[float], shown_times: float = 1.0, ticks: int = 6) -> Axis:
    """Span all values with a little room at both ends and round ticks.

    shown_times: what the labels of the ticks are multiplied by.
    """
    low, high = min(values), max(values)
    span = (high - low) or abs(high) or 1.0
    low, high = low - MARGIN * span, high + MARGIN * span
    step = 10 ** math.floor(math.log10(span / ticks))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= ticks)
    first, last = math.ceil(low / step), math.floor(high / step)
    marks = tuple(round(index * step, 10) for index in range(first, last + 1))
    return Axis(low, high, marks, tuple(f"{mark * shown_times:g}" for mark in marks))


def place(x: Axis, y: Axis, a: float, b: float) -> str:
    return f"{WIDTH * x.share(a):.1f} {HEIGHT * (1 - y.share(b)):.1f}"


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
) -> Chart:
    """Plot marks in groups, one path per group, so that thousands stay small.

    labels, keys: of both axes, for readers and for the script that shows a mark's figures.
    bound: draw the line where both are equal. shown_times: what the y ticks are multiplied by.
    named: marks with their titles beside them; few, as each takes a line of text.
    """
    heights = [y for cloud in clouds for y in cloud.ys]
    if line is not None:
        heights += [*line.low, *line.high]
    zero = [0.0] if bound else []  # so that the bound is in sight
    x = make_axis([*zero, *(value for cloud in clouds for value in cloud.xs)])
    y = make_axis([*zero, *heights], shown_times)
    shapes = draw_bound(x, y) if bound else _draw_line(line, x, y)
    for cloud in clouds:
        marks = "".join(f"M{place(x, y, *at)}h0" for at in zip(cloud.xs, cloud.ys, strict=True))
        shapes.append(Shape(marks, family=cloud.label, rows=cloud.rows))
    groups = [Group("chart-points", shapes, keys)]
    names = _place_names(x, y, named)
    if names:
        groups.insert(0, Group("chart-grid", [_lead(x, y, *pair) for pair in names]))
    return Chart(x, y, labels, summary, table_id, groups, names=[name for _, name in names])


def _place_names(x: Axis, y: Axis, named: Sequence[Point]) -> list[tuple[Point, Name]]:
    """Place names on the side that has more room.

    From the top down, each a line of text below the one before, so that none lies on another.
    """
    names, next_free = [], 0.0
    for point in sorted(named, key=lambda point: (-point.y, point.x, point.title)):
        left, top = x.share(point.x), max(1 - y.share(point.y), next_free)
        next_free = top + NAME_ROOM
        if left > 0.5:
            room = left - NAME_GAP
            name = Name(point.title, "right", 1 - room, room, top)
        else:
            start = left + NAME_GAP
            name = Name(point.title, "left", start, 1 - start, top)
        names.append((point, name))
    return names


def _lead(x: Axis, y: Axis, point: Point, name: Name) -> Shape:
    """A short line from a mark to its name."""
    end = name.start if name.side == "left" else 1 - name.start
    start = place(x, y, point.x, point.y)
    return Shape(f"M{start}L{WIDTH * end:.1f} {HEIGHT * name.top:.1f}")


def draw_bound(x: Axis, y: Axis) -> list[Shape]:
    """The line where both axes are equal; nothing where it does not cross the plot."""
    low, high = max(x.low, y.low), min(x.high, y.high)
    if low >= high:
        return []
    return [Shape(f"M{place(x, y, low, low)}L{place(x, y, high, high)}", "chart-bound")]


def _draw_line(line: Line | None, x: Axis, y: Axis) -> list[Shape]:
    if line is None:
        return []
    band = _path(x, y, line.x + line.x[::-1], line.low + line.high[::-1])
    return [Shape(f"{band}Z", "chart-band"), Shape(_path(x, y, line.x, line.y), "chart-line")]


def _path(x: Axis, y: Axis, xs: Iterable[float], ys: Iterable[float]) -> str:
    return "M" + "L".join(place(x, y, a, b) for a, b in zip(xs, ys, strict=True))


def draw_series(
    series: Sequence[Series],
    steps: Sequence[str],
    labels: tuple[str, str],
    summary: str,
    table_id: str,
) -> Chart:
    """Plot lines over equal steps, such as layers, with a legend. steps: the name of each."""
    shown = range(0, len(steps), max(1, round(len(steps) / 8)))
    ticks = tuple(float(k) for k in shown)
    x = Axis(-0.2, len(steps) - 0.8, ticks, tuple(steps[k] for k in shown))
    y = make_axis([0.0, *(value for line in series for value in line.values)], ticks=4)
    places = range(len(steps))
    groups = [
        Group("", [Shape(_path(x, y, places, s.values), f"chart-series {s.css_class}")])
        for s in series
    ]
    legend = [(line.css_class, line.label) for line in series]
    return Chart(x, y, labels, summary, table_id, groups, legend)


def draw_runs(
    runs: Sequence[Run],
    labels: tuple[str, str],
    summary: str,
    table_id: str,
    logarithmic: bool = False,
    shown_times: float = 1.0,
    ends: bool = False,
) -> Chart:
    """Plot lines with marks and a legend. logarithmic: the x axis, for tokens seen.

    ends: mark where each line begins (hollow) and ends (large), as its x axis does not tell.
    summary, table_id: as of `Chart`.
    """
    xs = [value for run in runs for value in run.xs]
    x = _logarithmic_axis(xs) if logarithmic else make_axis(xs)
    y = make_axis([value for run in runs for value in run.ys], shown_times)
    groups, legend = [], []
    for k, run in enumerate(runs):
        style = f"run-{k % STYLES}"
        at = [
            place(x, y, math.log10(a) if logarithmic else a, b)
            for a, b in zip(run.xs, run.ys, strict=True)
        ]
        marks = [Shape(f"M{m}h0", style, title) for m, title in zip(at, run.titles, strict=True)]
        if ends:
            marks += _ends(style, at, run.titles)
        line = Shape(f"M{'L'.join(at)}", f"chart-series {style}")
        groups += [Group("", [line]), Group("chart-marks", marks)]
        legend.append((style, run.label))
    return Chart(x, y, labels, summary, table_id, groups, legend)


def _ends(style: str, at: Sequence[str], titles: Sequence[str]) -> list[Shape]:
    """A ring over the first mark, a large mark over the last."""
    return [
        Shape(f"M{at[-1]}h0", f"{style} end", titles[-1]),
        Shape(f"M{at[0]}h0", f"{style} start", titles[0]),
        Shape(f"M{at[0]}h0", "hollow"),
    ]


def _logarithmic_axis(xs: Sequence[float]) -> Axis:
    """Powers of ten, and three times them where the range is short."""
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
        tuple(count(value) for value in ticks),
    )
