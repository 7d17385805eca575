"""Figures of one model, derived from the raw values that its records keep."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from generator.records.results import Lossless, Lossy, Side, TaskResult

BOOTSTRAP_DRAWS = 2000
SHUFFLE_DEVIATIONS = 2  # corrected complexity nearer to 0 than this has no ratio


@dataclass(frozen=True)
class Interval:
    """A 95 % interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Plane:
    """Complexity, expressivity and optimality at one order: means and spread over anchor seeds."""

    order: int
    complexity: float
    complexity_spread: float | None  # standard deviation over anchor seeds; None for one seed
    expressivity: float
    expressivity_spread: float | None
    optimality: float | None  # None where complexity cannot be told from 0
    optimality_spread: float | None


def bits_interval(lossless: Lossless, seed: int = 0) -> Interval | None:
    """95 % interval of bits per byte by resampling documents; None for fewer than two."""
    documents = lossless.documents
    if len(documents) < 2:
        return None
    bits = np.array([document.bits for document in documents])
    sizes = np.array([document.bytes for document in documents])
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, len(bits), (BOOTSTRAP_DRAWS, len(bits)))
    rates = bits[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(rates, [0.025, 0.975])
    return Interval(float(low), float(high))


def place_on_plane(lossy: Lossy, order: int) -> Plane | None:
    """The model's figure: ratio of means over transformer layers 1…L (layer 0 is the embedding).

    The ratio is taken for each anchor seed and then averaged, since seeds move both means together.
    None where the records lack the order or the model has no layer above the embedding.
    """
    inputs, deviation = _over_layers(lossy, "input", order)
    outputs, _ = _over_layers(lossy, "output", order)
    if inputs is None or outputs is None or deviation is None:
        return None
    known = inputs.mean() > SHUFFLE_DEVIATIONS * deviation
    ratios = outputs / inputs if known else None
    return Plane(
        order=order,
        complexity=float(inputs.mean()),
        complexity_spread=_spread(inputs),
        expressivity=float(outputs.mean()),
        expressivity_spread=_spread(outputs),
        optimality=float(ratios.mean()) if ratios is not None else None,
        optimality_spread=_spread(ratios) if ratios is not None else None,
    )


def _over_layers(lossy: Lossy, side: Side, order: int) -> tuple[np.ndarray | None, float | None]:
    """Corrected information, mean over layers 1…L, by seed; and the shuffles' deviation of it.

    Layers share their labels, so their deviations are averaged, not divided by √L.
    """
    corrected, deviations = [], []
    for layer in lossy.layers[1:]:
        for found in layer.information:
            if found.side == side and found.order == order:
                corrected.append(np.subtract(found.plug_in, found.null))
                deviations.append(np.mean(found.null_deviation))
    if not corrected:
        return None, None
    return np.mean(corrected, axis=0), float(np.mean(deviations))


def _spread(values: np.ndarray) -> float | None:
    return float(values.std(ddof=1)) if len(values) > 1 else None


def main_score(task: TaskResult) -> tuple[float, float | None, int]:
    """Value, standard error and number of items of the metric that counts for the suite."""
    for score in task.scores:
        if score.metric == task.task.metric:
            return score.value, score.stderr, score.n
    raise KeyError(f"{task.task.task}: no score of its metric {task.task.metric}")


def mean_score(tasks: Sequence[TaskResult]) -> tuple[float, float | None]:
    """Mean of the tasks' scores and its standard error (tasks are independent samples of items)."""
    scores = [main_score(task) for task in tasks]
    mean = math.fsum(value for value, _, _ in scores) / len(scores)
    errors = [stderr for _, stderr, _ in scores if stderr is not None]
    if len(errors) < len(scores):
        return mean, None
    return mean, math.sqrt(math.fsum(error**2 for error in errors)) / len(scores)
