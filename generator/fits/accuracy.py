"""How far predictions lie from the scores, with intervals by resampling whole groups."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

BOOTSTRAP_DRAWS = 2000


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; both ends None where it cannot be resampled."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Accuracy:
    """Errors as fractions of the score; R² against the mean of these rows; Spearman's rho."""

    n: int
    groups: int
    mae: Estimate
    rmse: Estimate
    r2: Estimate | None
    spearman: Estimate | None


def group_draws(groups: Integers, seed: int) -> tuple[Array, Integers]:
    """How often each draw takes each group, (draws, groups), and each row's group."""
    found, own = np.unique(groups, return_inverse=True)
    return _draws(len(found), seed), own


@lru_cache(maxsize=4)
def _draws(count: int, seed: int) -> Array:
    """The same for every benchmark of a cohort; kept because making them costs more than use."""
    generator = np.random.default_rng(seed)
    times = generator.multinomial(count, np.full(count, 1 / count), BOOTSTRAP_DRAWS)
    draws: Array = times.astype(np.float64)
    draws.setflags(write=False)
    return draws


def group_sums(values: Array, own: Integers) -> Array:
    """Sum of each column over the rows of each group, (groups, columns)."""
    return np.stack([np.bincount(own, weights=column) for column in values.T], axis=1)


def measure_accuracy(scores: Array, predictions: Array, groups: Integers, seed: int) -> Accuracy:
    """Of left-out rows. Known gap: with fewer than about twenty groups the intervals are narrow."""
    errors = scores - predictions
    times, own = group_draws(groups, seed)
    centred = scores - scores.mean()
    parts = [np.ones_like(errors), np.abs(errors), errors**2, centred, centred**2]
    drawn = times @ group_sums(np.column_stack(parts), own)
    whole = np.sum(np.column_stack(parts), axis=0)
    return Accuracy(
        n=len(scores),
        groups=times.shape[1],
        mae=_estimate(whole[1] / whole[0], drawn[:, 1] / drawn[:, 0]),
        rmse=_estimate(np.sqrt(whole[2] / whole[0]), np.sqrt(drawn[:, 2] / drawn[:, 0])),
        r2=_r2(whole, drawn),
        spearman=_spearman(scores, predictions, times, own),
    )


def _estimate(value: float, draws: Array) -> Estimate:
    known = draws[np.isfinite(draws)]
    if len(known) < len(draws) / 2:
        return Estimate(float(value), None, None)
    low, high = np.quantile(known, [0.025, 0.975])
    return Estimate(float(value), float(low), float(high))


def _r2(whole: Array, drawn: Array) -> Estimate | None:
    if whole[4] <= 1e-20:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        values = 1 - drawn[:, 2] / (drawn[:, 4] - drawn[:, 3] ** 2 / drawn[:, 0])
    values[drawn[:, 4] - drawn[:, 3] ** 2 / drawn[:, 0] < 1e-12] = np.nan
    return _estimate(1 - whole[2] / whole[4], values)


def _spearman(scores: Array, predictions: Array, times: Array, own: Integers) -> Estimate | None:
    """Pearson's r of the ranks. The draws keep the ranks of all rows, which saves ranking each."""
    if np.ptp(scores) < 1e-12 or np.ptp(predictions) < 1e-12:
        return None
    x, y = (stats.rankdata(v) - (len(v) + 1) / 2 for v in (scores, predictions))
    sums = group_sums(np.column_stack([np.ones_like(x), x, y, x * x, y * y, x * y]), own)
    n, sx, sy, sxx, syy, sxy = (times @ sums).T
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = (n * sxy - sx * sy) / np.sqrt((n * sxx - sx**2) * (n * syy - sy**2))
    return _estimate(float(np.corrcoef(x, y)[0, 1]), draws)


def mean_with_interval(values: Array, groups: Integers, seed: int) -> Estimate:
    """Mean of one number a row, groups resampled."""
    times, own = group_draws(groups, seed)
    total, n = (times @ group_sums(np.column_stack([values, np.ones_like(values)]), own)).T
    return _estimate(float(values.mean()), total / n)
