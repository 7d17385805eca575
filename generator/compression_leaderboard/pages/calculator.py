"""The data of the calculator on the page Predict: the arithmetic of `leaderboard predict`.

site/docs/assets/predict.js computes with them; tests/vectors/calculator.json compares the two.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from scipy import stats

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import PARAMETERS, TRAINING_FLOP, Key, values
from compression_leaderboard.fits.candidates import Candidate
from compression_leaderboard.fits.findings import BenchmarkStudy, Study
from compression_leaderboard.fits.intervals import LEVELS, Errors, conformal_share, is_conformal
from compression_leaderboard.fits.nested_cv import Chosen, Scaling
from compression_leaderboard.fits.table import usable_texts

Values = dict[str, Any]

SIZES = {PARAMETERS: ("Parameters", "number"), TRAINING_FLOP: ("Training compute", "FLOP")}


def calculator_json(cohorts: Sequence[Cohort], studies: Mapping[str, Study]) -> bytes:
    """Write docs/data/predict.json: all that the arithmetic of `leaderboard predict` needs."""
    content = [_values(cohort, study) for cohort, study in answerable(cohorts, studies)]
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def answerable(
    cohorts: Sequence[Cohort], studies: Mapping[str, Study]
) -> Iterator[tuple[Cohort, BenchmarkStudy]]:
    """Yield cohorts whose mean is fitted to figures that users can type, with its study."""
    for cohort in cohorts:
        study = studies[cohort.name].of(cohort.mean_score)
        if study is None or study.fit is None:
            continue
        keys = {p.key for p in study.fit.candidate.predictors}
        if keys <= {c.key for c in cohort.compression} | {cohort.mean_compression, *SIZES}:
            yield cohort, study


def _values(cohort: Cohort, study: BenchmarkStudy) -> Values:
    fit = study.fit
    assert fit is not None  # it is answerable
    texts = usable_texts(cohort)
    mean = cohort.mean_compression
    needed = _keys([fit.candidate], mean, texts)
    used = _keys([fit.candidate, *(candidate for candidate, _, _ in fit.outer)], mean, texts)
    rows = [row for row in cohort.rows if cohort.mean_score in row.figures]
    if any(row.parameters is not None for row in rows):
        used.add(PARAMETERS)  # larger models than those have wider intervals
    shown = {c.key: (c.label, c.unit) for c in cohort.compression} | SIZES
    return {
        "name": cohort.name,
        "title": cohort.title,
        "benchmark": study.benchmark.label,
        "chance": study.benchmark.chance,
        "ceiling": study.benchmark.ceiling,
        "models": fit.chosen.rows,
        "groups": fit.chosen.groups,
        "fields": [
            {"column": key.id, "label": label, "unit": unit, "needed": key in needed}
            | {"low": float(np.nanmin(known)), "high": float(np.nanmax(known))}
            for key, (label, unit) in shown.items()
            if key in used
            for known in [values(rows, key)]
        ],
        "average": [text.id for text in texts],
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


def _keys(candidates: Sequence[Candidate], mean: Key, texts: Sequence[Key]) -> set[Key]:
    """Return what the predictors are made of: the texts in place of their mean."""
    named = {p.key for candidate in candidates for p in candidate.predictors}
    return named - {mean} | (set(texts) if mean in named else set())


def _curve(candidate: Candidate, scaling: Scaling, chosen: Chosen) -> Values:
    """Describe a curve: z = (value − centre) / scale of each predictor, then the form."""
    return {
        "form": candidate.form,
        "predictors": [
            {"column": p.key.id, "log": p.log, "centre": float(centre), "scale": float(scale)}
            for p, centre, scale in zip(
                candidate.predictors, scaling.centre, scaling.scale, strict=True
            )
        ],
        "parameters": chosen.parameters.tolist(),
    }


def _interval(level: float, errors: Errors) -> Values:
    """Describe an interval by a share of the errors, or by half its width over the scale."""
    if is_conformal(level, errors.groups):
        return {"level": level, "kind": "conformal", "share": conformal_share(level, errors)}
    half = float(stats.t.ppf((1 + level) / 2, errors.freedom)) * errors.root
    return {"level": level, "kind": "model-based", "half": half}
