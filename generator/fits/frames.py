"""The fits as tables: predictions, accuracy and coverage, correlations, and left-out rows."""

from collections.abc import Mapping, Sequence

import pandas as pd

from generator.fits.accuracy import Estimate
from generator.fits.evidence import Evidence
from generator.fits.study import BenchmarkStudy, Judgement

Row = dict[str, object]

ENDS = ("low80", "high80", "low95", "high95")
PREDICTIONS = (
    "cohort",
    "model",
    "benchmark",
    "prediction",
    *ENDS,
    "form",
    "predictors",
    "extrapolation",
)
RESIDUALS = (
    "cohort",
    "model",
    "benchmark",
    "fold",
    "measured",
    "prediction",
    "residual",
    *ENDS,
    "form",
    "predictors",
)


def prediction_frame(evidence: Mapping[str, Evidence]) -> pd.DataFrame:
    """One row a cohort, model and benchmark that the model has no score of."""
    rows = [
        {
            "cohort": cohort,
            "model": p.model,
            "benchmark": p.benchmark,
            "prediction": p.value,
            **_ends(p.intervals),
            "form": p.form,
            "predictors": p.predictors,
            "extrapolation": p.extrapolation,
        }
        for cohort, found in evidence.items()
        for study in found.study.benchmarks
        for p in study.predictions
    ]
    return pd.DataFrame(rows, columns=list(PREDICTIONS))


def residual_frame(evidence: Mapping[str, Evidence]) -> pd.DataFrame:
    """One row a cohort, benchmark, kind of fold and left-out model."""
    rows = [
        {
            "cohort": cohort,
            "model": row.model,
            "benchmark": study.benchmark.name,
            "fold": judgement.kind,
            "measured": row.measured,
            "prediction": row.predicted,
            "residual": row.measured - row.predicted,
            **_ends(row.intervals),
            "form": row.form,
            "predictors": row.predictors,
        }
        for cohort, found in evidence.items()
        for study in found.study.benchmarks
        for judgement in study.judgements
        for row in judgement.rows
    ]
    return pd.DataFrame(rows, columns=list(RESIDUALS))


def fit_frame(evidence: Mapping[str, Evidence]) -> pd.DataFrame:
    """One row a cohort, benchmark and kind of fold; where nothing was fitted, the reason."""
    rows: list[Row] = []
    for cohort, found in evidence.items():
        for study in found.study.benchmarks:
            own: Row = {"cohort": cohort, "benchmark": study.benchmark.name}
            if study.fit is None:
                rows.append(own | {"shortage": study.shortage})
            rows += [own | _fit_row(study, judgement) for judgement in study.judgements]
    columns = list(dict.fromkeys(["cohort", "benchmark", *(c for row in rows for c in row)]))
    return pd.DataFrame(rows, columns=columns)


def _fit_row(study: BenchmarkStudy, judgement: Judgement) -> Row:
    fit, accuracy = study.fit, judgement.accuracy
    assert fit is not None  # it was judged
    row: Row = {
        "fold": judgement.kind,
        "n": accuracy.n,
        "groups": accuracy.groups,
        "form": fit.candidate.form,
        "predictors": fit.candidate.label,
        "chosen": "; ".join(f"{form} of {label}: {n}" for label, form, n in judgement.chosen),
        **_estimate("mae", accuracy.mae),
        **_estimate("rmse", accuracy.rmse),
        **_estimate("r2", accuracy.r2),
        **_estimate("spearman", accuracy.spearman),
    }
    if judgement.kind == "group" and study.comparison is not None:
        best = study.comparison.best_baseline
        row |= {"best_baseline": best.name, **_estimate("gain", best.excess)}
    for coverage in judgement.coverage:
        name = f"coverage{100 * coverage.level:.0f}"
        row |= _estimate(name, Estimate(coverage.share, coverage.low, coverage.high))
        row[f"interval{100 * coverage.level:.0f}"] = coverage.kind
    return row | {"shortage": None}


def correlation_frame(evidence: Mapping[str, Evidence]) -> pd.DataFrame:
    """One row a cohort and benchmark."""
    rows = [
        {
            "cohort": cohort,
            "benchmark": c.score,
            "n": c.n,
            "groups": c.families,
            **_estimate("pearson", Estimate(c.pearson, c.low, c.high)),
            "p_corrected": c.p_value,
            "rank_correlation": c.spearman,
            "partial_parameters": c.partial,
            "partial_compute": c.partial_compute,
            "negative_control": c.negative_control,
        }
        for cohort, found in evidence.items()
        for c in found.correlations
    ]
    return pd.DataFrame(rows)


def _ends(intervals: Sequence[tuple[float, float]]) -> Row:
    return dict(zip(ENDS, (end for interval in intervals for end in interval), strict=True))


def _estimate(name: str, estimate: Estimate | None) -> Row:
    value, low, high = (
        (estimate.value, estimate.low, estimate.high) if estimate else (None, None, None)
    )
    return {name: value, f"{name}_low95": low, f"{name}_high95": high}
