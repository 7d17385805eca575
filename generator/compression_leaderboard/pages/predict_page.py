"""The page Predict: what compression tells in each cohort, and the calculator."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.fits.curves import FORMS
from compression_leaderboard.fits.evaluation import COMPRESSION, Comparison, Coverage, Judgement
from compression_leaderboard.fits.findings import BenchmarkStudy
from compression_leaderboard.fits.predict import Calibration
from compression_leaderboard.fits.study import Evidence, Outliers, find_outliers
from compression_leaderboard.pages.calculator import answerable
from compression_leaderboard.pages.charts import Chart
from compression_leaderboard.pages.dots import Judged, draw_judged
from compression_leaderboard.pages.fit_sections import (
    LEFT_OUT,
    accuracy_table,
    comparison_table,
    correlations_table,
    coverage_table,
    errors_table,
    outcome_of,
    outliers_table,
    predictions_table,
    rows_of,
    share,
    source_label,
)
from compression_leaderboard.pages.rendering import Cell, Renderer, Table, headings
from compression_leaderboard.pages.text import counted, percent


@dataclass(frozen=True)
class Contest:
    """Compression against the baselines on the same rows. losers: single texts that lose too."""

    outcome: str
    rows: str
    comparison: Comparison
    losers: Sequence[str]
    table: Table


@dataclass(frozen=True)
class ChosenForm:
    """The form that predicts new models. folds: forms chosen with a group left out."""

    study: BenchmarkStudy
    name: str
    folds: Sequence[str]


@dataclass(frozen=True)
class Scatter:
    """Measured against predicted; coverage: of the intervals that the chart shows."""

    chart: Chart
    coverage: Coverage
    table: Table


@dataclass(frozen=True)
class Fits:
    """What a cohort's fits show, folded under the verdict."""

    verdict: str
    contests: Sequence[Contest]
    form: ChosenForm | None
    scatters: Sequence[Scatter]
    short: Sequence[BenchmarkStudy]  # benchmarks with too few models
    outliers: Outliers
    coverage: Table | None
    accuracy: Table | None
    predictions: Table | None
    outliers_table: Table | None
    correlations: Table


@dataclass(frozen=True)
class Section:
    """One cohort. reason: why its mean is not fitted, or None; fits: None without any."""

    cohort: Cohort
    evidence: Evidence
    reason: str | None
    fits: Fits | None


def render_predict(
    render: Renderer,
    cohorts: Sequence[Cohort],
    evidence: Mapping[str, Evidence],
    calibration: Calibration,
) -> Markup:
    """Show who wins, the calculator, each cohort folded under its verdict, and the ledger.

    Cohorts with too little evidence come last.
    """
    ordered = sorted(cohorts, key=lambda one: evidence[one.name].shortage is not None)  # stable
    studies = {name: one.study for name, one in evidence.items()}
    return render(
        "predict.html",
        outcomes=_outcomes(cohorts, evidence),
        calculator=any(True for _ in answerable(cohorts, studies)),
        sections=[_section(cohort, evidence[cohort.name]) for cohort in ordered],
        calibration=calibration,
    )


def _outcomes(cohorts: Sequence[Cohort], evidence: Mapping[str, Evidence]) -> Table | None:
    """Who wins: a line per comparison of a cohort whose mean score is fitted."""
    figures = ["Models", "Groups", "Error of compression, points"]
    header = headings(
        "Set", "Outcome", figures=[*figures, "Error of the best baseline, points"]
    ) + headings("Best baseline")
    rows: list[list[Cell | str]] = [
        [
            Cell(cohort.title, href=f"#{cohort.name}", note=comparison.rows),
            outcome_of(comparison),
            str(comparison.n),
            str(comparison.groups),
            share(comparison.compression.mae.value, 2),
            share(comparison.best_baseline.mae.value, 2),
            comparison.best_baseline.name,
        ]
        for cohort in cohorts
        if evidence[cohort.name].shortage is None
        for comparison in _comparisons(evidence[cohort.name])
    ]
    n = counted(len(rows), "comparison")
    caption = f"Mean absolute error of predicted mean scores in {n}"
    return Table("outcomes", caption, header, rows) if rows else None


