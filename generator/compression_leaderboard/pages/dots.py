"""Charts of scores with intervals: one line per score, and predictions against measurements."""

from collections.abc import Sequence
from dataclasses import dataclass

from compression_leaderboard.pages.charts import (
    draw_bound,
    draw_frame,
    folded_figures,
    make_axis,
    place,
)
from compression_leaderboard.pages.text import UNKNOWN, counted, escape, number, percent, valued


@dataclass(frozen=True)
class Dot:
    """One score, a fraction, with its interval; and what was predicted for it."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    predicted: tuple[float, float, float] | None = None  # with the ends of its 95 % interval


def draw_dots(dots: Sequence[Dot], caption: str, table_id: str) -> str:
    """Scores on one axis from 0 to 100 per cent; the list reads as text, a table has all figures.

    table_id: of that table, folded below the chart.
    """
    if not dots:
        return ""
    lines = "".join(_line(dot) for dot in dots)
    ticks = "".join(f'<span style="left:{at}%">{at}</span>' for at in (0, 25, 50, 75, 100))
    return (
        f'<figure class="dots" aria-details="{escape(table_id)}"><ul>{lines}</ul>'
        f'<div class="dots-axis" aria-hidden="true">{ticks}</div>'
        f"<figcaption>{escape(caption)}</figcaption>"
        f"</figure>\n{_figures(dots, table_id)}"
    )


def _figures(dots: Sequence[Dot], table_id: str) -> str:
    header = [
        ("Benchmark", False),
        ("Score, %", True),
        ("95 % interval", True),
        ("Chance, %", True),
    ]
    guessed = any(dot.predicted is not None for dot in dots)
    if guessed:
        header += [("Predicted, %", True), ("Its 95 % interval", True)]
    rows = []
    for dot in dots:
        cells = [escape(dot.label), valued(percent(dot.value), dot.value)]
        cells += [_ends(dot.low, dot.high), percent(dot.chance)]
        if guessed:
            value, low, high = dot.predicted or (None, None, None)
            cells += [valued(percent(value), value), _ends(low, high)]
        rows.append(cells)
    return folded_figures(
        table_id, f"{counted(len(rows), 'score')} of the chart, in per cent", header, rows
    )


def _ends(low: float | None, high: float | None) -> str:
    return UNKNOWN if low is None or high is None else f"{percent(low)} to {percent(high)}"


def _line(dot: Dot) -> str:
    marks = ""
    if dot.chance:
        marks += f'<i class="chance" style="left:{100 * dot.chance:.1f}%"></i>'
    shown = number(None if dot.value is None else 100 * dot.value, 1)
    if dot.predicted is not None:
        value, low, high = (100 * one for one in dot.predicted)
        marks += _range("guess", low, high) + f'<i class="hollow" style="left:{value:.1f}%"></i>'
        shown += f"<small>predicted ≈ {number(value, 1)}</small>"
        shown += f"<small>{number(low, 1)}–{number(high, 1)}</small>"
    if dot.value is not None:
        if dot.low is not None and dot.high is not None:
            marks += _range("range", 100 * dot.low, 100 * dot.high)
            shown += f"<small>{number(100 * dot.low, 1)}–{number(100 * dot.high, 1)}</small>"
        marks += f'<i class="dot" style="left:{100 * dot.value:.1f}%"></i>'
    return (
        f'<li><span class="dots-label">{escape(dot.label)}</span>'
        f'<span class="dots-track" aria-hidden="true">{marks}</span>'
        f'<span class="dots-value">{shown}</span></li>'
    )


def _range(css_class: str, low: float, high: float) -> str:
    return f'<i class="{css_class}" style="left:{low:.1f}%;width:{high - low:.1f}%"></i>'


@dataclass(frozen=True)
class Judged:
    """A predicted and a measured figure, with the interval of the prediction."""

    predicted: float
    measured: float
    low: float
    high: float
    title: str


def draw_judged(rows: Sequence[Judged], summary: str, table_id: str) -> str:
    """Measured against predicted, both in per cent, with intervals and the line where both agree.

    Intervals lie along x, as it is the prediction that they belong to. summary, table_id: as of
    `draw_frame`.
    """
    ends = [end for r in rows for end in (r.low, r.high, r.measured)]
    x, y = make_axis(ends, 100), make_axis([r.measured for r in rows], 100)
    bars = "".join(
        f"M{place(x, y, r.low, r.measured)}L{place(x, y, r.high, r.measured)}" for r in rows
    )
    marks = "".join(
        f'<path d="M{place(x, y, r.predicted, r.measured)}h0">'
        f"<title>{escape(r.title)}</title></path>"
        for r in rows
    )
    drawn = (
        f'{draw_bound(x, y)}<g class="chart-grid"><path d="{bars}"/></g>'
        f'<g class="chart-points">{marks}</g>'
    )
    return draw_frame(x, y, ("Predicted, %", "Measured, %"), summary, table_id, drawn)
