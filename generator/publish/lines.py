"""Lines through points of their own: training runs over tokens, or over the information plane."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from generator.publish.chart import Axis, draw_frame, make_axis, place
from generator.publish.text import count, escape

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