def _comparisons(evidence: Evidence) -> Iterator[Comparison]:
    """Of the mean score on all rows, and on those with known training compute."""
    first = next((one.comparison for one in evidence.study.benchmarks if one.comparison), None)
    if first is not None:
        yield first
        if evidence.study.with_compute is not None:
            yield evidence.study.with_compute


def _section(cohort: Cohort, evidence: Evidence) -> Section:
    reason = evidence.shortage and evidence.shortage[:1].upper() + evidence.shortage[1:]
    fitted = [one for one in evidence.study.benchmarks if one.fit is not None]
    return Section(cohort, evidence, reason, _fits(cohort, evidence, fitted) if fitted else None)


def _fits(cohort: Cohort, evidence: Evidence, fitted: Sequence[BenchmarkStudy]) -> Fits:
    study, first, name = evidence.study, fitted[0], cohort.name
    has_mean = evidence.shortage is None
    comparisons = [first.comparison, study.with_compute] if has_mean else []
    contests = [
        _contest(cohort, comparison, f"{name}-comparison-{k + 1}")
        for k, comparison in enumerate(comparisons)
        if comparison is not None
    ]
    outliers = find_outliers(fitted)
    return Fits(
        verdict=_verdict(first.comparison if has_mean else None, len(fitted)),
        contests=contests,
        form=_form(first) if has_mean else None,
        scatters=[_scatter(first, j, f"{name}-{j.kind}-points") for j in first.judgements]
        if has_mean
        else [],
        short=[one for one in study.benchmarks if one.shortage],
        outliers=outliers,
        coverage=coverage_table(study, f"{name}-coverage"),
        accuracy=accuracy_table(study, f"{name}-accuracy"),
        predictions=predictions_table(cohort, study, f"{name}-predictions"),
        outliers_table=outliers_table(outliers, f"{name}-outliers"),
        correlations=correlations_table(cohort, evidence.correlations, f"{name}-correlations"),
    )


def _verdict(mean: Comparison | None, fitted: int) -> str:
    """How many models, and who wins on the mean."""
    if mean is None:
        return f"Without a mean score; {counted(fitted, 'benchmark')} fitted."
    n, groups = counted(mean.n, "model"), counted(mean.groups, "group")
    return f"{n} of {groups}. {outcome_of(mean)}."


def _contest(cohort: Cohort, comparison: Comparison, table_id: str) -> Contest:
    worst = comparison.best_baseline.mae.value
    losers = [
        source_label(cohort, c.name)
        for c in comparison.contenders
        if not c.is_baseline and c.name != COMPRESSION and c.mae.value >= worst
    ]
    table = comparison_table(cohort, comparison, table_id)
    return Contest(outcome_of(comparison), rows_of(comparison), comparison, losers, table)


def _form(study: BenchmarkStudy) -> ChosenForm | None:
    if study.fit is None:
        return None
    folds = [
        f"{FORMS[form]} in {label}: {counted(n, 'fold')}"
        for judgement in study.judgements
        if judgement.kind == "group"
        for label, form, n in judgement.chosen
    ]
    return ChosenForm(study, FORMS[study.fit.candidate.form], folds)


def _scatter(study: BenchmarkStudy, judgement: Judgement, table_id: str) -> Scatter:
    rows = []
    for r in judgement.rows:
        low, high = r.intervals[-1]
        title = (
            f"{r.model}: measured {percent(r.measured)} %, predicted {percent(r.predicted)} % "
            f"({percent(low)} to {percent(high)})"
        )
        rows.append(Judged(r.predicted, r.measured, low, high, title))
    summary = (
        f"{study.benchmark.label} of {counted(len(rows), 'model')}, measured against predicted, "
        f"{LEFT_OUT[judgement.kind]}"
    )
    chart = draw_judged(rows, summary, table_id)
    return Scatter(chart, judgement.coverage[-1], errors_table(judgement, table_id))
