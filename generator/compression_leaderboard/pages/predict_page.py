"""The Predict page: what compression tells in each cohort, and the calculator."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from scipy import stats

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import PARAMETERS, TRAINING_FLOP, Key, values
from compression_leaderboard.fits.candidates import Candidate
from compression_leaderboard.fits.evaluation import Judgement
from compression_leaderboard.fits.findings import BenchmarkStudy, Study
from compression_leaderboard.fits.intervals import LEVELS, Errors, conformal_share, is_conformal
from compression_leaderboard.fits.nested_cv import Chosen, Scaling
from compression_leaderboard.fits.predict import Calibration
from compression_leaderboard.fits.study import Evidence, find_outliers
from compression_leaderboard.fits.table import usable_texts
from compression_leaderboard.pages.dots import Judged, draw_judged
from compression_leaderboard.pages.fit_sections import (
    LEFT_OUT,
    outcome_of,
    render_accuracy,
    render_comparison,
    render_coverage,
    render_forms,
    render_outliers,
    render_predictions,
)
from compression_leaderboard.pages.text import counted, escape, number, percent, table, tag, valued
from compression_leaderboard.pages.unrendered import chart_html, folded_figures

SHOWN_POINTS = 20  # of the table below a chart


def render_evidence(cohorts: Sequence[Cohort], evidence: Mapping[str, Evidence]) -> str:
    """Each set, folded, under its verdict; those with too little evidence come last."""
    ordered = sorted(cohorts, key=lambda one: evidence[one.name].shortage is not None)  # stable
    heading = '<h2 id="evidence">The evidence, set by set</h2>'
    return "\n".join([heading, *(_cohort(cohort, evidence[cohort.name]) for cohort in ordered)])


def render_outcomes(cohorts: Sequence[Cohort], evidence: Mapping[str, Evidence]) -> str:
    """Who wins: a line for each set whose mean score is fitted; nothing without such a set."""
    header = [
        ("Set", False),
        ("Outcome", False),  # here a phone shows it too
        ("Models", True),
        ("Groups", True),
        ("Error of compression, points", True),
        ("Error of the best baseline, points", True),
        ("Best baseline", False),
    ]
    rows = []
    for cohort in cohorts:
        study = evidence[cohort.name].study
        first = next((one for one in study.benchmarks if one.comparison is not None), None)
        if evidence[cohort.name].shortage is not None or first is None:
            continue
        for found in filter(None, (first.comparison, study.with_compute)):
            own, other = found.compression, found.best_baseline
            link = f'<a href="#{escape(cohort.name)}">{escape(cohort.title)}</a>'
            rows.append(
                [
                    f"{link}, {escape(found.rows)}",
                    outcome_of(found),
                    str(found.n),
                    str(found.groups),
                    valued(percent(own.mae.value, 2), own.mae.value),
                    valued(percent(other.mae.value, 2), other.mae.value),
                    escape(other.name),
                ]
            )
    if not rows:
        return ""
    caption = (
        f"Mean absolute error of predicted mean scores in {counted(len(rows), 'comparison')}. One "
        "group of models is left out at a time, everything is chosen inside the folds, and each "
        "set is judged alone"
    )
    heading = '<h2 id="outcome">Does compression predict better than size and compute?</h2>'
    return heading + table("outcomes", caption, header, rows)


def render_calibration(found: Calibration) -> str:
    """How predictions did that were logged before their benchmarks were run."""
    heading = '<h2 id="ledger">Predictions logged in advance</h2>'
    if not found.logged:
        return f"{heading}<p>None is logged yet, so nothing is known of how they do.</p>"
    logged = f"{heading}<p>{counted(found.logged, 'prediction')} logged"
    if not found.errors:
        return f"{logged}; no score has arrived yet.</p>"
    held = ", ".join(
        f"{percent(c.level, 0)} &#37; intervals hold {c.held} ({percent(c.low, 0)} to "
        f"{percent(c.high, 0)} &#37; by Clopper and Pearson)"
        for c in found.coverage
    )
    return (
        f"{logged}, {len(found.errors)} scored since: mean absolute error "
        f"{percent(found.mean_error, 2)} points; {held}.</p>"
    )


def _cohort(cohort: Cohort, found: Evidence) -> str:
    """What a set lacks, in a line, and the rest folded; the set's id is on what a link shows."""
    place, title = f' id="{escape(cohort.name)}"', f"<strong>{escape(cohort.title)}</strong>"
    study, parts = found.study, []
    fitted = [one for one in study.benchmarks if one.fit is not None]
    if found.shortage is not None:
        reason = found.shortage[:1].upper() + found.shortage[1:]
        held = "" if fitted else place
        named = f"{title} {tag(cohort.provenance)}<br>"
        parts.append(f'<p class="notice"{held}>{named}{escape(reason)}.</p>')
    if not fitted:
        return "".join(parts)
    summary = f"{title} {tag(cohort.provenance)}<br>{_verdict(found, fitted)}"
    parts.append(f"<details{place}><summary>{summary}</summary>")
    if found.shortage is None:
        parts += _headline(cohort, study, fitted[0])
    parts.append(render_coverage(study, f"{cohort.name}-coverage"))
    parts.append(render_accuracy(study, f"{cohort.name}-accuracy"))
    parts.append(_short(study))
    parts.append(render_predictions(cohort, study, f"{cohort.name}-predictions"))
    parts.append(render_outliers(find_outliers(fitted), f"{cohort.name}-outliers"))
    parts.append(_families(found))
    parts.append(_correlations(cohort, found))
    return "".join([*parts, "</details>"])


