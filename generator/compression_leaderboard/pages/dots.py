"""Charts of scores with intervals: one line per score, and predictions against measurements."""

from collections.abc import Sequence
from dataclasses import dataclass

from compression_leaderboard.pages.charts import Chart, Group, Shape, draw_bound, make_axis, place
from compression_leaderboard.pages.rendering import Cell, Heading, Table
from compression_leaderboard.pages.text import UNKNOWN, counted, number, percent


@dataclass(frozen=True)
class Dot:
    """A score, a fraction, with its interval, and its prediction."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    predicted: tuple[float, float, float] | None = None  # with the ends of its 95 % interval


@dataclass(frozen=True)
class Mark:
    """A mark on the line of a score, in per cent. width: of an interval."""

    css: str
    left: float
    width: float | None = None


@dataclass(frozen=True)
class DotLine:
    """The line of a score: marks, the figure and what is small beside it."""

    label: str
    marks: Sequence[Mark]
    shown: str
    notes: Sequence[str]


@dataclass(frozen=True)
class Dots:
    """Scores on one axis from 0 to 100 per cent, and the table with the same figures."""

    lines: Sequence[DotLine]
    caption: str
    table: Table


def draw_dots(dots: Sequence[Dot], caption: str, table_id: str) -> Dots:
    """Scores on one axis; the list reads as text, the table has all figures."""
    return Dots([_line(dot) for dot in dots], caption, _table(dots, table_id))


def _table(dots: Sequence[Dot], table_id: str) -> Table:
    header = [
        Heading("Benchmark"),
        Heading("Score, %", numeric=True),
        Heading("95 % interval", numeric=True),
        Heading("Chance, %", numeric=True),
    ]
    with_predictions = any(dot.predicted is not None for dot in dots)
    if with_predictions:
        header.append(Heading("Predicted, %", numeric=True))
        header.append(Heading("Its 95 % interval", numeric=True))
    rows = []
    for dot in dots:
        cells: list[Cell | str] = [dot.label, Cell(percent(dot.value), dot.value)]
        cells += [_interval(dot.low, dot.high), percent(dot.chance)]
        if with_predictions:
            value, low, high = dot.predicted or (None, None, None)
            cells += [Cell(percent(value), value), _interval(low, high)]
        rows.append(cells)
    caption = f"{counted(len(rows), 'score')} of the chart, in per cent"
    return Table(table_id, caption, header, rows)


def _interval(low: float | None, high: float | None) -> str:
    return UNKNOWN if low is None or high is None else f"{percent(low)} to {percent(high)}"


def _line(dot: Dot) -> DotLine:
    marks, notes = [], []
    if dot.chance:
        marks.append(Mark("chance", 100 * dot.chance))
    if dot.predicted is not None:
        value, low, high = (100 * figure for figure in dot.predicted)
        marks += [Mark("guess", low, high - low), Mark("hollow", value)]
        notes += [f"predicted ≈ {number(value, 1)}", f"{number(low, 1)}–{number(high, 1)}"]
    if dot.value is not None:
        if dot.low is not None and dot.high is not None:
            marks.append(Mark("range", 100 * dot.low, 100 * (dot.high - dot.low)))
            notes.append(f"{percent(dot.low)}–{percent(dot.high)}")
        marks.append(Mark("dot", 100 * dot.value))
    return DotLine(dot.label, marks, percent(dot.value), notes)


@dataclass(frozen=True)
class Judged:
    """A predicted and a measured figure, with the interval of the prediction."""

    predicted: float
    measured: float
    low: float
    high: float
    title: str


def draw_judged(rows: Sequence[Judged], summary: str, table_id: str) -> Chart:
    """Plot measured against predicted, both in per cent, and the line where both agree.

    Intervals lie along x, since they are the predictions'. summary, table_id: as of `Chart`.
    """
    ends = [end for r in rows for end in (r.low, r.high, r.measured)]
    x, y = make_axis(ends, 100), make_axis([r.measured for r in rows], 100)
    bars = "".join(
        f"M{place(x, y, r.low, r.measured)}L{place(x, y, r.high, r.measured)}" for r in rows
    )
    marks = [Shape(f"M{place(x, y, r.predicted, r.measured)}h0", title=r.title) for r in rows]
    groups = [
        Group("", draw_bound(x, y)),
        Group("chart-grid", [Shape(bars)]),
        Group("chart-points", marks),
    ]
    return Chart(x, y, ("Predicted, %", "Measured, %"), summary, table_id, groups)
