"""Delete-a-group jackknife: the standard error of an estimate from what it is without each group.

Groups may differ in size (delete-m_j jackknife, Busing, Meijer and van der Leeden 1999); for equal
groups this is the usual formula. A bootstrap that draws positions twice would inflate information.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student


class Interval(NamedTuple):
    """A 95 % interval."""

    low: float
    high: float


def jackknife_error(estimate: float, without: ArrayLike, sizes: ArrayLike) -> float:
    """Standard error of `estimate`.

    without: the estimate with each of G ≥ 2 groups left out. sizes: units in each group.
    """
    return _centre_and_error(estimate, without, sizes)[1]


def jackknife_interval(estimate: float, without: ArrayLike, sizes: ArrayLike) -> Interval:
    """95 % interval: Student's t with G − 1 degrees of freedom, about the jackknife's own estimate.

    That estimate has lost the part of the bias that falls with the number of units, so the
    interval need not be symmetric about `estimate`.
    """
    centre, error = _centre_and_error(estimate, without, sizes)
    reach = float(student.ppf(0.975, np.size(without) - 1)) * error
    return Interval(centre - reach, centre + reach)


def _centre_and_error(estimate: float, without: ArrayLike, sizes: ArrayLike) -> tuple[float, float]:
    left, size = np.asarray(without, dtype=float), np.asarray(sizes, dtype=float)
    if len(left) < 2 or len(left) != len(size):
        raise ValueError(f"{len(left)} leave-outs of {len(size)} groups; 2 groups are needed")
    ratio = size.sum() / size
    centre = len(left) * estimate - float(((1 - 1 / ratio) * left).sum())
    pseudo = ratio * estimate - (ratio - 1) * left
    return centre, math.sqrt(float(np.mean((pseudo - centre) ** 2 / (ratio - 1))))
