"""Errors on left-out rows, coverage of the intervals, and the contest with the baselines."""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from compression_leaderboard.fits.curves import Form
from compression_leaderboard.fits.intervals import LEVELS, Errors, collect_errors, make_interval
from compression_leaderboard.fits.nested_cv import Chosen, Fitted
from compression_leaderboard.fits.splits import TrainingSet
from compression_leaderboard.intervals import BOOTSTRAP_DRAWS, LEVEL, percentile_interval


@dataclass(frozen=True)
class Coverage:
    """Share of left-out scores inside their intervals, with the Clopper–Pearson 95 % interval.

    The interval takes its n as independent; models of one group are not, so the truth is less sure.
    """

    level: float
    held: float  # of n; a whole number unless several benchmarks are pooled
    n: int  # models
    kind: str  # of the intervals: "conformal" or "model-based"

    @property
    def share(self) -> float:
        return self.held / self.n

    @property
    def low(self) -> float:
        left = self.n - self.held + 1
        return float(stats.beta.ppf((1 - LEVEL) / 2, self.held, left)) if self.held else 0.0

    @property
    def high(self) -> float:
        left = self.n - self.held
        return float(stats.beta.ppf((1 + LEVEL) / 2, self.held + 1, left)) if left else 1.0

    @property
    def is_nominal(self) -> bool:
        """Whether the level lies inside the interval of the share."""
        return self.low <= self.level <= self.high


Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; both ends None where it cannot be resampled."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Accuracy:
    """Errors as fractions of the score; R² against the mean of these rows; Spearman's rho."""

    n: int
    groups: int
    mae: Estimate
    rmse: Estimate
    r2: Estimate | None
    spearman: Estimate | None


def group_draws(groups: Integers, seed: int) -> tuple[Array, Integers]:
    """How often each draw takes each group, (draws, groups), and each row's group."""
    found, own = np.unique(groups, return_inverse=True)
    return _draws(len(found), seed), own


@lru_cache(maxsize=4)
def _draws(count: int, seed: int) -> Array:
    """The same for every benchmark of a cohort; kept because making them costs more than use."""
    generator = np.random.default_rng(seed)
    times = generator.multinomial(count, np.full(count, 1 / count), BOOTSTRAP_DRAWS)
    draws: Array = times.astype(np.float64)
    draws.setflags(write=False)
    return draws


def group_sums(values: Array, own: Integers) -> Array:
    """Sum of each column over the rows of each group, (groups, columns)."""
    return np.stack([np.bincount(own, weights=column) for column in values.T], axis=1)


def measure_accuracy(scores: Array, predictions: Array, groups: Integers, seed: int) -> Accuracy:
    """Of left-out rows. Known gap: with fewer than about twenty groups the intervals are narrow."""
    errors = scores - predictions
    times, own = group_draws(groups, seed)
    centred = scores - scores.mean()
    parts = [np.ones_like(errors), np.abs(errors), errors**2, centred, centred**2]
    drawn = times @ group_sums(np.column_stack(parts), own)
    whole = np.sum(np.column_stack(parts), axis=0)
    return Accuracy(
        n=len(scores),
        groups=times.shape[1],
        mae=_estimate(whole[1] / whole[0], drawn[:, 1] / drawn[:, 0]),
        rmse=_estimate(np.sqrt(whole[2] / whole[0]), np.sqrt(drawn[:, 2] / drawn[:, 0])),
        r2=_r2(whole, drawn),
        spearman=_spearman(scores, predictions, times, own),
    )


def _estimate(value: float, draws: Array) -> Estimate:
    known = draws[np.isfinite(draws)]
    if len(known) < len(draws) / 2:
        return Estimate(float(value), None, None)
    return Estimate(float(value), *percentile_interval(known))


def _r2(whole: Array, drawn: Array) -> Estimate | None:
    if whole[4] <= 1e-20:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        values = 1 - drawn[:, 2] / (drawn[:, 4] - drawn[:, 3] ** 2 / drawn[:, 0])
    values[drawn[:, 4] - drawn[:, 3] ** 2 / drawn[:, 0] < 1e-12] = np.nan
    return _estimate(1 - whole[2] / whole[4], values)


