"""Does compression tell a cohort's scores, out of sample, and better than size or compute alone?

First version: correlations, and straight lines judged by leaving one family out at a time.
Known gap: p-values take models as independent, which models of one family are not; the intervals
resample whole families and are the ones to trust.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from generator.fits.contenders import BOOTSTRAP_DRAWS, Comparison, compare_predictors
from generator.tables.cohorts import Cohort

FEWEST_MODELS = 8
FEWEST_FAMILIES = 3

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Correlation:
    """Pearson r and Spearman rho of a score with compression, with a 95 % family bootstrap of r."""

    score: str  # column name; "score" is the mean
    label: str
    n: int
    families: int
    pearson: float
    low: float
    high: float
    spearman: float
    partial: float | None  # Spearman given log parameters; None where a model's size is unknown
    p_value: float  # of Pearson's r, corrected over all rows of the table (Benjamini–Hochberg)


@dataclass(frozen=True)
class Line:
    """Ordinary least squares over all rows, with a 95 % band for the mean, for the chart."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Evidence:
    """What a cohort shows. `shortage` says why nothing was fitted; then the rest is empty."""

    shortage: str | None
    n: int
    families: int
    correlations: tuple[Correlation, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    line: Line | None = None


def weigh_evidence(cohort: Cohort, seed: int = 0) -> Evidence:
    """Correlations and the leave-one-family-out comparisons of a cohort."""
    known = cohort.rows.dropna(subset=["compression", "score"])
    n, families = len(known), known["family"].nunique()
    if not _is_enough(known):
        shortage = (
            f"not enough evidence: {_counted(n, 'model')} of {_counted(families, 'family')} "
            f"{'has' if n == 1 else 'have'} all figures; a fit needs at least {FEWEST_MODELS} "
            f"models of {FEWEST_FAMILIES} families"
        )
        return Evidence(shortage, n, families)
    if known["compression"].nunique() == 1 or known["score"].nunique() == 1:
        return Evidence("not enough evidence: all models have the same figures", n, families)
    sized = known.dropna(subset=["parameters"])
    computed = sized.dropna(subset=["training_flop"])
    comparisons = []
    if _is_enough(sized):
        comparisons.append(compare_predictors(sized, ("parameters",), seed))
    if _is_enough(computed):
        comparisons.append(compare_predictors(computed, ("parameters", "training_flop"), seed))
    return Evidence(
        shortage=None,
        n=n,
        families=families,
        correlations=_correlations(cohort, seed),
        comparisons=tuple(comparisons),
        line=_line(known),
    )


def _is_enough(rows: pd.DataFrame) -> bool:
    return len(rows) >= FEWEST_MODELS and rows["family"].nunique() >= FEWEST_FAMILIES


def _counted(n: int, noun: str) -> str:
    plural = f"{noun.removesuffix('y')}ies" if noun.endswith("y") else f"{noun}s"
    return f"{n} {noun if n == 1 else plural}"


def _correlations(cohort: Cohort, seed: int) -> tuple[Correlation, ...]:
    labels = {"score": "Mean of all benchmarks"} | {s.name: s.label for s in cohort.scores}
    found = []
    for name, label in labels.items():
        rows = cohort.rows.dropna(subset=["compression", name])
        varies = rows[name].nunique() > 1 and rows["compression"].nunique() > 1
        if _is_enough(rows) and varies:
            found.append(_correlation(rows, name, label, seed))
    if not found:
        return ()
    corrected = multipletests([c.p_value for c in found], method="fdr_bh")[1]
    return tuple(replace(c, p_value=float(p)) for c, p in zip(found, corrected, strict=True))


def _correlation(rows: pd.DataFrame, name: str, label: str, seed: int) -> Correlation:
    x, y = rows["compression"].to_numpy(), rows[name].to_numpy()
    pearson = stats.pearsonr(x, y)
    low, high = bootstrap_pearson(rows, name, seed)
    return Correlation(
        score=name,
        label=label,
        n=len(rows),
        families=rows["family"].nunique(),
        pearson=float(pearson.statistic),
        low=low,
        high=high,
        spearman=float(stats.spearmanr(x, y).statistic),
        partial=partial_spearman(x, y, rows["parameters"].to_numpy()),
        p_value=float(pearson.pvalue),
    )


def partial_spearman(x: Array, y: Array, given: Array) -> float | None:
    """Spearman correlation of x and y given a third quantity (log or not: ranks are the same).

    None where the third is unknown for a row, or tells one of the two completely.
    """
    if not np.isfinite(given).all():
        return None
    xy, xz, yz = (
        float(stats.spearmanr(a, b).statistic) for a, b in ((x, y), (x, given), (y, given))
    )
    left = (1 - xz**2) * (1 - yz**2)
    return (xy - xz * yz) / left**0.5 if left > 1e-12 else None


def bootstrap_pearson(rows: pd.DataFrame, name: str, seed: int) -> tuple[float, float]:
    """95 % interval of Pearson's r by resampling whole families: models of one family are alike.

    Sums and products of each family are added up, so that a draw costs one small matrix product.
    Draws in which a figure does not vary have no r and are left out.
    """
    x, y = rows["compression"].to_numpy(), rows[name].to_numpy()
    x, y = x - x.mean(), y - y.mean()
    parts = np.column_stack([np.ones_like(x), x, y, x * x, y * y, x * y])
    sums = pd.DataFrame(parts).groupby(rows["family"].to_numpy(), sort=True).sum().to_numpy()
    families = len(sums)
    generator = np.random.default_rng(seed)
    times = generator.multinomial(families, np.full(families, 1 / families), BOOTSTRAP_DRAWS)
    n, sx, sy, sxx, syy, sxy = (times @ sums).T
    with np.errstate(invalid="ignore", divide="ignore"):
        values = (n * sxy - sx * sy) / np.sqrt((n * sxx - sx**2) * (n * syy - sy**2))
    low, high = np.quantile(values[np.isfinite(values)], [0.025, 0.975])
    return float(low), float(high)


def _line(known: pd.DataFrame) -> Line:
    """The line of the chart; its band allows for unequal variance (HC3) and small n (Student)."""
    x = known["compression"].to_numpy()
    model = sm.OLS(known["score"].to_numpy(), sm.add_constant(x))
    fit = model.fit(cov_type="HC3", use_t=True)
    grid = np.linspace(x.min(), x.max(), 41)
    band = fit.get_prediction(sm.add_constant(grid)).summary_frame(alpha=0.05)
    return Line(
        x=tuple(grid.tolist()),
        y=tuple(band["mean"].tolist()),
        low=tuple(band["mean_ci_lower"].tolist()),
        high=tuple(band["mean_ci_upper"].tolist()),
    )
