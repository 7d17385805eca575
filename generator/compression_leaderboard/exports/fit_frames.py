"""The fits as tables: predictions, accuracy and coverage, correlations, and left-out rows."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from compression_leaderboard.fits.evaluation import Estimate, Judgement
from compression_leaderboard.fits.findings import BenchmarkStudy
from compression_leaderboard.fits.study import Evidence

Row = dict[str, object]

INTERVAL = ("", "_low95", "_high95")
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
FITS = (
    "cohort",
    "benchmark",
    "fold",
    "n",
    "groups",
    "form",
    "predictors",
    "chosen",
    *(f"{name}{end}" for name in ("mae", "rmse", "r2", "spearman") for end in INTERVAL),
    "best_baseline",
    *(f"gain{end}" for end in INTERVAL),
    *(f"coverage{level}{end}" for level in (80, 95) for end in INTERVAL),
    "interval80",
    "interval95",
    "shortage",
)
CORRELATIONS = (
    "cohort",
    "benchmark",
    "n",
    "groups",
    "pearson",
    "pearson_low95",
    "pearson_high95",
    "p_corrected",
    "rank_correlation",
    "partial_parameters",
    "partial_compute",
    "negative_control",
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
    parts = [
        _residuals(cohort, study.benchmark.name, judgement)
        for cohort, found in evidence.items()
        for study in found.study.benchmarks
        for judgement in study.judgements
    ]
    if not parts:
        return pd.DataFrame(columns=list(RESIDUALS))
    return pd.concat(parts, ignore_index=True)[list(RESIDUALS)]


def _residuals(cohort: str, benchmark: str, judgement: Judgement) -> pd.DataFrame:
    """By column: there may be hundreds of thousands of rows."""
    rows = judgement.rows
    measured, predicted = np.array(rows.measured), np.array(rows.predicted)
    ends = np.array(rows.ends).reshape(len(rows), len(ENDS))
    return pd.DataFrame(
        {
            "cohort": cohort,
            "model": rows.models,
            "benchmark": benchmark,
            "fold": judgement.kind,
            "measured": measured,
            "prediction": predicted,
            "residual": measured - predicted,
            **dict(zip(ENDS, ends.T, strict=True)),
            "form": [form for form, _ in rows.fits],
            "predictors": [predictors for _, predictors in rows.fits],
        }
    )


def fit_frame(evidence: Mapping[str, Evidence]) -> pd.DataFrame:
    """One row a cohort, benchmark and kind of fold; where nothing was fitted, the reason."""
    rows: list[Row] = []
    for cohort, found in evidence.items():
        for study in found.study.benchmarks:
            own: Row = {"cohort": cohort, "benchmark": study.benchmark.name}
            if study.fit is None:
                rows.append(own | {"fold": "none", "shortage": study.shortage})
            rows += [own | _fit_row(study, judgement) for judgement in study.judgements]
    return pd.DataFrame(rows, columns=list(FITS))


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
    return row


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
    return pd.DataFrame(rows, columns=list(CORRELATIONS))


def _ends(intervals: Sequence[tuple[float, float]]) -> Row:
    return dict(zip(ENDS, (end for interval in intervals for end in interval), strict=True))


def _estimate(name: str, estimate: Estimate | None) -> Row:
    value, low, high = (
        (estimate.value, estimate.low, estimate.high) if estimate else (None, None, None)
    )
    return {f"{name}{end}": one for end, one in zip(INTERVAL, (value, low, high), strict=True)}
