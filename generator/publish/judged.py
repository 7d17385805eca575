"""The chart of predictions against what was measured, with their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

from generator.publish.chart import draw_bound, draw_frame, make_axis, place
from generator.publish.text import escape


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
