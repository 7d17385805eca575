"""The curve of straight pieces that never fall."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from generator.fits.problems import Array, Problems
from generator.fits.search import RIDGE

PIECES = 4


def lengths(x: Array, knots: Array) -> Array:
    """Columns of the monotone curve: a one, and how far x goes inside each piece."""
    edges = np.concatenate([[-np.inf], knots, [np.inf]])
    starts = np.concatenate([knots[:1], knots])
    within = [
        np.clip(x, low, high) - start
        for low, high, start in zip(edges[:-1], edges[1:], starts, strict=True)
    ]
    return np.column_stack([np.ones(len(x)), *within])


def fit_monotone(x: Array, problems: Problems) -> Array:
    """Straight pieces that never fall, between the quartiles of a fold's x.

    The first and the last piece go on beyond the data. Parameters: knots, the height at the first
    knot, and the slope of each piece. Least squares with slopes >= 0 on the triangular factor of
    the normal equations, from which the height is eliminated; problems of the same rows share their
    columns.
    """
    found = np.empty((problems.weights.shape[1], 2 * PIECES))
    for which in _same_rows(problems.weights > 0):
        kept = problems.weights[:, which[0]] > 0
        knots = np.quantile(x[kept], np.linspace(0, 1, PIECES + 1)[1:-1])
        pieces = lengths(x[kept], knots)[:, 1:]
        for one in which:
            weights = problems.weights[kept, one]
            both = np.column_stack([pieces, problems.scores[kept, one]])
            mean = weights @ both / weights.sum()
            both -= mean
            gram = (both * weights[:, None]).T @ both
            ridge = RIDGE * max(float(gram.trace()), RIDGE)
            factor: Array = np.linalg.cholesky(gram + ridge * np.eye(len(gram))).T
            slopes = nnls(factor[:, :-1], factor[:, -1])[0]
            found[one] = [*knots, mean[-1] - slopes @ mean[:-1], *slopes]
    return found


def _same_rows(used: NDArray[np.bool_]) -> Iterable[list[int]]:
    """Indices of the problems, (rows, problems), that use the same rows."""
    alike: dict[bytes, list[int]] = {}
    for k, column in enumerate(np.packbits(used, axis=0).T):
        alike.setdefault(column.tobytes(), []).append(k)
    return alike.values()
