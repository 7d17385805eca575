"""The calculator of the Predict page: what predict.js computes from, and where it stands."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from scipy import stats

from generator.fits.candidates import COMPUTE, SIZE, Candidate
from generator.fits.findings import BenchmarkStudy, Study
from generator.fits.intervals import LEVELS, Errors, conformal_share, is_conformal
from generator.fits.nested import Chosen, Scaling
from generator.fits.table import MEAN, usable_texts
from generator.tables.cohorts import Cohort

Values = dict[str, Any]

AVERAGE = "compression"  # the column that holds the average of the texts
SIZES = {SIZE: ("Parameters", "number"), COMPUTE: ("Training compute", "FLOP")}


def render_calculator(cohorts: Sequence[Cohort], studies: Mapping[str, Study]) -> str:
    """The place that predict.js fills; nothing where no cohort has a fit that can be asked."""
    if not any(_answerable(cohorts, studies)):
        return ""
    return (
        '<h2 id="calculator">Predict a mean score</h2>'
        '<div id="predict" data-source="../data/predict.json">'
        "<noscript><p>Without JavaScript this page cannot compute; <code>leaderboard predict"
        "</code> answers the same question.</p></noscript>"
        '<div id="predict-form"></div><div id="predict-answer" aria-live="polite"></div></div>'
    )


def calculator_json(cohorts: Sequence[Cohort], studies: Mapping[str, Study]) -> bytes:
    """docs/data/predict.json: all that the arithmetic of `leaderboard predict` needs."""
    values = [_values(cohort, one) for cohort, one in _answerable(cohorts, studies)]
    return json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _answerable(
    cohorts: Sequence[Cohort], studies: Mapping[str, Study]
) -> Iterator[tuple[Cohort, BenchmarkStudy]]:
    """Cohorts whose mean is fitted to figures that can be asked with."""
    for cohort in cohorts:
        one = studies[cohort.name].of(MEAN)
        if one is None or one.fit is None:
            continue
        columns = {p.column for p in one.fit.candidate.predictors}
        if columns <= {c.name for c in cohort.compression} | {AVERAGE, SIZE, COMPUTE}:
            yield cohort, one


def _values(cohort: Cohort, one: BenchmarkStudy) -> Values:
    fit = one.fit
    assert fit is not None  # it is answerable
    texts = usable_texts(cohort)
    needed = _columns([fit.candidate], texts)
    used = _columns([fit.candidate, *(candidate for candidate, _, _ in fit.outer)], texts)
    rows = cohort.rows[cohort.rows[MEAN].notna()]
    if rows[SIZE].notna().any():
        used.add(SIZE)  # larger models than those have wider intervals
    shown = {c.name: (c.label, c.unit) for c in cohort.compression} | SIZES
    return {
        "name": cohort.name,
        "title": cohort.title,
        "benchmark": one.benchmark.label,
        "chance": one.benchmark.chance,
        "ceiling": one.benchmark.ceiling,
        "models": fit.chosen.rows,
        "groups": fit.chosen.groups,
        "fields": [
            {"column": name, "label": label, "unit": unit, "needed": name in needed}
            | {"low": float(rows[name].min()), "high": float(rows[name].max())}
            for name, (label, unit) in shown.items()
            if name in used
        ],
        "average": list(texts),
        "fit": _curve(fit.candidate, fit.scaling, fit.chosen)
        | {
            "label": fit.candidate.label,
            "bounds": fit.chosen.bounds.T.tolist(),
            "reach": list(fit.chosen.reach),
        },
        "folds": [_curve(*outer) for outer in fit.outer],
        "scale": asdict(fit.chosen.scale),
        "largest": fit.chosen.largest,
        "errors": {
            "size": fit.errors.size.tolist(),
            "fold": fit.errors.fold.tolist(),
            "weight": fit.errors.weight.tolist(),
        },
        "intervals": [_interval(level, fit.errors) for level in LEVELS],
    }


def _columns(candidates: Sequence[Candidate], texts: Sequence[str]) -> set[str]:
    """Columns that the predictors are made of: the average of every text."""
    named = {p.column for candidate in candidates for p in candidate.predictors}
    return named - {AVERAGE} | (set(texts) if AVERAGE in named else set())


def _curve(candidate: Candidate, scaling: Scaling, chosen: Chosen) -> Values:
    """z = (value − centre) / scale of each predictor, then the form with its parameters."""
    return {
        "form": candidate.form,
        "predictors": [
            {"column": p.column, "log": p.log, "centre": float(centre), "scale": float(scale)}
            for p, centre, scale in zip(
                candidate.predictors, scaling.centre, scaling.scale, strict=True
            )
        ],
        "parameters": chosen.parameters.tolist(),
    }


def _interval(level: float, errors: Errors) -> Values:
    """Conformal: the share of the errors; model-based: half the width over the scale."""
    if is_conformal(level, errors.groups):
        return {"level": level, "kind": "conformal", "share": conformal_share(level, errors)}
    half = float(stats.t.ppf((1 + level) / 2, errors.freedom)) * errors.root
    return {"level": level, "kind": "model-based", "half": half}
