"""Intervals of a predicted score, from errors on rows that a fit had not seen.
Errors grow beyond the scores that the training rows reach, and for models larger than all of them.
So each is held against a scale: scale² = spread² + (growth · beyond)², where `beyond` is how far a
prediction lies outside the predictions for the training rows. Models larger than all training ones
have a spread of their own, `larger`. All come from the inner folds: the spread from left-out
groups, `larger` from cuts at a size, inside the training rows, the growth from both.

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
rule for any likeness, holds 98 % instead of 95 % of simulated scores with 30 groups of 3.) Else
model-based: Student's t, scaled to those errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

LEVELS = (0.8, 0.95)
PRIOR_CUTS = 3  # as many cuts by size say what is assumed below
PRIOR_GROWTH = 0.25  # of the way beyond the training rows is uncertain
PRIOR_SHIFT = 1.0  # of larger models, over the spread
LEAST_SPREAD = 1e-6
MOST_SHARE = 0.9  # conformal intervals of small K cover more than they say: none beyond this,
#                   unless the level itself is higher
LEAST_LIKENESS = 0.5  # of errors of one group, in the degrees of freedom
MOST_ERRORS = 400  # kept for CV+; more are thinned to quantiles


@dataclass(frozen=True)
class LeftOutRows:
    """Rows that one fold held.

    errors: score − prediction; beyond: how far the prediction lies outside of those for the
    training rows; larger: of more parameters than every training row.
    """

    errors: Array
    beyond: Array
    larger: NDArray[np.bool_]


@dataclass(frozen=True)
class Scale:
    """Standard deviation of an error inside the training rows' scores, and how it grows beyond.

    spread: of models no larger than the training rows; larger: of larger ones.
    """

    spread: float
    larger: float
    growth: float

    def at(self, beyond: Array, larger: NDArray[np.bool_]) -> Array:
        values: Array = np.hypot(np.where(larger, self.larger, self.spread), self.growth * beyond)
        return values


@dataclass(frozen=True)
class Errors:
    """Nested errors of one benchmark.

    size: |score − prediction| / scale of each left-out row; fold: which outer fold held it;
    weight: the same sum for each group, all together 1; root: root mean square of the size;
    freedom: independent errors less one.
    """

    size: Array
    fold: Integers
    weight: Array
    groups: int
    root: float
    freedom: float

    def kind(self, level: float) -> str:
        return "conformal" if is_conformal(level, self.groups) else "model-based"


def is_conformal(level: float, groups: int) -> bool:
    """K groups can promise K / (K + 1); with few the correction (K + 1) / K overshoots far."""
    share = level * (groups + 1) / groups
    return share <= max(MOST_SHARE, 1.0 if level > MOST_SHARE else 0.0)


def measure_scale(
    near: Sequence[LeftOutRows], cuts: Sequence[LeftOutRows], score_error: float
) -> Scale:
    """near: rows of left-out groups; cuts: larger models, predicted by smaller ones.

    score_error: standard error of a score; 0 where it is not known.
    """
    errors = np.concatenate([rows.errors for rows in near])
    beyond = np.concatenate([rows.beyond for rows in near])
    larger = np.concatenate([rows.larger for rows in near])
    spread = max(float(np.sqrt(np.mean(errors**2))), LEAST_SPREAD)
    scale = Scale(spread, spread, PRIOR_GROWTH)
    for _ in range(3):
        scale = _scale(spread, near, cuts, score_error)
        relative = errors / scale.at(beyond, larger)
        spread = max(spread * float(np.sqrt(np.mean(relative**2))), LEAST_SPREAD)
    return Scale(spread, scale.larger, scale.growth)


def _scale(
    spread: float,
    near: Sequence[LeftOutRows],
    cuts: Sequence[LeftOutRows],
    score_error: float,
) -> Scale:
    """What the folds say of larger models and of rows beyond, given the spread."""
    inside = [r.errors[r.larger & (r.beyond <= spread)] for r in cuts]
    shifts = [float(np.mean(e**2)) / spread**2 - 1 for e in inside if len(e)]
    shifted = spread * float(np.sqrt(1 + _with_prior(PRIOR_SHIFT**2, shifts)))
    larger = max(shifted, score_error)
    growths = []
    for rows in (*near, *cuts):
        outside = rows.beyond > spread
        if outside.any():
            own = np.where(rows.larger, larger, spread)[outside]
            more = float(np.sum(rows.errors[outside] ** 2 - own**2))
            growths.append(more / float(np.sum(rows.beyond[outside] ** 2)))
    return Scale(spread, larger, float(np.sqrt(_with_prior(PRIOR_GROWTH**2, growths))))


def _with_prior(prior: float, found: Sequence[float]) -> float:
    """Mean of the variances that the folds show, none below 0, and PRIOR_CUTS times the prior."""
    total = PRIOR_CUTS * prior + sum(max(one, 0.0) for one in found)
    return total / (PRIOR_CUTS + len(found))


def collect_errors(relative: Array, fold: Integers, groups: Integers) -> Errors:
    """relative: (score − prediction) / scale of every left-out row."""
    _, own, counts = np.unique(groups, return_inverse=True, return_counts=True)
    weight = 1 / (len(counts) * counts[own])
    size, kept_fold, kept_weight = _thinned(np.abs(relative), fold, weight)
    root = max(float(np.sqrt(np.mean(relative**2))), 1e-6)
    freedom = degrees_of_freedom(relative, own, counts)
    return Errors(size, kept_fold, kept_weight, len(counts), root, freedom)


def degrees_of_freedom(errors: Array, own: Integers, counts: Integers) -> float:
    """What is known of the variance of a new group's error: groups differ, and rows inside them.

    Satterthwaite's formula with the share of the variance that lies between groups, the intraclass
    correlation of the one-way analysis of variance; few groups show it too small, so it is taken
    to be at least LEAST_LIKENESS.
    """
    n, k = len(errors), len(counts)
    if n <= k or k < 2:
        return max(float(k - 1), 2.0)
    means = np.bincount(own, weights=errors) / counts
    within = float(np.sum((errors - means[own]) ** 2)) / (n - k)
    between = float(np.sum(counts * (means - errors.mean()) ** 2)) / (k - 1)
    typical = (n - float(np.sum(counts**2)) / n) / (k - 1)
    likeness = (between - within) / (between + (typical - 1) * within) if between > 0 else 0.0
    likeness = min(max(likeness, LEAST_LIKENESS), 1.0)
    return max(1 / (likeness**2 / (k - 1) + (1 - likeness) ** 2 / (n - k)), 2.0)


def _thinned(size: Array, fold: Integers, weight: Array) -> tuple[Array, Integers, Array]:
    """At most MOST_ERRORS errors: quantiles of each fold's, weighing as much as the fold's."""
    if len(size) <= MOST_ERRORS:
        return size, fold, weight
    folds = np.unique(fold)
    each = MOST_ERRORS // len(folds)
    wanted = (np.arange(each) + 0.5) / each
    sizes, weights = [], []
    for k in folds:
        held = fold == k
        order = np.argsort(size[held], kind="stable")
        ordered = weight[held][order]
        place = (np.cumsum(ordered) - ordered / 2) / ordered.sum()
        sizes.append(np.interp(wanted, place, size[held][order]))
        weights.append(np.full(each, ordered.sum() / each))
    return np.concatenate(sizes), np.repeat(folds, each), np.concatenate(weights)


def make_interval(
    level: float,
    prediction: Array,
    scale: Array,
    errors: Errors,
    ceiling: float,
    by_fold: Array | None = None,
) -> tuple[Array, Array]:
    """Lower and upper ends, one a row, inside [0, ceiling] and never leaving the prediction out.

    scale: (rows,). by_fold: predictions of the fits that left an outer fold out, (rows, folds);
    None: the prediction itself.
    """
    share = conformal_share(level, errors)
    if not is_conformal(level, errors.groups):
        half = stats.t.ppf((1 + level) / 2, errors.freedom) * errors.root * scale
        low, high = prediction - half, prediction + half
    elif by_fold is None:
        half = weighted_quantile(errors.size[None], errors.weight, share) * scale
        low, high = prediction - half, prediction + half
    else:
        reach = errors.size * scale[:, None]  # (rows, errors)
        centre = by_fold[:, errors.fold]
        high = weighted_quantile(centre + reach, errors.weight, share)
        low = -weighted_quantile(reach - centre, errors.weight, share)
    low, high = np.minimum(low, prediction), np.maximum(high, prediction)
    return np.clip(low, 0, ceiling), np.clip(high, 0, ceiling)


def conformal_share(level: float, errors: Errors) -> float:
    """The share of the errors that an interval holds: more than its level, for what is new."""
    return level * (errors.freedom + 2) / (errors.freedom + 1)


def weighted_quantile(values: Array, weight: Array, share: float) -> Array:
    """The smallest value of each row at or below which `share` of the weight lies."""
    order = np.argsort(values, axis=1)
    reached = np.cumsum(weight[order], axis=1) >= share - 1e-9
    place = np.where(reached.any(axis=1), reached.argmax(axis=1), values.shape[1] - 1)
    rows = np.arange(len(values))
    found: Array = values[rows, order[rows, place]]
    return found
