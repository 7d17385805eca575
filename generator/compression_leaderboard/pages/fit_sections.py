"""Tables about the fits of one cohort."""

from collections.abc import Sequence

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.fits.correlations import Correlation
from compression_leaderboard.fits.evaluation import (
    Comparison,
    Coverage,
    Estimate,
    Judgement,
    LeftOut,
)
from compression_leaderboard.fits.findings import BenchmarkStudy, Study, pool_coverage
from compression_leaderboard.fits.study import Outliers
from compression_leaderboard.pages.rendering import Cell, Heading, Table, headings
from compression_leaderboard.pages.text import UNKNOWN, counted, number, percent

SHOWN_ERRORS = 20
SHOWN_OUTLIERS = 20
SHOWN_PREDICTIONS = 50
LEFT_OUT = {
    "group": "each group of models left out in turn",
    "larger": "larger models, predicted by the smaller ones",
    "later": "later models, predicted by the earlier ones",
}
Row = list[Cell | str]


def source_label(cohort: Cohort, name: str) -> str:
    """The label of a source of predictors: texts by their labels, the rest as it is."""
    labels = {column.name: column.label for column in (*cohort.compression, *cohort.preferences)}
    return " + ".join(labels.get(part, part) for part in name.split(" + "))


def outcome_of(comparison: Comparison) -> str:
    """Who wins, in a few words."""
    wins = comparison.compression.mae.value < comparison.best_baseline.mae.value
    outcome = "Compression wins" if wins else "Compression loses"
    if comparison.is_clear:
        return outcome
    return f"{outcome}, but not clearly: the interval of the difference includes 0"


def rows_of(comparison: Comparison) -> str:
    """Which models a comparison is made on."""
    rows = f"{counted(comparison.n, 'model')} of {counted(comparison.groups, 'group')}"
    return f"{rows} with known training compute" if "compute" in comparison.rows else rows


def comparison_table(cohort: Cohort, comparison: Comparison, table_id: str) -> Table:
    """Which predictor beats which baseline on the same rows, smallest error first."""
    figures = ["Mean absolute error, points", "Root mean square error, points"]
    header = headings("Predictor", "Kind", figures=[*figures, "More than chosen compression"])
    rows: list[Row] = [
        [
            source_label(cohort, c.name),
            "baseline" if c.is_baseline else "compression",
            _points(c.mae),
            share(c.rmse, 2),
            _points(c.excess),
        ]
        for c in comparison.contenders
    ]
    return Table(table_id, f"Errors of the mean score of {rows_of(comparison)}", header, rows)


def errors_table(judgement: Judgement, table_id: str) -> Table:
    """Measured less predicted, the largest errors; the rest is in the downloads."""
    rows = sorted(judgement.rows, key=lambda row: (-abs(row.measured - row.predicted), row.model))
    figures = ["Measured, %", "Predicted, %", "95 % interval", "Error, points"]
    caption = f"Errors of {counted(len(rows), 'model')}, largest first"
    return Table(
        table_id,
        caption + _more(len(rows), SHOWN_ERRORS, "residuals.parquet"),
        headings("Model", figures=figures),
        [[row.model, *_left_out(row)] for row in rows[:SHOWN_ERRORS]],
    )


def outliers_table(outliers: Outliers, table_id: str) -> Table | None:
    """Scores that compression does not explain."""
    if not outliers.found:
        return None
    n = len(outliers.found)
    figures = ["Measured, %", "Predicted, %", "95 % interval", "Difference, points"]
    caption = f"{counted(n, 'score')} outside of the 95 % interval, largest difference first"
    return Table(
        table_id,
        caption + _more(n, SHOWN_OUTLIERS, "residuals.parquet"),
        headings("Model", "Benchmark", figures=figures),
        [[o.row.model, o.benchmark, *_left_out(o.row)] for o in outliers.found[:SHOWN_OUTLIERS]],
    )


def _left_out(row: LeftOut) -> Row:
    low, high = row.intervals[-1]
    interval = f"{percent(low)} to {percent(high)}"
    return [
        share(row.measured),
        share(row.predicted),
        interval,
        share(row.measured - row.predicted),
    ]


def accuracy_table(study: Study, table_id: str) -> Table | None:
    """Error, coverage and gain of every benchmark."""
    judged = [(one, judgement) for one in study.benchmarks for judgement in one.judgements]
    if not judged:
        return None
    most = max(judgement.accuracy.n for _, judgement in judged)
    figures = ["Models", "Groups", "Mean absolute error, points", "RMSE, points", "R²", "Spearman"]
    figures += ["Less than best baseline, points", *_COVERED]
    return Table(
        table_id,
        f"Predictions of up to {counted(most, 'model')} that the fit had not seen",
        headings("Benchmark", "Left out", figures=figures),
        [_accuracy_row(*one) for one in judged],
    )


