"""What ties the scores of two corpora together: the models measured on both."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr, t

from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.jackknife import Interval
from generator.tables.measured import current_results

FEWEST_MODELS = 3  # of fewer no rank correlation is told


@dataclass(frozen=True)
class Link:
    """Bits per byte on `newer` less those on `older`, over the models measured on both.

    Only scores in one number format and of equal windows are linked; models are taken as
    independent draws, which those of one family are not.
    """

    older: str
    newer: str
    dtype: str | None
    models: tuple[str, ...]
    difference: float  # mean over models
    interval: Interval | None  # 95 %, Student's t; None for one model
    rank_correlation: float | None  # Spearman; None for fewer than three models, or constant scores


def link_corpora(specs: Specs, stored: Iterable[StoredResult]) -> list[Link]:
    """A link for each two corpora with models in common, the older corpus first."""
    scores: dict[tuple[str, str | None], dict[str, float]] = {}
    for result in (entry.result for entry in current_results(specs, stored)):
        model, lossless = specs.models.get(result.model), result.lossless
        if model is None or lossless is None or lossless.failing_bytes:
            continue
        if result.revision == model.weights.revision:
            own = scores.setdefault((result.name, result.environment.dtype), {})
            own[model.id] = lossless.bits_per_byte

    def age(key: tuple[str, str | None]) -> tuple[object, ...]:
        return specs.corpora[key[0]].ends, key[0], str(key[1])

    def window(name: str) -> tuple[int, int]:
        protocol = specs.corpora[name].protocol
        return protocol.window_tokens, protocol.stride_tokens

    ordered = sorted(scores, key=age)
    return [
        link_scores(old, new, dtype, scores[old, dtype], scores[new, dtype])
        for place, (old, dtype) in enumerate(ordered)
        for new, other in ordered[place + 1 :]
        if dtype == other and window(old) == window(new)
        if scores[old, dtype].keys() & scores[new, dtype].keys()
    ]


def link_scores(
    older: str, newer: str, dtype: str | None, old: dict[str, float], new: dict[str, float]
) -> Link:
    """The link of two columns of scores, by model; those in both count."""
    models = tuple(sorted(old.keys() & new.keys()))
    if not models:
        raise ValueError(f"{older} and {newer} have no model in common")
    one, other = np.array([[old[m], new[m]] for m in models]).T
    moved = other - one
    mean, interval, rank = float(moved.mean()), None, None
    if (n := len(models)) > 1:
        half = float(t.ppf(0.975, n - 1) * moved.std(ddof=1) / np.sqrt(n))
        interval = Interval(mean - half, mean + half)
    if n >= FEWEST_MODELS and np.ptp(one) > 0 and np.ptp(other) > 0:
        rank = float(spearmanr(one, other).statistic)
    return Link(older, newer, dtype, models, mean, interval, rank)
