"""The choice of a candidate: the simplest within one standard error of the best."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generator.fits.candidates import Candidate

Array = NDArray[np.float64]


def choose(candidates: Sequence[Candidate], losses: Array) -> int | None:
    """Index of the chosen candidate; None where none could be judged.

    losses: (candidates, cells), mean squared error over each group that was left out; NaN where a
    candidate could not be fitted. The standard error is that of the best one's mean over the cells
    (Breiman et al. 1984). Simplest: fewest fitted numbers, then the average of the texts before
    single ones, then the smaller error.
    """
    means = losses.mean(axis=1)  # NaN where a cell is missing
    possible = np.flatnonzero(np.isfinite(means))
    if len(possible) == 0:
        return None
    best = possible[np.argmin(means[possible])]
    cells = losses.shape[1]
    allowed = losses[best].std(ddof=1) / np.sqrt(cells) if cells > 1 else 0.0
    near = possible[means[possible] <= means[best] + allowed]
    return int(
        min(near, key=lambda k: (candidates[k].parameters, not candidates[k].is_first, means[k]))
    )
