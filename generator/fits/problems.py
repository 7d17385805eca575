"""Many fits that share their predictors: scores and weights, one column each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Problems:
    """Scores and weights, (rows, problems), and where each problem's scores can lie, (problems,).

    Rows that weigh 0 in a problem may hold any finite score there.
    """

    scores: Array
    weights: Array
    chance: Array
    ceiling: Array

    @cached_property
    def total(self) -> Array:
        """Sum of each problem's weights."""
        sums: Array = self.weights.sum(axis=0)
        return sums

    @cached_property
    def weighted(self) -> Array:
        return self.weights * self.scores

    def at(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> "Problems":
        if which.dtype == np.bool_ and which.all():
            return self
        return Problems(
            self.scores[:, which], self.weights[:, which], self.chance[which], self.ceiling[which]
        )
