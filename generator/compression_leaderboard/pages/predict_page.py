"""The page Predict: who predicts best, the calculator, the fits, and how much text is enough."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np
from markupsafe import Markup

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.comparisons import Amount, Cost
from compression_leaderboard.board.figures import PARAMETERS, TRAINING_FLOP, Key, values
from compression_leaderboard.fits.candidates import Candidate, source_name
from compression_leaderboard.fits.curves import FORMS
from compression_leaderboard.fits.evaluation import (
    Calibration,
    Comparison,
    LeftOut,
    Prediction,
    Validation,
)
from compression_leaderboard.fits.intervals import LEVELS, Errors
from compression_leaderboard.fits.nested_cv import Chosen
from compression_leaderboard.fits.predict import Yardstick
from compression_leaderboard.fits.study import (
    BenchmarkStudy,
    Evidence,
    Fit,
    Outliers,
    Pooled,
    Study,
    find_outliers,
    pool_coverage,
)
from compression_leaderboard.fits.table import Benchmark, usable_texts
from compression_leaderboard.pages.charts import Chart, Curve, draw_curves, draw_validation
from compression_leaderboard.pages.rendering import Renderer, number
from compression_leaderboard.repository.specs import Specs
from compression_leaderboard.wording import counted

SHOWN = {"errors": 20, "outliers": 20, "predictions": 50}  # rows of tables; downloads have all
ENOUGH = 0.5  # of the fit's own error: the two together are then an eighth more than the fit's
SIZES = {PARAMETERS: ("Parameters", "number"), TRAINING_FLOP: ("Training compute", "FLOP")}


@dataclass(frozen=True)
class Scatter:
    """Measured against predicted scores. errors: the rows, the largest error first."""

    validation: Validation
    chart: Chart
    errors: Sequence[LeftOut]


@dataclass(frozen=True)
class Section:
    """One cohort. comparisons, scatters: of the mean score, empty where it is not fitted."""

    cohort: Cohort
    evidence: Evidence
    fitted: Sequence[BenchmarkStudy]
    comparisons: Sequence[Comparison]
    scatters: Sequence[Scatter]
    outliers: Outliers
    pooled: Sequence[Pooled]
    validations: Sequence[tuple[BenchmarkStudy, Validation]]
    predictions: Sequence[tuple[str, Prediction]]  # with the label of the benchmark
    sources: Mapping[str, str]  # labels of sources of predictors
    models: Mapping[str, str]  # labels of models


def render_predict(
    render: Renderer,
    cohorts: Sequence[Cohort],
    evidence: Mapping[str, Evidence],
    calibration: Calibration,
) -> Markup:
    """Show who wins, the calculator, each cohort folded under its verdict, and the ledger.

    Cohorts with too little evidence come last.
    """
    sections = [_section(cohort, evidence[cohort.name]) for cohort in cohorts]
    studies = {name: findings.study for name, findings in evidence.items()}
    return render(
        "predict.html",
        outcomes=[(section.cohort, c) for section in sections for c in section.comparisons],
        calculator=[cohort for cohort, _, _ in _answerable(cohorts, studies)],
        sections=sorted(sections, key=lambda section: section.evidence.shortage is not None),
        forms=FORMS,
        shown=SHOWN,
        calibration=calibration,
    )


def _section(cohort: Cohort, evidence: Evidence) -> Section:
    study = evidence.study
    fitted = [benchmark for benchmark in study.benchmarks if benchmark.fit is not None]
    mean = fitted[0] if fitted and evidence.shortage is None else None
    comparisons = [mean.comparison, *study.on_known] if mean and mean.comparison else []
    return Section(
        cohort=cohort,
        evidence=evidence,
        fitted=fitted,
        comparisons=[comparison for comparison in comparisons if comparison],
        scatters=[_scatter(validation) for validation in mean.validations] if mean else [],
        outliers=find_outliers(fitted),
        pooled=pool_coverage(study),
        validations=[(b, validation) for b in study.benchmarks for validation in b.validations],
        predictions=[(b.benchmark.label, p) for b in study.benchmarks for p in b.predictions],
        sources={source_name(c.key): c.label for c in cohort.compression},
        models={row.model: row.label for row in cohort.rows},
    )


def _scatter(validation: Validation) -> Scatter:
    errors = sorted(validation.rows, key=lambda r: (-abs(r.error), r.prediction.model))
    return Scatter(validation, draw_validation(validation.rows), errors)


def calculator_json(cohorts: Sequence[Cohort], studies: Mapping[str, Study]) -> bytes:
    """Write docs/data/predict.json: all that the arithmetic of `leaderboard predict` needs.

    site/docs/assets/predict.js computes with it; tests/vectors/calculator.json compares the two.
    """
    content = [_values(*answer) for answer in _answerable(cohorts, studies)]
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _answerable(
    cohorts: Sequence[Cohort], studies: Mapping[str, Study]
) -> Iterator[tuple[Cohort, Benchmark, Fit]]:
    """Yield cohorts whose mean is fitted to figures that users can type, with the mean's fit."""
    for cohort in cohorts:
        study = studies[cohort.name].of(cohort.mean_score)
        if study is None or study.fit is None:
            continue
        keys = {p.key for p in study.fit.candidate.predictors}
        if keys <= {c.key for c in cohort.compression} | {cohort.mean_compression, *SIZES}:
            yield cohort, study.benchmark, study.fit


