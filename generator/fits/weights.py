"""How much each row counts in a fit: less, the less well its score and its bits are known."""

import numpy as np
from numpy.typing import NDArray

from generator.fits.table import ScoreTable

Array = NDArray[np.float64]


def weigh_rows(table: ScoreTable, train: NDArray[np.bool_]) -> Array:
    """1 / (rest + error² of the score + (slope · error of the bits)²), (rows, benchmarks).

    The rest is what a straight line on the average compression leaves beyond those errors, from
    the training rows alone. Scaled to mean 1 over the training rows; all 1 where no error is known;
    a row with unknown error counts as one with the median error.
    """
    own, rates = table.errors, table.rate_errors
    if not (np.isfinite(own).any() or np.isfinite(rates).any()):
        return np.ones_like(table.scores)
    x = table.column("compression") if table.texts else np.zeros(len(table.models))
    known = np.isfinite(table.scores) & train[:, None]
    count = np.maximum(known.sum(axis=0), 1)
    x_mean = np.where(known, x[:, None], 0).sum(axis=0) / count
    y_mean = np.where(known, table.scores, 0).sum(axis=0) / count
    dx = np.where(known, x[:, None] - x_mean, 0)
    dy = np.where(known, table.scores - y_mean, 0)
    slope = (dx * dy).sum(axis=0) / np.maximum((dx**2).sum(axis=0), 1e-300)
    around = ((dy - slope * dx) ** 2).sum(axis=0) / count
    variance = _filled(own) ** 2 + (slope * _filled(rates[:, None])) ** 2
    typical = np.where(known, variance, 0).sum(axis=0) / count
    rest = np.maximum(around - typical, 0.1 * around)
    weights = 1 / np.maximum(rest + variance, 1e-12)
    mean = np.where(known, weights, 0).sum(axis=0) / count
    result: Array = weights / np.where(mean > 0, mean, 1)
    return result


def _filled(errors: Array) -> Array:
    """Unknown errors as the median of the known ones of the column; 0 where none is known."""
    known = np.isfinite(errors)
    middle = [
        float(np.median(column[own])) if own.any() else 0.0
        for column, own in zip(errors.T, known.T, strict=True)
    ]
    return np.where(known, errors, middle)
