"""Nested cross-validation: every choice is made without the rows that judge it.
A training set is all rows, or all but one outer fold. Inside each one, candidates are judged on
inner folds, one is chosen, and its errors on the inner folds give the intervals. So what is
measured on the outer folds is the very procedure that predicts new models.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.board.figures import PARAMETERS
from compression_leaderboard.fits.candidates import PER_PARAMETER, Candidate, choose
from compression_leaderboard.fits.curves import apply_form, fit_form
from compression_leaderboard.fits.intervals import (
    Errors,
    LeftOutRows,
    Scale,
    collect_errors,
    measure_scale,
)
from compression_leaderboard.fits.least_squares import Problems
from compression_leaderboard.fits.splits import Fold, Mask, TrainingSet
from compression_leaderboard.fits.table import ScoreTable, weigh_rows

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Chosen:
    """A candidate on one training set, for one benchmark, with what its intervals need."""

    candidate: int
    parameters: Array  # (q,), fitted to the whole training set
    predictions: Array  # of every row of the table; NaN where a predictor is unknown
    scale: Scale
    inner: Errors  # of the inner folds: they take part in the choice
    reach: tuple[float, float]  # lowest and highest prediction for the training rows
    bounds: Array  # (2, predictors): smallest and largest scaled training values
    largest: float | None  # parameters of the largest training row; None where unknown
    larger: Mask  # rows with more
    rows: int
    groups: int

    @property
    def beyond(self) -> Array:
        return outside(self.predictions, self.reach)

    def scale_at(self, rows: Mask | NDArray[np.int64]) -> Array:
        """Standard deviation of the error of these rows of the table."""
        return self.scale.at(self.beyond[rows], self.larger[rows])


@dataclass(frozen=True)
class Scaling:
    """z = (value − centre) / scale; a negative scale turns a predictor that falls with quality."""

    centre: Array
    scale: Array

    def apply(self, values: Array) -> Array:
        return (values - self.centre) / self.scale


@dataclass(frozen=True)
class Fitted:
    """Predictions of every candidate under every fold that is tried, for a few benchmarks.

    weights: of each training set, (rows, benchmarks). predictions: (candidates, rows, folds,
    benchmarks), folds those tried of all training sets in order; NaN where a candidate cannot be
    fitted. parameters: (folds, benchmarks, q) a candidate.
    """

    table: ScoreTable
    sets: tuple[TrainingSet, ...]
    candidates: tuple[Candidate, ...]
    scalings: tuple[Scaling, ...]
    designs: tuple[Array, ...]  # scaled predictors, (rows, p); NaN = unknown
    weights: tuple[Array, ...]
    predictions: Array
    parameters: tuple[Array | None, ...]

    @cached_property
    def starts(self) -> list[int]:
        """Index of each training set's first fold."""
        return [0, *np.cumsum([len(s.tried) for s in self.sets]).tolist()]

    def losses(self, at: int, benchmark: int) -> Array:
        """Mean squared error of each candidate in each cell that decides, (candidates, cells)."""
        return self._losses[at][:, :, benchmark][:, self._cells[at][:, benchmark] > 0]

    @cached_property
    def _cells(self) -> list[Array]:
        known = np.isfinite(self.table.scores).astype(np.float64)
        return [
            np.concatenate([_indicator(self.table.groups, f.test) @ known for f in one.deciding])
            for one in self.sets
        ]

    @cached_property
    def _losses(self) -> list[Array]:
        """By training set (candidates, cells, benchmarks)."""
        scores = self.table.scores
        known = np.isfinite(scores)
        found = []
        for at, one in enumerate(self.sets):
            parts = []
            for k, fold in enumerate(one.deciding, self.starts[at] + 1):
                held = np.flatnonzero(fold.test)
                squares = (self.predictions[:, held, k, :] - scores[held]) ** 2
                squares[:, ~known[held]] = 0
                parts.append(np.matmul(_indicator(self.table.groups, fold.test)[:, held], squares))
            with np.errstate(invalid="ignore", divide="ignore"):
                found.append(np.concatenate(parts, axis=1) / self._cells[at])
        return found

    def choose(self, at: int, benchmark: int, among: Sequence[int]) -> int | None:
        """The chosen one of `among`, for a training set and a benchmark."""
        losses = self.losses(at, benchmark)[list(among)]
        if losses.shape[1] == 0:
            return None
        found = choose([self.candidates[k] for k in among], losses)
        return None if found is None else among[found]

    def detail(self, at: int, benchmark: int, candidate: int) -> Chosen:
        """The candidate on a training set, with the scale of its errors on left-out rows."""
        one, start = self.sets[at], self.starts[at]
        scores = self.table.scores[:, benchmark]
        train = one.train & np.isfinite(scores)
        own = self.predictions[candidate, :, :, benchmark]
        held = [fold.test & train for fold in one.inner]
        near = self._left_out(candidate, at, benchmark, one.inner)
        cuts = self._left_out(candidate, at, benchmark, one.larger)
        scale = measure_scale(near, cuts, self._score_error(train, benchmark))
        relative = [rows.errors / scale.at(rows.beyond, rows.larger) for rows in near]
        design = self.designs[candidate][train]
        parameters = self.parameters[candidate]
        assert parameters is not None  # it was chosen
        return Chosen(
            candidate=candidate,
            # copies: views would keep the predictions of every candidate in memory
            parameters=parameters[start, benchmark].copy(),
            predictions=own[:, start].copy(),
            scale=scale,
            inner=collect_errors(
                np.concatenate(relative),
                np.concatenate([np.full(int(h.sum()), k) for k, h in enumerate(held)]),
                np.concatenate([self.table.groups[h] for h in held]),
            ),
            reach=reach_of(own[train, start]),
            bounds=np.array([design.min(axis=0), design.max(axis=0)])
            if design.shape[1]
            else np.empty((2, 0)),
            largest=self._largest(train),
            larger=self._larger(train),
            rows=int(train.sum()),
            groups=len(np.unique(self.table.groups[train])),
        )

    def _left_out(
        self, candidate: int, at: int, benchmark: int, folds: Sequence[Fold]
    ) -> list[LeftOutRows]:
        """The rows that each fold holds, as the fit on its other rows predicts them."""
        scores = self.table.scores[:, benchmark]
        known = np.isfinite(scores)
        if folds is self.sets[at].deciding:
            predictions = self.predictions[candidate, :, self.starts[at] + 1 :, benchmark]
        else:
            predictions = self._try(candidate, at, benchmark, folds)
        found = []
        for fold, column in zip(folds, predictions.T, strict=False):  # other sets' folds follow
            train, held = fold.train & known, fold.test & known
            found.append(
                LeftOutRows(
                    scores[held] - column[held],
                    outside(column[held], reach_of(column[train])),
                    self._larger(train)[held],
                )
            )
        return found

    def _try(self, candidate: int, at: int, benchmark: int, folds: Sequence[Fold]) -> Array:
        """Predictions of every row on folds that choose nothing, (rows, folds)."""
        scores, own = self.table.scores[:, benchmark], self.table.benchmarks[benchmark]
        if not folds:
            return np.empty((len(scores), 0))
        trained = np.array([fold.train & np.isfinite(scores) for fold in folds]).T
        problems = Problems(
            np.repeat(np.nan_to_num(scores)[:, None], len(folds), axis=1),
            self.weights[at][:, benchmark, None] * trained,
            np.full(len(folds), own.chance),
            np.full(len(folds), own.ceiling),
        )
        return fit_candidate(self.candidates[candidate], self.designs[candidate], problems)[0]

    def _largest(self, train: Mask) -> float | None:
        sizes = self.table.column(PARAMETERS)[train]
        known = sizes[np.isfinite(sizes)]
        return float(known.max()) if len(known) else None

    def _larger(self, train: Mask) -> Mask:
        """Rows of more parameters than every training row; none where no size is known."""
        largest = self._largest(train)
        found: Mask = self.table.column(PARAMETERS) > (np.inf if largest is None else largest)
        return found

    def _score_error(self, train: Mask, benchmark: int) -> float:
        """Median standard error of the training scores; 0 where none is known."""
        errors = self.table.errors[train, benchmark]
        known = errors[np.isfinite(errors)]
        return float(np.median(known)) if len(known) else 0.0


def reach_of(predictions: Array) -> tuple[float, float]:
    return float(predictions.min()), float(predictions.max())


def outside(predictions: Array, reach: tuple[float, float]) -> Array:
    """How far each prediction lies beyond those for the training rows; 0 inside."""
    values: Array = np.maximum(np.maximum(predictions - reach[1], reach[0] - predictions), 0)
    return values


def _indicator(groups: NDArray[np.int64], rows: Mask) -> Array:
    """One line a group of the rows, 1 where a row belongs to it, (groups, rows)."""
    numbers = np.unique(groups[rows])
    member: Array = ((groups[None, :] == numbers[:, None]) & rows[None, :]).astype(np.float64)
    return member


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
