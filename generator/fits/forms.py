"""Curves from predictors to scores, fitted for many folds and benchmarks at once.

A problem is a column: the scores of one benchmark with the weights of one fold, 0 for rows that
the fold leaves out. All problems share the predictors. Every form is a short formula of
eta = b0 + sum(b_j x_j), so that a page can repeat it.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from generator.fits.search import minimise_squares, solve_all

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


@dataclass(frozen=True)
class Problems:
    """Scores and weights, (rows, problems), and where each problem's scores can lie, (problems,).

    Rows that weigh 0 in a problem may hold any finite score there.
    """

    scores: Array
    weights: Array
    chance: Array
    ceiling: Array

    def at(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> "Problems":
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
        total = problems.weights.sum(axis=0)
        means: Array = (problems.scores * problems.weights).sum(axis=0) / total
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
    found = np.empty_like(start)
    for first in range(0, len(start), at_once):
        part = np.arange(first, min(first + at_once, len(start)))
        squares = _Logistic(form == "floor", x, problems.at(part), noise[part])
        found[part] = minimise_squares(squares, start[part])
    return found


def apply_form(form: Form, parameters: Array, x: Array, chance: Array, ceiling: Array) -> Array:
    """Predicted scores of every row under every problem's parameters, (rows, problems).

    Kept inside [0, ceiling], where scores are.
    """
    if form == "mean":
        values = np.repeat(parameters.T, len(x), axis=0)
    elif form == "line":
        values = linear(parameters, x)
    elif form == "monotone":
        pieces = [_lengths(x[:, 0], own[: PIECES - 1]) @ own[PIECES - 1 :] for own in parameters]
        values = np.column_stack(pieces)
    else:
        floored = form == "floor"
        low = parameters[:, 0] if floored else chance
        share = expit(linear(parameters[:, 1:] if floored else parameters, x))
        values = low + (ceiling - low) * share
    return np.clip(values, 0, ceiling)


def expit(eta: Array) -> Array:
    """1 / (1 + exp(−eta)), by numpy's exponential, which is several times as fast as scipy's."""
    with np.errstate(over="ignore"):  # far below 0 it is 0
        share: Array = 1 / (1 + np.exp(-eta))
    return share


def linear(parameters: Array, x: Array) -> Array:
    """b0 + sum(b_j x_j), (rows, problems)."""
    values: Array = parameters[:, 0] + x @ parameters[:, 1:].T
    return values


def _fit_lines(x: Array, problems: Problems) -> Array:
    """Least squares in closed form: the normal equations of all problems from matrix products."""
    columns = np.column_stack([np.ones(len(x)), x])
    count = columns.shape[1]
    left, right = np.triu_indices(count)
    sums = (columns[:, left] * columns[:, right]).T @ problems.weights  # (pairs, problems)
    gram = np.empty((problems.weights.shape[1], count, count))
    gram[:, left, right] = gram[:, right, left] = sums.T
    moments = columns.T @ (problems.weights * problems.scores)  # (columns, problems)
    return solve_all(gram, moments.T)


def _noise(line: Array, x: Array, problems: Problems) -> Array:
    """Variance around the line, never quite 0."""
    squares = (problems.weights * (problems.scores - linear(line, x)) ** 2).sum(axis=0)
    variance: Array = np.maximum(squares / problems.weights.sum(axis=0), 1e-8)
    return variance


def _variances(x: Array, problems: Problems) -> Array:
    """Variance of each predictor over the rows of each problem, (problems, predictors)."""
    total = problems.weights.sum(axis=0)
    mean = x.T @ problems.weights / total
    variance: Array = np.maximum((x**2).T @ problems.weights / total - mean**2, 1e-12).T
    return variance


def _logistic_start(line: Array, x: Array, problems: Problems) -> Array:
    """The curve that has the line's height and slope in the middle of a fold's rows."""
    total = problems.weights.sum(axis=0)
    centre = (x.T @ problems.weights / total).T  # (problems, predictors)
    room = problems.ceiling - problems.chance
    height = (problems.scores * problems.weights).sum(axis=0) / total
    share = np.clip((height - problems.chance) / room, 0.03, 0.97)
    slopes = line[:, 1:] / (room * share * (1 - share))[:, None]
    level = np.log(share / (1 - share)) - (slopes * centre).sum(axis=1)
    return np.column_stack([level, slopes])


class _Logistic:
    """The squares of a logistic form, for the search.

    The floor is pulled towards chance and the slopes towards 0, each as by one observation of it
    with its deviation, against the noise around a straight line. So a benchmark that has hardly
    left chance gets no steep curve from the noise of its last few rows.
    """

    def __init__(self, floored: bool, x: Array, problems: Problems, noise: Array) -> None:
        self.floored, self.x, self.problems = floored, x, problems
        self.pull = np.zeros((len(noise), x.shape[1] + 1 + floored))
        self.pull[:, 1 + floored :] = noise[:, None] * _variances(x, problems) / SLOPE_DEVIATION**2
        self.target = np.zeros_like(self.pull)
        if floored:
            self.pull[:, 0] = noise / FLOOR_DEVIATION**2
            self.target[:, 0] = problems.chance

    def chosen(self, which: NDArray[np.bool_]) -> "_Logistic":
        part = object.__new__(_Logistic)
        part.floored, part.x, part.problems = self.floored, self.x, self.problems.at(which)
        part.pull, part.target = self.pull[which], self.target[which]
        return part

    def allowed(self, parameters: Array) -> Array:
        if self.floored:
            parameters[:, 0] = np.clip(parameters[:, 0], 0, self.problems.ceiling - 0.05)
        return parameters

    def curve(self, parameters: Array) -> Array:
        """Share of the way from the floor to the ceiling."""
        return expit(linear(parameters[:, 1:] if self.floored else parameters, self.x))

    def loss(self, parameters: Array, curve: Array) -> Array:
        low = self._low(parameters)
        residuals = self.problems.scores - (low + (self.problems.ceiling - low) * curve)
        squares = np.einsum("nf,nf,nf->f", self.problems.weights, residuals, residuals)
        total: Array = squares + (self.pull * (parameters - self.target) ** 2).sum(axis=1)
        return total

    def equations(self, parameters: Array, curve: Array) -> tuple[Array, Array]:
        low = self._low(parameters)
        room = self.problems.ceiling - low
        rising = room * curve
        slope = rising * (1 - curve)
        residuals = self.problems.scores - low - rising
        columns = [1 - curve] if self.floored else []
        columns += [slope, *(slope * column[:, None] for column in self.x.T)]
        gram = np.empty((len(parameters), len(columns), len(columns)))
        right = np.empty((len(parameters), len(columns)))
        for j, column in enumerate(columns):
            weighted = self.problems.weights * column
            right[:, j] = np.einsum("nf,nf->f", weighted, residuals)
            for k in range(j, len(columns)):
                gram[:, j, k] = gram[:, k, j] = np.einsum("nf,nf->f", weighted, columns[k])
        gram += np.eye(len(columns)) * self.pull[:, None, :]
        return gram, right + self.pull * (self.target - parameters)

    def _low(self, parameters: Array) -> Array:
        return parameters[:, 0] if self.floored else self.problems.chance


def _lengths(x: Array, knots: Array) -> Array:
    """Columns of the monotone curve: a one, and how far x goes inside each piece."""
    edges = np.concatenate([[-np.inf], knots, [np.inf]])
    starts = np.concatenate([knots[:1], knots])
    within = [
        np.clip(x, low, high) - start
        for low, high, start in zip(edges[:-1], edges[1:], starts, strict=True)
    ]
    return np.column_stack([np.ones(len(x)), *within])


def _fit_monotone(x: Array, problems: Problems) -> Array:
    """Straight pieces that never fall, between the quartiles of a fold's x.

    The first and the last piece go on beyond the data. Parameters: knots, the height at the first
    knot, and the slope of each piece. Least squares with slopes >= 0 on the triangular factor of
    the normal equations; problems of the same rows share their columns.
    """
    found = np.empty((problems.weights.shape[1], 2 * PIECES))
    _, inverse = np.unique(problems.weights > 0, axis=1, return_inverse=True)
    same = np.asarray(inverse).reshape(-1)
    for k in np.unique(same):
        which = np.flatnonzero(same == k)
        kept = problems.weights[:, which[0]] > 0
        knots = np.quantile(x[kept], np.linspace(0, 1, PIECES + 1)[1:-1])
        columns = _lengths(x[kept], knots)
        signed = np.column_stack([columns[:, 0], -columns[:, 0], columns[:, 1:]])
        for one in which:
            root = np.sqrt(problems.weights[kept, one])
            both = np.column_stack([signed, problems.scores[kept, one]]) * root[:, None]
            factor: Array = np.array(np.linalg.qr(both, mode="r"))
            height, minus, *slopes = nnls(factor[:, :-1], factor[:, -1])[0]
            found[one] = [*knots, height - minus, *slopes]
    return found
