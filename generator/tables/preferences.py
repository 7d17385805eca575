"""Preference information of a model, derived from what its record keeps of every layer."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from generator.records.results import Preference, PreferenceLayer
from generator.tables.derive import Interval


@dataclass(frozen=True)
class PreferenceFigure:
    """Corrected I(Z; preferred or rejected), mean over layers 1…L and anchor seeds, in ln(bins).

    Intervals: 95 %, delete-a-group jackknife over pairs. `lexical` is layer 0's value: what the
    words alone give away; `beyond_lexical` is the value less that.
    """

    value: float
    interval: Interval
    lexical: float
    lexical_interval: Interval
    beyond_lexical: float
    beyond_interval: Interval


def preference_figure(preference: Preference) -> PreferenceFigure:
    """The model's figure, from what the record keeps of each layer."""
    values = np.array([corrected(layer).mean() for layer in preference.layers])
    replicates = np.array([layer.replicates for layer in preference.layers])  # (L + 1, groups)
    value, lexical = float(values[1:].mean()), float(values[0])
    means, lexical_replicates = replicates[1:].mean(axis=0), replicates[0]
    beyond = value - lexical
    return PreferenceFigure(
        value=value,
        interval=jackknife_interval(value, means),
        lexical=lexical,
        lexical_interval=jackknife_interval(lexical, lexical_replicates),
        beyond_lexical=beyond,
        beyond_interval=jackknife_interval(beyond, means - lexical_replicates),
    )


def corrected(layer: PreferenceLayer) -> np.ndarray:
    """plug_in − null, one number per anchor seed."""
    return np.subtract(layer.plug_in, layer.null)


def jackknife_error(replicates: np.ndarray) -> float:
    """Standard error from replicates that each leave out one group of pairs."""
    groups = len(replicates)
    return float(np.sqrt((groups - 1) * np.mean((replicates - replicates.mean()) ** 2)))


def jackknife_interval(value: float, replicates: np.ndarray) -> Interval:
    """95 % interval by the t distribution, its degrees of freedom one less than the groups.

    Never a bootstrap with replacement: pairs that occur twice inflate information.
    """
    reach = float(stats.t.ppf(0.975, len(replicates) - 1)) * jackknife_error(replicates)
    return Interval(value - reach, value + reach)
