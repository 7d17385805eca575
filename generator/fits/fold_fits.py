"""One candidate fitted to many problems: folds, benchmarks, or both."""

import numpy as np
from numpy.typing import NDArray

from generator.fits.candidates import PER_PARAMETER, Candidate
from generator.fits.forms import apply_form, fit_form
from generator.fits.problems import Problems

Array = NDArray[np.float64]


def fit_candidate(
    candidate: Candidate, design: Array, problems: Problems
) -> tuple[Array, Array | None]:
    """Predictions of every row, (rows, problems), and parameters, (problems, q).

    design: scaled predictors, (rows, p); NaN = unknown. NaN where a problem has too few rows or
    rows with an unknown predictor; no parameters where all have.
    """
    unknown = ~np.isfinite(design).all(axis=1)
    used = problems.weights > 0
    possible = used.sum(axis=0) >= PER_PARAMETER * candidate.parameters
    possible &= ~used[unknown].any(axis=0)
    predictions = np.full(problems.weights.shape, np.nan)
    if not possible.any():
        return predictions, None
    part, filled = problems.at(possible), np.nan_to_num(design)
    found = fit_form(candidate.form, filled, part)
    predictions[:, possible] = apply_form(candidate.form, found, filled, part.chance, part.ceiling)
    predictions[unknown] = np.nan
    parameters = np.full((len(possible), found.shape[1]), np.nan)
    parameters[possible] = found
    return predictions, parameters
