"""A chart of scores, one line each: dot, interval and chance level, with the figures beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

from generator.publish.text import escape, number


@dataclass(frozen=True)
class Dot:
    """One score, a fraction, with its interval; and what was predicted for it."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    predicted: tuple[float, float, float] | None = None  # with the ends of its 95 % interval


def draw_dots(dots: Sequence[Dot], caption: str) -> str:
    """Scores on one axis from 0 to 100 per cent; the list reads as text as well."""
    if not dots:
        return ""
    lines = "".join(_line(dot) for dot in dots)
    ticks = "".join(f'<span style="left:{at}%">{at}</span>' for at in (0, 25, 50, 75, 100))
    return (
        f'<figure class="dots"><ul>{lines}</ul>'
        f'<div class="dots-axis" aria-hidden="true">{ticks}</div>'
        f"<figcaption>{escape(caption)}</figcaption>"
        "</figure>\n"
    )


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
