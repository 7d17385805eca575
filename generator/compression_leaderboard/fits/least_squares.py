"""Least squares of many small problems at once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


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

    def at(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> "Problems":
        if which.dtype == np.bool_ and which.all():
            return self
        return Problems(
            self.scores[:, which], self.weights[:, which], self.chance[which], self.ceiling[which]
        )


STEPS = 30  # at most
TOLERANCE = 1e-6  # relative gain below which a problem is solved
STUCK = 1e6  # damping beyond which no step helps any more
RIDGE = 1e-9  # of a normalised Gram matrix: keeps collinear columns from failing


class Squares(Protocol):
    """A sum of squares for each problem.

    The curve is what the loss and the equations both need, (problems, rows).
    """

    def chosen(self, which: NDArray[np.bool_]) -> Self: ...

    def allowed(self, parameters: Array) -> Array: ...

    def curve(self, parameters: Array) -> Array: ...

    def loss(self, parameters: Array, curve: Array) -> Array: ...

    def equations(self, parameters: Array, curve: Array) -> tuple[Array, Array]: ...


def minimise_squares(squares: Squares, start: Array) -> Array:
    """Parameters with the least loss, (problems, parameters); solved problems drop out."""
    parameters = squares.allowed(start.copy())
    curve = squares.curve(parameters)
    loss = squares.loss(parameters, curve)
    damping = np.full(len(start), 1e-3)
    open_ = np.ones(len(start), dtype=bool)
    part = squares
    for _ in range(STEPS):
        gram, right = part.equations(parameters[open_], curve)
        diagonal = np.diagonal(gram, axis1=1, axis2=2) * damping[open_][:, None]
        gram = gram + np.eye(gram.shape[1]) * diagonal[:, None, :]
        tried = part.allowed(parameters[open_] + solve_all(gram, right))
        new_curve = part.curve(tried)
        new, old = part.loss(tried, new_curve), loss[open_]
        better = new < old
        curve = new_curve if better.all() else np.where(better[:, None], new_curve, curve)
        where = np.flatnonzero(open_)
        parameters[where[better]] = tried[better]
        loss[where[better]] = new[better]
        damping[where] = np.where(better, damping[where] / 10, damping[where] * 10)
        done = np.where(better, old - new <= TOLERANCE * old, damping[where] > STUCK)
        if done.any():
            open_[where[done]] = False
            if not open_.any():
                break
            part, curve = part.chosen(~done), curve[~done]
    return parameters


def solve_all(gram: Array, right: Array) -> Array:
    """Solutions of many small symmetric systems, scaled first so that units do not matter."""
    scale = np.sqrt(np.maximum(np.diagonal(gram, axis1=1, axis2=2), 1e-300))
    normal = gram / (scale[:, :, None] * scale[:, None, :]) + RIDGE * np.eye(gram.shape[1])
    solution: Array = np.linalg.solve(normal, (right / scale)[:, :, None])[:, :, 0] / scale
    return solution
