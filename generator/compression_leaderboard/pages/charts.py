"""Charts as view models. site/templates/charts.html draws them and adds the words around them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from compression_leaderboard.fits.evaluation import LeftOut
from compression_leaderboard.fits.study import Line
from compression_leaderboard.pages.rendering import count, percent

WIDTH, HEIGHT = 1000.0, 500.0
SMALLEST_SPAN = 1e-9  # of an axis
MARGIN = 0.04  # of the range, so that no mark lies on the frame
NAME_GAP = 0.012  # from a mark to its name, of the width
NAME_ROOM = 0.06  # of the height, for a line of text
STYLES = 6  # colours, each with its dashes; the seventh line begins anew


@dataclass(frozen=True, slots=True)
class Mark:
    """A row of the page's table data in a scatter. name: shown beside the mark, or ""."""

    x: float
    y: float
    family: str
    row: int  # place in the table's data
    name: str = ""


@dataclass(frozen=True)
class Curve:
    """A line through points in order. titles: what a pointer shows at each point."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    titles: Sequence[str] = ()
    css: str = ""  # a class; without one, the line gets the style of its place


@dataclass(frozen=True)
class Axis:
    """The range of an axis, and its ticks with their labels."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    is_logarithmic: bool = False  # low and high are logarithms to base 10; ticks are values

    def share(self, value: float) -> float:
        """Return the place of a value as a share of the axis's length."""
        position = math.log10(value) if self.is_logarithmic else value
        return (position - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Shape:
    """An SVG path: a line, an area or marks."""

    d: str
    css: str = ""
    title: str = ""  # what a pointer shows
    family: str = ""  # of marks
    rows: Sequence[int] = ()  # of marks


@dataclass(frozen=True, slots=True)
class Group:
    """Shapes of one class."""

    css: str
    shapes: Sequence[Shape]


@dataclass(frozen=True, slots=True)
class Name:
    """A name beside its mark, in shares of the plot: from one side, and from the top."""

    text: str
    side: str  # left or right
    start: float
    room: float
    top: float


@dataclass(frozen=True)
class Chart:
    """What the macro `chart` draws. legend: class and label of each line."""

    x: Axis
    y: Axis
    groups: Sequence[Group]
    legend: Sequence[tuple[str, str]] = ()
    names: Sequence[Name] = ()

    width = WIDTH
    height = HEIGHT


def linear_axis(values: Sequence[float], shown_times: float = 1.0, ticks: int = 6) -> Axis:
    """Span all values with a little room at both ends and round ticks.

    shown_times: what the labels of the ticks are multiplied by.
    """
    low, high = min(values), max(values)
    span = high - low
    if span < SMALLEST_SPAN * max(1.0, abs(low), abs(high)):  # rounding: one value
        span = max(abs(low), abs(high))
        span = span if span > SMALLEST_SPAN else 1.0
    low, high = low - MARGIN * span, high + MARGIN * span
    step = 10 ** math.floor(math.log10(span / ticks))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= ticks)
    first, last = math.ceil(low / step), math.floor(high / step)
    places = [round(index * step, 10) for index in range(first, last + 1)]
    return Axis(low, high, [(place, f"{place * shown_times:g}") for place in places])


def _logarithmic_axis(values: Sequence[float]) -> Axis:
    """Span all values; ticks at powers of ten, and at three times them in short ranges."""
    low, high = math.log10(min(values)), math.log10(max(values))
    room = 0.03 * ((high - low) or 1.0)
    low, high = low - room, high + room
    powers = range(math.floor(low), math.ceil(high) + 1)
    ticks = [10**k * factor for k in powers for factor in (1, 3)]
    ticks = [value for value in ticks if low <= math.log10(value) <= high]
    if len(ticks) > 8:
        ticks = [value for value in ticks if math.log10(value) == round(math.log10(value))]
    return Axis(low, high, [(value, count(value)) for value in ticks], is_logarithmic=True)


def _step_axis(names: Sequence[str]) -> Axis:
    """Label equal steps from 0, such as layers, and name about eight of them."""
    shown = range(0, len(names), max(1, round(len(names) / 8)))
    return Axis(-0.2, len(names) - 0.8, [(k, names[k]) for k in shown])


def draw_marks(
    marks: Sequence[Mark],
    line: Line | None = None,
    is_bounded: bool = False,
    shown_times: float = 100,
) -> Chart:
    """Plot marks by family, one path per family, so that thousands of marks stay small.

    is_bounded: draw the line where x and y are equal. shown_times: factor of the y ticks' labels.
    """
    zero = [0.0] if is_bounded else []  # so that the bound is in sight
    ends = [*line.low, *line.high] if line else []
    x = linear_axis([*zero, *(mark.x for mark in marks)])
    y = linear_axis([*zero, *(mark.y for mark in marks), *ends], shown_times)
    shapes = _bound(x, y) if is_bounded else _fitted(line, x, y)
    for family, members in groupby(sorted(marks, key=_family), key=_family):
        of_family = list(members)
        d = "".join(f"M{_place(x, y, mark.x, mark.y)}h0" for mark in of_family)
        shapes.append(Shape(d, family=family, rows=[mark.row for mark in of_family]))
    groups = [Group("chart-points", shapes)]
    names = _place_names(x, y, [mark for mark in marks if mark.name])
    if names:
        groups.insert(0, Group("chart-grid", [_lead(x, y, *pair) for pair in names]))
    return Chart(x, y, groups, names=[name for _, name in names])


def _family(mark: Mark) -> str:
    return mark.family


