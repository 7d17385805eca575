"""Logged predictions held against the scores that have arrived since."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from generator.fits.coverage import Coverage
from generator.records.predictions import LoggedPrediction
from generator.tables.cohorts import Cohort


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
