"""Study one cohort: for every benchmark a form, its errors on left-out rows, and predictions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.board.board import RecordBoard, make_board
from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import PARAMETERS, TRAINING_FLOP, Key, values
from compression_leaderboard.fits.candidates import Candidate, list_candidates
from compression_leaderboard.fits.correlations import (
    Correlation,
    FamilyVariance,
    correlate,
    family_variance,
    paired_rows,
)
from compression_leaderboard.fits.evaluation import (
    MEAN,
    Calibration,
    Comparison,
    Coverage,
    LeftOut,
    Prediction,
    Validation,
    calibrate,
    compare,
    predict_rows,
    relative_errors,
    validate,
)
from compression_leaderboard.fits.intervals import LEVELS, Errors, collect_errors
from compression_leaderboard.fits.nested_cv import Chosen, Fitted, fit_all
from compression_leaderboard.fits.splits import training_sets
from compression_leaderboard.fits.table import (
    Benchmark,
    ScoreTable,
    find_shortage,
    make_table,
    too_few,
)
from compression_leaderboard.intervals import LEVEL
from compression_leaderboard.repository.contents import Contents
from compression_leaderboard.repository.git import Commit

Array = NDArray[np.float64]

KNOWN = {
    PARAMETERS: "rows with known parameters",
    TRAINING_FLOP: "rows with known training compute",
}


@dataclass(frozen=True)
class Fit:
    """The form that predicts new models, and everything that its arithmetic needs."""

    chosen: Chosen
    errors: Errors  # nested
    outer: tuple[Chosen, ...]  # the fits that left a group out

    @property
    def candidate(self) -> Candidate:
        return self.chosen.candidate


@dataclass(frozen=True)
class BenchmarkStudy:
    """What was found for one benchmark; `shortage` says why nothing was, and the rest is empty."""

    benchmark: Benchmark
    shortage: str | None
    fit: Fit | None = None
    validations: tuple[Validation, ...] = ()
    comparison: Comparison | None = None
    predictions: tuple[Prediction, ...] = ()  # of every missing score

    def validation(self, kind: str) -> Validation | None:
        return next((j for j in self.validations if j.kind == kind), None)


@dataclass(frozen=True)
class Study:
    """A cohort's benchmarks, the mean first where there are several."""

    benchmarks: tuple[BenchmarkStudy, ...]
    on_known: tuple[Comparison, ...] = ()  # of the first, where only some rows have size or compute

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        return tuple(p for study in self.benchmarks for p in study.predictions)

    def of(self, key: Key) -> BenchmarkStudy | None:
        return next((b for b in self.benchmarks if b.benchmark.key == key), None)


def study_cohort(cohort: Cohort, seed: int = 0, only: Sequence[str] | None = None) -> Study:
    """Fit, validate and predict every benchmark of a cohort, or those named.

    The folds are those of all benchmarks, so that naming some changes no figure of theirs.
    """
    table = make_table(cohort)
    sets = training_sets(table)
    if only is not None:
        table = table.subset([k for k, b in enumerate(table.benchmarks) if b.name in only])
    short = [find_shortage(table, k) for k in range(len(table.benchmarks))]
    sufficient = table.subset([k for k, reason in enumerate(short) if reason is None])
    candidates = list_candidates(cohort, table)
    fits = fit_all(sufficient, sets, candidates) if sufficient.benchmarks else ()
    studies = {fitted.benchmark.name: _study(fitted, seed) for fitted in fits}
    return Study(
        tuple(
            studies.get(b.name, BenchmarkStudy(b, reason))
            for b, reason in zip(table.benchmarks, short, strict=True)
        ),
        tuple(_compare_on_known(sufficient.subset([0]), candidates, seed)) if studies else (),
    )