def _place_names(x: Axis, y: Axis, marks: Sequence[Mark]) -> list[tuple[Mark, Name]]:
    """Place names on the side that has more room.

    From the top down, each a line of text below the one before, so that none lies on another.
    """
    names, next_free = [], 0.0
    for mark in sorted(marks, key=lambda mark: (-mark.y, mark.x, mark.name)):
        left, top = x.share(mark.x), max(1 - y.share(mark.y), next_free)
        next_free = top + NAME_ROOM
        if left > 0.5:
            room = left - NAME_GAP
            name = Name(mark.name, "right", 1 - room, room, top)
        else:
            start = left + NAME_GAP
            name = Name(mark.name, "left", start, 1 - start, top)
        names.append((mark, name))
    return names


def _lead(x: Axis, y: Axis, mark: Mark, name: Name) -> Shape:
    """Draw a short line from a mark to its name."""
    end = name.start if name.side == "left" else 1 - name.start
    start = _place(x, y, mark.x, mark.y)
    return Shape(f"M{start}L{WIDTH * end:.1f} {HEIGHT * name.top:.1f}")


def draw_validation(rows: Iterable[LeftOut]) -> Chart:
    """Plot measured against predicted scores, and the line where both agree.

    The 95 % intervals lie along x, since they are the predictions'.
    """
    validated = [(row, *row.prediction.interval()) for row in rows]
    ends = [end for row, low, high in validated for end in (low, high, row.measured)]
    x, y = linear_axis(ends, 100), linear_axis([row.measured for row, _, _ in validated], 100)
    bars = "".join(
        f"M{_place(x, y, low, row.measured)}L{_place(x, y, high, row.measured)}"
        for row, low, high in validated
    )
    marks = [
        Shape(
            f"M{_place(x, y, row.prediction.value, row.measured)}h0",
            title=f"{row.prediction.model}: measured {percent(row.measured)} %, predicted "
            f"{percent(row.prediction.value)} % ({percent(low)} to {percent(high)})",
        )
        for row, low, high in validated
    ]
    groups = [
        Group("", _bound(x, y)),
        Group("chart-grid", [Shape(bars)]),
        Group("chart-points", marks),
    ]
    return Chart(x, y, groups)


def draw_curves(
    curves: Sequence[Curve], is_logarithmic: bool = False, with_ends: bool = False
) -> Chart:
    """Plot lines over numbers. is_logarithmic: the x axis.

    with_ends: mark where each line begins (hollow) and ends (large), where the x axis does not
    say so.
    """
    xs = [value for curve in curves for value in curve.xs]
    x = _logarithmic_axis(xs) if is_logarithmic else linear_axis(xs)
    y = linear_axis([value for curve in curves for value in curve.ys])
    return _draw_lines(curves, x, y, with_ends)


def draw_steps(lines: Sequence[tuple[str, str, Sequence[float]]], steps: Sequence[str]) -> Chart:
    """Plot lines over equal steps, such as layers. lines: label, class and values of each."""
    curves = [Curve(label, range(len(steps)), values, css=css) for label, css, values in lines]
    y = linear_axis([0.0, *(value for _, _, values in lines for value in values)], ticks=4)
    return _draw_lines(curves, _step_axis(steps), y)


def _draw_lines(curves: Sequence[Curve], x: Axis, y: Axis, with_ends: bool = False) -> Chart:
    """Draw each line, and a mark at each point that has a title."""
    groups, legend = [], []
    for k, curve in enumerate(curves):
        style = curve.css or f"run-{k % STYLES}"
        at = [_place(x, y, *point) for point in zip(curve.xs, curve.ys, strict=True)]
        groups.append(Group("", [Shape(f"M{'L'.join(at)}", f"chart-series {style}")]))
        legend.append((style, curve.label))
        if curve.titles:
            pairs = zip(at, curve.titles, strict=True)
            marks = [Shape(f"M{place}h0", style, title) for place, title in pairs]
            ends = _ends(style, at, curve.titles) if with_ends else []
            groups.append(Group("chart-marks", marks + ends))
    return Chart(x, y, groups, legend)


def _ends(style: str, at: Sequence[str], titles: Sequence[str]) -> list[Shape]:
    """Draw a ring over the first mark, and a large mark over the last."""
    return [
        Shape(f"M{at[-1]}h0", f"{style} end", titles[-1]),
        Shape(f"M{at[0]}h0", f"{style} start", titles[0]),
        Shape(f"M{at[0]}h0", "hollow"),
    ]


def _bound(x: Axis, y: Axis) -> list[Shape]:
    """Draw the line where both axes are equal; nothing where it does not cross the plot."""
    low, high = max(x.low, y.low), min(x.high, y.high)
    if low >= high:
        return []
    return [Shape(_path(x, y, (low, high), (low, high)), "chart-bound")]


def _fitted(line: Line | None, x: Axis, y: Axis) -> list[Shape]:
    """Draw a fitted line and the band around it."""
    if line is None:
        return []
    band = _path(x, y, line.x + line.x[::-1], line.low + line.high[::-1])
    return [Shape(f"{band}Z", "chart-band"), Shape(_path(x, y, line.x, line.y), "chart-line")]


def _path(x: Axis, y: Axis, xs: Iterable[float], ys: Iterable[float]) -> str:
    return "M" + "L".join(_place(x, y, *point) for point in zip(xs, ys, strict=True))


def _place(x: Axis, y: Axis, a: float, b: float) -> str:
    return f"{WIDTH * x.share(a):.1f} {HEIGHT * (1 - y.share(b)):.1f}"
