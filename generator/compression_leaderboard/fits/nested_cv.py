"""Nested cross-validation: every choice is made without the rows that validate it.

A training set is all rows, or all but one outer fold. Inside each one, candidates are validated on
inner folds, one is chosen, and its errors on the inner folds give the intervals. So what is
measured on the outer folds is the very procedure that predicts new models.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.fits.candidates import PER_PARAMETER, Candidate, choose
from compression_leaderboard.fits.curves import Problems, apply_form, fit_form
from compression_leaderboard.fits.intervals import (
    Errors,
    LeftOutRows,
    Scale,
    collect_errors,
    measure_scale,
)
from compression_leaderboard.fits.splits import Fold, Mask, TrainingSet
from compression_leaderboard.fits.table import Benchmark, ScoreTable, weigh_rows

Array = NDArray[np.float64]
CHUNK = 8_000_000  # predictions in memory at once: candidates x rows x folds x benchmarks


@dataclass(frozen=True)
class Scaled:
    """A candidate whose predictors are z = (value − centre) / scale, alike in all folds.

    A negative scale turns a predictor that falls with quality.
    """

    candidate: Candidate
    centre: Array  # (p,)
    scale: Array  # (p,)
    design: Array  # (rows, p); NaN = unknown


@dataclass(frozen=True)
class Chosen:
    """A candidate on one training set, for one benchmark, with what its intervals need."""

    scaled: Scaled
    parameters: Array  # (q,), fitted to the whole training set
    predictions: Array  # of every row of the table; NaN where a predictor is unknown
    scale: Scale  # of its errors
    inner: Errors  # of the inner folds: they take part in the choice
    reach: tuple[float, float]  # lowest and highest prediction for the training rows
    bounds: Array  # (2, predictors): smallest and largest scaled training values
    largest: float | None  # parameters of the largest training row; None where unknown
    larger: Mask  # rows with more
    rows: int
    groups: int

    @property
    def candidate(self) -> Candidate:
        return self.scaled.candidate

    @property
    def beyond(self) -> Array:
        """How far each prediction lies outside of those for the training rows."""
        return _outside(self.predictions, self.reach)


@dataclass(frozen=True)
class Fitted:
    """Predictions of every candidate under every fold that is tried, for one benchmark.

    predictions: of each training set, (candidates, rows, folds): the fit to the whole set, then
    the folds that decide; NaN where a candidate cannot be fitted. parameters: (sets, q) of each
    candidate, fitted to the whole set.
    """

    table: ScoreTable  # of this benchmark
    sets: tuple[TrainingSet, ...]
    scaled: Sequence[Scaled]
    weights: Sequence[Array]  # (rows,) of each training set
    predictions: Sequence[Array]
    parameters: Sequence[Array | None]

    @property
    def benchmark(self) -> Benchmark:
        return self.table.benchmarks[0]

    @property
    def scores(self) -> Array:
        """One score per row; NaN where it is unknown or the row trains nothing."""
        return self.table.scores[:, 0]

    @cached_property
    def known(self) -> Mask:
        return np.isfinite(self.scores)

    @cached_property
    def losses(self) -> list[Array]:
        """Mean squared errors by training set, (candidates, cells)."""
        return [self._losses(at) for at in range(len(self.sets))]

    def _losses(self, at: int) -> Array:
        """Return losses by cell: a group of a fold that decides."""
        cells = [np.empty((len(self.scaled), 0))]
        for k, fold in enumerate(self.sets[at].deciding, start=1):
            validated = fold.test & self.known
            squares = (self.predictions[at][:, validated, k] - self.scores[validated]) ** 2
            groups, member = np.unique(self.table.groups[validated], return_inverse=True)
            belongs = member[:, None] == np.arange(len(groups))
            cells.append(squares @ belongs / belongs.sum(axis=0))
        return np.concatenate(cells, axis=1)

    def choose(self, at: int, among: Sequence[int]) -> int | None:
        """Choose one of the candidates `among` for a training set; None if none has errors.

        Only those that can predict each row left out: a family's sizes, say, may all be unknown.
        """
        left_out = self.sets[at].test & self.known
        among = [k for k in among if np.isfinite(self.predictions[at][k, left_out, 0]).all()]
        losses = self.losses[at][list(among)]
        if losses.size == 0:
            return None
        place = choose([self.scaled[k].candidate for k in among], losses)
        return None if place is None else among[place]

    def choose_fit(self, at: int, among: Sequence[int]) -> Chosen | None:
        """Choose a candidate for a training set, with the scale of its errors on left-out rows."""
        k = self.choose(at, among)
        if k is None:
            return None
        training, parameters = self.sets[at], self.parameters[k]
        assert parameters is not None  # it was chosen
        train = training.train & self.known
        predictions = self.predictions[at][k, :, 0]
        near, cuts = (self._left_out(k, at, folds) for folds in (training.inner, training.larger))
        if not all(np.isfinite(rows.errors).all() for rows in near):
            # Other folds decided, and one of these has too few rows: no errors make an interval.
            return self.choose_fit(at, [other for other in among if other != k])
        scale = measure_scale(near, cuts, self._score_error(train))
        design = self.scaled[k].design[train]
        largest, larger = self._larger(train)
        return Chosen(
            scaled=self.scaled[k],
            # copies: views would keep the predictions of every candidate in memory
            parameters=parameters[at].copy(),
            predictions=predictions.copy(),
            scale=scale,
            inner=collect_errors([rows.over(scale) for rows in near]),
            reach=_reach(predictions[train]),
            bounds=np.array([design.min(axis=0), design.max(axis=0)]),
            largest=largest,
            larger=larger,
            rows=int(train.sum()),
            groups=len(np.unique(self.table.groups[train])),
        )

    def _left_out(self, candidate: int, at: int, folds: Sequence[Fold]) -> list[LeftOutRows]:
        """Return the rows that each fold leaves out, as the fit on its others predicts them."""
        if folds is self.sets[at].deciding:
            predictions = self.predictions[at][candidate, :, 1:]
        else:
            predictions = self._predict_folds(candidate, at, folds)
        rows = []
        for fold, column in zip(folds, predictions.T, strict=True):
            train = fold.train & self.known
            beyond = _outside(column, _reach(column[train]))
            rows.append(self.left_out(fold.test, column, beyond, self._larger(train)[1]))
        return rows

    def left_out(self, test: Mask, predictions: Array, beyond: Array, larger: Mask) -> LeftOutRows:
        """Errors of the scored rows of a fold. The other arrays are of every row."""
        validated = test & self.known
        errors = self.scores[validated] - predictions[validated]
        return LeftOutRows(
            errors, beyond[validated], larger[validated], self.table.groups[validated]
        )

    def _predict_folds(self, candidate: int, at: int, folds: Sequence[Fold]) -> Array:
        """Predictions of every row on folds that choose nothing, (rows, folds)."""
        if not folds:
            return np.empty((len(self.scores), 0))
        train = np.array([fold.train & self.known for fold in folds]).T
        problems = Problems(
            np.repeat(np.nan_to_num(self.scores)[:, None], len(folds), axis=1),
            self.weights[at][:, None] * train,
            np.full(len(folds), self.benchmark.chance),
            np.full(len(folds), self.benchmark.ceiling),
        )
        return fit_candidate(self.scaled[candidate], problems)[0]

    def _larger(self, train: Mask) -> tuple[float | None, Mask]:
        """Return the largest size of the training rows, and which rows have more parameters."""
        sizes = self.table.sizes
        if not np.isfinite(sizes[train]).any():
            return None, np.zeros(len(sizes), dtype=bool)
        largest = float(np.nanmax(sizes[train]))
        return largest, sizes > largest

    def _score_error(self, train: Mask) -> float:
        """Median standard error of the training scores; 0 where none is known."""
        errors = self.table.errors[train, 0]
        return float(np.nanmedian(errors)) if np.isfinite(errors).any() else 0.0


def _reach(predictions: Array) -> tuple[float, float]:
    return float(predictions.min()), float(predictions.max())


def _outside(predictions: Array, reach: tuple[float, float]) -> Array:
    values: Array = np.maximum(np.maximum(predictions - reach[1], reach[0] - predictions), 0)
    return values


def fit_all(
    table: ScoreTable, sets: tuple[TrainingSet, ...], candidates: Sequence[Candidate]
) -> Iterator[Fitted]:
    """Fit every candidate on every training set and on the folds that choose among them.

    As many benchmarks are fitted at once as leave room for their predictions.
    """
    scaled = [_scale(candidate, table, sets[0].train) for candidate in candidates]
    folds = sum(len(s.tried) for s in sets)
    at_once = max(1, CHUNK // (len(candidates) * len(table.rows) * folds))
    for first in range(0, len(table.benchmarks), at_once):
        last = min(first + at_once, len(table.benchmarks))
        yield from _fit_together(table.subset(range(first, last)), sets, scaled)


def _fit_together(
    table: ScoreTable, sets: tuple[TrainingSet, ...], scaled: Sequence[Scaled]
) -> Iterator[Fitted]:
    """Fit all benchmarks of the table at once: each benchmark of each fold is a problem."""
    known = np.isfinite(table.scores)
    rows, count = table.scores.shape
    weights = [weigh_rows(table, training.train) for training in sets]  # (rows, benchmarks) each
    by_fold = [
        weights[at] * (fold.train[:, None] & known)
        for at, training in enumerate(sets)
        for fold in training.tried
    ]
    folds = len(by_fold)
    problems = Problems(
        scores=np.repeat(np.nan_to_num(table.scores)[:, None, :], folds, axis=1).reshape(rows, -1),
        weights=np.stack(by_fold, axis=1).reshape(rows, -1),
        chance=np.tile([b.chance for b in table.benchmarks], folds),
        ceiling=np.tile([b.ceiling for b in table.benchmarks], folds),
    )
    # Where the folds of each training set begin; the first one is the whole set.
    starts = np.cumsum([0, *(len(training.tried) for training in sets)])
    predictions = np.empty((len(scaled), rows, folds, count))
    parameters: list[Array | None] = []
    for k, candidate in enumerate(scaled):
        predicted, fitted = fit_candidate(candidate, problems)
        predictions[k] = predicted.reshape(rows, folds, count)
        parameters.append(None if fitted is None else fitted.reshape(folds, count, -1)[starts[:-1]])
    for k in range(count):
        yield Fitted(
            table.subset([k]),
            sets,
            scaled,
            [weight[:, k] for weight in weights],
            np.split(predictions[..., k], starts[1:-1], axis=2),
            [None if fitted is None else fitted[:, k] for fitted in parameters],
        )


def fit_candidate(scaled: Scaled, problems: Problems) -> tuple[Array, Array | None]:
    """Predictions of every row, (rows, problems), and parameters, (problems, q).

    NaN where a problem has too few rows or rows with an unknown predictor; no parameters where all
    have.
    """
    form = scaled.candidate.form
    unknown = ~np.isfinite(scaled.design).all(axis=1)
    used = problems.weights > 0
    possible = used.sum(axis=0) >= PER_PARAMETER * scaled.candidate.parameters
    possible &= ~used[unknown].any(axis=0)
    predictions = np.full(problems.weights.shape, np.nan)
    if not possible.any():
        return predictions, None
    part, design = problems.at(possible), np.nan_to_num(scaled.design)
    fitted = fit_form(form, design, part)
    predictions[:, possible] = apply_form(form, fitted, design, part.chance, part.ceiling)
    predictions[unknown] = np.nan
    parameters = np.full((len(possible), fitted.shape[1]), np.nan)
    parameters[possible] = fitted
    return predictions, parameters


def _scale(candidate: Candidate, table: ScoreTable, train: Mask) -> Scaled:
    """Scale by mean and deviation of the rows that train; a constant column stays unknown."""
    values = candidate.design(table)
    known = values[train & np.isfinite(values).all(axis=1)]
    if len(known) < 2:
        centre, scale = np.zeros(values.shape[1]), np.full(values.shape[1], np.nan)
    else:
        sign = np.array([1.0 if p.rises else -1.0 for p in candidate.predictors])
        deviation = known.std(axis=0)
        centre = known.mean(axis=0)
        scale = np.where(deviation > 1e-12, deviation * sign, np.nan)
    return Scaled(candidate, centre, scale, (values - centre) / scale)
