"""How scores and compression go together, and how alike the models of one family are.

Known gap: p-values take models as independent, which models of one family are not; the intervals
resample whole families and are the ones to trust.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import (
    PARAMETERS,
    TRAINING_FLOP,
    Key,
    Row,
    benchmark_id,
    values,
)
from compression_leaderboard.fits.evaluation import resample_pearson
from compression_leaderboard.fits.table import FEWEST_GROUPS, FEWEST_MODELS
from compression_leaderboard.intervals import Interval, percentile_interval

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Correlation:
    """Pearson r and Spearman rho of a score with compression, with a 95 % family bootstrap of r.

    partial, partial_compute: Spearman given log parameters, and given log training compute; None
    where a model's is unknown. p_value: of Pearson's r, corrected over the cohort's benchmarks
    (Benjamini–Hochberg).
    """

    score: str  # column name; "score" is the mean
    label: str
    n: int
    families: int
    pearson: float
    interval: Interval
    spearman: float
    partial: float | None
    partial_compute: float | None
    p_value: float
    negative_control: bool = False


def paired_rows(cohort: Cohort, key: Key) -> list[Row]:
    """Rows that have both the mean compression and the score."""
    pair = {cohort.mean_compression, key}
    return [row for row in cohort.rows if pair <= row.figures.keys()]


def correlate(cohort: Cohort, seed: int) -> tuple[Correlation, ...]:
    """Correlate the average compression with the mean and every benchmark of enough models."""
    from statsmodels.stats.multitest import multipletests  # slow, and a prediction needs none

    columns = [(cohort.mean_score, "Mean of all benchmarks", False)]
    columns += [(s.key, s.label, s.negative_control) for s in cohort.scores]
    correlations = [c for column in columns if (c := _correlation(cohort, *column, seed))]
    if not correlations:
        return ()
    corrected = multipletests([c.p_value for c in correlations], method="fdr_bh")[1]
    return tuple(replace(c, p_value=float(p)) for c, p in zip(correlations, corrected, strict=True))


def _correlation(
    cohort: Cohort, key: Key, label: str, negative_control: bool, seed: int
) -> Correlation | None:
    """None for too few models or families, and for constant figures."""
    rows = paired_rows(cohort, key)
    x, y = values(rows, cohort.mean_compression), values(rows, key)
    families = [row.family for row in rows]
    if len(x) < FEWEST_MODELS or len(set(families)) < FEWEST_GROUPS:
        return None
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    pearson = stats.pearsonr(x, y)
    return Correlation(
        score=benchmark_id(key),
        label=label,
        n=len(x),
        families=len(set(families)),
        pearson=float(pearson.statistic),
        interval=bootstrap_pearson(x, y, families, seed),
        spearman=float(stats.spearmanr(x, y).statistic),
        partial=partial_spearman(x, y, values(rows, PARAMETERS)),
        partial_compute=partial_spearman(x, y, values(rows, TRAINING_FLOP)),
        p_value=float(pearson.pvalue),
        negative_control=negative_control,
    )


def partial_spearman(x: Array, y: Array, given: Array) -> float | None:
    """Spearman correlation of x and y given a third quantity (log or not: ranks are the same).

    None where the third is unknown for a row, or determines one of the two.
    """
    if not np.isfinite(given).all() or np.ptp(given) == 0:
        return None
    xy, xz, yz = (
        float(stats.spearmanr(a, b).statistic) for a, b in ((x, y), (x, given), (y, given))
    )
    left = (1 - xz**2) * (1 - yz**2)
    return (xy - xz * yz) / left**0.5 if left > 1e-12 else None


def bootstrap_pearson(x: Array, y: Array, families: Sequence[str], seed: int) -> Interval:
    """Interval of Pearson's r by resampling whole families: models of one family are alike.

    Draws in which a figure does not vary have no r and are left out.
    """
    groups = np.unique(np.array(families, dtype=str), return_inverse=True)[1]
    draws = resample_pearson(x, y, groups, seed)[1:]
    return percentile_interval(draws[np.isfinite(draws)])


@dataclass(frozen=True)
class FamilyVariance:
    """Fitted once, for reporting; predictions come from forms validated on left-out families.

    between: the standard deviation of families around the line of the score on the average
    compression; within: of models around their family. Scores as fractions.
    """

    between: float
    within: float

    @property
    def share(self) -> float:
        """Part of the variance around the line that families explain."""
        return self.between**2 / (self.between**2 + self.within**2)


def family_variance(x: Array, y: Array, families: Sequence[str]) -> FamilyVariance | None:
    """x: compression; y: score. None where the fit does not converge.

    Scores in points and compression in standard deviations: the optimiser wants numbers near 1.
    """
    if len(set(families)) == len(families):
        return None  # one model a family: nothing tells the two variances apart
    import statsmodels.api as sm
    from statsmodels.tools.sm_exceptions import ConvergenceWarning

    columns = sm.add_constant((x - x.mean()) / float(x.std()))
    model = sm.MixedLM(100 * y, columns, groups=np.array(families))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fit = model.fit(reml=True)
        except np.linalg.LinAlgError:
            return None
    doubts = [w for w in caught if issubclass(w.category, ConvergenceWarning)]
    if not fit.converged or any("boundary" not in str(w.message) for w in doubts):
        return None
    between = max(float(np.asarray(fit.cov_re)[0, 0]), 0.0)
    return FamilyVariance(between**0.5 / 100, float(fit.scale) ** 0.5 / 100)
