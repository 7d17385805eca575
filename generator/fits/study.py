"""One cohort studied: for every benchmark a form, its errors on left-out rows, predictions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from generator.fits.accuracy import Accuracy, measure_accuracy
from generator.fits.candidates import COMPUTE, Candidate, list_candidates
from generator.fits.contenders import MEAN, Comparison, compare
from generator.fits.coverage import Coverage
from generator.fits.forms import Form
from generator.fits.intervals import LEVELS, Errors, collect_errors, make_interval
from generator.fits.nested import Chosen, Fitted, Scaling, TrainingSet, fit_all, training_sets
from generator.fits.table import Benchmark, ScoreTable, make_table
from generator.tables.cohorts import Cohort

Array = NDArray[np.float64]
Ends = tuple[tuple[Array, Array], ...]  # lower and upper ends, one pair a level

FEWEST_MODELS = 8
FEWEST_GROUPS = 3
AT_CHANCE = 0.02  # scores no higher above chance than this tell nothing, where no error is known


@dataclass(frozen=True)
class Prediction:
    """A predicted score of one model, a fraction; intervals in the order of LEVELS."""

    model: str
    benchmark: str
    value: float
    intervals: tuple[tuple[float, float], ...]
    form: str
    predictors: str
    extrapolation: bool  # a predictor or the prediction lies outside of the training rows


@dataclass(frozen=True)
class LeftOut:
    """A model that a fit had not seen: what it scored and what was predicted."""

    model: str
    measured: float
    predicted: float
    intervals: tuple[tuple[float, float], ...]
    form: str
    predictors: str


@dataclass(frozen=True)
class Judgement:
    """Left-out rows of one kind of fold, with their accuracy and the coverage of the intervals."""

    kind: str  # "group", "larger" or "later"
    rows: tuple[LeftOut, ...]
    accuracy: Accuracy
    coverage: tuple[Coverage, ...]
    chosen: tuple[tuple[str, Form, int], ...]  # predictors, form, number of folds that chose them


@dataclass(frozen=True)
class Fit:
    """The form that predicts new models, and everything that its arithmetic needs."""

    candidate: Candidate
    scaling: Scaling
    chosen: Chosen
    errors: Errors
    outer: tuple[tuple[Candidate, Scaling, Chosen], ...]  # the fits that left a group out


@dataclass(frozen=True)
class BenchmarkStudy:
    """What was found for one benchmark; `shortage` says why nothing was, and the rest is empty."""

    benchmark: Benchmark
    shortage: str | None
    fit: Fit | None = None
    judgements: tuple[Judgement, ...] = ()
    comparison: Comparison | None = None
    predictions: tuple[Prediction, ...] = ()

    def judged(self, kind: str) -> Judgement | None:
        return next((j for j in self.judgements if j.kind == kind), None)

    def warnings(self, prediction: Prediction) -> list[str]:
        """What whoever reads this prediction must know."""
        found = []
        if prediction.extrapolation:
            found.append("extrapolation: outside of what the fit was trained on")
        if self.benchmark.negative_control:
            found.append("negative control: compression is expected to tell little")
        if prediction.form == "mean":
            found.append("compression tells nothing here: this is the mean of the other models")
        return found


@dataclass(frozen=True)
class Study:
    """A cohort's benchmarks, the mean first where there are several."""

    cohort: str
    split: str
    benchmarks: tuple[BenchmarkStudy, ...]
    with_compute: Comparison | None = None  # of the first, where only some rows have compute

    def of(self, name: str) -> BenchmarkStudy | None:
        return next((b for b in self.benchmarks if b.benchmark.name == name), None)


def study_cohort(cohort: Cohort, seed: int = 0, only: Sequence[str] | None = None) -> Study:
    """Fits, errors and predictions for every benchmark of a cohort, or for those named."""
    table = make_table(cohort)
    if only is not None:
        table = table.subset([k for k, b in enumerate(table.benchmarks) if b.name in only])
    short = [find_shortage(table, k) for k in range(len(table.benchmarks))]
    judged = table.subset([k for k, reason in enumerate(short) if reason is None])
    found: dict[str, BenchmarkStudy] = {}
    candidates = list_candidates(cohort, table)
    if judged.benchmarks:
        sets = training_sets(table, _days(table))
        for _, fitted in fit_all(judged, sets, candidates):
            for k, benchmark in enumerate(fitted.table.benchmarks):
                found[benchmark.name] = _study(fitted, k, seed)
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
    _, fitted = next(fit_all(rows, sets, tuple(candidates)))
    return compare(fitted, 0, "rows with known training compute", seed)


def _study(fitted: Fitted, benchmark: int, seed: int) -> BenchmarkStudy:
    own = fitted.table.benchmarks[benchmark]
    among = [k for k, c in enumerate(fitted.candidates) if not c.is_baseline or c.source == MEAN]
    chosen = [_choice(fitted, at, benchmark, among) for at in range(len(fitted.sets))]
    final = chosen[0]
    if final is None:
        reason = "not enough evidence: too few models for any form in some fold"
        return BenchmarkStudy(own, reason)
    nested = [(s, c) for s, c in zip(fitted.sets, chosen, strict=True) if c and s.kind != "all"]
    errors = _nested_errors(fitted, benchmark, nested)
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
            _judge(fitted, benchmark, [(s, c) for s, c in nested if s.kind == kind], errors, seed)
            for kind in kinds
            if any((s.test & _scored(fitted, benchmark)).any() for s, _ in nested if s.kind == kind)
        ),
        compare(fitted, benchmark, "all rows", seed),
        _predict(fitted, benchmark, among, final, errors[0], outer),
    )


