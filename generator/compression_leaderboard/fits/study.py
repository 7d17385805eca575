"""Study one cohort: for every benchmark a form, its errors on left-out rows, and predictions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.fits.candidates import COMPUTE, Candidate, list_candidates
from compression_leaderboard.fits.correlations import (
    Correlation,
    FamilyVariance,
    correlate,
    family_variance,
)
from compression_leaderboard.fits.evaluation import (
    MEAN_CONTENDERS,
    Comparison,
    compare,
    judge,
    nested_errors,
)
from compression_leaderboard.fits.findings import BenchmarkStudy, Fit, LeftOut, Study
from compression_leaderboard.fits.least_squares import fit_all, split_benchmarks
from compression_leaderboard.fits.nested_cv import Fitted
from compression_leaderboard.fits.predict import choose_at, predict_missing
from compression_leaderboard.fits.splits import TrainingSet, training_sets
from compression_leaderboard.fits.table import ScoreTable, make_table
from compression_leaderboard.repository.processes import start_beside

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
        parts = list(split_benchmarks(judged, sets, candidates))
        half = len(parts) // 2  # of a small table there is one part, and no second process

        def study(some: Sequence[ScoreTable]) -> list[BenchmarkStudy]:
            return [one for part in some for one in _study_part(part, sets, candidates, seed)]

        # The threads of matrix products would get in the way of the other process.
        with threadpool_limits(1, user_api="blas"):
            beside = start_beside(lambda: study(parts[:half])) if half else list
            found = {one.benchmark.name: one for one in [*study(parts[half:]), *beside()]}
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


def _study_part(
    part: ScoreTable, sets: tuple[TrainingSet, ...], candidates: tuple[Candidate, ...], seed: int
) -> list[BenchmarkStudy]:
    fitted = fit_all(part, sets, candidates)
    return [_study(fitted, k, seed) for k in range(len(part.benchmarks))]


def find_shortage(table: ScoreTable, benchmark: int) -> str | None:
    """Why nothing can be said about a benchmark; None where it can be fitted."""
    scores = table.scores[:, benchmark]
    known = np.isfinite(scores)
    n, groups = int(known.sum()), len(np.unique(table.groups[known]))
    if n < FEWEST_MODELS or groups < FEWEST_GROUPS:
        return (
            f"not enough evidence: {counted(n, 'model')} of {counted(groups, 'group')} "
            f"{'has' if n == 1 else 'have'} all figures; a fit needs at least {FEWEST_MODELS} "
            f"models of {FEWEST_GROUPS} groups"
        )
    if np.ptp(scores[known]) == 0 or all(np.ptp(table.column(t)[known]) == 0 for t in table.texts):
        return "not enough evidence: all models have the same figures"
    error = np.nan_to_num(2 * table.errors[known, benchmark], nan=AT_CHANCE)
    if (np.abs(scores[known] - table.benchmarks[benchmark].chance) <= error).all():
        return "not enough evidence: all scores are at chance"
    return None


def counted(n: int, noun: str) -> str:
    return f"{n} {noun if n == 1 else noun + 's'}"


def _days(table: ScoreTable) -> Array | None:
    """Release of each model in days, where the cohort knows it."""
    if "released" not in table.frame:
        return None
    days = pd.to_datetime(table.frame["released"]) - pd.Timestamp("2000-01-01")
    return np.asarray(days.dt.days.to_numpy(), dtype=np.float64)


def _with_compute(
    table: ScoreTable, candidates: Sequence[Candidate], seed: int
) -> Comparison | None:
    """The comparison once more on the rows whose compute is known, where that is not all."""
    scored = np.isfinite(table.scores[:, 0])
    known = np.isfinite(table.column(COMPUTE))
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
    among = [
        k
        for k, c in enumerate(fitted.candidates)
        if not c.is_baseline or c.source == MEAN_CONTENDERS
    ]
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
    known = cohort.rows.dropna(subset=["compression", "score"])
    n, families = len(known), known["family"].nunique()
    study = study_cohort(cohort, seed)
    correlations = correlate(cohort, FEWEST_MODELS, FEWEST_GROUPS, seed)
    shortage = _shortage(known, n, families) or next((b.shortage for b in study.benchmarks), None)
    if shortage is not None:
        return Evidence(shortage, n, families, study, correlations)
    return Evidence(None, n, families, study, correlations, _line(known), family_variance(known))


def _shortage(known: pd.DataFrame, n: int, families: int) -> str | None:
    if n < FEWEST_MODELS or families < FEWEST_GROUPS:
        return (
            f"not enough evidence: {counted(n, 'model')} of {families} "
            f"{'family' if families == 1 else 'families'} "
            f"{'has' if n == 1 else 'have'} all figures; a fit needs at least {FEWEST_MODELS} "
            f"models of {FEWEST_GROUPS} families"
        )
    if known["compression"].nunique() == 1 or known["score"].nunique() == 1:
        return "not enough evidence: all models have the same figures"
    return None


def _line(known: pd.DataFrame) -> Line:
    """The line of the chart; its band allows for unequal variance (HC3) and small n (Student)."""
    x = known["compression"].to_numpy()
    model = sm.OLS(known["score"].to_numpy(), sm.add_constant(x))
    fit = model.fit(cov_type="HC3", use_t=True)
    grid = np.linspace(x.min(), x.max(), 41)
    band = fit.get_prediction(sm.add_constant(grid)).summary_frame(alpha=0.05)
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