_COVERED = ("Inside 80 % intervals", "Inside 95 % intervals")


def _accuracy_row(one: BenchmarkStudy, judgement: Judgement) -> Row:
    a = judgement.accuracy
    gain = None
    if one.comparison and judgement.kind == "group":
        gain = one.comparison.best_baseline.excess
    return [
        _name(one.benchmark.label, one.benchmark.negative_control),
        judgement.kind,
        str(a.n),
        str(a.groups),
        _points(a.mae),
        _points(a.rmse),
        _plain(a.r2),
        _plain(a.spearman),
        _points(gain),
        *(_coverage(c) for c in judgement.coverage),
    ]


def _name(label: str, negative_control: bool) -> str:
    return f"{label} (negative control)" if negative_control else label


def coverage_table(study: Study, table_id: str) -> Table | None:
    """Whether the intervals of the cohort as a whole contain as many scores as they should."""
    if not (pooled := pool_coverage(study)):
        return None
    most = max(one.models for one in pooled)
    rows: list[Row] = [
        [
            "the mean" if one.is_mean else counted(one.benchmarks, "benchmark"),
            LEFT_OUT[one.kind],
            str(one.predictions),
            str(one.models),
            *(_coverage(c) for c in one.coverage),
        ]
        for one in pooled
    ]
    header = headings("Predictions of", "Left out", figures=["Predictions", "Models", *_COVERED])
    return Table(
        table_id, f"Coverage in the whole set, up to {counted(most, 'model')}", header, rows
    )


def _coverage(c: Coverage) -> Cell:
    mark = "" if c.kind == "conformal" else "*"
    shown = f"{percent(c.share, 0)} %{mark} ({percent(c.low, 0)} to {percent(c.high, 0)})"
    return Cell(shown if c.is_nominal else f"{shown}, outside nominal", c.share)


def predictions_table(cohort: Cohort, study: Study, table_id: str) -> Table | None:
    """Predicted scores of the models with compression and without a score; the rest in the CSV."""
    if not study.predictions:
        return None
    n = len(study.predictions)
    labels = {one.benchmark.name: one.benchmark.label for one in study.benchmarks}
    names = {row.model: row.label for row in cohort.rows}
    rows: list[Row] = [
        [
            names.get(p.model, p.model),
            labels[p.benchmark],
            share(p.value),
            *(f"{percent(low)} to {percent(high)}" for low, high in p.intervals),
            "extrapolation" if p.extrapolation else "",
        ]
        for p in study.predictions[:SHOWN_PREDICTIONS]
    ]
    figures = ["Predicted, %", "80 % interval", "95 % interval"]
    caption = f"{counted(n, 'score')} predicted from known compression"
    return Table(
        table_id,
        caption + _more(n, SHOWN_PREDICTIONS, "predictions.csv"),
        [*headings("Model", "Benchmark", figures=figures), Heading("Note")],
        rows,
    )


def correlations_table(cohort: Cohort, correlations: Sequence[Correlation], table_id: str) -> Table:
    figures = ["Models", "Groups", "Pearson r", "95 % interval", "Spearman rho"]
    figures += ["Partial rho given parameters", "Partial rho given compute", "p (corrected)"]
    rows: list[Row] = [
        [
            _name(c.label, c.negative_control),
            str(c.n),
            str(c.families),
            number(c.pearson, 3),
            Cell(f"{number(c.low, 2)} to {number(c.high, 2)}", c.low),
            number(c.spearman, 3),
            number(c.partial, 3),
            number(c.partial_compute, 3),
            Cell("< 0.0001" if c.p_value < 1e-4 else number(c.p_value, 4), c.p_value),
        ]
        for c in correlations
    ]
    most = counted(max((c.n for c in correlations), default=0), "model")
    caption = f"Correlation of average {cohort.unit} with each score, up to {most}"
    return Table(table_id, caption, headings("Benchmark", figures=figures), rows)


def share(value: float | None, digits: int = 1) -> Cell:
    """A fraction in per cent, which sorts by its value."""
    return Cell(percent(value, digits), value)


def _points(estimate: Estimate | None) -> Cell:
    if estimate is None:
        return Cell(UNKNOWN)
    shown = percent(estimate.value, 2)
    if estimate.low is not None and estimate.high is not None:
        shown += f" ({percent(estimate.low, 2)} to {percent(estimate.high, 2)})"
    return Cell(shown, estimate.value)


def _plain(estimate: Estimate | None) -> Cell:
    if estimate is None:
        return Cell(UNKNOWN)
    shown = number(estimate.value, 2)
    if estimate.low is not None:
        shown += f" ({number(estimate.low, 2)} to {number(estimate.high, 2)})"
    return Cell(shown, estimate.value)


def _more(n: int, shown: int, file: str) -> str:
    """The end of a caption of a table that is cut."""
    return f"; {n - shown} more in {file}" if n > shown else ""