def _verdict(found: Evidence, fitted: Sequence[BenchmarkStudy]) -> str:
    """How many models, and who wins on the mean."""
    mean = fitted[0].comparison if found.shortage is None else None
    if mean is None:
        return f"Without a mean score; {counted(len(fitted), 'benchmark')} fitted."
    n, groups = counted(mean.n, "model"), counted(mean.groups, "group")
    return f"{n} of {groups}. {outcome_of(mean)}."


def _headline(cohort: Cohort, study: Study, first: BenchmarkStudy) -> list[str]:
    """Of the mean: who predicts best, which form, and measured against predicted."""
    parts = [
        render_comparison(cohort, comparison, f"{cohort.name}-comparison-{k + 1}")
        for k, comparison in enumerate([first.comparison, study.with_compute])
        if comparison is not None
    ]
    parts.append(render_forms(first))
    return parts + [
        _chart(first, judgement, f"{cohort.name}-{judgement.kind}-points")
        for judgement in first.judgements
    ]


def _chart(one: BenchmarkStudy, judgement: Judgement, table_id: str) -> str:
    """Measured against predicted, and the largest errors in a table."""
    rows = [
        Judged(
            r.predicted,
            r.measured,
            *r.intervals[-1],
            f"{r.model}: measured {percent(r.measured)} %, predicted {percent(r.predicted)} % "
            f"({percent(r.intervals[-1][0])} to {percent(r.intervals[-1][1])})",
        )
        for r in judgement.rows
    ]
    held = judgement.coverage[-1]
    summary = (
        f"{one.benchmark.label}, {LEFT_OUT[judgement.kind]}: {counted(len(rows), 'model')}, mean "
        f"absolute error {percent(judgement.accuracy.mae.value, 2)} points. Bars: 95 % intervals "
        f"of the predictions ({held.kind}), which hold {held.held} of {held.n} scores. "
        "Line: where prediction and measurement agree."
    )
    return chart_html(draw_judged(rows, summary, table_id)) + _errors(one, judgement, table_id)


def _errors(one: BenchmarkStudy, judgement: Judgement, table_id: str) -> str:
    """The points of a chart, folded, the largest errors first; the rest is in the downloads."""
    ordered = sorted(
        judgement.rows, key=lambda row: (-abs(row.measured - row.predicted), row.model)
    )
    header = [("Model", False), ("Measured, %", True), ("Predicted, %", True)]
    header += [("95 % interval", True), ("Error, points", True)]
    rows = [
        [
            escape(r.model),
            valued(percent(r.measured), r.measured),
            valued(percent(r.predicted), r.predicted),
            "{} to {}".format(*(percent(end) for end in r.intervals[-1])),
            valued(percent(r.measured - r.predicted), r.measured - r.predicted),
        ]
        for r in ordered[:SHOWN_POINTS]
    ]
    caption = (
        f"{one.benchmark.label}, measured less predicted: {counted(len(ordered), 'model')}, "
        f"{LEFT_OUT[judgement.kind]}, largest error first"
    )
    if len(ordered) > SHOWN_POINTS:
        caption += f"; {len(ordered) - SHOWN_POINTS} more in residuals.parquet"
    return folded_figures(table_id, caption, header, rows)


