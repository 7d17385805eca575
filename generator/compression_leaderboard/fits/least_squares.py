"""Least squares of many small problems at once, and every candidate fitted under every fold."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.fits.candidates import PER_PARAMETER, Candidate
from compression_leaderboard.fits.curves import apply_form, fit_form
from compression_leaderboard.fits.nested_cv import Fitted, Scaling
from compression_leaderboard.fits.splits import TrainingSet
from compression_leaderboard.fits.table import ScoreTable, weigh_rows

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


def fit_candidate(
    candidate: Candidate, design: Array, problems: Problems
) -> tuple[Array, Array | None]:
    """Predictions of every row, (rows, problems), and parameters, (problems, q).

    design: scaled predictors, (rows, p); NaN = unknown. NaN where a problem has too few rows or
    rows with an unknown predictor; no parameters where all have.
    """
    unknown = ~np.isfinite(design).all(axis=1)
    used = problems.weights > 0
    possible = used.sum(axis=0) >= PER_PARAMETER * candidate.parameters
    possible &= ~used[unknown].any(axis=0)
    predictions = np.full(problems.weights.shape, np.nan)
    if not possible.any():
        return predictions, None
    part, filled = problems.at(possible), np.nan_to_num(design)
    found = fit_form(candidate.form, filled, part)
    predictions[:, possible] = apply_form(candidate.form, found, filled, part.chance, part.ceiling)
    predictions[unknown] = np.nan
    parameters = np.full((len(possible), found.shape[1]), np.nan)
    parameters[possible] = found
    return predictions, parameters


CHUNK = 8_000_000  # predictions held at once: candidates x rows x folds x benchmarks


def split_benchmarks(
    table: ScoreTable, sets: tuple[TrainingSet, ...], candidates: tuple[Candidate, ...]
) -> Iterator[ScoreTable]:
    """The table in parts of a few benchmarks, so that the predictions of one fit into memory."""
    folds = sum(len(s.tried) for s in sets)
    at_once = max(1, CHUNK // max(1, len(candidates) * len(table.models) * folds))
    for first in range(0, len(table.benchmarks), at_once):
        yield table.subset(range(first, min(first + at_once, len(table.benchmarks))))


def fit_all(
    table: ScoreTable, sets: tuple[TrainingSet, ...], candidates: tuple[Candidate, ...]
) -> Fitted:
    """Every candidate on every training set, and on the folds that choose among them."""
    scores = np.nan_to_num(table.scores)
    known = np.isfinite(table.scores)
    rows, count = scores.shape
    folds = [(at, fold) for at, one in enumerate(sets) for fold in one.tried]
    weighed = tuple(weigh_rows(table, one.train) for one in sets)  # (rows, benchmarks) each
    weights = np.stack([weighed[at] * (fold.train[:, None] & known) for at, fold in folds], axis=1)
    problems = Problems(
        scores=np.repeat(scores[:, None, :], len(folds), axis=1).reshape(rows, -1),
        weights=weights.reshape(rows, -1),
        chance=np.tile([b.chance for b in table.benchmarks], len(folds)),
        ceiling=np.tile([b.ceiling for b in table.benchmarks], len(folds)),
    )
    predictions = np.empty((len(candidates), rows, len(folds), count))
    parameters: list[Array | None] = []
    scalings, designs = [], []
    for k, candidate in enumerate(candidates):
        values = candidate.design(table)
        scalings.append(_scaling(candidate, values[sets[0].train]))
        designs.append(scalings[-1].apply(values))
        own, found = fit_candidate(candidate, designs[-1], problems)
        predictions[k] = own.reshape(rows, len(folds), count)
        parameters.append(None if found is None else found.reshape(len(folds), count, -1))
    return Fitted(
        table,
        sets,
        candidates,
        tuple(scalings),
        tuple(designs),
        weighed,
        predictions,
        tuple(parameters),
    )


def _scaling(candidate: Candidate, values: Array) -> Scaling:
    """Mean and standard deviation over all rows that train; a constant column stays unknown."""
    if not candidate.predictors:
        return Scaling(np.empty(0), np.empty(0))
    known = values[np.isfinite(values).all(axis=1)]
    if len(known) < 2:
        return Scaling(np.zeros(values.shape[1]), np.full(values.shape[1], np.nan))
    spread = known.std(axis=0)
    sign = np.array([1.0 if p.rises else -1.0 for p in candidate.predictors])
    return Scaling(known.mean(axis=0), np.where(spread > 1e-12, spread * sign, np.nan))
