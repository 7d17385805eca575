"""Intervals of a predicted score, from errors on rows that a fit had not seen.

Errors grow beyond the scores that the training rows reach, and for models larger than all of them.
So each is divided by a scale: scale² = spread² + (growth · beyond)², where `beyond` is how far a
prediction lies outside the predictions for the training rows. Models larger than all training ones
have another spread, `larger`. All come from the inner folds: the spread from left-out groups,
`larger` from cuts at a size, inside the training rows, the growth from both.

Such cuts are few, often one, and their errors are alike: a curve that bends otherwise misses all
larger models. So both are averaged with what is assumed, which weighs as PRIOR_CUTS cuts: that
larger models err by a shift as large as the spread, and by a quarter of the way beyond. And models
near chance often give the same answers, closer together than the items of a benchmark can tell;
larger ones need not, so `larger` is no smaller than a score's standard error. Known gap: the two
assumed values were chosen by looking at cuts of the four published cohorts, so the coverage of
larger models there describes them and proves little for others.

How many scales an interval needs comes from nested errors, in which the choice of the form had no
part. Conformal where the number of groups K allows it: CV+ over groups (Barber et al. 2021), every
group weighing the same. The share kept for what is new is 1/(M + 1), M being the independent errors
in the left-out rows: K where models of a group err alike, more where they do not. (1/(K + 1), the
rule for any likeness, contains 98 % instead of 95 % of simulated scores with 30 groups of 3.) Else
model-based: Student's t, scaled to those errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from compression_leaderboard.intervals import LEVEL

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

LEVELS = (0.8, LEVEL)
PRIOR_CUTS = 3  # as many cuts by size say what is assumed below
PRIOR_GROWTH = 0.25  # of the way beyond the training rows is uncertain
PRIOR_SHIFT = 1.0  # of larger models, over the spread
LEAST_SPREAD = 1e-6
MOST_SHARE = 0.9  # conformal intervals of small K cover more than they say: none beyond this,
#                   unless the level itself is higher
LEAST_LIKENESS = 0.5  # of errors of one group, in the degrees of freedom


@dataclass(frozen=True)
class Scale:
    """Standard deviation of an error inside the training rows' scores, and how it grows beyond.

    spread: of models no larger than the training rows; larger: of larger ones.
    """

    spread: float
    larger: float
    growth: float

    def at(self, beyond: Array, larger: Mask) -> Array:
        values: Array = np.hypot(np.where(larger, self.larger, self.spread), self.growth * beyond)
        return values


@dataclass(frozen=True)
class LeftOutRows:
    """Rows that one fold leaves out, with their groups.

    errors: score − prediction; beyond: how far the prediction lies outside of those for the
    training rows; larger: of more parameters than every training row.
    """

    errors: Array
    beyond: Array
    larger: Mask
    groups: Integers

    def over(self, scale: Scale) -> tuple[Array, Integers]:
        """Errors divided by their scale, and the groups."""
        return self.errors / scale.at(self.beyond, self.larger), self.groups


@dataclass(frozen=True)
class Errors:
    """Errors of one benchmark on rows that a fit had not seen, over their scale.

    size: |score − prediction| / scale of each left-out row; fold: which fold left it out;
    weight: the same sum for each group, all together 1; root: root mean square of the size;
    freedom: independent errors less one.
    """

    size: Array
    fold: Integers
    weight: Array
    groups: int
    root: float
    freedom: float

    def is_conformal(self, level: float) -> bool:
        """K groups can promise K / (K + 1); with few the correction (K + 1) / K overshoots far."""
        share = level * (self.groups + 1) / self.groups
        return share <= max(MOST_SHARE, 1.0 if level > MOST_SHARE else 0.0)

    def kind(self, level: float) -> str:
        return "conformal" if self.is_conformal(level) else "model-based"

    def share(self, level: float) -> float:
        """Share of the errors in a conformal interval: more than its level, for what is new."""
        return level * (self.freedom + 2) / (self.freedom + 1)

    def half_width(self, level: float) -> float:
        """Half the width of a model-based interval, in scales."""
        return float(stats.t.ppf((1 + level) / 2, self.freedom)) * self.root


def measure_scale(
    near: Sequence[LeftOutRows], cuts: Sequence[LeftOutRows], score_error: float
) -> Scale:
    """Measure on rows of left-out groups, `near`, and on larger models predicted by smaller ones.

    score_error: standard error of a score; 0 where it is not known.
    """
    errors = np.concatenate([rows.errors for rows in near])
    spread = max(float(np.sqrt(np.mean(errors**2))), LEAST_SPREAD)
    for _ in range(3):
        larger = max(_spread_of_larger(spread, cuts), score_error)
        scale = Scale(spread, larger, _growth(spread, larger, [*near, *cuts]))
        relative = np.concatenate([rows.over(scale)[0] for rows in near])
        spread = max(spread * float(np.sqrt(np.mean(relative**2))), LEAST_SPREAD)
    return Scale(spread, scale.larger, scale.growth)


def _spread_of_larger(spread: float, cuts: Sequence[LeftOutRows]) -> float:
    """From larger models whose predictions lie inside of those for the training rows."""
    inside = [r.errors[r.larger & (r.beyond <= spread)] for r in cuts]
    shifts = [float(np.mean(e**2)) / spread**2 - 1 for e in inside if len(e)]
    return spread * float(np.sqrt(1 + _with_prior(PRIOR_SHIFT**2, shifts)))


def _growth(spread: float, larger: float, folds: Sequence[LeftOutRows]) -> float:
    """From rows whose predictions lie beyond those for the training rows."""
    growths = []
    for rows in folds:
        outside = rows.beyond > spread
        if outside.any():
            inside = np.where(rows.larger, larger, spread)[outside]
            excess = float(np.sum(rows.errors[outside] ** 2 - inside**2))
            growths.append(excess / float(np.sum(rows.beyond[outside] ** 2)))
    return float(np.sqrt(_with_prior(PRIOR_GROWTH**2, growths)))


def _with_prior(prior: float, variances: Sequence[float]) -> float:
    """Mean of the variances that the folds show, none below 0, and PRIOR_CUTS times the prior."""
    total = PRIOR_CUTS * prior + sum(max(variance, 0.0) for variance in variances)
    return total / (PRIOR_CUTS + len(variances))


def collect_errors(folds: Sequence[tuple[Array, Integers]]) -> Errors:
    """Collect the errors over their scale of the rows of each fold, with the rows' groups."""
    relative = np.concatenate([errors for errors, _ in folds])
    fold = np.repeat(np.arange(len(folds)), [len(errors) for errors, _ in folds])
    groups = np.concatenate([groups for _, groups in folds])
    _, member, counts = np.unique(groups, return_inverse=True, return_counts=True)
    weight = 1 / (len(counts) * counts[member])
    root = max(float(np.sqrt(np.mean(relative**2))), 1e-6)
    freedom = degrees_of_freedom(relative, member, counts)
    return Errors(np.abs(relative), fold, weight, len(counts), root, freedom)


