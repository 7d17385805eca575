"""What a cohort shows: correlations, the line of the headline chart, and the study behind both."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.api as sm

from generator.fits.correlations import Correlation, correlate
from generator.fits.findings import Study
from generator.fits.study import FEWEST_GROUPS, FEWEST_MODELS, counted, study_cohort
from generator.fits.variance import FamilyVariance, family_variance
from generator.tables.cohorts import Cohort


@dataclass(frozen=True)
class Line:
    """Ordinary least squares over all rows, with a 95 % band for the mean, for the chart."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Evidence:
    """What a cohort shows. `shortage` says why the mean was not fitted; then there is no line."""

    shortage: str | None
    n: int
    families: int
    study: Study
    correlations: tuple[Correlation, ...] = ()
    line: Line | None = None
    variance: FamilyVariance | None = None


def weigh_evidence(cohort: Cohort, seed: int = 0) -> Evidence:
    """Correlations, fits judged on left-out rows, and predictions of a cohort."""
    known = cohort.rows.dropna(subset=["compression", "score"])
    n, families = len(known), known["family"].nunique()
    study = study_cohort(cohort, seed)
    correlations = correlate(cohort, FEWEST_MODELS, FEWEST_GROUPS, seed)
    shortage = _shortage(known, n, families) or next((b.shortage for b in study.benchmarks), None)
    if shortage is not None:
        return Evidence(shortage, n, families, study, correlations)
    return Evidence(None, n, families, study, correlations, _line(known), family_variance(known))


def _shortage(known: pd.DataFrame, n: int, families: int) -> str | None:
    if n < FEWEST_MODELS or families < FEWEST_GROUPS:
        return (
            f"not enough evidence: {counted(n, 'model')} of {families} "
            f"{'family' if families == 1 else 'families'} "
            f"{'has' if n == 1 else 'have'} all figures; a fit needs at least {FEWEST_MODELS} "
            f"models of {FEWEST_GROUPS} families"
        )
    if known["compression"].nunique() == 1 or known["score"].nunique() == 1:
        return "not enough evidence: all models have the same figures"
    return None


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
