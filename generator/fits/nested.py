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

from generator.fits.candidates import PER_PARAMETER, SIZE, Candidate
from generator.fits.folds import (
    INNER_FOLDS,
    OUTER_FOLDS,
    Fold,
    Mask,
    cut_at,
    cut_by_size,
    leave_groups_out,
    middle_limit,
)
from generator.fits.forms import Problems, apply_form, fit_form
from generator.fits.intervals import Errors, Scale, collect_errors, measure_scale
from generator.fits.select import choose
from generator.fits.table import ScoreTable
from generator.fits.weights import weigh_rows

Array = NDArray[np.float64]

CHUNK = 8_000_000  # predictions held at once: candidates x rows x folds x benchmarks


@dataclass(frozen=True)
class TrainingSet:
    """Rows that train, rows that judge (none when all train), and the folds inside.

    kind: "all", "group", "larger" or "later".
    """

    kind: str
    train: Mask
    test: Mask
    inner: tuple[Fold, ...]  # by group
    larger: tuple[Fold, ...]  # by size

    @property
    def folds(self) -> tuple[Fold, ...]:
        return (Fold(self.train, self.test), *self.inner, *self.larger)


@dataclass(frozen=True)
class Chosen:
    """A candidate on one training set, for one benchmark, with what its intervals need."""

    candidate: int
    at: int  # index of the training set
    parameters: Array  # (q,), fitted to the whole training set
    predictions: Array  # of every row of the table; NaN where a predictor is unknown
    scale: Scale
    inner: Errors  # of the inner folds: they take part in the choice
    reach: tuple[float, float]  # lowest and highest prediction for the training rows
    bounds: Array  # (2, predictors): smallest and largest scaled training values
    rows: int
    groups: int

    @property
    def beyond(self) -> Array:
        return outside(self.predictions, self.reach)


@dataclass(frozen=True)
class Scaling:
    """z = (value − centre) / scale; a negative scale turns a predictor that falls with quality."""

    centre: Array
    scale: Array

    def apply(self, values: Array) -> Array:
        return (values - self.centre) / self.scale


def training_sets(table: ScoreTable, later: Array | None = None) -> tuple[TrainingSet, ...]:
    """All rows, all but each outer fold, the smaller models, and the earlier ones if dated."""
    known = np.isfinite(table.scores)
    everything: Mask = np.asarray(known.any(axis=1))
    complete: Mask = np.asarray(known.all(axis=1))
    sizes = table.column(SIZE)
    found = [("all", Fold(everything, np.zeros_like(everything)))]
    by_group = leave_groups_out(table.groups, everything, OUTER_FOLDS, complete)
    found += [("group", fold) for fold in by_group]
    limit = table.train_up_to or middle_limit(sizes, everything)
    if limit is not None:
        found += [("larger", fold) for fold in cut_at(sizes, everything, limit)]
    if later is not None and (day := middle_limit(later, everything)) is not None:
        found += [("later", fold) for fold in cut_at(later, everything, day)]
    return tuple(
        TrainingSet(
            kind,
            fold.train,
            fold.test,
            tuple(leave_groups_out(table.groups, fold.train, INNER_FOLDS, complete)),
            tuple(cut_by_size(sizes, fold.train)),
        )
        for kind, fold in found
    )