def _choice(fitted: Fitted, at: int, benchmark: int, among: Sequence[int]) -> Chosen | None:
    found = fitted.choose(at, benchmark, among)
    return None if found is None else fitted.detail(at, benchmark, found)


def _scored(fitted: Fitted, benchmark: int) -> NDArray[np.bool_]:
    return np.isfinite(fitted.table.scores[:, benchmark])


@dataclass(frozen=True)
class _Relative:
    """Nested errors over their scale, by row, with the outer fold that held the row."""

    values: Array
    fold: NDArray[np.int64]
    groups: NDArray[np.int64]

    def without(self, fold: int) -> Errors:
        kept = self.fold != fold
        return collect_errors(self.values[kept], self.fold[kept], self.groups[kept])


def _nested_errors(
    fitted: Fitted, benchmark: int, nested: Sequence[tuple[TrainingSet, Chosen]]
) -> tuple[Errors, _Relative] | None:
    values, folds, groups = [], [], []
    scores = fitted.table.scores[:, benchmark]
    by_group = [(s, c) for s, c in nested if s.kind == "group"]
    for k, (one, chosen) in enumerate(by_group):
        held = one.test & np.isfinite(scores)
        scale = chosen.scale.at(chosen.beyond[held])
        values.append((scores[held] - chosen.predictions[held]) / scale)
        folds.append(np.full(int(held.sum()), k))
        groups.append(fitted.table.groups[held])
    if not values or not sum(map(len, values)):
        return None
    relative = _Relative(np.concatenate(values), np.concatenate(folds), np.concatenate(groups))
    return collect_errors(relative.values, relative.fold, relative.groups), relative


def _judge(
    fitted: Fitted,
    benchmark: int,
    nested: Sequence[tuple[TrainingSet, Chosen]],
    errors: tuple[Errors, _Relative],
    seed: int,
) -> Judgement:
    """Left-out rows of one kind. The errors that make a row's interval are those of other folds.

    Where larger or later models are left out, nested errors would have seen them: there the
    intervals come from the errors of the inner folds.
    """
    table = fitted.table
    scores = table.scores[:, benchmark]
    ceiling = table.benchmarks[benchmark].ceiling
    rows: list[LeftOut] = []
    places: list[int] = []
    names: Counter[tuple[str, Form]] = Counter()
    kinds: list[list[str]] = [[] for _ in LEVELS]
    for k, (one, chosen) in enumerate(nested):
        held = np.flatnonzero(one.test & np.isfinite(scores))
        candidate = fitted.candidates[chosen.candidate]
        if len(held) == 0:
            continue
        names[candidate.label, candidate.form] += 1
        own = errors[1].without(k) if one.kind == "group" else chosen.inner
        predicted = chosen.predictions[held]
        centre = np.repeat(predicted[:, None], int(own.fold.max()) + 1, axis=1)
        scale = chosen.scale.at(chosen.beyond[held])
        ends = [make_interval(v, predicted, centre, scale, own, ceiling) for v in LEVELS]
        for level, kind in zip(LEVELS, kinds, strict=True):
            kind.append(own.kind(level))
        places += held.tolist()
        rows += [
            LeftOut(
                table.models[row],
                float(scores[row]),
                float(predicted[j]),
                tuple((float(low[j]), float(high[j])) for low, high in ends),
                candidate.form,
                candidate.label,
            )
            for j, row in enumerate(held)
        ]
    measured = np.array([row.measured for row in rows])
    values = np.array([row.predicted for row in rows])
    coverage = tuple(
        Coverage(
            level,
            sum(r.intervals[k][0] <= r.measured <= r.intervals[k][1] for r in rows),
            len(rows),
            " and ".join(sorted(set(kinds[k]))),
        )
        for k, level in enumerate(LEVELS)
    )
    return Judgement(
        nested[0][0].kind,
        tuple(rows),
        measure_accuracy(measured, values, table.groups[places], seed),
        coverage,
        tuple((label, form, n) for (label, form), n in sorted(names.items(), key=_often_first)),
    )


def _often_first(item: tuple[tuple[str, Form], int]) -> tuple[int, tuple[str, Form]]:
    return -item[1], item[0]


def _predict(
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
    wanted = table.frame[own.name].isna().to_numpy()
    full = wanted & np.isfinite(final.predictions)
    by_fold = np.column_stack([c.predictions for c in outer])
    by_fold = np.where(np.isfinite(by_fold), by_fold, final.predictions[:, None])
    found = _intervals(fitted, own, full, final, errors, by_fold)
    for row in np.flatnonzero(wanted & ~full):
        possible = [
            k for k in among if np.isfinite(fitted.predictions[k, row, fitted.starts[0], benchmark])
        ]
        other = _choice(fitted, 0, benchmark, possible) if possible else None
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
    scale = chosen.scale.at(beyond)
    ends = [make_interval(v, predicted, by_fold[rows], scale, errors, own.ceiling) for v in LEVELS]
    return [
        Prediction(
            fitted.table.models[row],
            own.name,
            float(predicted[k]),
            tuple((float(low[k]), float(high[k])) for low, high in ends),
            candidate.form,
            candidate.label,
            bool(far[k].any() or beyond[k] > 0),
        )
        for k, row in enumerate(np.flatnonzero(rows))
    ]
