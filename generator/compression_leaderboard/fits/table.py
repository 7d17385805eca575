"""A cohort as arrays: predictors, scores, the rows that take part, and their weights."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import Key, Row, benchmark_id, values

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

KNOWN_SHARE = 0.8  # of the rows with some compression: a column known less often is not used


@dataclass(frozen=True)
class Benchmark:
    """What is predicted: a score and where it can lie."""

    key: Key
    label: str
    chance: float
    ceiling: float
    negative_control: bool = False

    @property
    def name(self) -> str:
        return benchmark_id(self.key)

    @property
    def is_mean(self) -> bool:
        return self.key.quantity == "mean_score"


@dataclass(frozen=True)
class ScoreTable:
    """Rows with some compression figure. Unknown scores, errors, sizes are NaN.

    scores: NaN too where a row lacks a usable figure, so that every candidate trains on the same
    rows; such a row is predicted from the figures that it has.
    """

    split: str
    train_up_to: float | None
    rows: tuple[Row, ...]  # the cohort's rows that take part
    groups: NDArray[np.int64]  # (rows,), numbered in order of name
    texts: tuple[Key, ...]  # usable compression figures
    mean_text: Key  # the mean over the usable texts
    averages_texts: bool  # whether that mean is over fewer texts than the cohort has
    benchmarks: tuple[Benchmark, ...]
    scores: Array  # (rows, benchmarks)
    has_score: Mask  # (rows, benchmarks): whether the score itself is known
    errors: Array  # standard errors of scores, same unit; NaN = unknown
    rate_errors: Array  # (rows,) standard error of the average compression; NaN = unknown

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(row.model for row in self.rows)

    def column(self, key: Key) -> Array:
        """A figure of every row; the mean compression is that over the usable texts."""
        if key == self.mean_text and self.averages_texts:
            means: Array = np.mean([values(self.rows, text) for text in self.texts], axis=0)
            return means
        return values(self.rows, key)

    def kept(self, rows: Mask) -> "ScoreTable":
        return replace(
            self,
            rows=tuple(row for row, keep in zip(self.rows, rows, strict=True) if keep),
            groups=self.groups[rows],
            scores=self.scores[rows],
            has_score=self.has_score[rows],
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
            has_score=self.has_score[:, chosen],
            errors=self.errors[:, chosen],
        )


def usable_texts(cohort: Cohort) -> tuple[Key, ...]:
    """Compression figures known for most rows that have any, and not the same for all."""
    columns = {column.key: cohort.values(column.key) for column in cohort.compression}
    if not columns:
        return ()
    some = np.isfinite(np.array(list(columns.values()))).any(axis=0)
    return tuple(
        key
        for key, figures in columns.items()
        if some.any()
        and np.isfinite(figures[some]).mean() >= KNOWN_SHARE
        and len(set(figures[np.isfinite(figures)].tolist())) > 1
    )


def make_table(cohort: Cohort) -> ScoreTable:
    """Take the rows with some usable compression figure; those that lack one train nothing."""
    texts = usable_texts(cohort)
    rows = tuple(row for row in cohort.rows if any(row.value(text) is not None for text in texts))
    complete = np.array([all(row.value(t) is not None for t in texts) for row in rows], dtype=bool)
    counted = [s for s in cohort.scores if s.in_mean]
    benchmarks = [
        Benchmark(s.key, s.label, s.chance or 0.0, s.ceiling or 1.0, s.negative_control)
        for s in cohort.scores
    ]
    if len(counted) > 1:
        chance = float(np.mean([s.chance or 0.0 for s in counted]))
        ceiling = float(np.mean([s.ceiling or 1.0 for s in counted]))
        label = f"Mean of {len(counted)} benchmarks"
        benchmarks.insert(0, Benchmark(cohort.mean_score, label, chance, ceiling))
    scores = _columns([values(rows, b.key) for b in benchmarks], len(rows))
    errors = _columns([_stderrs(rows, b.key) for b in benchmarks], len(rows))
    return ScoreTable(
        split=cohort.split,
        train_up_to=cohort.train_up_to,
        rows=rows,
        groups=np.unique(np.array([r.family for r in rows], dtype=str), return_inverse=True)[1],
        texts=texts,
        mean_text=cohort.mean_compression,
        averages_texts=len(texts) < len(cohort.compression),
        benchmarks=tuple(benchmarks),
        scores=np.where(complete[:, None], scores, np.nan),
        has_score=np.isfinite(scores),
        errors=errors,
        rate_errors=_rate_errors(rows, texts),
    )


def _columns(columns: Sequence[Array], rows: int) -> Array:
    return np.column_stack(columns) if columns else np.empty((rows, 0))


def _stderrs(rows: Sequence[Row], key: Key) -> Array:
    figures = (row.figures.get(key) for row in rows)
    errors = (None if figure is None else figure.stderr for figure in figures)
    return np.array([np.nan if error is None else error for error in errors], dtype=np.float64)


def _rate_errors(rows: Sequence[Row], texts: Sequence[Key]) -> Array:
    """Standard error of the mean bits per byte, from the intervals of the texts."""
    found = np.full((len(rows), len(texts)), np.nan)
    for i, row in enumerate(rows):
        for j, text in enumerate(texts):
            figure = row.figures.get(text)
            if figure is not None and figure.error is not None:
                found[i, j] = figure.error
    if not texts:
        return np.full(len(rows), np.nan)
    errors: Array = np.sqrt((found**2).sum(axis=1)) / len(texts)
    return errors


def weigh_rows(table: ScoreTable, train: NDArray[np.bool_]) -> Array:
    """1 / (rest + error² of the score + (slope · error of the bits)²), (rows, benchmarks).

    The rest is what a straight line on the average compression leaves beyond those errors, from
    the training rows alone. Scaled to mean 1 over the training rows; all 1 where no error is known;
    a row with unknown error counts as one with the median error.
    """
    own, rates = table.errors, table.rate_errors
    if not (np.isfinite(own).any() or np.isfinite(rates).any()):
        return np.ones_like(table.scores)
    x = table.column(table.mean_text) if table.texts else np.zeros(len(table.models))
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
