"""How alike the models of one family are: a mixed model with a random intercept per family."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.api as sm
from statsmodels.tools.sm_exceptions import ConvergenceWarning


@dataclass(frozen=True)
class FamilyVariance:
    """Fitted once, for reporting; predictions come from forms judged on left-out families.

    between: the standard deviation of families around the line of the score on the average
    compression; within: of models around their family. Scores as fractions.
    """

    between: float
    within: float

    @property
    def share(self) -> float:
        """Part of the variance around the line that families explain."""
        return self.between**2 / (self.between**2 + self.within**2)


def family_variance(known: pd.DataFrame) -> FamilyVariance | None:
    """known: rows with compression, score and family. None where the fit does not converge.

    Scores in points and compression in standard deviations: the optimiser wants numbers near 1.
    """
    if known["family"].nunique() == len(known):
        return None  # one model a family: nothing tells the two variances apart
    x = known["compression"].to_numpy()
    columns = sm.add_constant((x - x.mean()) / float(x.std()))
    model = sm.MixedLM(100 * known["score"].to_numpy(), columns, groups=known["family"].to_numpy())
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            fit = model.fit(reml=True)
        except np.linalg.LinAlgError:
            return None
    if not fit.converged or any(
        issubclass(w.category, ConvergenceWarning) and "boundary" not in str(w.message)
        for w in told
    ):
        return None
    between = max(float(np.asarray(fit.cov_re)[0, 0]), 0.0)
    return FamilyVariance(
        between=between**0.5 / 100,
        within=float(fit.scale) ** 0.5 / 100,
    )
