"""A cohort as arrays: predictors, scores, the rows that take part, and their weights."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import PARAMETERS, Key, Row, benchmark_id, errors, values
from compression_leaderboard.wording import counted, plural

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

FEWEST_MODELS = 8
FEWEST_GROUPS = 3
AT_CHANCE = 0.02  # scores no higher above chance than this tell nothing, where no error is known
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
    """Rows with some compression figure. Unknown scores, errors and sizes are NaN.

    scores: NaN too where a row lacks a usable figure, so that every candidate trains on the same
    rows; such a row is predicted from the figures that it has.
    """

    split: str
    train_up_to: float | None
    rows: tuple[Row, ...]  # the cohort's rows that take part
    groups: NDArray[np.int64]  # (rows,), numbered in order of name
    sizes: Array  # (rows,) parameters
    texts: tuple[Key, ...]  # usable compression figures
    mean_text: Key  # the mean over the usable texts
    averages_texts: bool  # whether that mean is over fewer texts than the cohort has
    benchmarks: tuple[Benchmark, ...]
    scores: Array  # (rows, benchmarks)
    has_score: Mask  # (rows, benchmarks): whether the score itself is known
    errors: Array  # (rows, benchmarks) standard errors of scores, same unit
    rate_errors: Array  # (rows,) standard error of the average compression

    def column(self, key: Key) -> Array:
        """Return a figure of every row; the mean compression is that over the usable texts."""
        if key == self.mean_text and self.averages_texts:
            means: Array = np.mean([values(self.rows, text) for text in self.texts], axis=0)
            return means
        return values(self.rows, key)

    def subset(self, benchmarks: Sequence[int]) -> "ScoreTable":
        """Return these benchmarks of the table, all rows."""
        chosen = list(benchmarks)
        return replace(
            self,
            benchmarks=tuple(self.benchmarks[k] for k in chosen),
            scores=self.scores[:, chosen],
            has_score=self.has_score[:, chosen],
            errors=self.errors[:, chosen],
        )


def usable_texts(cohort: Cohort) -> tuple[Key, ...]:
    """Return the compression figures that most rows with any have and that vary."""
    columns = {column.key: cohort.values(column.key) for column in cohort.compression}
    if not columns:
        return ()
    some = np.isfinite(np.array(list(columns.values()))).any(axis=0)
    return tuple(
        key
        for key, figures in columns.items()
        if some.any()
        and np.isfinite(figures[some]).mean() >= KNOWN_SHARE
        and np.nanmin(figures) < np.nanmax(figures)
    )


def make_table(cohort: Cohort) -> ScoreTable:
    """Take the rows with some usable compression figure; those that lack one train nothing."""
    texts = usable_texts(cohort)
    rows = tuple(row for row in cohort.rows if any(row.value(text) is not None for text in texts))
    complete = np.array([all(row.value(t) is not None for t in texts) for row in rows], dtype=bool)
    benchmarks = _benchmarks(cohort)
    scores = _columns([values(rows, b.key) for b in benchmarks], len(rows))
    rate_errors = _columns([errors(rows, text) for text in texts], len(rows))
    return ScoreTable(
        split=cohort.split,
        train_up_to=cohort.train_up_to,
        rows=rows,
        groups=np.unique(np.array([r.family for r in rows], dtype=str), return_inverse=True)[1],
        sizes=values(rows, PARAMETERS),
        texts=texts,
        mean_text=cohort.mean_compression,
        averages_texts=len(texts) < len(cohort.compression),
        benchmarks=benchmarks,
        scores=np.where(complete[:, None], scores, np.nan),
        has_score=np.isfinite(scores),
        errors=_columns([errors(rows, b.key) for b in benchmarks], len(rows)),
        rate_errors=np.sqrt((rate_errors**2).sum(axis=1)) / max(len(texts), 1),
    )


def _benchmarks(cohort: Cohort) -> tuple[Benchmark, ...]:
    """List the cohort's benchmarks, and first their mean where it has several."""
    benchmarks = [
        Benchmark(s.key, s.label, s.chance or 0.0, s.ceiling or 1.0, s.negative_control)
        for s in cohort.scores
    ]
    counted = [b for b, s in zip(benchmarks, cohort.scores, strict=True) if s.in_mean]
    if len(counted) > 1:
        chance = float(np.mean([b.chance for b in counted]))
        ceiling = float(np.mean([b.ceiling for b in counted]))
        label = f"Mean of {len(counted)} benchmarks"
        benchmarks.insert(0, Benchmark(cohort.mean_score, label, chance, ceiling))
    return tuple(benchmarks)


