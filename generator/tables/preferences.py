"""Preference information of a model, derived from what its record keeps of every layer."""

from dataclasses import dataclass

import numpy as np

from generator.jackknife import Interval, jackknife_error, jackknife_interval
from generator.records.preferences import Preference, PreferenceLayer


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
        interval=_interval(value, means),
        lexical=lexical,
        lexical_interval=_interval(lexical, lexical_replicates),
        beyond_lexical=beyond,
        beyond_interval=_interval(beyond, means - lexical_replicates),
    )


def corrected(layer: PreferenceLayer) -> np.ndarray:
    """plug_in − null, one number per anchor seed."""
    return np.subtract(layer.plug_in, layer.null)


def corrected_error(layer: PreferenceLayer) -> float:
    """Standard error of a layer's corrected value over pairs, mean over seeds."""
    value = float(corrected(layer).mean())
    return jackknife_error(value, layer.replicates, np.ones(len(layer.replicates)))


def _interval(value: float, replicates: np.ndarray) -> Interval:
    """Pairs are dealt evenly, so the groups count the same."""
    return jackknife_interval(value, replicates, np.ones(len(replicates)))
