"""Who predicts best, on the very same rows: every source of predictors, baselines among them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.fits.accuracy import Estimate, mean_with_interval
from generator.fits.nested import Fitted

Array = NDArray[np.float64]

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
