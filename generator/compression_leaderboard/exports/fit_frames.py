"""The fits as tables: predictions, accuracy and coverage, correlations, and left-out rows."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from compression_leaderboard.exports import board_tables
from compression_leaderboard.exports.columns import DATA_LICENCE, Table
from compression_leaderboard.fits.evaluation import Estimate, Judgement
from compression_leaderboard.fits.findings import BenchmarkStudy
from compression_leaderboard.fits.study import Evidence

Row = dict[str, object]

ENDS = tuple(field.name for field in board_tables.ENDS)


def _columns(table: Table) -> list[str]:
    """The columns of a table but for the licence, which depends on the cohort alone."""
    return [field.name for field in table.fields if field is not DATA_LICENCE]


PREDICTIONS = _columns(board_tables.PREDICTIONS)
RESIDUALS = _columns(board_tables.RESIDUALS)
FITS = _columns(board_tables.FITS)
CORRELATIONS = _columns(board_tables.CORRELATIONS)


def prediction_frame(evidence: Mapping[str, Evidence]) -> pd.DataFrame:
    """One row per cohort, model and benchmark that the model has no score of."""
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
        for cohort, result in evidence.items()
        for study in result.study.benchmarks
        for p in study.predictions
    ]
    return pd.DataFrame(rows, columns=PREDICTIONS)


def _ends(intervals: Sequence[tuple[float, float]]) -> Row:
    return dict(zip(ENDS, (end for interval in intervals for end in interval), strict=True))


def residual_frame(evidence: Mapping[str, Evidence]) -> pd.DataFrame:
    """One row per cohort, benchmark, kind of fold and left-out model."""
    parts = [
        _residuals(cohort, study.benchmark.name, judgement)
        for cohort, result in evidence.items()
        for study in result.study.benchmarks
        for judgement in study.judgements
    ]
    if not parts:
        return pd.DataFrame(columns=RESIDUALS)
    return pd.concat(parts, ignore_index=True)[RESIDUALS]


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
    """One row per cohort, benchmark and kind of fold; where nothing was fitted, the reason."""
    rows: list[Row] = []
    for cohort, result in evidence.items():
        for study in result.study.benchmarks:
            subject: Row = {"cohort": cohort, "benchmark": study.benchmark.name}
            if study.fit is None:
                rows.append(subject | {"fold": "none", "shortage": study.shortage})
            rows += [subject | _fit_row(study, judgement) for judgement in study.judgements]
    return pd.DataFrame(rows, columns=FITS)


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
    }
    for name in ("mae", "rmse", "r2", "spearman"):
        row |= _estimate(name, getattr(accuracy, name))
    if judgement.kind == "group" and study.comparison is not None:
        best = study.comparison.best_baseline
        row |= {"best_baseline": best.name, **_estimate("gain", best.excess)}
    for coverage in judgement.coverage:
        level = f"{100 * coverage.level:.0f}"
        estimate = Estimate(coverage.share, coverage.low, coverage.high)
        row |= _estimate(f"coverage{level}", estimate) | {f"interval{level}": coverage.kind}
    return row


def correlation_frame(evidence: Mapping[str, Evidence]) -> pd.DataFrame:
    """One row per cohort and benchmark."""
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
        for cohort, result in evidence.items()
        for c in result.correlations
    ]
    return pd.DataFrame(rows, columns=CORRELATIONS)


def _estimate(name: str, estimate: Estimate | None) -> Row:
    if estimate is None:
        return {}
    return {
        name: estimate.value,
        f"{name}_low95": estimate.low,
        f"{name}_high95": estimate.high,
    }