def degrees_of_freedom(errors: Array, member: Integers, counts: Integers) -> float:
    """Degrees of freedom of the variance of a new group's error.

    Satterthwaite's formula with the share of the variance that lies between groups, the intraclass
    correlation of the one-way analysis of variance; few groups show it too small, so it is taken
    to be at least LEAST_LIKENESS.
    """
    n, k = len(errors), len(counts)
    if n <= k or k < 2:
        return max(float(k - 1), 2.0)
    means = np.bincount(member, weights=errors) / counts
    within = float(np.sum((errors - means[member]) ** 2)) / (n - k)
    between = float(np.sum(counts * (means - errors.mean()) ** 2)) / (k - 1)
    typical = (n - float(np.sum(counts**2)) / n) / (k - 1)
    likeness = (between - within) / (between + (typical - 1) * within) if between > 0 else 0.0
    likeness = min(max(likeness, LEAST_LIKENESS), 1.0)
    return max(1 / (likeness**2 / (k - 1) + (1 - likeness) ** 2 / (n - k)), 2.0)


def make_interval(
    level: float,
    prediction: Array,
    scale: Array,
    errors: Errors,
    ceiling: float,
    by_fold: Array | None = None,
) -> tuple[Array, Array]:
    """Lower and upper ends for each row, inside [0, ceiling], with the prediction between them.

    scale: (rows,). by_fold: predictions of the fits that left an outer fold out, (rows, folds);
    None: the prediction itself.
    """
    if not errors.is_conformal(level):
        half = errors.half_width(level) * scale
        low, high = prediction - half, prediction + half
    elif by_fold is None:
        half = weighted_quantile(errors.size[None], errors.weight, errors.share(level)) * scale
        low, high = prediction - half, prediction + half
    else:
        reach = errors.size * scale[:, None]  # (rows, errors)
        centre = by_fold[:, errors.fold]
        high = weighted_quantile(centre + reach, errors.weight, errors.share(level))
        low = -weighted_quantile(reach - centre, errors.weight, errors.share(level))
    low, high = np.minimum(low, prediction), np.maximum(high, prediction)
    return np.clip(low, 0, ceiling), np.clip(high, 0, ceiling)


def weighted_quantile(values: Array, weight: Array, share: float) -> Array:
    """Return the smallest value of each row at or below which `share` of the weight lies."""
    order = np.argsort(values, axis=1)
    reached = np.cumsum(weight[order], axis=1) >= share - 1e-9
    place = np.where(reached.any(axis=1), reached.argmax(axis=1), values.shape[1] - 1)
    rows = np.arange(len(values))
    quantiles: Array = values[rows, order[rows, place]]
    return quantiles
