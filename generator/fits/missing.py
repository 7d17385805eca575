"""Predictions of the scores that are missing, with their intervals."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generator.fits.findings import Prediction
from generator.fits.intervals import LEVELS, Errors, make_interval
from generator.fits.nested import Chosen, Fitted
from generator.fits.table import Benchmark

Array = NDArray[np.float64]


def choose_at(fitted: Fitted, at: int, benchmark: int, among: Sequence[int]) -> Chosen | None:
    found = fitted.choose(at, benchmark, among)
    return None if found is None else fitted.detail(at, benchmark, found)


def predict_missing(
    fitted: Fitted,
    benchmark: int,
    among: Sequence[int],
    final: Chosen,
    errors: Errors,
    outer: Sequence[Chosen],
) -> tuple[Prediction, ...]:
    """Of every row that has some compression figure and no score."""
    table = fitted.table
    own = table.benchmarks[benchmark]
    wanted = table.frame[own.name].isna().to_numpy()
    full = wanted & np.isfinite(final.predictions)
    by_fold = np.column_stack([c.predictions for c in outer])
    by_fold = np.where(np.isfinite(by_fold), by_fold, final.predictions[:, None])
    found = _intervals(fitted, own, full, final, errors, by_fold)
    for row in np.flatnonzero(wanted & ~full):
        possible = [
            k for k in among if np.isfinite(fitted.predictions[k, row, fitted.starts[0], benchmark])
        ]
        other = choose_at(fitted, 0, benchmark, possible) if possible else None
        if other is not None:
            one = np.arange(len(wanted)) == row
            centre = np.repeat(other.predictions[:, None], int(other.inner.fold.max()) + 1, axis=1)
            found += _intervals(fitted, own, one, other, other.inner, centre)
    return tuple(sorted(found, key=lambda p: p.model))


def _intervals(
    fitted: Fitted,
    own: Benchmark,
    rows: NDArray[np.bool_],
    chosen: Chosen,
    errors: Errors,
    by_fold: Array,
) -> list[Prediction]:
    if not rows.any():
        return []
    candidate = fitted.candidates[chosen.candidate]
    design = fitted.designs[chosen.candidate][rows]
    far = (design < chosen.bounds[0] - 1e-9) | (design > chosen.bounds[1] + 1e-9)
    beyond = chosen.beyond[rows]
    predicted = chosen.predictions[rows]
    scale = chosen.scale_at(rows)
    ends = [make_interval(v, predicted, scale, errors, own.ceiling, by_fold[rows]) for v in LEVELS]
    return [
        Prediction(
            fitted.table.models[row],
            own.name,
            float(predicted[k]),
            tuple((float(low[k]), float(high[k])) for low, high in ends),
            candidate.form,
            candidate.label,
            bool(far[k].any() or beyond[k] > 0 or chosen.larger[row]),
        )
        for k, row in enumerate(np.flatnonzero(rows))
    ]