def _values(cohort: Cohort, benchmark: Benchmark, fit: Fit) -> dict[str, Any]:
    texts = usable_texts(cohort)
    mean = cohort.mean_compression
    needed = _keys([fit.candidate], mean, texts)
    used = _keys([chosen.candidate for chosen in (fit.chosen, *fit.outer)], mean, texts)
    rows = [row for row in cohort.rows if cohort.mean_score in row.figures]
    if any(row.parameters is not None for row in rows):
        used.add(PARAMETERS)  # larger models than those have wider intervals
    shown = {c.key: (c.label, c.unit) for c in cohort.compression} | SIZES
    return {
        "name": cohort.name,
        "title": cohort.title,
        "benchmark": benchmark.label,
        "chance": benchmark.chance,
        "ceiling": benchmark.ceiling,
        "models": fit.chosen.rows,
        "groups": fit.chosen.groups,
        "fields": [
            {
                "column": key.id,
                "label": label,
                "unit": unit,
                "needed": key in needed,
                "low": float(np.nanmin(values(rows, key))),
                "high": float(np.nanmax(values(rows, key))),
            }
            for key, (label, unit) in shown.items()
            if key in used
        ],
        "average": [text.id for text in texts],
        "fit": _curve(fit.chosen)
        | {
            "label": fit.candidate.label,
            "bounds": fit.chosen.bounds.T.tolist(),
            "reach": list(fit.chosen.reach),
        },
        "folds": [_curve(chosen) for chosen in fit.outer],
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


def _curve(chosen: Chosen) -> dict[str, Any]:
    """Describe a curve: z = (value − centre) / scale of each predictor, then the form."""
    scaled, candidate = chosen.scaled, chosen.candidate
    return {
        "form": candidate.form,
        "predictors": [
            {"column": p.key.id, "log": p.log, "centre": float(centre), "scale": float(scale)}
            for p, centre, scale in zip(
                candidate.predictors, scaled.centre, scaled.scale, strict=True
            )
        ],
        "parameters": chosen.parameters.tolist(),
    }


def _interval(level: float, errors: Errors) -> dict[str, Any]:
    """Describe an interval by a share of the errors, or by half its width over the scale."""
    if errors.is_conformal(level):
        return {"level": level, "kind": "conformal", "share": errors.share(level)}
    return {"level": level, "kind": "model-based", "half": errors.half_width(level)}


@dataclass(frozen=True)
class Step:
    """A text and a number of documents: medians over the models."""

    documents: int
    bytes: float
    models: int
    error: float  # of bits per byte
    paired: float | None  # of a difference on the same documents


@dataclass(frozen=True)
class Text:
    """A text's steps, and the fit that turns its error into points, or None."""

    title: str
    steps: Sequence[Step]
    yardstick: Yardstick | None

    def first_enough(self, quantity: str) -> Step | None:
        """Return the cheapest measurement whose part of the error is below half of the fit's own.

        quantity: "error", or "paired" for predictions on the documents of the fit.
        """
        for step in self.steps:
            error = getattr(step, quantity)
            if self.yardstick is None or error is None:
                continue
            if self.yardstick.from_text(error) <= ENOUGH * self.yardstick.rmse:
                return step
        return None


def render_amounts(
    render: Renderer,
    specs: Specs,
    amounts: Sequence[Amount],
    costs: Sequence[Cost],
    yardsticks: Mapping[str, Yardstick | None],
) -> Markup:
    """Show prediction error by amount of text, and seconds of scoring. yardsticks: by corpus."""
    texts = [
        Text(specs.corpora[corpus].title, _steps(amounts, corpus), yardsticks[corpus])
        for corpus in sorted({amount.corpus for amount in amounts})
    ]
    timed = [cost.ratio for cost in costs if cost.ratio is not None]
    return render(
        "text_amounts.html",
        texts=texts,
        steps=[(text, step) for text in texts for step in text.steps],
        chart=_chart(texts) if texts else None,
        yardsticks=list({t.yardstick.cohort: t.yardstick for t in texts if t.yardstick}.values()),
        specs=specs,
        costs=costs,
        timed=len(timed),
        cheaper=sum(ratio > 1 for ratio in timed),
    )


def _steps(amounts: Sequence[Amount], corpus: str) -> list[Step]:
    steps = []
    for documents in sorted({a.documents for a in amounts if a.corpus == corpus}):
        same = [a for a in amounts if a.corpus == corpus and a.documents == documents]
        paired = [a.paired_error for a in same if a.paired_error is not None]
        error = median(a.error for a in same)
        steps.append(
            Step(documents, same[0].bytes, len(same), error, median(paired) if paired else None)
        )
    return steps


def _chart(texts: Sequence[Text]) -> Chart:
    curves = [
        Curve(
            text.title,
            [step.bytes for step in text.steps],
            [step.error for step in text.steps],
            [
                f"{text.title}, {counted(step.documents, 'document')}: "
                f"± {number(step.error, 3)} bits per byte"
                for step in text.steps
            ],
        )
        for text in texts
    ]
    return draw_curves(curves, is_logarithmic=True)
