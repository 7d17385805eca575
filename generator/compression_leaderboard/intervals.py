"""Intervals: value types, the delete-a-group jackknife, and the standard normal quantiles.

Groups may differ in size (delete-m_j jackknife, Busing, Meijer and van der Leeden 1999); for equal
groups this is the usual formula. A bootstrap that draws positions twice would inflate information.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit


class Interval(NamedTuple):
    """A 95 % interval."""

    low: float
    high: float


def jackknife_error(estimate: float, without: ArrayLike, sizes: ArrayLike) -> float:
    """Standard error of `estimate`.

    without: the estimate with each of G ≥ 2 groups left out. sizes: units in each group.
    """
    left, size = np.asarray(without, dtype=float), np.asarray(sizes, dtype=float)
    if len(left) < 2 or len(left) != len(size):
        raise ValueError(f"{len(left)} leave-outs of {len(size)} groups; 2 groups are needed")
    ratio = size.sum() / size
    centre = len(left) * estimate - float(((1 - 1 / ratio) * left).sum())
    pseudo = ratio * estimate - (ratio - 1) * left
    return math.sqrt(float(np.mean((pseudo - centre) ** 2 / (ratio - 1))))


def jackknife_interval(estimate: float, without: ArrayLike, sizes: ArrayLike) -> Interval:
    """95 % interval about `estimate`: Student's t with G − 1 degrees of freedom.

    It is for the figure that other documents would give at the same number of positions. The
    jackknife's own centre would extrapolate to more positions, as if the rest of the bias fell
    with their number; that of rare labels falls slower.
    """
    reach = _quantile(np.size(without) - 1)
    reach *= jackknife_error(estimate, without, sizes)
    return Interval(estimate - reach, estimate + reach)


@lru_cache(maxsize=64)
def _quantile(freedom: int) -> float:
    """Of Student's t, for a 95 % interval."""
    return float(stdtrit(freedom, 0.975))