def _compare_on_known(
    table: ScoreTable, candidates: Sequence[Candidate], seed: int
) -> Iterator[Comparison]:
    """Compare once more on the rows whose size, then whose compute, is known, unless all are."""
    for key, rows in KNOWN.items():
        known = np.isfinite(table.column(key))[:, None]
        part = replace(table, scores=np.where(known, table.scores, np.nan))
        if np.isfinite(table.scores[~known[:, 0]]).any() and find_shortage(part, 0) is None:
            sets = tuple(s for s in training_sets(part) if s.kind in ("all", "group"))
            (fitted,) = fit_all(part, sets, candidates)
            if (comparison := compare(fitted, rows, seed)) is not None:
                yield comparison


def _study(fitted: Fitted, seed: int) -> BenchmarkStudy:
    benchmark = fitted.benchmark
    among = [
        k
        for k, candidate in enumerate(scaled.candidate for scaled in fitted.scaled)
        if not candidate.is_baseline or candidate.source == MEAN
    ]
    final, *outer = (fitted.choose_fit(at, among) for at in range(len(fitted.sets)))
    if final is None:
        reason = "not enough evidence: too few models for any form in some fold"
        return BenchmarkStudy(benchmark, reason)
    nested = [(s, chosen) for s, chosen in zip(fitted.sets[1:], outer, strict=True) if chosen]
    groups = [(s, chosen) for s, chosen in nested if s.kind == "group"]
    relative = relative_errors(fitted, groups)
    if sum(len(errors) > 0 for errors, _ in relative) < 2:  # intervals need those of other groups
        reason = "not enough evidence: fewer than two groups could be left out"
        return BenchmarkStudy(benchmark, reason)
    fit = Fit(final, collect_errors(relative), tuple(chosen for _, chosen in groups))
    kinds = dict.fromkeys(s.kind for s, _ in nested)
    validations = (
        validate(fitted, [(s, chosen) for s, chosen in nested if s.kind == kind], seed)
        for kind in kinds
    )
    return BenchmarkStudy(
        benchmark,
        None,
        fit,
        tuple(validation for validation in validations if validation),
        compare(fitted, "all rows", seed),
        _predict_missing(fitted, among, fit),
    )


def _predict_missing(fitted: Fitted, among: Sequence[int], fit: Fit) -> tuple[Prediction, ...]:
    """Predict every row that has some compression figure and no score."""
    final, wanted = fit.chosen, ~fitted.table.has_score[:, 0]
    full = np.isfinite(final.predictions)
    by_fold = np.column_stack([chosen.predictions for chosen in fit.outer])
    by_fold = np.where(np.isfinite(by_fold), by_fold, final.predictions[:, None])
    rows = np.flatnonzero(wanted & full)
    predictions = predict_rows(fitted, final, rows, fit.errors, by_fold)
    for row in np.flatnonzero(wanted & ~full):
        possible = [k for k in among if np.isfinite(fitted.predictions[0][k, row, 0])]
        other = fitted.choose_fit(0, possible)
        if other is not None:
            predictions += predict_rows(fitted, other, np.array([row]), other.inner)
    return tuple(sorted(predictions, key=lambda p: p.model))


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
    study: Study
    correlations: tuple[Correlation, ...] = ()
    line: Line | None = None
    variance: FamilyVariance | None = None


def weigh_evidence(cohort: Cohort, seed: int = 0) -> Evidence:
    """Correlate, fit, validate on left-out rows, and predict a cohort."""
    rows = paired_rows(cohort, cohort.mean_score)
    x, y = values(rows, cohort.mean_compression), values(rows, cohort.mean_score)
    families = [row.family for row in rows]
    study = study_cohort(cohort, seed)
    correlations = correlate(cohort, seed)
    shortage = too_few(len(x), len(set(families)), "family")
    if shortage is None and (np.ptp(x) == 0 or np.ptp(y) == 0):
        shortage = "not enough evidence: all models have the same figures"
    shortage = shortage or next((b.shortage for b in study.benchmarks), None)
    if shortage is not None:
        return Evidence(shortage, len(x), study, correlations)
    variance = family_variance(x, y, families)
    return Evidence(None, len(x), study, correlations, _line(x, y), variance)