def _columns(columns: Sequence[Array], rows: int) -> Array:
    return np.column_stack(columns) if columns else np.empty((rows, 0))


def find_shortage(table: ScoreTable, benchmark: int) -> str | None:
    """Say why a benchmark cannot be fitted; None where it can."""
    scores = table.scores[:, benchmark]
    known = np.isfinite(scores)
    if shortage := too_few(int(known.sum()), len(np.unique(table.groups[known])), "group"):
        return shortage
    if np.ptp(scores[known]) == 0 or all(np.ptp(table.column(t)[known]) == 0 for t in table.texts):
        return "not enough evidence: all models have the same figures"
    error = np.nan_to_num(2 * table.errors[known, benchmark], nan=AT_CHANCE)
    if (np.abs(scores[known] - table.benchmarks[benchmark].chance) <= error).all():
        return "not enough evidence: all scores are at chance"
    return None


def too_few(models: int, groups: int, noun: str) -> str | None:
    """Say that a fit needs more models or groups; None where there are enough."""
    if models >= FEWEST_MODELS and groups >= FEWEST_GROUPS:
        return None
    return (
        f"not enough evidence: {counted(models, 'model')} of {counted(groups, noun)} "
        f"{plural(models, 'has', 'have')} all figures; a fit needs at least {FEWEST_MODELS} "
        f"models of {FEWEST_GROUPS} {plural(FEWEST_GROUPS, noun)}"
    )


def weigh_rows(table: ScoreTable, train: Mask) -> Array:
    """1 / (rest + error² of the score + (slope · error of the bits)²), (rows, benchmarks).

    The rest is what a straight line on the average compression leaves beyond those errors, from
    the training rows alone. Scaled to mean 1 over the training rows; all 1 where no error is known;
    a row with unknown error counts as one with the median error.
    """
    if not (np.isfinite(table.errors).any() or np.isfinite(table.rate_errors).any()):
        return np.ones_like(table.scores)
    x = table.column(table.mean_text)[:, None]
    known = np.isfinite(table.scores) & train[:, None]
    count = np.maximum(known.sum(axis=0), 1)

    def mean(figures: Array) -> Array:
        means: Array = np.where(known, figures, 0).sum(axis=0) / count
        return means

    dx = np.where(known, x - mean(x), 0)
    dy = np.where(known, table.scores - mean(table.scores), 0)
    slope = (dx * dy).sum(axis=0) / np.maximum((dx**2).sum(axis=0), 1e-300)
    around = mean((dy - slope * dx) ** 2)
    rate_variance = (slope * _filled(table.rate_errors[:, None])) ** 2
    variance = _filled(table.errors) ** 2 + rate_variance
    rest = np.maximum(around - mean(variance), 0.1 * around)
    weights = 1 / np.maximum(rest + variance, 1e-12)
    scale = mean(weights)
    result: Array = weights / np.where(scale > 0, scale, 1)
    return result


def _filled(errors: Array) -> Array:
    """Unknown errors as the median of the known ones of the column; 0 where none is known."""
    known = np.isfinite(errors)
    medians = [
        float(np.median(column[have])) if have.any() else 0.0
        for column, have in zip(errors.T, known.T, strict=True)
    ]
    return np.where(known, errors, medians)
