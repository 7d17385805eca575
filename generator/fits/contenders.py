"""Straight lines on one predictor each, judged on families that the fit has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import NDArray

Array = NDArray[np.float64]

BOOTSTRAP_DRAWS = 2000
BASELINES = {"parameters": "log parameters", "training_flop": "log training compute"}


@dataclass(frozen=True)
class Contender:
    """A predictor of the mean score and its errors out of sample, in fractions of the score.

    excess: its mean absolute error minus compression's, on the same rows; None for compression.
    """

    name: str
    mean_absolute_error: float
    root_mean_square_error: float
    is_baseline: bool
    excess: float | None = None
    excess_low: float | None = None  # 95 % interval, families resampled, the fits as they are
    excess_high: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Predictors judged on the very same rows, best (smallest mean absolute error) first."""

    n: int
    families: int
    contenders: tuple[Contender, ...]

    @property
    def compression(self) -> Contender:
        return next(c for c in self.contenders if not c.is_baseline)

    @property
    def best_baseline(self) -> Contender:
        return next(c for c in self.contenders if c.is_baseline)

    @property
    def is_clear(self) -> bool:
        """Whether compression and the best baseline differ by more than chance would explain."""
        low, high = self.best_baseline.excess_low, self.best_baseline.excess_high
        return low is not None and high is not None and not low <= 0 <= high


def compare_predictors(rows: pd.DataFrame, baselines: Sequence[str], seed: int = 0) -> Comparison:
    """Compression against the mean of the training rows and log `baselines` (columns of rows)."""
    family = rows["family"].to_numpy()
    own = left_out_errors(rows, rows["compression"].to_numpy())
    contenders = [_contender("compression", own)]
    predictors: list[tuple[str, Array | None]] = [("mean of the training rows", None)]
    predictors += [(BASELINES[c], np.log10(rows[c].to_numpy())) for c in baselines]
    for name, values in predictors:
        errors = left_out_errors(rows, values)
        excess = np.abs(errors) - np.abs(own)
        low, high = family_interval(excess, family, seed)
        contender = _contender(name, errors)
        contenders.append(
            replace(
                contender,
                is_baseline=True,
                excess=float(excess.mean()),
                excess_low=low,
                excess_high=high,
            )
        )
    # At a tie the baseline stands first: compression has to be better to win.
    contenders.sort(key=lambda c: (c.mean_absolute_error, not c.is_baseline, c.name))
    return Comparison(len(rows), rows["family"].nunique(), tuple(contenders))


def _contender(name: str, errors: Array) -> Contender:
    return Contender(
        name=name,
        mean_absolute_error=float(np.abs(errors).mean()),
        root_mean_square_error=float(np.sqrt((errors**2).mean())),
        is_baseline=False,
    )


def family_interval(values: Array, family: Array, seed: int) -> tuple[float, float]:
    """95 % interval of the mean of `values` by resampling whole families.

    Known gap: with fewer than about twenty families such an interval is too narrow.
    """
    sums = pd.DataFrame({"n": 1.0, "sum": values}).groupby(family, sort=True).sum().to_numpy()
    generator = np.random.default_rng(seed)
    shares = np.full(len(sums), 1 / len(sums))
    times = generator.multinomial(len(sums), shares, BOOTSTRAP_DRAWS)
    n, total = (times @ sums).T
    low, high = np.quantile(total / n, [0.025, 0.975])
    return float(low), float(high)


def left_out_errors(rows: pd.DataFrame, predictor: Array | None) -> Array:
    """Score minus prediction for every row, the fit never having seen the row's family.

    predictor: one number a row; None predicts the mean of the training rows. Predictions are kept
    inside [0, 1], where scores are.
    """
    score, family = rows["score"].to_numpy(), rows["family"].to_numpy()
    columns = np.ones((len(rows), 1))
    if predictor is not None:
        columns = np.column_stack([columns, predictor])
    errors = np.empty(len(rows))
    for left_out in sorted(set(family)):
        held = family == left_out
        fit = sm.OLS(score[~held], columns[~held]).fit()
        errors[held] = score[held] - np.clip(fit.predict(columns[held]), 0, 1)
    return errors
