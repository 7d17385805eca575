"""Every candidate fitted under every fold of every training set."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from generator.fits.candidates import Candidate
from generator.fits.fold_fits import fit_candidate
from generator.fits.nested import Fitted, Scaling
from generator.fits.problems import Problems
from generator.fits.table import ScoreTable
from generator.fits.training import TrainingSet
from generator.fits.weights import weigh_rows

Array = NDArray[np.float64]

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
