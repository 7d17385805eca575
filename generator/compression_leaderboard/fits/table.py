"""A cohort as arrays: predictors, scores, the rows that take part, and their weights."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from compression_leaderboard.board.cohorts import Cohort

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

MEAN = "score"  # the column that holds the mean of the benchmarks
KNOWN_SHARE = 0.8  # of the rows with some compression: a column known less often is not used


@dataclass(frozen=True)
class Benchmark:
    """What is predicted: a score column and where it can lie."""

    name: str
    label: str
    chance: float
    ceiling: float
    negative_control: bool = False


@dataclass(frozen=True)
class ScoreTable:
    """Rows with some compression figure. Unknown scores, errors, sizes are NaN.

    scores: NaN too where a row lacks a usable figure, so that every candidate trains on the same
    rows; such a row is predicted from the figures that it has.
    """

    cohort: str
    split: str
    train_up_to: float | None
    models: tuple[str, ...]
    groups: NDArray[np.int64]  # (rows,), numbered in order of name
    frame: pd.DataFrame  # the cohort's rows that take part, index 0…
    texts: tuple[str, ...]  # usable compression columns
    benchmarks: tuple[Benchmark, ...]
    scores: Array  # (rows, benchmarks)
    errors: Array  # standard errors of scores, same unit; NaN = unknown
    rate_errors: Array  # (rows,) standard error of the average compression; NaN = unknown

    def column(self, name: str) -> Array:
        return self.frame[name].to_numpy(dtype=np.float64)

    def kept(self, rows: Mask) -> "ScoreTable":
        return replace(
            self,
            models=tuple(m for m, keep in zip(self.models, rows, strict=True) if keep),
            groups=self.groups[rows],
            frame=self.frame[rows].reset_index(drop=True),
            scores=self.scores[rows],
            errors=self.errors[rows],
            rate_errors=self.rate_errors[rows],
        )

    def subset(self, benchmarks: Sequence[int]) -> "ScoreTable":
        """The same rows, these benchmarks."""
        chosen = list(benchmarks)
        return replace(
            self,
            benchmarks=tuple(self.benchmarks[k] for k in chosen),
            scores=self.scores[:, chosen],
            errors=self.errors[:, chosen],
        )


def usable_texts(cohort: Cohort) -> tuple[str, ...]:
    """Compression columns known for most rows that have any, and not the same for all."""
    names = [column.name for column in cohort.compression]
    if not names:
        return ()
    known = cohort.rows[names].notna()
    some = known.any(axis=1)
    often = known[some].mean() >= KNOWN_SHARE
    return tuple(n for n in names if often[n] and cohort.rows[n].nunique() > 1)


def make_table(cohort: Cohort) -> ScoreTable:
    """The rows with some usable compression figure; those that lack one train nothing."""
    texts = usable_texts(cohort)
    known = cohort.rows[list(texts)].notna()
    frame = cohort.rows[known.any(axis=1)].reset_index(drop=True)
    complete = frame[list(texts)].notna().all(axis=1).to_numpy()
    if set(texts) != {column.name for column in cohort.compression}:
        frame["compression"] = frame[list(texts)].mean(axis=1, skipna=False)
    counted = [s for s in cohort.scores if s.in_mean]
    benchmarks = [
        Benchmark(s.name, s.label, s.chance or 0.0, s.ceiling or 1.0, s.negative_control)
        for s in cohort.scores
    ]
    if len(counted) > 1:
        chance = float(np.mean([s.chance or 0.0 for s in counted]))
        ceiling = float(np.mean([s.ceiling or 1.0 for s in counted]))
        label = f"Mean of {len(counted)} benchmarks"
        benchmarks.insert(0, Benchmark(MEAN, label, chance, ceiling))
    names = [b.name for b in benchmarks]
    errors = [f"{name}_stderr" for name in names]
    return ScoreTable(
        cohort=cohort.name,
        split=cohort.split,
        train_up_to=cohort.train_up_to,
        models=tuple(frame["model"]),
        groups=np.unique(frame["family"].to_numpy(dtype=str), return_inverse=True)[1],
        frame=frame,
        texts=texts,
        benchmarks=tuple(benchmarks),
        scores=np.where(complete[:, None], frame[names].to_numpy(dtype=np.float64), np.nan),
        errors=frame.reindex(columns=errors).to_numpy(dtype=np.float64),
        rate_errors=_rate_errors(frame, texts),
    )


def _rate_errors(frame: pd.DataFrame, texts: tuple[str, ...]) -> Array:
    """Standard error of the mean bits per byte, from the 95 % intervals of the texts."""
    names = [f"{text}_{end}" for text in texts for end in ("low", "high")]
    if not texts or not set(names) <= set(frame.columns):
        return np.full(len(frame), np.nan)
    ends = frame[names].to_numpy(dtype=np.float64)
    own = (ends[:, 1::2] - ends[:, ::2]) / (2 * 1.96)
    values: Array = np.sqrt((own**2).sum(axis=1)) / len(texts)
    return values


def weigh_rows(table: ScoreTable, train: NDArray[np.bool_]) -> Array:
    """1 / (rest + error² of the score + (slope · error of the bits)²), (rows, benchmarks).

    The rest is what a straight line on the average compression leaves beyond those errors, from
    the training rows alone. Scaled to mean 1 over the training rows; all 1 where no error is known;
    a row with unknown error counts as one with the median error.
    """
    own, rates = table.errors, table.rate_errors
    if not (np.isfinite(own).any() or np.isfinite(rates).any()):
        return np.ones_like(table.scores)
    x = table.column("compression") if table.texts else np.zeros(len(table.models))
    known = np.isfinite(table.scores) & train[:, None]
    count = np.maximum(known.sum(axis=0), 1)
    x_mean = np.where(known, x[:, None], 0).sum(axis=0) / count
    y_mean = np.where(known, table.scores, 0).sum(axis=0) / count
    dx = np.where(known, x[:, None] - x_mean, 0)
    dy = np.where(known, table.scores - y_mean, 0)
    slope = (dx * dy).sum(axis=0) / np.maximum((dx**2).sum(axis=0), 1e-300)
    around = ((dy - slope * dx) ** 2).sum(axis=0) / count
    variance = _filled(own) ** 2 + (slope * _filled(rates[:, None])) ** 2
    typical = np.where(known, variance, 0).sum(axis=0) / count
    rest = np.maximum(around - typical, 0.1 * around)
    weights = 1 / np.maximum(rest + variance, 1e-12)
    mean = np.where(known, weights, 0).sum(axis=0) / count
    result: Array = weights / np.where(mean > 0, mean, 1)
    return result


def _filled(errors: Array) -> Array:
    """Unknown errors as the median of the known ones of the column; 0 where none is known."""
    known = np.isfinite(errors)
    middle = [
        float(np.median(column[own])) if own.any() else 0.0
        for column, own in zip(errors.T, known.T, strict=True)
    ]
    return np.where(known, errors, middle)