def _spearman(scores: Array, predictions: Array, times: Array, own: Integers) -> Estimate | None:
    """Pearson's r of the ranks. The draws keep the ranks of all rows, which saves ranking each."""
    if np.ptp(scores) < 1e-12 or np.ptp(predictions) < 1e-12:
        return None
    x, y = (stats.rankdata(v) - (len(v) + 1) / 2 for v in (scores, predictions))
    return _estimate(float(np.corrcoef(x, y)[0, 1]), drawn_pearson(x, y, times, own))


def drawn_pearson(x: Array, y: Array, times: Array, own: Integers) -> Array:
    """Pearson's r of each draw of groups; not finite where a figure does not vary.

    Sums and products of each group are added up, so that a draw costs one small matrix product.
    """
    sums = group_sums(np.column_stack([np.ones_like(x), x, y, x * x, y * y, x * y]), own)
    n, sx, sy, sxx, syy, sxy = (times @ sums).T
    with np.errstate(invalid="ignore", divide="ignore"):
        values: Array = (n * sxy - sx * sy) / np.sqrt((n * sxx - sx**2) * (n * syy - sy**2))
    return values


def mean_with_interval(values: Array, groups: Integers, seed: int) -> Estimate:
    """Mean of one number a row, groups resampled."""
    times, own = group_draws(groups, seed)
    total, n = (times @ group_sums(np.column_stack([values, np.ones_like(values)]), own)).T
    return _estimate(float(values.mean()), total / n)


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

    rows: str  # which rows: "all rows" or "rows with known training compute"
    benchmark: str
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
        if excess is None or excess.low is None or excess.high is None:
            return False
        return not excess.low <= 0 <= excess.high


def compare(fitted: Fitted, benchmark: int, rows: str, seed: int) -> Comparison | None:
    """Every source judged on left-out groups; None where compression itself could not be judged.

    A source that cannot predict every row that compression predicts is left out: on fewer rows its
    errors would be other rows' errors.
    """
    scores = fitted.table.scores[:, benchmark]
    known = np.isfinite(scores)
    places: dict[str, list[int]] = {COMPRESSION: []}
    for k, candidate in enumerate(fitted.candidates):
        places.setdefault(candidate.source, []).append(k)
        if not candidate.is_baseline:
            places[COMPRESSION].append(k)
    held = np.zeros(len(scores), dtype=bool)
    errors: dict[str, Array] = {}
    for name, among in places.items():
        predicted = _left_out(fitted, benchmark, among)
        if name == COMPRESSION:
            held = known & np.isfinite(predicted)
            if held.sum() < 2:
                return None
        own = scores[held] - predicted[held]
        if np.isfinite(own).all():
            errors[name] = own
    groups = fitted.table.groups[held]
    baselines = {c.source for c in fitted.candidates if c.is_baseline}
    best = np.abs(errors[COMPRESSION])
    contenders = [
        Contender(
            name,
            name in baselines,
            mean_with_interval(np.abs(own), groups, seed),
            float(np.sqrt(np.mean(own**2))),
            None if name == COMPRESSION else mean_with_interval(np.abs(own) - best, groups, seed),
        )
        for name, own in errors.items()
    ]
    # At a tie the baseline stands first: compression has to be better to win.
    contenders.sort(key=lambda c: (c.mae.value, not c.is_baseline, c.name))
    label = fitted.table.benchmarks[benchmark].name
    return Comparison(rows, label, len(best), len(np.unique(groups)), tuple(contenders))


def _left_out(fitted: Fitted, benchmark: int, among: Sequence[int]) -> Array:
    """Prediction of every row by the fit that left its group out; NaN where there is none."""
    found = np.full(len(fitted.table.models), np.nan)
    for at, one in enumerate(fitted.sets):
        if one.kind == "group":
            chosen = fitted.choose(at, benchmark, among)
            if chosen is not None:
                own = fitted.predictions[chosen, :, fitted.starts[at], benchmark]
                found[one.test] = own[one.test]
    return found


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
class LeftOutColumns:
    """Left-out models by column, since a board has hundreds of thousands."""

    models: tuple[str, ...]
    measured: "array[float]"
    predicted: "array[float]"
    ends: "array[float]"  # of a row's intervals, one row after the other
    fits: tuple[tuple[Form, str], ...]  # form and predictors

    def __iter__(self) -> Iterator[LeftOut]:
        return map(self._at, range(len(self.models)))

    def __len__(self) -> int:
        return len(self.models)

    def of(self, model: str) -> LeftOut | None:
        place = self._places.get(model)
        return None if place is None else self._at(place)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {model: k for k, model in enumerate(self.models)}

    def _at(self, k: int) -> LeftOut:
        count = len(self.ends) // len(self.models)
        own = self.ends[k * count : (k + 1) * count]
        intervals = tuple(zip(own[::2], own[1::2], strict=True))
        return LeftOut(
            self.models[k], self.measured[k], self.predicted[k], intervals, *self.fits[k]
        )


