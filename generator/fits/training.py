"""Training sets: the rows that train, the rows that judge, and the folds inside."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.fits.candidates import SIZE
from generator.fits.folds import (
    INNER_FOLDS,
    OUTER_FOLDS,
    Fold,
    Mask,
    cut_at,
    cut_by_size,
    leave_groups_out,
    middle_limit,
)
from generator.fits.table import ScoreTable

Array = NDArray[np.float64]


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
    sizes = table.column(SIZE)
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
    larger = tuple(cut_by_size(table.column(SIZE), fold.train))
    return TrainingSet(
        kind,
        fold.train,
        fold.test,
        tuple(leave_groups_out(table.groups, fold.train, INNER_FOLDS, complete)),
        larger,
        by_size=table.split == "small-to-large" and bool(larger),
    )
