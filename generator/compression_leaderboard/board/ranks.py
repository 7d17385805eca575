"""Rank ranges: two models tie unless their paired difference on the same documents is known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.board.derived import BOOTSTRAP_DRAWS, resampling_counts

LEVEL = 0.95
CERTAIN = 6.0  # standard errors of a paired difference beyond which no draw is needed

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TextBits:
    """Bits of every model on every document of one text, and the documents' bytes."""

    bits: Array  # (models, documents)
    sizes: Array  # (documents,)


def rank_ranges(texts: Sequence[TextBits]) -> list[tuple[int, int]]:
    """Best and worst rank of each model by bits per byte, mean over the texts (fewer are better).

    The best rank is 1 + the models that are known to be better, the worst one the number of models
    less those known to be worse. Known means that the 95 % interval of the difference leaves out 0,
    documents resampled in pairs, each text for itself; a text of one document has no error, and
    ranks are then those of the figures. Pairs are judged one by one, without a correction for
    their number.
    """
    average: Array = np.mean([t.bits.sum(axis=1) / t.sizes.sum() for t in texts], axis=0)
    order = np.argsort(average, kind="stable")
    models = len(order)
    if any(len(text.sizes) < 2 for text in texts):
        places = (np.searchsorted(average[order], np.asarray(average)) + 1).tolist()
        return [(place, place) for place in places]
    drawn = _draws([TextBits(t.bits[order], t.sizes) for t in texts])
    residuals = _residuals([TextBits(t.bits[order], t.sizes) for t in texts])
    variances = (residuals**2).sum(axis=1)
    ranked = average[order]
    better = np.zeros(models, dtype=int)  # models known to be better
    worse = np.zeros(models, dtype=int)
    for place in range(models - 1):
        gaps = ranked[place + 1 :] - ranked[place]
        shared = residuals[place + 1 :] @ residuals[place]
        errors = np.sqrt(np.maximum(variances[place + 1 :] + variances[place] - 2 * shared, 0))
        known = gaps > CERTAIN * errors
        unsure = np.flatnonzero(~known)
        above = (drawn[place + 1 + unsure] > drawn[place]).sum(axis=1)
        known[unsure] = above >= (1 + LEVEL) / 2 * BOOTSTRAP_DRAWS
        worse[place] += known.sum()
        better[place + 1 :] += known
    found: list[tuple[int, int]] = [(0, 0)] * models
    for place, model in enumerate(order):
        found[model] = (1 + int(better[place]), models - int(worse[place]))
    return found


def _draws(texts: Sequence[TextBits]) -> NDArray[np.float32]:
    """Mean bits per byte of each model in each bootstrap draw, (models, draws)."""
    found = np.zeros((len(texts[0].bits), BOOTSTRAP_DRAWS))
    for seed, text in enumerate(texts):
        counts = resampling_counts(len(text.sizes), seed)
        found += (text.bits @ counts.T) / (counts @ text.sizes)
    return (found / len(texts)).astype(np.float32)


def _residuals(texts: Sequence[TextBits]) -> Array:
    """Rows whose products are the covariances of the models' figures, by linearised ratios."""
    parts = []
    for text in texts:
        rates = text.bits.sum(axis=1) / text.sizes.sum()
        parts.append((text.bits - np.outer(rates, text.sizes)) / text.sizes.sum())
    return np.hstack(parts) / len(texts)