def _line(x: Array, y: Array) -> Line:
    """Fit the line of the chart; its band allows for unequal variance (HC3) and small n."""
    import statsmodels.api as sm  # slow, and a prediction needs none

    fit = sm.OLS(y, sm.add_constant(x)).fit(cov_type="HC3", use_t=True)
    grid = np.linspace(x.min(), x.max(), 41)
    band = fit.get_prediction(sm.add_constant(grid)).summary_frame(alpha=1 - LEVEL)
    columns = ("mean", "mean_ci_lower", "mean_ci_upper")
    return Line(tuple(grid.tolist()), *(tuple(band[name].tolist()) for name in columns))


@dataclass(frozen=True)
class Outliers:
    """Left-out models whose scores lie outside of the 95 % intervals made without their groups.

    rows: largest difference first, with the benchmark's label.
    """

    rows: tuple[tuple[str, LeftOut], ...]
    validated: int

    @property
    def expected(self) -> float:
        """How many chance alone would bring."""
        return (1 - LEVEL) * self.validated


def find_outliers(studies: Sequence[BenchmarkStudy]) -> Outliers:
    """Find the outliers of all benchmarks of a cohort, groups left out."""
    validated = [
        (study.benchmark.label, row)
        for study in studies
        if (validation := study.validation("group"))
        for row in validation.rows
    ]
    outside = [(label, row) for label, row in validated if not row.is_inside(LEVEL)]
    outside.sort(key=lambda row: (-abs(row[1].error), row[0], row[1].prediction.model))
    return Outliers(tuple(outside), len(validated))


@dataclass(frozen=True)
class Pooled:
    """Coverage of one kind of left-out models, over one benchmark or several.

    The share is that of all predictions. Its interval takes as many observations as there are
    models: a model's errors on several benchmarks go together, so counting each prediction would
    make it look far surer than it is. Models of one group go together too, so it is still rather
    too sure.
    """

    kind: str  # what was left out
    is_mean: bool  # of the mean of the benchmarks, else of single benchmarks
    benchmarks: int
    predictions: int
    models: int
    coverage: tuple[Coverage, ...]  # in the order of LEVELS


def pool_coverage(study: Study) -> tuple[Pooled, ...]:
    """Pool, for each kind of left-out models, that of the mean and that of the benchmarks."""
    validated = [(b.benchmark.is_mean, j) for b in study.benchmarks for j in b.validations]
    pools = [
        (kind, is_mean, [j for of_mean, j in validated if (j.kind, of_mean) == (kind, is_mean)])
        for kind in dict.fromkeys(j.kind for _, j in validated)
        for is_mean in (True, False)
    ]
    return tuple(_pool(*pool) for pool in pools if pool[2])


def _pool(kind: str, is_mean: bool, validations: Sequence[Validation]) -> Pooled:
    predictions = sum(len(j.rows) for j in validations)
    models = len({model for j in validations for model in j.by_model})
    coverage = []
    for k, level in enumerate(LEVELS):
        share = sum(j.coverage[k].inside for j in validations) / predictions
        kinds = sorted({part for j in validations for part in j.coverage[k].kind.split(" and ")})
        coverage.append(Coverage(level, share * models, models, " and ".join(kinds)))
    return Pooled(kind, is_mean, len(validations), predictions, models, tuple(coverage))


@dataclass(frozen=True)
class StudiedBoard(RecordBoard):
    """A board, what compression tells in each of its cohorts, and how logged predictions fared."""

    evidence: Mapping[str, Evidence]  # by name of the cohort
    calibration: Calibration  # of the ledger of predictions

    @property
    def studies(self) -> dict[str, Study]:
        return {name: evidence.study for name, evidence in self.evidence.items()}


def derive_board(contents: Contents, commit: Commit) -> StudiedBoard:
    """Derive tables, comparisons and fits from what was read."""
    board = make_board(contents, commit)
    return StudiedBoard(
        **vars(board),
        evidence={cohort.name: weigh_evidence(cohort) for cohort in board.cohorts},
        calibration=calibrate(contents.ledger, board.cohorts),
    )
