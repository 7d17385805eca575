"""Does compression tell a cohort's scores, out of sample, and better than size alone?

First version: correlations, and a straight line judged by leaving one family out at a time.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from generator.tables.cohorts import Cohort

FEWEST_MODELS = 8
FEWEST_FAMILIES = 3
BOOTSTRAP_DRAWS = 2000

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
    p_value: float  # of Pearson's r, corrected over the benchmarks (Benjamini–Hochberg)


@dataclass(frozen=True)
class Contender:
    """A predictor of the mean score, judged on families that its fit did not see."""

    name: str
    mean_absolute_error: float
    root_mean_square_error: float
    is_baseline: bool


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
    contenders: tuple[Contender, ...] = ()  # on the same rows, best first
    line: Line | None = None


def weigh_evidence(cohort: Cohort, seed: int = 0) -> Evidence:
    """Correlations and the leave-one-family-out comparison of a cohort."""
    known = cohort.rows.dropna(subset=["compression", "score"])
    n, families = len(known), known["family"].nunique()
    if n < FEWEST_MODELS or families < FEWEST_FAMILIES:
        shortage = (
            f"not enough evidence: {n} models of {families} families have all figures; "
            f"a fit needs at least {FEWEST_MODELS} models of {FEWEST_FAMILIES} families"
        )
        return Evidence(shortage, n, families)
    if known["compression"].nunique() == 1 or known["score"].nunique() == 1:
        return Evidence("not enough evidence: all models have the same figures", n, families)
    return Evidence(
        shortage=None,
        n=n,
        families=families,
        correlations=_correlations(cohort, seed),
        contenders=_contenders(known),
        line=_line(known),
    )


def _correlations(cohort: Cohort, seed: int) -> tuple[Correlation, ...]:
    labels = {"score": "Mean of all benchmarks"} | {s.name: s.label for s in cohort.scores}
    found = []
    for name, label in labels.items():
        rows = cohort.rows.dropna(subset=["compression", name])
        if len(rows) < FEWEST_MODELS or rows[name].nunique() < 2:
            continue
        found.append(_correlation(rows, name, label, seed))
    if not found:
        return ()
    corrected = multipletests([c.p_value for c in found], method="fdr_bh")[1]
    return tuple(
        Correlation(**(vars(c) | {"p_value": float(p)}))
        for c, p in zip(found, corrected, strict=True)
    )


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
        p_value=float(pearson.pvalue),
    )


def bootstrap_pearson(rows: pd.DataFrame, name: str, seed: int) -> tuple[float, float]:
    """95 % interval of Pearson's r by resampling whole families: models of one family are alike.

    Sums and products of each family are added up, so that a draw costs one small matrix product.
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
    low, high = np.nanquantile(values[np.isfinite(values)], [0.025, 0.975])
    return float(low), float(high)


def _contenders(known: pd.DataFrame) -> tuple[Contender, ...]:
    """Straight lines on one predictor each, on the rows that have all of them."""
    rows = known.dropna(subset=["parameters"])
    if len(rows) < FEWEST_MODELS or rows["family"].nunique() < FEWEST_FAMILIES:
        return ()
    logs = np.log10(rows["parameters"].to_numpy())
    predictors = [
        ("compression", rows["compression"].to_numpy(), False),
        ("log parameters", logs, True),
        ("mean of the training rows", None, True),
    ]
    contenders = []
    for name, values, is_baseline in predictors:
        errors = _left_out_errors(rows, values)
        contenders.append(
            Contender(
                name=name,
                mean_absolute_error=float(np.abs(errors).mean()),
                root_mean_square_error=float(np.sqrt((errors**2).mean())),
                is_baseline=is_baseline,
            )
        )
    return tuple(sorted(contenders, key=lambda c: c.mean_absolute_error))


def _left_out_errors(rows: pd.DataFrame, predictor: Array | None) -> Array:
    """Score minus prediction for every row, the fit never having seen the row's family."""
    score, family = rows["score"].to_numpy(), rows["family"].to_numpy()
    columns = np.ones((len(rows), 1))
    if predictor is not None:
        columns = np.column_stack([columns, predictor])
    errors = np.empty(len(rows))
    for left_out in sorted(set(family)):
        held = family == left_out
        fit = sm.OLS(score[~held], columns[~held]).fit()
        errors[held] = score[held] - np.clip(fit.predict(columns[held]), 0, 1)
    return errors


def _line(known: pd.DataFrame) -> Line:
    x = known["compression"].to_numpy()
    fit = sm.OLS(known["score"].to_numpy(), sm.add_constant(x)).fit(cov_type="HC3")
    grid = np.linspace(x.min(), x.max(), 41)
    band = fit.get_prediction(sm.add_constant(grid)).summary_frame(alpha=0.05)
    return Line(
        x=tuple(grid.tolist()),
        y=tuple(band["mean"].tolist()),
        low=tuple(band["mean_ci_lower"].tolist()),
        high=tuple(band["mean_ci_upper"].tolist()),
    )
