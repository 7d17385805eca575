"""Study one cohort: for every benchmark a form, its errors on left-out rows, and predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import TRAINING_FLOP
from compression_leaderboard.fits.candidates import Candidate, list_candidates
from compression_leaderboard.fits.correlations import (
    Correlation,
    FamilyVariance,
    correlate,
    family_variance,
    paired_values,
)
from compression_leaderboard.fits.evaluation import (
    MEAN,
    Comparison,
    LeftOut,
    compare,
    judge,
    nested_errors,
)
from compression_leaderboard.fits.findings import BenchmarkStudy, Fit, Prediction, Study
from compression_leaderboard.fits.intervals import LEVELS, Errors, make_interval
from compression_leaderboard.fits.nested_cv import Chosen, Fitted, fit_all, split_benchmarks
from compression_leaderboard.fits.splits import training_sets
from compression_leaderboard.fits.table import Benchmark, ScoreTable, make_table
from compression_leaderboard.intervals import LEVEL
from compression_leaderboard.wording import counted, plural

Array = NDArray[np.float64]

FEWEST_MODELS = 8
FEWEST_GROUPS = 3
AT_CHANCE = 0.02  # scores no higher above chance than this tell nothing, where no error is known


def study_cohort(cohort: Cohort, seed: int = 0, only: Sequence[str] | None = None) -> Study:
    """Fits, errors and predictions for every benchmark of a cohort, or for those named.

    The folds are those of all benchmarks, so that naming some changes no figure of theirs.
    """
    table = make_table(cohort)
    sets = training_sets(table, _days(table))
    if only is not None:
        table = table.subset([k for k, b in enumerate(table.benchmarks) if b.name in only])
    short = [find_shortage(table, k) for k in range(len(table.benchmarks))]
    judged = table.subset([k for k, reason in enumerate(short) if reason is None])
    found: dict[str, BenchmarkStudy] = {}
    candidates = list_candidates(cohort, table)
    if judged.benchmarks:
        for part in split_benchmarks(judged, sets, candidates):
            fitted = fit_all(part, sets, candidates)
            found |= {b.name: _study(fitted, k, seed) for k, b in enumerate(part.benchmarks)}
    studies = tuple(
        found.get(b.name, BenchmarkStudy(b, reason))
        for b, reason in zip(table.benchmarks, short, strict=True)
    )
    first = judged.benchmarks[:1] and judged.subset([0])
    return Study(
        cohort.name,
        cohort.split,
        studies,
        _with_compute(first, candidates, seed) if first else None,
    )


def find_shortage(table: ScoreTable, benchmark: int) -> str | None:
    """Why nothing can be said about a benchmark; None where it can be fitted."""
    scores = table.scores[:, benchmark]
    known = np.isfinite(scores)
    n, groups = int(known.sum()), len(np.unique(table.groups[known]))
    if n < FEWEST_MODELS or groups < FEWEST_GROUPS:
        return (
            f"not enough evidence: {counted(n, 'model')} of {counted(groups, 'group')} "
            f"{plural(n, 'has', 'have')} all figures; a fit needs at least {FEWEST_MODELS} "
            f"models of {FEWEST_GROUPS} groups"
        )
    if np.ptp(scores[known]) == 0 or all(np.ptp(table.column(t)[known]) == 0 for t in table.texts):
        return "not enough evidence: all models have the same figures"
    error = np.nan_to_num(2 * table.errors[known, benchmark], nan=AT_CHANCE)
    if (np.abs(scores[known] - table.benchmarks[benchmark].chance) <= error).all():
        return "not enough evidence: all scores are at chance"
    return None


def _days(table: ScoreTable) -> Array | None:
    """Release of each model in days, where the cohort knows it."""
    days = [date.fromisoformat(row.released).toordinal() for row in table.rows if row.released]
    return np.array(days, dtype=np.float64) if days and len(days) == len(table.rows) else None


def _with_compute(
    table: ScoreTable, candidates: Sequence[Candidate], seed: int
) -> Comparison | None:
    """The comparison once more on the rows whose compute is known, where that is not all."""
    scored = np.isfinite(table.scores[:, 0])
    known = np.isfinite(table.column(TRAINING_FLOP))
    if (known | ~scored).all():
        return None
    rows = table.kept(scored & known)
    if find_shortage(rows, 0) is not None:
        return None
    sets = tuple(s for s in training_sets(rows) if s.kind in ("all", "group"))
    fitted = fit_all(rows, sets, tuple(candidates))
    return compare(fitted, 0, "rows with known training compute", seed)


def _study(fitted: Fitted, benchmark: int, seed: int) -> BenchmarkStudy:
    own = fitted.table.benchmarks[benchmark]
    among = [k for k, c in enumerate(fitted.candidates) if not c.is_baseline or c.source == MEAN]
    chosen = [choose_at(fitted, at, benchmark, among) for at in range(len(fitted.sets))]
    final = chosen[0]
    if final is None:
        reason = "not enough evidence: too few models for any form in some fold"
        return BenchmarkStudy(own, reason)
    nested = [(s, c) for s, c in zip(fitted.sets, chosen, strict=True) if c and s.kind != "all"]
    errors = nested_errors(fitted, benchmark, nested)
    if errors is None:
        return BenchmarkStudy(own, "not enough evidence: no group could be left out")
    outer = [c for s, c in nested if s.kind == "group"]
    fit = Fit(
        fitted.candidates[final.candidate],
        fitted.scalings[final.candidate],
        final,
        errors[0],
        tuple((fitted.candidates[c.candidate], fitted.scalings[c.candidate], c) for c in outer),
    )
    kinds = list(dict.fromkeys(s.kind for s, _ in nested))
    return BenchmarkStudy(
        own,
        None,
        fit,
        tuple(
            judge(fitted, benchmark, [(s, c) for s, c in nested if s.kind == kind], errors, seed)
            for kind in kinds
            if any((s.test & _scored(fitted, benchmark)).any() for s, _ in nested if s.kind == kind)
        ),
        compare(fitted, benchmark, "all rows", seed),
        predict_missing(fitted, benchmark, among, final, errors[0], outer),
    )


def choose_at(fitted: Fitted, at: int, benchmark: int, among: Sequence[int]) -> Chosen | None:
    found = fitted.choose(at, benchmark, among)
    return None if found is None else fitted.detail(at, benchmark, found)


def predict_missing(
    fitted: Fitted,
    benchmark: int,
    among: Sequence[int],
    final: Chosen,
    errors: Errors,
    outer: Sequence[Chosen],
) -> tuple[Prediction, ...]:
    """Of every row that has some compression figure and no score."""
    table = fitted.table
    own = table.benchmarks[benchmark]
    wanted = ~table.has_score[:, benchmark]
    full = wanted & np.isfinite(final.predictions)
    by_fold = np.column_stack([c.predictions for c in outer])
    by_fold = np.where(np.isfinite(by_fold), by_fold, final.predictions[:, None])
    found = _intervals(fitted, own, full, final, errors, by_fold)
    for row in np.flatnonzero(wanted & ~full):
        possible = [
            k for k in among if np.isfinite(fitted.predictions[k, row, fitted.starts[0], benchmark])
        ]
        other = choose_at(fitted, 0, benchmark, possible) if possible else None
        if other is not None:
            one = np.arange(len(wanted)) == row
            centre = np.repeat(other.predictions[:, None], int(other.inner.fold.max()) + 1, axis=1)
            found += _intervals(fitted, own, one, other, other.inner, centre)
    return tuple(sorted(found, key=lambda p: p.model))


def _intervals(
    fitted: Fitted,
    own: Benchmark,
    rows: NDArray[np.bool_],
    chosen: Chosen,
    errors: Errors,
    by_fold: Array,
) -> list[Prediction]:
    if not rows.any():
        return []
    candidate = fitted.candidates[chosen.candidate]
    design = fitted.designs[chosen.candidate][rows]
    far = (design < chosen.bounds[0] - 1e-9) | (design > chosen.bounds[1] + 1e-9)
    beyond = chosen.beyond[rows]
    predicted = chosen.predictions[rows]
    scale = chosen.scale_at(rows)
    ends = [make_interval(v, predicted, scale, errors, own.ceiling, by_fold[rows]) for v in LEVELS]
    return [
        Prediction(
            fitted.table.models[row],
            own.key,
            float(predicted[k]),
            tuple((float(low[k]), float(high[k])) for low, high in ends),
            candidate.form,
            candidate.label,
            bool(far[k].any() or beyond[k] > 0 or chosen.larger[row]),
        )
        for k, row in enumerate(np.flatnonzero(rows))
    ]


def _scored(fitted: Fitted, benchmark: int) -> NDArray[np.bool_]:
    return np.isfinite(fitted.table.scores[:, benchmark])


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
    families: int
    study: Study
    correlations: tuple[Correlation, ...] = ()
    line: Line | None = None
    variance: FamilyVariance | None = None


def weigh_evidence(cohort: Cohort, seed: int = 0) -> Evidence:
    """Correlations, fits judged on left-out rows, and predictions of a cohort."""
    x, y, groups = paired_values(cohort, cohort.mean_score)
    n, families = len(x), len(set(groups))
    study = study_cohort(cohort, seed)
    correlations = correlate(cohort, FEWEST_MODELS, FEWEST_GROUPS, seed)
    shortage = _shortage(x, y, families) or next((b.shortage for b in study.benchmarks), None)
    if shortage is not None:
        return Evidence(shortage, n, families, study, correlations)
    variance = family_variance(x, y, groups)
    return Evidence(None, n, families, study, correlations, _line(x, y), variance)


def _shortage(x: Array, y: Array, families: int) -> str | None:
    n = len(x)
    if n < FEWEST_MODELS or families < FEWEST_GROUPS:
        return (
            f"not enough evidence: {counted(n, 'model')} of {counted(families, 'family')} "
            f"{plural(n, 'has', 'have')} all figures; a fit needs at least {FEWEST_MODELS} "
            f"models of {FEWEST_GROUPS} families"
        )
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return "not enough evidence: all models have the same figures"
    return None


def _line(x: Array, y: Array) -> Line:
    """The line of the chart; its band allows for unequal variance (HC3) and small n (Student)."""
    import statsmodels.api as sm  # slow, and a prediction needs none

    model = sm.OLS(y, sm.add_constant(x))
    fit = model.fit(cov_type="HC3", use_t=True)
    grid = np.linspace(x.min(), x.max(), 41)
    band = fit.get_prediction(sm.add_constant(grid)).summary_frame(alpha=1 - LEVEL)
    return Line(
        x=tuple(grid.tolist()),
        y=tuple(band["mean"].tolist()),
        low=tuple(band["mean_ci_lower"].tolist()),
        high=tuple(band["mean_ci_upper"].tolist()),
    )


@dataclass(frozen=True)
class Outlier:
    """A left-out model whose score lies outside of the 95 % interval made without its group."""

    benchmark: str  # label
    row: LeftOut

    @property
    def excess(self) -> float:
        """Score less prediction, a fraction."""
        return self.row.measured - self.row.predicted


@dataclass(frozen=True)
class Outliers:
    """Those found, largest first, and how many chance alone would bring."""

    found: tuple[Outlier, ...]
    judged: int

    @property
    def expected(self) -> float:
        return 0.05 * self.judged


def find_outliers(studies: Sequence[BenchmarkStudy]) -> Outliers:
    """Over all benchmarks of a cohort, groups left out."""
    found, judged = [], 0
    for study in studies:
        judgement = study.judged("group")
        for row in judgement.rows if judgement else ():
            judged += 1
            low, high = row.intervals[-1]
            if not low <= row.measured <= high:
                found.append(Outlier(study.benchmark.label, row))
    found.sort(key=lambda o: (-abs(o.excess), o.benchmark, o.row.model))
    return Outliers(tuple(found), judged)
