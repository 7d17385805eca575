"""Predict missing scores and answer questions to a cohort; hold logged predictions against scores."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import hypot

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.fits.evaluation import Coverage
from compression_leaderboard.fits.findings import Prediction
from compression_leaderboard.fits.intervals import LEVELS, Errors, make_interval
from compression_leaderboard.fits.nested_cv import Chosen, Fitted
from compression_leaderboard.fits.study import Evidence
from compression_leaderboard.fits.table import Benchmark
from compression_leaderboard.records.published import LoggedPrediction

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


ASKED = "(asked)"  # name of the row that has the figures of the question


def without_scores(cohort: Cohort, model: str) -> Cohort:
    """The cohort as if the model had no score: it never helps to predict itself."""
    names = ["score", *(s.name for s in cohort.scores)]
    rows = cohort.rows.copy()
    rows.loc[rows["model"] == model, names] = float("nan")
    return replace(cohort, rows=rows)


def with_figures(cohort: Cohort, figures: Mapping[str, float]) -> Cohort:
    """The cohort with one more row, ASKED, that has the figures.

    figures: by column: compression, parameters, training_flop.
    """
    asked: dict[str, object] = {"model": ASKED, "name": ASKED, "family": ASKED, **figures}
    known = [column.name for column in cohort.compression]
    if known and all(name in figures for name in known):
        asked["compression"] = sum(figures[name] for name in known) / len(known)
    rows = pd.concat([cohort.rows, pd.DataFrame([asked])], ignore_index=True)
    return replace(cohort, rows=rows)


@dataclass(frozen=True)
class Calibration:
    """The ledger so far. errors: score less prediction, a fraction, in the ledger's order."""

    logged: int
    errors: tuple[float, ...]
    coverage: tuple[Coverage, ...]  # none before the first score

    @property
    def mean_error(self) -> float:
        """Mean absolute error of the scored lines."""
        return float(np.mean(np.abs(self.errors)))


def calibrate(ledger: Sequence[LoggedPrediction], cohorts: Iterable[Cohort]) -> Calibration:
    """A line is scored as soon as its cohort holds the model's score of the benchmark."""
    known = {cohort.name: cohort.rows.set_index("model") for cohort in cohorts}
    scored: list[tuple[LoggedPrediction, float]] = []
    for line in ledger:
        rows = known.get(line.cohort)
        if rows is None or line.benchmark not in rows or line.model not in rows.index:
            continue
        value = float(np.mean(rows.loc[[line.model], line.benchmark].to_numpy(dtype=np.float64)))
        if np.isfinite(value):
            scored.append((line, value))
    at80 = sum(line.low80 <= value <= line.high80 for line, value in scored)
    at95 = sum(line.low95 <= value <= line.high95 for line, value in scored)
    held = ((0.8, at80), (0.95, at95)) if scored else ()
    return Calibration(
        len(ledger),
        tuple(value - line.prediction for line, value in scored),
        tuple(Coverage(level, n, len(scored), "logged") for level, n in held),
    )


UNIT = "bits per byte"


@dataclass(frozen=True)
class Yardstick:
    """A fit of the mean score on average bits per byte, all as fractions of the score.

    slope: of the straight line, a byte's bit costs so much score. rmse: of the chosen form on
    left-out groups. own_texts: whether it was learned from the text in question, under its
    protocol; else it shows the size of the error and no more.
    """

    cohort: str
    title: str
    slope: float
    rmse: float
    own_texts: bool

    def from_text(self, error: float) -> float:
        """Error of the prediction that a standard error of bits per byte brings."""
        return abs(self.slope) * error

    def in_all(self, error: float) -> float:
        """Root mean square error of a prediction from a text that is known so well."""
        return hypot(self.rmse, self.from_text(error))


def find_yardstick(
    corpus: str, cohorts: Sequence[Cohort], evidence: Mapping[str, Evidence]
) -> Yardstick | None:
    """That of a cohort that has the text; else of the first other in bits per byte.

    Figures in other units are no yardstick, as they cannot be converted exactly.
    """
    found = []
    for cohort in cohorts:
        line = evidence[cohort.name].line
        mean = next(iter(evidence[cohort.name].study.benchmarks), None)
        judged = mean.judged("group") if mean else None
        units = {column.unit for column in cohort.compression}
        if line is None or judged is None or units != {UNIT}:
            continue
        slope = (line.y[-1] - line.y[0]) / (line.x[-1] - line.x[0])
        own = corpus in {column.name for column in cohort.compression}
        found.append(Yardstick(cohort.name, cohort.title, slope, judged.accuracy.rmse.value, own))
    return min(found, key=lambda one: not one.own_texts, default=None)
