"""n-gram labels of positions, sorted so that every order's groups are contiguous runs.

Input labels are the 1…K tokens that end at a position, output labels the 1…K tokens that follow.
Sorting by the nearest token first makes order k + 1 refine order k: one sort serves all orders.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class NestedLabels:
    """Labels of one side for orders 1…K, as a sort order and run lengths."""

    order: IntArray  # (N,) positions in sorted order
    counts: tuple[IntArray, ...]  # per order: positions of each label, in sorted order

    def singleton_mass(self, order: int) -> float:
        """Share of positions whose label occurs once; near 1, plug-in estimates are all bias."""
        counts = self.counts[order - 1]
        return float((counts == 1).sum() / len(self.order))


def nest_labels(grams: IntArray) -> NestedLabels:
    """grams: (N, K) token ids, the token nearest to the position first."""
    positions, orders = grams.shape
    order = np.lexsort(grams.T[::-1])  # the last key given is the first that is compared
    ordered = grams[order]
    changes = np.zeros(positions, dtype=bool)
    changes[:1] = True
    counts = []
    for k in range(orders):
        changes[1:] |= ordered[1:, k] != ordered[:-1, k]
        starts = np.flatnonzero(changes)
        counts.append(np.diff(np.append(starts, positions)))
    return NestedLabels(order, tuple(counts))


def merge_lengths(finer: IntArray, coarser: IntArray) -> IntArray:
    """How many consecutive runs of `finer` make up each run of `coarser`."""
    ends = np.searchsorted(np.cumsum(finer), np.cumsum(coarser))
    return np.diff(np.concatenate([[-1], ends]))
