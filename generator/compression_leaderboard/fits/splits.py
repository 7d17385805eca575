"""Which rows train and which are predicted: by group, by size and by date, with inner folds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.board.figures import PARAMETERS
from compression_leaderboard.fits.table import ScoreTable

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

OUTER_FOLDS = 10
INNER_FOLDS = 5
FEWEST_ROWS = 5  # that a cut by size trains on
SMALLEST_SHARE = 0.4  # of the rows, that a cut by size trains on
MOST_CUTS = 5  # by size; more would make the cost grow with the square of the models


@dataclass(frozen=True)
class Fold:
    """Rows that train and rows that are predicted; a row may be neither."""

    train: Mask
    test: Mask


def leave_groups_out(
    groups: NDArray[np.int64], rows: Mask, at_most: int, complete: Mask | None = None
) -> list[Fold]:
    """One fold a group; with more groups than `at_most`, whole groups are dealt to so many folds.

    Largest group first, each to the fold with the fewest rows, so that folds are even; groups with
    complete rows before the others, so that up to `at_most` of them are left out one by one.
    """
    numbers, counts = np.unique(groups[rows], return_counts=True)
    if len(numbers) < 2:
        return []
    whole = rows if complete is None else rows & complete
    order = np.lexsort((numbers, -counts, ~np.isin(numbers, groups[whole])))
    filled = np.zeros(min(at_most, len(numbers)))
    fold_of = np.full(int(groups.max()) + 1, -1)
    for k in order:
        emptiest = int(filled.argmin())
        fold_of[numbers[k]] = emptiest
        filled[emptiest] += counts[k]
    member = np.where(rows, fold_of[groups], -1)
    return [Fold(rows & (member != k), rows & (member == k)) for k in range(len(filled))]


def cut_by_size(sizes: Array, rows: Mask) -> list[Fold]:
    """Train on the smaller models, predict all larger ones, for cuts that train on enough.

    Every size is a cut; where there are more than MOST_CUTS, so many evenly spread ones.
    """
    known = rows & np.isfinite(sizes)
    ordered = np.sort(sizes[known])
    limits = np.unique(ordered)[:-1]
    trained = np.searchsorted(ordered, limits, side="right")
    limits = limits[trained >= max(FEWEST_ROWS, SMALLEST_SHARE * len(ordered))]
    if len(limits) > MOST_CUTS:
        limits = limits[np.linspace(0, len(limits) - 1, MOST_CUTS).round().astype(int)]
    return [Fold(known & (sizes <= size), known & (sizes > size)) for size in limits]


def cut_at(values: Array, rows: Mask, limit: float) -> list[Fold]:
    """One fold: train up to the limit, predict what is beyond; none where one side is empty."""
    train, test = rows & (values <= limit), rows & (values > limit)
    return [Fold(train, test)] if train.any() and test.any() else []


def middle_limit(values: Array, rows: Mask) -> float | None:
    """The smallest value with at least 60 % of the known rows up to it, if any lie beyond."""
    known = values[rows & np.isfinite(values)]
    for value in np.unique(known)[:-1]:
        if (known <= value).mean() >= 0.6:
            return float(value)
    return None


@dataclass(frozen=True)
class TrainingSet:
    """Rows that train, rows that judge (none when all train), and the folds inside.

    kind: "all", "group", "larger" or "later". by_size: whether predictions of larger models choose
    the candidate, else those of left-out groups do.
    """

    kind: str
    train: Mask
    test: Mask
    inner: tuple[Fold, ...]  # by group
    larger: tuple[Fold, ...]  # by size
    by_size: bool

    @property
    def deciding(self) -> tuple[Fold, ...]:
        """Folds whose errors choose the candidate."""
        return self.larger if self.by_size else self.inner

    @property
    def tried(self) -> tuple[Fold, ...]:
        """The whole set, and the folds on which every candidate is tried."""
        return (Fold(self.train, self.test), *self.deciding)


def training_sets(table: ScoreTable, later: Array | None = None) -> tuple[TrainingSet, ...]:
    """All rows, all but each outer fold, the smaller models, and the earlier ones if dated."""
    known = np.isfinite(table.scores)
    everything: Mask = np.asarray(known.any(axis=1))
    complete: Mask = np.asarray(known.all(axis=1))
    sizes = table.column(PARAMETERS)
    found = [("all", Fold(everything, np.zeros_like(everything)))]
    by_group = leave_groups_out(table.groups, everything, OUTER_FOLDS, complete)
    found += [("group", fold) for fold in by_group]
    limit = table.train_up_to or middle_limit(sizes, everything)
    if limit is not None:
        found += [("larger", fold) for fold in cut_at(sizes, everything, limit)]
    if later is not None and (day := middle_limit(later, everything)) is not None:
        found += [("later", fold) for fold in cut_at(later, everything, day)]
    return tuple(_training_set(kind, fold, table, complete) for kind, fold in found)


def _training_set(kind: str, fold: Fold, table: ScoreTable, complete: Mask) -> TrainingSet:
    larger = tuple(cut_by_size(table.column(PARAMETERS), fold.train))
    return TrainingSet(
        kind,
        fold.train,
        fold.test,
        tuple(leave_groups_out(table.groups, fold.train, INNER_FOLDS, complete)),
        larger,
        by_size=table.split == "small-to-large" and bool(larger),
    )
