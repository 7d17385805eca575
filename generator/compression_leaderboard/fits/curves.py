"""Curves from predictors to scores, fitted for many folds and benchmarks at once.

A problem is a column: the scores of one benchmark with the weights of one fold, 0 for rows that
the fold leaves out. All problems share the predictors. Every form is a short formula of
eta = b0 + sum(b_j x_j), so that a page can repeat it.
"""

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Array = NDArray[np.float64]

Form = Literal["mean", "line", "logistic", "floor", "monotone"]
FORMS: dict[Form, str] = {
    "mean": "mean of the training models",
    "line": "straight line",
    "logistic": "logistic curve between chance and ceiling",
    "floor": "logistic curve from a fitted floor to the ceiling",
    "monotone": "monotone curve of straight pieces",
}
PIECES = 4  # of the monotone curve
CACHED = 64_000  # rows x problems searched at once: what a processor keeps near itself
FLOOR_DEVIATION = 0.05  # how far a floor may lie from chance: one standard deviation
SLOPE_DEVIATION = 1.0  # how steep a logistic curve may be, per standard deviation of a predictor
STEPS = 30  # of the search, at most
TOLERANCE = 1e-6  # relative gain below which a problem is solved
STUCK = 1e6  # damping beyond which no step helps any more
RIDGE = 1e-9  # of a normalised Gram matrix: keeps collinear columns from failing


@dataclass(frozen=True)
class Problems:
    """Scores and weights, (rows, problems), and where each problem's scores can lie, (problems,).

    Rows that weigh 0 in a problem may hold any finite score there.
    """

    scores: Array
    weights: Array
    chance: Array
    ceiling: Array

    @cached_property
    def total(self) -> Array:
        """Sum of each problem's weights."""
        sums: Array = self.weights.sum(axis=0)
        return sums

    @cached_property
    def weighted(self) -> Array:
        return self.weights * self.scores

    def at(self, which: NDArray[np.bool_] | slice) -> "Problems":
        if not isinstance(which, slice) and which.all():
            return self
        return Problems(
            self.scores[:, which], self.weights[:, which], self.chance[which], self.ceiling[which]
        )


def count_parameters(form: Form, predictors: int) -> int:
    """Numbers that the form fits: of two that do equally well the one with fewer is simpler."""
    return {
        "mean": 1,
        "line": 1 + predictors,
        "logistic": 1 + predictors,
        "floor": 2 + predictors,
        "monotone": 1 + PIECES,
    }[form]


