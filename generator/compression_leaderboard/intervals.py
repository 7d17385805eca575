"""Every interval that the board publishes for a measured figure, at one level.

Scores: the normal approximation from their standard error. Information: the delete-a-group
jackknife over documents, whose groups may differ in size (delete-m_j, Busing, Meijer and van der
Leeden 1999). A bootstrap that draws positions twice would inflate information. Bits per byte: the
document bootstrap. Paired differences of bits per byte, of a text or of a class of its bytes:
linearised ratios (Cochran 1977, 2.11).
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

LEVEL = 0.95
BOOTSTRAP_DRAWS = 2000


class Interval(NamedTuple):
    """The ends of an interval at LEVEL."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return not self.low <= 0 <= self.high


def normal_quantile(level: float = LEVEL) -> float:
    """Return the standard errors on either side of an estimate that a normal interval spans."""
    from scipy.special import ndtri  # slow to import, and `leaderboard --help` needs none

    return float(ndtri((1 + level) / 2))


def normal_interval(value: float, stderr: float) -> Interval:
    """Return the interval of a fraction from its standard error, inside [0, 1]."""
    reach = normal_quantile() * stderr
    return Interval(max(0.0, value - reach), min(1.0, value + reach))


def stderr_of(interval: Interval) -> float:
    """Return the standard error that a normal interval of this width has."""
    return (interval.high - interval.low) / (2 * normal_quantile())


def percentile_interval(draws: Array) -> Interval:
    """Return the middle LEVEL of bootstrap draws."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def rate_interval(
    document_bits: Sequence[float], document_bytes: Sequence[int], seed: int = 0
) -> Interval | None:
    """Interval of total bits / total bytes by resampling documents; None for fewer than two.

    The bits of a document must not depend on which other documents there are.
    """
    if len(document_bits) < 2:
        return None
    counts = _resampling_counts(len(document_bits), seed)
    return percentile_interval(
        (counts @ np.array(document_bits)) / (counts @ np.array(document_bytes))
    )


@lru_cache(maxsize=16)
def _resampling_counts(documents: int, seed: int) -> Array:
    """How often each document occurs in each draw with replacement, (draws, documents)."""
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, documents, (BOOTSTRAP_DRAWS, documents))
    places = drawn + documents * np.arange(BOOTSTRAP_DRAWS)[:, None]
    counts = np.bincount(places.ravel(), minlength=BOOTSTRAP_DRAWS * documents)
    return counts.reshape(BOOTSTRAP_DRAWS, documents).astype(np.float64)


def rate_residuals(bits: Array, sizes: Array) -> Array:
    """How far each document's bits per byte lie from the text's, (…, documents).

    bits: (…, documents), of a model or of one model less another. sizes: bytes, (documents,).
    Each residual is divided by the text's bytes, so a rate's variance is n / (n − 1) times the sum
    of their squares, and the covariance of two models' rates the same of their products.
    """
    rates = bits.sum(axis=-1, keepdims=True) / sizes.sum()
    residuals: Array = (bits - rates * sizes) / sizes.sum()
    return residuals


def rate_errors(bits: Array, sizes: Array) -> Array:
    """Return the standard error of total bits / total bytes, that of a linearised ratio, (…).

    bits: (…, documents), of a model or of one model less another; two documents at least.
    """
    n = len(sizes)
    errors: Array = np.sqrt(n / (n - 1) * (rate_residuals(bits, sizes) ** 2).sum(axis=-1))
    return errors


def paired_difference(bits: ArrayLike, other: ArrayLike, sizes: ArrayLike) -> tuple[float, float]:
    """Bits per byte of one model less those of another on the same documents, and its half-width.

    Closed form: Student's t with n − 1 degrees of freedom times the standard error of a linearised
    ratio. What makes a document hard for both cancels. differences.js computes the same.
    """
    apart = np.asarray(bits, dtype=float) - np.asarray(other, dtype=float)
    size = np.asarray(sizes, dtype=float)
    if len(size) < 2:
        raise ValueError("paired_difference: an interval needs two documents")
    reach = student_quantile(len(size) - 1) * float(rate_errors(apart, size))
    return float(apart.sum() / size.sum()), reach


def part_differences(
    bits: Array, other: Array, sizes: Array, present: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """Divide a paired difference among parts of the text; return values and half-widths, (parts,).

    bits, other, present: (parts, documents); present: which documents have the part. sizes: bytes
    of the whole documents, so the values sum to that of `paired_difference`. Each half-width is for
    its part alone, with as many degrees of freedom as documents have the part, less one; NaN for
    fewer than two.
    """
    apart = bits - other
    reach = np.array(
        [student_quantile(n - 1) if n > 1 else np.nan for n in present.sum(axis=1).tolist()]
    )
    return apart.sum(axis=1) / sizes.sum(), reach * rate_errors(apart, sizes)


def jackknife_error(estimate: float, without: ArrayLike, sizes: ArrayLike) -> float:
    """Return the standard error of `estimate`.

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
    """Interval about `estimate`: Student's t with G − 1 degrees of freedom.

    It is for the figure that other documents would give at the same number of positions. The
    jackknife's own centre would extrapolate to more positions, as if the rest of the bias fell
    with their number; that of rare labels falls slower.
    """
    reach = student_quantile(np.size(without) - 1)
    reach *= jackknife_error(estimate, without, sizes)
    return Interval(estimate - reach, estimate + reach)


@lru_cache(maxsize=64)
def student_quantile(freedom: int) -> float:
    """Return the standard errors on either side of an estimate, by Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + LEVEL) / 2))