def _short(study: Study) -> str:
    """Benchmarks that nothing can be said about, with the reason."""
    short = [one for one in study.benchmarks if one.shortage]
    if not short:
        return ""
    items = "".join(f"<li>{escape(o.benchmark.label)}: {escape(o.shortage)}</li>" for o in short)
    return f"<ul>{items}</ul>"


def _families(found: Evidence) -> str:
    """How alike the models of one group are, by the mixed model."""
    if (v := found.variance) is None:
        return ""
    return (
        "<p>A mixed model of the mean score with a random intercept for each group puts the "
        f"standard deviation of groups around the line at {percent(v.between, 2)} points, and of "
        f"models inside a group at {percent(v.within, 2)}: groups explain {percent(v.share, 0)} "
        "&#37; of the variance that average compression leaves.</p>"
    )


def _correlations(cohort: Cohort, found: Evidence) -> str:
    header = [
        ("Benchmark", False),
        ("Models", True),
        ("Groups", True),
        ("Pearson r", True),
        ("95 % interval", True),
        ("Spearman rho", True),
        ("Partial rho given parameters", True),
        ("Partial rho given compute", True),
        ("p (corrected)", True),
    ]
    rows = [
        [
            escape(c.label) + (" (negative control)" if c.negative_control else ""),
            str(c.n),
            str(c.families),
            number(c.pearson, 3),
            valued(f"{number(c.low, 2)} to {number(c.high, 2)}", c.low),
            number(c.spearman, 3),
            number(c.partial, 3),
            number(c.partial_compute, 3),
            valued("< 0.0001" if c.p_value < 1e-4 else number(c.p_value, 4), c.p_value),
        ]
        for c in found.correlations
    ]
    unit = cohort.compression[0].unit
    caption = (
        f"Correlation of average {unit} with each score, over up to "
        f"{counted(max((c.n for c in found.correlations), default=0), 'model')}. Intervals "
        "resample groups; partial rho is given the number of parameters, or training compute; "
        "p-values are corrected by Benjamini and Hochberg's procedure and take models as "
        "independent, which models of one group are not"
    )
    return table(f"{cohort.name}-correlations", caption, header, rows)


Values = dict[str, Any]

SIZES = {PARAMETERS: ("Parameters", "number"), TRAINING_FLOP: ("Training compute", "FLOP")}


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
    content = [_values(cohort, one) for cohort, one in _answerable(cohorts, studies)]
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _answerable(
    cohorts: Sequence[Cohort], studies: Mapping[str, Study]
) -> Iterator[tuple[Cohort, BenchmarkStudy]]:
    """Cohorts whose mean is fitted to figures that can be asked with."""
    for cohort in cohorts:
        one = studies[cohort.name].of(cohort.mean_score)
        if one is None or one.fit is None:
            continue
        keys = {p.key for p in one.fit.candidate.predictors}
        if keys <= {c.key for c in cohort.compression} | {cohort.mean_compression, *SIZES}:
            yield cohort, one


def _values(cohort: Cohort, one: BenchmarkStudy) -> Values:
    fit = one.fit
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
        "benchmark": one.benchmark.label,
        "chance": one.benchmark.chance,
        "ceiling": one.benchmark.ceiling,
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
    """What the predictors are made of: the mean of every text."""
    named = {p.key for candidate in candidates for p in candidate.predictors}
    return named - {mean} | (set(texts) if mean in named else set())


def _curve(candidate: Candidate, scaling: Scaling, chosen: Chosen) -> Values:
    """z = (value − centre) / scale of each predictor, then the form with its parameters."""
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
    """Conformal: the share of the errors; model-based: half the width over the scale."""
    if is_conformal(level, errors.groups):
        return {"level": level, "kind": "conformal", "share": conformal_share(level, errors)}
    half = float(stats.t.ppf((1 + level) / 2, errors.freedom)) * errors.root
    return {"level": level, "kind": "model-based", "half": half}