@dataclass(frozen=True)
class Judgement:
    """Left-out rows of one kind of fold, with their accuracy and the coverage of the intervals."""

    kind: str  # "group", "larger" or "later"
    rows: LeftOutColumns
    accuracy: Accuracy
    coverage: tuple[Coverage, ...]
    chosen: tuple[tuple[str, Form, int], ...]  # predictors, form, number of folds that chose them


@dataclass(frozen=True)
class Relative:
    """Nested errors over their scale, by row, with the outer fold that held the row."""

    values: Array
    fold: NDArray[np.int64]
    groups: NDArray[np.int64]

    def without(self, fold: int) -> Errors:
        kept = self.fold != fold
        return collect_errors(self.values[kept], self.fold[kept], self.groups[kept])


def nested_errors(
    fitted: Fitted, benchmark: int, nested: Sequence[tuple[TrainingSet, Chosen]]
) -> tuple[Errors, Relative] | None:
    values, folds, groups = [], [], []
    scores = fitted.table.scores[:, benchmark]
    by_group = [(s, c) for s, c in nested if s.kind == "group"]
    for k, (one, chosen) in enumerate(by_group):
        held = one.test & np.isfinite(scores)
        scale = chosen.scale_at(held)
        values.append((scores[held] - chosen.predictions[held]) / scale)
        folds.append(np.full(int(held.sum()), k))
        groups.append(fitted.table.groups[held])
    if not values or not sum(map(len, values)):
        return None
    relative = Relative(np.concatenate(values), np.concatenate(folds), np.concatenate(groups))
    return collect_errors(relative.values, relative.fold, relative.groups), relative


def judge(
    fitted: Fitted,
    benchmark: int,
    nested: Sequence[tuple[TrainingSet, Chosen]],
    errors: tuple[Errors, Relative],
    seed: int,
) -> Judgement:
    """Left-out rows of one kind. The errors that make a row's interval are those of other folds.

    Where larger or later models are left out, nested errors would have seen them: there the
    intervals come from the errors of the inner folds.
    """
    table = fitted.table
    scores = table.scores[:, benchmark]
    ceiling = table.benchmarks[benchmark].ceiling
    measured, values, bounds = array("d"), array("d"), array("d")
    fits: list[tuple[Form, str]] = []
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
        scale = chosen.scale_at(held)
        ends = [make_interval(v, predicted, scale, own, ceiling) for v in LEVELS]
        for level, kind in zip(LEVELS, kinds, strict=True):
            kind.append(own.kind(level))
        places += held.tolist()
        measured.extend(scores[held])
        values.extend(predicted)
        bounds.extend(np.stack([end for pair in ends for end in pair], axis=1).ravel())
        fits += [(candidate.form, candidate.label)] * len(held)
    truth, by_row = np.array(measured), np.array(bounds).reshape(len(measured), len(LEVELS), 2)
    inside = (by_row[:, :, 0] <= truth[:, None]) & (truth[:, None] <= by_row[:, :, 1])
    coverage = tuple(
        Coverage(level, int(n), len(truth), " and ".join(sorted(set(kind))))
        for level, n, kind in zip(LEVELS, inside.sum(axis=0), kinds, strict=True)
    )
    models = tuple(table.models[row] for row in places)
    return Judgement(
        nested[0][0].kind,
        LeftOutColumns(models, measured, values, bounds, tuple(fits)),
        measure_accuracy(truth, np.array(values), table.groups[places], seed),
        coverage,
        tuple((label, form, n) for (label, form), n in sorted(names.items(), key=_often_first)),
    )


def _often_first(item: tuple[tuple[str, Form], int]) -> tuple[int, tuple[str, Form]]:
    return -item[1], item[0]