def fit_form(form: Form, x: Array, problems: Problems) -> Array:
    """Parameters of the form by weighted least squares, (problems, parameters).

    x: (rows, predictors), roughly standardised. The monotone curve takes one predictor, which must
    rise with the score.
    """
    if form == "mean":
        means: Array = problems.weighted.sum(axis=0) / problems.total
        return means[:, None]
    if form == "monotone":
        return _fit_monotone(x[:, 0], problems)
    line = _fit_lines(x, problems)
    if form == "line":
        return line
    start = _logistic_start(line, x, problems)
    if form == "floor":
        start = np.column_stack([problems.chance, start])
    noise = _noise(line, x, problems)
    at_once = max(1, CACHED // len(x))
    fitted = np.empty_like(start)
    for first in range(0, len(start), at_once):
        part = slice(first, first + at_once)
        search = _LogisticSearch(form == "floor", x, problems.at(part), noise[part])
        fitted[part] = search.minimise(start[part])
    return fitted


def apply_form(form: Form, parameters: Array, x: Array, chance: Array, ceiling: Array) -> Array:
    """Predicted scores of every row under every problem's parameters, (rows, problems).

    Kept inside [0, ceiling], where scores are.
    """
    if form == "mean":
        values = np.repeat(parameters.T, len(x), axis=0)
    elif form == "line":
        values = _linear(parameters, x)
    elif form == "monotone":
        curves = [_lengths(x[:, 0], row[: PIECES - 1]) @ row[PIECES - 1 :] for row in parameters]
        values = np.column_stack(curves)
    else:
        floored = form == "floor"
        low = parameters[:, 0] if floored else chance
        share = _expit(_linear(parameters[:, 1:] if floored else parameters, x))
        values = low + (ceiling - low) * share
    return np.clip(values, 0, ceiling)


def _linear(parameters: Array, x: Array) -> Array:
    """b0 + sum(b_j x_j), (rows, problems)."""
    values: Array = parameters[:, 0] + x @ parameters[:, 1:].T
    return values


def _expit(eta: Array) -> Array:
    """1 / (1 + exp(−eta)), by numpy's exponential, which is several times as fast as scipy's."""
    share = np.negative(eta)
    with np.errstate(over="ignore"):  # far below 0 it is 0
        np.exp(share, out=share)
    share += 1
    return np.reciprocal(share, out=share)


def _fit_monotone(x: Array, problems: Problems) -> Array:
    """Straight pieces that never fall, between the quartiles of a fold's x.

    The first and the last piece go on beyond the data. Parameters: knots, the height at the first
    knot, and the slope of each piece. Least squares with slopes >= 0 on the triangular factor of
    the normal equations, from which the height is eliminated; problems of the same rows share their
    columns.
    """
    fitted = np.empty((problems.weights.shape[1], 2 * PIECES))
    for which in _same_rows(problems.weights > 0):
        kept = problems.weights[:, which[0]] > 0
        knots = np.quantile(x[kept], np.linspace(0, 1, PIECES + 1)[1:-1])
        pieces = _lengths(x[kept], knots)[:, 1:]
        for k in which:
            weights = problems.weights[kept, k]
            both = np.column_stack([pieces, problems.scores[kept, k]])
            mean = weights @ both / weights.sum()
            both -= mean
            gram = (both * weights[:, None]).T @ both
            ridge = RIDGE * max(float(gram.trace()), RIDGE)
            factor: Array = np.linalg.cholesky(gram + ridge * np.eye(len(gram))).T
            slopes = nnls(factor[:, :-1], factor[:, -1])[0]
            fitted[k] = [*knots, mean[-1] - slopes @ mean[:-1], *slopes]
    return fitted


def _same_rows(used: NDArray[np.bool_]) -> Iterable[list[int]]:
    """Return indices of the problems, (rows, problems), that use the same rows."""
    alike: dict[bytes, list[int]] = {}
    for k, column in enumerate(np.packbits(used, axis=0).T):
        alike.setdefault(column.tobytes(), []).append(k)
    return alike.values()


def _lengths(x: Array, knots: Array) -> Array:
    """Columns of the monotone curve: a one, and how far x goes inside each piece."""
    edges = np.concatenate([[-np.inf], knots, [np.inf]])
    starts = np.concatenate([knots[:1], knots])
    within = [
        np.clip(x, low, high) - start
        for low, high, start in zip(edges[:-1], edges[1:], starts, strict=True)
    ]
    return np.column_stack([np.ones(len(x)), *within])


def _fit_lines(x: Array, problems: Problems) -> Array:
    """Least squares in closed form: the normal equations of all problems from matrix products."""
    columns, products = _with_products(x)
    count = len(columns)
    gram = (products @ problems.weights).T.reshape(-1, count, count)
    moments = columns @ problems.weighted  # (columns, problems)
    return _solve_all(gram, moments.T)


def _with_products(x: Array) -> tuple[Array, Array]:
    """Return a one and the predictors, (1 + p, rows), and products of each two, (pairs, rows)."""
    columns = np.vstack([np.ones(len(x)), x.T])
    return columns, (columns[:, None] * columns).reshape(-1, len(x))


def _solve_all(gram: Array, right: Array) -> Array:
    """Solutions of many small symmetric systems, scaled first so that units do not matter."""
    scale = np.sqrt(np.maximum(np.diagonal(gram, axis1=1, axis2=2), 1e-300))
    normal = gram / (scale[:, :, None] * scale[:, None, :]) + RIDGE * np.eye(gram.shape[1])
    solution: Array = np.linalg.solve(normal, (right / scale)[:, :, None])[:, :, 0] / scale
    return solution


def _noise(line: Array, x: Array, problems: Problems) -> Array:
    """Variance around the line, never quite 0."""
    squares = (problems.weights * (problems.scores - _linear(line, x)) ** 2).sum(axis=0)
    variance: Array = np.maximum(squares / problems.total, 1e-8)
    return variance


def _logistic_start(line: Array, x: Array, problems: Problems) -> Array:
    """Return the curve that has the line's height and slope in the middle of a fold's rows."""
    centre = (x.T @ problems.weights / problems.total).T  # (problems, predictors)
    room = problems.ceiling - problems.chance
    height = problems.weighted.sum(axis=0) / problems.total
    share = np.clip((height - problems.chance) / room, 0.03, 0.97)
    slopes = line[:, 1:] / (room * share * (1 - share))[:, None]
    level = np.log(share / (1 - share)) - (slopes * centre).sum(axis=1)
    return np.column_stack([level, slopes])


class _LogisticSearch:
    """Levenberg and Marquardt's search for a logistic form; arrays are (problems, rows).

    The floor is pulled towards chance and the slopes towards 0, each as by one observation of it
    with its deviation, against the noise around a straight line. So a benchmark that has hardly
    left chance gets no steep curve from the noise of its last few rows.
    """

    def __init__(self, floored: bool, x: Array, problems: Problems, noise: Array) -> None:
        self.floored, self.low, self.ceiling = floored, problems.chance, problems.ceiling
        self.scores = np.ascontiguousarray(problems.scores.T)
        self.weights = np.ascontiguousarray(problems.weights.T)
        self.columns, self.products = _with_products(x)
        mean = x.T @ problems.weights / problems.total
        variances = np.maximum((x**2).T @ problems.weights / problems.total - mean**2, 1e-12).T
        self.pull = np.zeros((len(noise), x.shape[1] + 1 + floored))
        self.pull[:, 1 + floored :] = noise[:, None] * variances / SLOPE_DEVIATION**2
        self.target = np.zeros_like(self.pull)
        if floored:
            self.pull[:, 0] = noise / FLOOR_DEVIATION**2
            self.target[:, 0] = problems.chance

    def minimise(self, start: Array) -> Array:
        """Parameters with the least loss, (problems, parameters); solved problems drop out."""
        parameters = self._allowed(start.copy())
        curve = self._curve(parameters)
        loss = self._loss(parameters, curve)
        damping = np.full(len(start), 1e-3)
        unsolved = np.arange(len(start))
        part = self
        for _ in range(STEPS):
            gram, right = part._equations(parameters[unsolved], curve)
            diagonal = np.diagonal(gram, axis1=1, axis2=2) * damping[unsolved][:, None]
            gram = gram + np.eye(gram.shape[1]) * diagonal[:, None, :]
            tried = part._allowed(parameters[unsolved] + _solve_all(gram, right))
            new_curve = part._curve(tried)
            new, old = part._loss(tried, new_curve), loss[unsolved]
            better = new < old
            curve = np.where(better[:, None], new_curve, curve)
            parameters[unsolved[better]] = tried[better]
            loss[unsolved[better]] = new[better]
            damping[unsolved] = damping[unsolved] / np.where(better, 10, 0.1)
            done = np.where(better, old - new <= TOLERANCE * old, damping[unsolved] > STUCK)
            if done.all():
                break
            if done.any():
                unsolved, curve, part = unsolved[~done], curve[~done], part._chosen(~done)
        return parameters

    def _chosen(self, which: NDArray[np.bool_]) -> "_LogisticSearch":
        part = copy(self)
        for name in ("low", "ceiling", "scores", "weights", "pull", "target"):
            setattr(part, name, getattr(self, name)[which])
        return part

    def _allowed(self, parameters: Array) -> Array:
        if self.floored:
            parameters[:, 0] = np.clip(parameters[:, 0], 0, np.maximum(self.ceiling - 0.05, 0))
        return parameters

    def _curve(self, parameters: Array) -> Array:
        """Share of the way from the floor to the ceiling."""
        return _expit(parameters[:, self.floored :] @ self.columns)

    def _loss(self, parameters: Array, curve: Array) -> Array:
        residuals = self._residuals(parameters, curve)[0]
        squares = np.einsum("fn,fn,fn->f", self.weights, residuals, residuals)
        with np.errstate(over="ignore", invalid="ignore"):  # a step too far is not better
            total: Array = squares + (self.pull * (parameters - self.target) ** 2).sum(axis=1)
        return total

    def _equations(self, parameters: Array, curve: Array) -> tuple[Array, Array]:
        """Set up the normal equations: every sum over rows is part of a product of two matrices,
        since the derivative by a parameter of eta is the slope times a column.
        """
        residuals, rising = self._residuals(parameters, curve)
        left = 1 - curve  # derivative by the floor
        slope = np.multiply(rising, left, out=rising)
        weighted = self.weights * slope
        count, eta = parameters.shape[1], slice(int(self.floored), None)
        gram, right = np.empty((len(parameters), count, count)), np.empty((len(parameters), count))
        if self.floored:
            gram[:, 0, 0] = np.einsum("fn,fn,fn->f", self.weights, left, left)
            right[:, 0] = np.einsum("fn,fn,fn->f", self.weights, left, residuals)
            left *= weighted
            gram[:, 0, eta] = gram[:, eta, 0] = left @ self.columns.T
        residuals *= weighted
        right[:, eta] = residuals @ self.columns.T
        weighted *= slope
        products = weighted @ self.products.T
        gram[:, eta, eta] = products.reshape(-1, len(self.columns), len(self.columns))
        gram += np.eye(count) * self.pull[:, None, :]
        return gram, right + self.pull * (self.target - parameters)

    def _residuals(self, parameters: Array, curve: Array) -> tuple[Array, Array]:
        """Scores minus the form, and how far the form lies above its floor."""
        low = parameters[:, 0] if self.floored else self.low
        rising = (self.ceiling - low)[:, None] * curve
        residuals = self.scores - rising
        residuals -= low[:, None]
        return residuals, rising
