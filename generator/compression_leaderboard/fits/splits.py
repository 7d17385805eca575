"""Which rows train and which are predicted: by group, by size and by date, with inner folds."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True)
class TrainingSet:
    """Rows that train, rows that validate (none when all train), and the folds inside.

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


def training_sets(table: ScoreTable) -> tuple[TrainingSet, ...]:
    """All rows, all but each outer fold, the smaller models, and the earlier ones if dated."""
    known = np.isfinite(table.scores)
    everything: Mask = np.asarray(known.any(axis=1))
    complete: Mask = np.asarray(known.all(axis=1))
    largest = table.train_up_to or _middle(table.sizes, everything)
    released = _release_days(table)
    sets = [("all", Fold(everything, np.zeros_like(everything)))]
    by_group = leave_groups_out(table.groups, everything, OUTER_FOLDS, complete)
    sets += [("group", fold) for fold in by_group]
    sets += [("larger", fold) for fold in _cut_at(table.sizes, everything, largest)]
    if released is not None:
        latest = _middle(released, everything)
        sets += [("later", fold) for fold in _cut_at(released, everything, latest)]
    return tuple(_training_set(kind, fold, table, complete) for kind, fold in sets)


def _training_set(kind: str, fold: Fold, table: ScoreTable, complete: Mask) -> TrainingSet:
    inner = leave_groups_out(table.groups, fold.train, INNER_FOLDS, complete)
    larger = cut_by_size(table.sizes, fold.train)
    by_size = table.split == "small-to-large" and bool(larger)
    return TrainingSet(kind, fold.train, fold.test, tuple(inner), tuple(larger), by_size)


def _release_days(table: ScoreTable) -> Array | None:
    """Days of release; None unless all models have one."""
    days = [date.fromisoformat(row.released).toordinal() for row in table.rows if row.released]
    return np.array(days, dtype=np.float64) if days and len(days) == len(table.rows) else None


def _middle(values: Array, rows: Mask) -> float | None:
    """Return the least value with at least 60 % of known rows up to it, if any lie beyond."""
    known, counts = np.unique(values[rows & np.isfinite(values)], return_counts=True)
    enough = known[:-1][counts.cumsum()[:-1] >= 0.6 * counts.sum()]
    return float(enough[0]) if len(enough) else None


def _cut_at(values: Array, rows: Mask, limit: float | None) -> list[Fold]:
    """Train up to the limit, predict what is beyond; no fold where one side is empty."""
    if limit is None:
        return []
    train, test = rows & (values <= limit), rows & (values > limit)
    return [Fold(train, test)] if train.any() and test.any() else []
