"""Predictions with intervals, their errors on left-out rows, coverage, and the contest with the
baselines."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.derived import Estimate
from compression_leaderboard.board.figures import Key, benchmark_id
from compression_leaderboard.fits.curves import Form
from compression_leaderboard.fits.intervals import LEVELS, Errors, collect_errors, make_interval
from compression_leaderboard.fits.nested_cv import Chosen, Fitted
from compression_leaderboard.fits.splits import TrainingSet
from compression_leaderboard.intervals import BOOTSTRAP_DRAWS, LEVEL, Interval, percentile_interval
from compression_leaderboard.records.published import LoggedPrediction

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
OuterFit = tuple[TrainingSet, Chosen]


@dataclass(frozen=True, slots=True)
class Prediction:
    """A predicted score of one model, a fraction; intervals in the order of LEVELS."""

    model: str
    key: Key  # of the benchmark
    value: float
    intervals: tuple[Interval, ...]
    form: str
    predictors: str
    extrapolation: bool  # figures, size or the prediction lie outside those of the training rows

    @property
    def benchmark(self) -> str:
        return benchmark_id(self.key)

    def interval(self, level: float = LEVEL) -> Interval:
        """Return the interval of an observed score. Raises ValueError if level is not in LEVELS."""
        if level not in LEVELS:
            raise ValueError(f"no interval at {level}; choose from {', '.join(map(str, LEVELS))}")
        return self.intervals[LEVELS.index(level)]


def predict_rows(
    fitted: Fitted,
    chosen: Chosen,
    rows: Integers,
    errors: Errors,
    by_fold: Array | None = None,
) -> list[Prediction]:
    """Predict rows of the table. by_fold: what the fits of outer folds predict for every row."""
    design, bounds = chosen.scaled.design[rows], chosen.bounds
    beyond, larger = chosen.beyond[rows], chosen.larger[rows]
    far = ((design < bounds[0] - 1e-9) | (design > bounds[1] + 1e-9)).any(axis=1)
    extrapolation = far | (beyond > 0) | larger
    values, scale = chosen.predictions[rows], chosen.scale.at(beyond, larger)
    nearby = None if by_fold is None else by_fold[rows]
    ceiling = fitted.benchmark.ceiling
    ends = [make_interval(level, values, scale, errors, ceiling, nearby) for level in LEVELS]
    return [
        Prediction(
            model=fitted.table.rows[row].model,
            key=fitted.benchmark.key,
            value=float(values[k]),
            intervals=tuple(Interval(float(low[k]), float(high[k])) for low, high in ends),
            form=chosen.candidate.form,
            predictors=chosen.candidate.label,
            extrapolation=bool(extrapolation[k]),
        )
        for k, row in enumerate(rows)
    ]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A prediction of a model that its fit had not seen, and what the model scored."""

    prediction: Prediction
    measured: float

    @property
    def error(self) -> float:
        """Score less prediction, a fraction."""
        return self.measured - self.prediction.value

    def is_inside(self, level: float) -> bool:
        low, high = self.prediction.interval(level)
        return low <= self.measured <= high


@dataclass(frozen=True)
class Coverage:
    """Share of left-out scores inside their intervals, with the Clopper–Pearson 95 % interval.

    The interval takes its n as independent; models of one group are not, so the truth is less sure.
    """

    level: float
    inside: float  # of n; a whole number unless several benchmarks are pooled
    n: int  # models
    kind: str  # of the intervals: "conformal" or "model-based"

    @property
    def share(self) -> float:
        return self.inside / self.n

    @property
    def low(self) -> float:
        left = self.n - self.inside + 1
        return float(stats.beta.ppf((1 - LEVEL) / 2, self.inside, left)) if self.inside else 0.0

    @property
    def high(self) -> float:
        left = self.n - self.inside
        return float(stats.beta.ppf((1 + LEVEL) / 2, self.inside + 1, left)) if left else 1.0

    @property
    def is_nominal(self) -> bool:
        """Whether the level lies inside the interval of the share."""
        return self.low <= self.level <= self.high


def resample_groups(columns: Sequence[Array], groups: Integers, seed: int) -> Array:
    """Sum each column over all rows, then over each bootstrap draw of whole groups.

    The result is (columns, 1 + draws). Sums of groups are added up, so that a draw costs one small
    matrix product.
    """
    _, member = np.unique(groups, return_inverse=True)
    sums = np.stack([np.bincount(member, weights=column) for column in columns], axis=1)
    count = len(sums)
    generator = np.random.default_rng(seed)
    times = generator.multinomial(count, np.full(count, 1 / count), BOOTSTRAP_DRAWS)
    drawn: Array = np.vstack([sums.sum(axis=0), times.astype(np.float64) @ sums]).T
    return drawn


