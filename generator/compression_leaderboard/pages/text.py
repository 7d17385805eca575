"""Numbers as readers want them, and dated captions."""

import math

from compression_leaderboard.wording import counted as counted  # the pages import it from here

UNKNOWN = "–"


def number(value: float | None, digits: int) -> str:
    """A number with so many decimals; an en dash where it is unknown."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return f"{value:.{digits}f}".replace("-", "−")


def significant(value: float) -> str:
    """A figure of unknown unit: six significant digits."""
    return f"{value:.6g}".replace("-", "−")


def with_spread(value: float | None, spread: float | None) -> str:
    """A number and its spread, rounded to two significant digits of the spread."""
    if value is None or spread is None or not spread > 0:
        return number(value, 4)
    digits = decimals(spread)
    return f"{number(value, digits)} ± {number(spread, digits)}"


def with_interval(value: float | None, interval: tuple[float, float] | None) -> str:
    """A number and its interval, rounded to two significant digits of half its width."""
    if value is None or interval is None or not interval[1] > interval[0]:
        return number(value, 4)
    digits = decimals((interval[1] - interval[0]) / 2)
    low, high = (number(end, digits) for end in interval)
    return f"{number(value, digits)} ({low} to {high})"


def decimals(spread: float) -> int:
    """How many decimals show two significant digits of a spread above 0; six at most."""
    return min(6, max(0, 1 - math.floor(math.log10(spread))))


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as per cent, without the sign."""
    return number(None if value is None else 100 * value, digits)


def count(value: float | None) -> str:
    """A large count in the field's short form: 134.5M, 2T."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:g}"


def dated(caption: str, day: str) -> str:
    """Say at the end of a caption's first sentence as of which day its figures are."""
    as_of = f"as of {day}"
    if as_of in caption:
        return caption
    first, stop, rest = caption.rstrip().partition(". ")
    if not stop and first.endswith("."):
        first, stop = first[:-1], "."
    return f"{first}, {as_of}{stop}{rest}"
