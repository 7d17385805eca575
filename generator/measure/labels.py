"""Labels of positions: n-grams of tokens or bytes, sorted for sums by label and document group.

Input labels are the 1…K units (tokens, or raw bytes) that end at a position, output labels those
that follow.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Labels:
    """One label for each of N positions, each in one of G groups of documents.

    A label that occurs once needs no sum: it is kept apart. The others are cut into pieces, one
    for each label and group, so that a group can be taken out of every label.
    """

    counts: IntArray  # (labels,) positions of each label, singletons first
    singletons: IntArray  # positions whose label occurs once
    singleton_group: IntArray  # their groups
    rows: IntArray  # the other positions, sorted by label, then group
    piece_starts: IntArray  # (pieces,) first row of each piece
    piece_counts: IntArray  # (pieces,) rows of each piece
    piece_group: IntArray  # (pieces,)
    piece_label: IntArray  # (pieces,) index into the labels that are not singletons
    label_starts: IntArray  # (labels − singletons,) first piece of each

    @property
    def singleton_mass(self) -> float:
        """Share of positions whose label occurs once; near 1, plug-in estimates are all bias."""
        return len(self.singletons) / int(self.counts.sum())

    @property
    def repeated_counts(self) -> IntArray:
        """Positions of each label that is not a singleton."""
        return self.counts[len(self.singletons) :]


def number_labels(grams: NDArray[np.integer]) -> IntArray:
    """Number the n-grams of orders 1…K, (K, N) from (N, K) with the unit nearest to Z first.

    Numbers count from 0 without gaps; a label of order k + 1 has one label of order k.
    """
    positions, orders = grams.shape
    order = np.lexsort(grams.T[::-1])  # the last key given is the first that is compared
    ordered = grams[order]
    changes = np.zeros(positions, dtype=bool)
    numbers = np.empty((orders, positions), dtype=np.int64)
    for k in range(orders):
        changes[1:] |= ordered[1:, k] != ordered[:-1, k]
        numbers[k, order] = np.cumsum(changes)
    return numbers


def sort_labels(numbers: IntArray, groups: IntArray, kept: IntArray | None = None) -> Labels:
    """Sort the numbered labels of N positions, or of those kept, by label and group."""
    kept = np.arange(len(numbers)) if kept is None else kept
    _, dense, counts = np.unique(numbers[kept], return_inverse=True, return_counts=True)
    numbers = np.zeros_like(numbers)
    numbers[kept] = dense
    single = np.zeros(len(numbers), dtype=bool)
    single[kept] = counts[dense] == 1
    rows = kept[~single[kept]]
    rows = rows[np.lexsort((groups[rows], numbers[rows]))]
    label, group = numbers[rows], groups[rows]
    starts = np.ones(len(rows), dtype=bool)
    starts[1:] = (label[1:] != label[:-1]) | (group[1:] != group[:-1])
    piece_starts = np.flatnonzero(starts)
    label_of_piece = label[piece_starts]
    firsts = np.ones(len(piece_starts), dtype=bool)
    firsts[1:] = label_of_piece[1:] != label_of_piece[:-1]
    return Labels(
        counts=np.concatenate([counts[counts == 1], counts[counts > 1]]),
        singletons=np.flatnonzero(single),
        singleton_group=groups[single],
        rows=rows,
        piece_starts=piece_starts,
        piece_counts=np.diff(np.append(piece_starts, len(rows))),
        piece_group=group[piece_starts],
        piece_label=np.cumsum(firsts) - 1,
        label_starts=np.flatnonzero(firsts),
    )