def resample_pearson(x: Array, y: Array, groups: Integers, seed: int) -> Array:
    """Pearson's r of all rows, then of each draw; not finite where a figure does not vary."""
    x, y = x - x.mean(), y - y.mean()
    columns = [np.ones_like(x), x, y, x * x, y * y, x * y]
    n, sx, sy, sxx, syy, sxy = resample_groups(columns, groups, seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        values: Array = (n * sxy - sx * sy) / np.sqrt((n * sxx - sx**2) * (n * syy - sy**2))
    return values


def _estimate(values: Array) -> Estimate:
    """values: of all rows, then of each draw."""
    draws = values[1:][np.isfinite(values[1:])]
    if len(draws) < BOOTSTRAP_DRAWS / 2:
        return Estimate(float(values[0]), None)
    return Estimate(float(values[0]), percentile_interval(draws))


@dataclass(frozen=True)
class Accuracy:
    """Errors as fractions of the score; R² against the mean of these rows; Spearman's rho."""

    n: int
    groups: int
    mae: Estimate
    rmse: Estimate
    r2: Estimate | None
    spearman: Estimate | None


def measure_accuracy(scores: Array, predictions: Array, groups: Integers, seed: int) -> Accuracy:
    """Of left-out rows. Known gap: with fewer than about twenty groups the intervals are narrow.

    The draws keep the ranks of all rows, which saves ranking each.
    """
    errors, centred = scores - predictions, scores - scores.mean()
    columns = [np.ones_like(errors), np.abs(errors), errors**2, centred, centred**2]
    n, absolute, squares, shift, spread = resample_groups(columns, groups, seed)
    around = spread - shift**2 / n
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = np.where(around < 1e-12, np.nan, 1 - squares / around)
    varies = np.ptp(scores) >= 1e-12 and np.ptp(predictions) >= 1e-12
    ranks, others = stats.rankdata(scores), stats.rankdata(predictions)
    return Accuracy(
        n=len(scores),
        groups=len(np.unique(groups)),
        mae=_estimate(absolute / n),
        rmse=_estimate(np.sqrt(squares / n)),
        r2=_estimate(r2) if np.isfinite(r2[0]) else None,
        spearman=_estimate(resample_pearson(ranks, others, groups, seed)) if varies else None,
    )


COMPRESSION = "compression, chosen in the folds"
MEAN = "mean"


@dataclass(frozen=True)
class Contender:
    """A source of predictors, its form chosen inside the folds; errors in fractions of the score.

    excess: its mean absolute error less that of chosen compression, on the same rows.
    """

    name: str
    is_baseline: bool
    mae: Estimate
    rmse: float
    excess: Estimate | None  # None for chosen compression itself


@dataclass(frozen=True)
class Comparison:
    """Contenders for one benchmark on the same left-out rows, smallest mean error first."""

    rows: str  # which rows: "all rows", or those with known parameters or training compute
    n: int
    groups: int
    contenders: tuple[Contender, ...]

    @property
    def compression(self) -> Contender:
        return next(c for c in self.contenders if c.name == COMPRESSION)

    @property
    def best_baseline(self) -> Contender:
        return next(c for c in self.contenders if c.is_baseline)

    @property
    def is_clear(self) -> bool:
        """Whether compression and the best baseline differ by more than chance would explain."""
        excess = self.best_baseline.excess
        return bool(excess and excess.interval and excess.interval.excludes_zero)


def compare(fitted: Fitted, rows: str, seed: int) -> Comparison | None:
    """Every source validated on left-out groups; None where compression itself could not be.

    A source that cannot predict every row that compression predicts is left out: on fewer rows its
    errors would be other rows' errors.
    """
    places: dict[str, list[int]] = {COMPRESSION: []}
    baselines = set()
    for k, candidate in enumerate(scaled.candidate for scaled in fitted.scaled):
        places.setdefault(candidate.source, []).append(k)
        if candidate.is_baseline:
            baselines.add(candidate.source)
        else:
            places[COMPRESSION].append(k)
    errors = {name: fitted.scores - _left_out(fitted, among) for name, among in places.items()}
    validated = np.isfinite(errors[COMPRESSION])
    if validated.sum() < 2:
        return None
    errors = {name: e[validated] for name, e in errors.items() if np.isfinite(e[validated]).all()}
    groups = fitted.table.groups[validated]
    columns = [np.ones(len(groups)), *map(np.abs, errors.values())]
    n, *sums = resample_groups(columns, groups, seed)
    maes = dict(zip(errors, (total / n for total in sums), strict=True))
    contenders = [
        Contender(
            name,
            name in baselines,
            _estimate(mae),
            float(np.sqrt(np.mean(errors[name] ** 2))),
            None if name == COMPRESSION else _estimate(mae - maes[COMPRESSION]),
        )
        for name, mae in maes.items()
    ]
    # At a tie the baseline comes first: compression has to be better to win.
    contenders.sort(key=lambda c: (c.mae.value, not c.is_baseline, c.name))
    return Comparison(rows, len(groups), len(np.unique(groups)), tuple(contenders))


def _left_out(fitted: Fitted, among: Sequence[int]) -> Array:
    """Predict every row by the fit that left its group out; NaN where no candidate is chosen."""
    predicted = np.full(len(fitted.scores), np.nan)
    for at, training in enumerate(fitted.sets):
        if training.kind == "group":
            chosen = fitted.choose(at, among)
            if chosen is not None:
                predicted[training.test] = fitted.predictions[at][chosen, training.test, 0]
    return predicted


@dataclass(frozen=True)
class Validation:
    """Left-out rows of one kind of fold, with their accuracy and the coverage of the intervals."""

    kind: str  # "group", "larger" or "later"
    rows: tuple[LeftOut, ...]
    accuracy: Accuracy
    coverage: tuple[Coverage, ...]
    chosen: tuple[tuple[str, Form, int], ...]  # predictors, form, number of folds that chose them

    @cached_property
    def by_model(self) -> dict[str, LeftOut]:
        return {row.prediction.model: row for row in self.rows}


def relative_errors(fitted: Fitted, fits: Sequence[OuterFit]) -> list[tuple[Array, Integers]]:
    """Errors over their scale of the rows that each outer fold left out, and the rows' groups."""
    return [
        fitted.left_out(training.test, chosen.predictions, chosen.beyond, chosen.larger).over(
            chosen.scale
        )
        for training, chosen in fits
    ]


def validate(fitted: Fitted, fits: Sequence[OuterFit], seed: int) -> Validation | None:
    """Validate the outer fits of one kind on the rows that they left out; None without such rows.

    The errors that make a row's interval are those of other folds. Where larger or later models
    are left out, nested errors would have seen them: there the intervals come from the errors of
    the inner folds.
    """
    kind = fits[0][0].kind
    relative = relative_errors(fitted, fits)
    rows: list[LeftOut] = []
    groups: list[Integers] = []
    forms: Counter[tuple[str, Form]] = Counter()
    kinds: set[tuple[float, str]] = set()
    for k, (training, chosen) in enumerate(fits):
        validated = np.flatnonzero(training.test & fitted.known)
        if len(validated) == 0:
            continue
        errors = chosen.inner
        if kind == "group":
            errors = collect_errors(relative[:k] + relative[k + 1 :])
        predictions = predict_rows(fitted, chosen, validated, errors)
        rows += map(LeftOut, predictions, fitted.scores[validated].tolist())
        groups.append(fitted.table.groups[validated])
        forms[chosen.candidate.label, chosen.candidate.form] += 1
        kinds |= {(level, errors.kind(level)) for level in LEVELS}
    if not rows:
        return None
    coverage = [
        Coverage(
            level,
            sum(row.is_inside(level) for row in rows),
            len(rows),
            " and ".join(sorted(name for of, name in kinds if of == level)),
        )
        for level in LEVELS
    ]
    measured, predicted = np.array([(row.measured, row.prediction.value) for row in rows]).T
    often_first = sorted(forms.items(), key=lambda item: (-item[1], item[0]))
    return Validation(
        kind,
        tuple(rows),
        measure_accuracy(measured, predicted, np.concatenate(groups), seed),
        tuple(coverage),
        tuple((label, form, n) for (label, form), n in often_first),
    )


@dataclass(frozen=True)
class Calibration:
    """The ledger so far. errors: score less prediction, a fraction, in the ledger's order."""

    logged: int
    errors: tuple[float, ...]
    coverage: tuple[Coverage, ...]  # none before the first score

    @property
    def mean_error(self) -> float:
        """Mean absolute error of the scored lines."""
        return float(np.mean(np.abs(self.errors)))


def calibrate(ledger: Sequence[LoggedPrediction], cohorts: Iterable[Cohort]) -> Calibration:
    """Score each line whose cohort has the model's score of the benchmark by now."""
    scores: dict[tuple[str, str, str], list[float]] = {}
    for cohort in cohorts:
        for key in (cohort.mean_score, *(column.key for column in cohort.scores)):
            for row in cohort.rows:
                if (value := row.value(key)) is not None:
                    scores.setdefault((cohort.name, row.model, benchmark_id(key)), []).append(value)
    scored = [
        (line, float(np.mean(scores[place])))
        for line in ledger
        if (place := (line.cohort, line.model, line.benchmark)) in scores
    ]
    inside80 = sum(line.low80 <= value <= line.high80 for line, value in scored)
    inside95 = sum(line.low95 <= value <= line.high95 for line, value in scored)
    counts = zip(LEVELS, (inside80, inside95), strict=True) if scored else ()
    return Calibration(
        len(ledger),
        tuple(value - line.prediction for line, value in scored),
        tuple(Coverage(level, n, len(scored), "logged") for level, n in counts),
    )