@dataclass(frozen=True)
class Fitted:
    """Predictions of every candidate under every fold for a few benchmarks.

    predictions: (candidates, rows, folds, benchmarks), folds those of all training sets in order;
    NaN where a candidate cannot be fitted. parameters: (folds, benchmarks, q) a candidate.
    """

    table: ScoreTable
    sets: tuple[TrainingSet, ...]
    candidates: tuple[Candidate, ...]
    scalings: tuple[Scaling, ...]
    designs: tuple[Array, ...]  # scaled predictors, (rows, p); NaN = unknown
    predictions: Array
    parameters: tuple[Array | None, ...]

    @cached_property
    def starts(self) -> list[int]:
        """Index of each training set's first fold."""
        return [0, *np.cumsum([len(s.folds) for s in self.sets]).tolist()]

    def losses(self, at: int, benchmark: int) -> Array:
        """Mean squared error of each candidate in each cell that decides, (candidates, cells)."""
        return self._losses[at][:, :, benchmark][:, self._cells[at][:, benchmark] > 0]

    @cached_property
    def _cells(self) -> list[Array]:
        known = np.isfinite(self.table.scores).astype(np.float64)
        return [
            np.concatenate([_indicator(self.table.groups, f.test) @ known for _, f in deciding])
            for deciding in (self._deciding(at) for at in range(len(self.sets)))
        ]

    @cached_property
    def _losses(self) -> list[Array]:
        """By training set (candidates, cells, benchmarks)."""
        scores = self.table.scores
        known = np.isfinite(scores)
        found = []
        for at in range(len(self.sets)):
            parts = []
            for k, fold in self._deciding(at):
                squares = (self.predictions[:, :, k, :] - np.where(known, scores, 0)) ** 2
                squares = np.where(known & fold.test[:, None], squares, 0)
                parts.append(np.matmul(_indicator(self.table.groups, fold.test), squares))
            with np.errstate(invalid="ignore", divide="ignore"):
                found.append(np.concatenate(parts, axis=1) / self._cells[at])
        return found

    def _deciding(self, at: int) -> list[tuple[int, Fold]]:
        """Folds whose errors choose the candidate, with their place in `predictions`."""
        one, start = self.sets[at], self.starts[at]
        forward = self.table.split == "small-to-large" and one.larger
        first = start + 1 + (len(one.inner) if forward else 0)
        folds = one.larger if forward else one.inner
        return [(first + k, fold) for k, fold in enumerate(folds)]

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
        near = self._left_out(one.inner, own[:, start + 1 :], scores)
        far = self._left_out(one.larger, own[:, start + 1 + len(one.inner) :], scores)
        scale = measure_scale(*near, far)
        design = self.designs[candidate][train]
        parameters = self.parameters[candidate]
        assert parameters is not None  # it was chosen
        return Chosen(
            candidate=candidate,
            at=at,
            parameters=parameters[start, benchmark],
            predictions=own[:, start],
            scale=scale,
            inner=collect_errors(
                near[0] / scale.at(near[1]),
                np.concatenate([np.full(int(h.sum()), k) for k, h in enumerate(held)]),
                np.concatenate([self.table.groups[h] for h in held]),
            ),
            reach=reach_of(own[train, start]),
            bounds=np.array([design.min(axis=0), design.max(axis=0)])
            if design.shape[1]
            else np.empty((2, 0)),
            rows=int(train.sum()),
            groups=len(np.unique(self.table.groups[train])),
        )

    def _left_out(
        self, folds: Sequence[Fold], predictions: Array, scores: Array
    ) -> tuple[Array, Array]:
        """Errors of the rows that the folds hold, and how far beyond their fits' rows they lie."""
        known = np.isfinite(scores)
        errors, beyond = [np.empty(0)], [np.empty(0)]
        for k, fold in enumerate(folds):
            held, column = fold.test & known, predictions[:, k]
            errors.append(scores[held] - column[held])
            beyond.append(outside(column[held], reach_of(column[fold.train & known])))
        return np.concatenate(errors), np.concatenate(beyond)


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


def fit_all(
    table: ScoreTable, sets: tuple[TrainingSet, ...], candidates: tuple[Candidate, ...]
) -> Iterator[tuple[range, Fitted]]:
    """Every candidate under every fold, a few benchmarks at a time, with their places."""
    folds = sum(len(s.folds) for s in sets)
    at_once = max(1, CHUNK // max(1, len(candidates) * len(table.models) * folds))
    for first in range(0, len(table.benchmarks), at_once):
        part = range(first, min(first + at_once, len(table.benchmarks)))
        yield part, _fit(table.subset(part), sets, candidates)


def _fit(
    table: ScoreTable, sets: tuple[TrainingSet, ...], candidates: tuple[Candidate, ...]
) -> Fitted:
    scores = np.nan_to_num(table.scores)
    known = np.isfinite(table.scores)
    trains = sets[0].train
    rows, count = scores.shape
    folds = [(at, fold) for at, one in enumerate(sets) for fold in one.folds]
    weighed = [weigh_rows(table, one.train) for one in sets]  # (rows, benchmarks) each
    weights = np.stack([weighed[at] * (fold.train[:, None] & known) for at, fold in folds], axis=1)
    enough = (weights > 0).sum(axis=0)  # (folds, benchmarks)
    problems = Problems(
        scores=np.repeat(scores[:, None, :], len(folds), axis=1).reshape(rows, -1),
        weights=weights.reshape(rows, -1),
        chance=np.tile([b.chance for b in table.benchmarks], len(folds)),
        ceiling=np.tile([b.ceiling for b in table.benchmarks], len(folds)),
    )
    predictions = np.full((len(candidates), rows, len(folds), count), np.nan)
    parameters: list[Array | None] = []
    scalings, designs = [], []
    for k, candidate in enumerate(candidates):
        values = candidate.design(table)
        scaling = _scaling(candidate, values[trains])
        design = scaling.apply(values)
        scalings.append(scaling)
        designs.append(design)
        unknown = ~np.isfinite(design).all(axis=1)
        missing = (weights[unknown] > 0).any(axis=0)
        possible = (enough >= PER_PARAMETER * candidate.parameters) & ~missing
        if not possible.any():
            parameters.append(None)
            continue
        which = possible.reshape(-1)
        part = problems.chosen(which)
        filled = np.nan_to_num(design)
        found = fit_form(candidate.form, filled, part)
        own = np.full((rows, len(which)), np.nan)
        own[:, which] = apply_form(candidate.form, found, filled, part.chance, part.ceiling)
        own[unknown] = np.nan
        predictions[k] = own.reshape(rows, len(folds), count)
        spread = np.full((len(which), found.shape[1]), np.nan)
        spread[which] = found
        parameters.append(spread.reshape(len(folds), count, -1))
    return Fitted(
        table, sets, candidates, tuple(scalings), tuple(designs), predictions, tuple(parameters)
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
