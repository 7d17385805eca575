"""Models on the same documents: paired differences, rank ranges, and links between corpora.

Known gap: pairs are judged one by one, without a correction for their number.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.board.current import current_results, is_final
from compression_leaderboard.intervals import (
    Interval,
    paired_difference,
    rate_residuals,
    student_quantile,
)
from compression_leaderboard.records.results import Lossless, Result
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

Array = NDArray[np.float64]

NEIGHBOURS = 10  # others that a model is compared with: those nearest to it in bits per byte
FEWEST_MODELS = 3  # fewer give no rank correlation


@dataclass(frozen=True)
class Comparison:
    """Bits per byte of `model` less those of `other` on one text (below 0: `model` is better)."""

    model: str
    other: str
    corpus: str
    dtype: str | None
    documents: int
    difference: float
    interval: Interval  # documents in pairs
    share: float  # difference / bits per byte of `other`

    @property
    def known(self) -> bool:
        return self.interval.excludes_zero


@dataclass(frozen=True)
class TextBits:
    """Bits of every model on every document of one text, and the documents' bytes."""

    bits: Array  # (models, documents)
    sizes: Array  # (documents,)


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
    interval: Interval | None  # Student's t; None for one model
    rank_correlation: float | None  # Spearman; None for fewer than three models, or constant scores


def compare_models(specs: Specs, stored: Iterable[StoredResult]) -> list[Comparison]:
    """Compare every model with the nearest it is ranked with, on each text, the best other first.

    All pairs of n models would be n² lines, most of which say the obvious.
    """
    found = []
    for rows in alike_texts(specs, stored):
        if len(rows) > 1 and len(rows[0][1].documents) > 1:
            found += _compare_neighbours(rows)
    return sorted(found, key=lambda one: (one.model, one.corpus))  # stable: the best other first


def alike_texts(
    specs: Specs, stored: Iterable[StoredResult]
) -> list[list[tuple[Result, Lossless]]]:
    """Group the records of the same documents that are ranked together, the best first.

    Ranked together are final weights of models of one kind, under today's protocol, in the same
    number format, whose tokenizers give the whole text back.
    """
    groups: dict[tuple[object, ...], list[tuple[Result, Lossless]]] = {}
    for result in (entry.result for entry in current_results(specs, stored)):
        lossless = result.lossless
        if lossless is None or lossless.failing_bytes or not is_final(result, specs):
            continue
        documents = tuple((d.document, d.bytes) for d in lossless.documents)
        kind = specs.models[result.model].kind
        key = (kind, result.name, str(result.environment.dtype), documents)
        groups.setdefault(key, []).append((result, lossless))
    return [
        sorted(rows, key=lambda row: (row[1].bits_per_byte, row[0].model))
        for rows in groups.values()
    ]


def neighbours(place: int, models: int) -> list[int]:
    """The places of the nearest others in a table, half of them better where there are so many."""
    first = max(0, min(place - NEIGHBOURS // 2, models - NEIGHBOURS - 1))
    return [k for k in range(first, min(models, first + NEIGHBOURS + 1)) if k != place]


def _compare_neighbours(rows: Sequence[tuple[Result, Lossless]]) -> list[Comparison]:
    """rows: on the same documents, the best first."""
    sizes = np.array([document.bytes for document in rows[0][1].documents], dtype=np.float64)
    bits = np.array([[document.bits for document in lossless.documents] for _, lossless in rows])
    rates = bits.sum(axis=1) / sizes.sum()
    found = []
    for place, (result, _) in enumerate(rows):
        for other in neighbours(place, len(rows)):
            difference, reach = paired_difference(bits[place], bits[other], sizes)
            found.append(
                Comparison(
                    model=result.model,
                    other=rows[other][0].model,
                    corpus=result.name,
                    dtype=result.environment.dtype,
                    documents=len(sizes),
                    difference=difference,
                    interval=Interval(difference - reach, difference + reach),
                    share=difference / float(rates[other]),
                )
            )
    return found


def rank_ranges(texts: Sequence[TextBits]) -> list[tuple[int, int]]:
    """Best and worst rank of each model by bits per byte, mean over the texts (fewer are better).

    The best rank is 1 + the models that are known to be better, the worst one the number of models
    less those known to be worse. Known means that the interval of the paired difference leaves out
    0: the interval of `paired_difference`, with the texts' variances added up and the degrees of
    freedom of the shortest text. A text of one document has no error, and ranks are then those of
    the figures.
    """
    average: Array = np.mean([t.bits.sum(axis=1) / t.sizes.sum() for t in texts], axis=0)
    order = np.argsort(average, kind="stable")
    models, ranked = len(order), average[order]
    fewest = min(len(text.sizes) for text in texts)
    if fewest < 2:
        places = (np.searchsorted(ranked, average) + 1).tolist()
        return [(place, place) for place in places]
    residuals = np.hstack(
        [
            rate_residuals(t.bits[order], t.sizes) * np.sqrt(len(t.sizes) / (len(t.sizes) - 1))
            for t in texts
        ]
    ) / len(texts)  # rows whose products are the covariances of the models' figures
    variances = (residuals**2).sum(axis=1)
    reach = student_quantile(fewest - 1)
    better = np.zeros(models, dtype=int)  # models known to be better
    worse = np.zeros(models, dtype=int)
    for place in range(models - 1):
        shared = residuals[place + 1 :] @ residuals[place]
        variance = variances[place + 1 :] + variances[place] - 2 * shared
        gaps = ranked[place + 1 :] - ranked[place]
        known = gaps > reach * np.sqrt(np.maximum(variance, 0))
        worse[place] += known.sum()
        better[place + 1 :] += known
    ranges: list[tuple[int, int]] = [(0, 0)] * models
    for place, model in enumerate(order):
        ranges[model] = (1 + int(better[place]), models - int(worse[place]))
    return ranges


def link_corpora(specs: Specs, stored: Iterable[StoredResult]) -> list[Link]:
    """Link every two corpora that have models in common, the older corpus first."""
    scores: dict[tuple[str, str | None], dict[str, float]] = {}
    for result in (entry.result for entry in current_results(specs, stored)):
        lossless = result.lossless
        if lossless is not None and not lossless.failing_bytes and is_final(result, specs):
            by_model = scores.setdefault((result.name, result.environment.dtype), {})
            by_model[result.model] = lossless.bits_per_byte

    def age(key: tuple[str, str | None]) -> tuple[object, ...]:
        return specs.corpora[key[0]].ends, key[0], str(key[1])

    ordered = sorted(scores, key=age)
    return [
        link_scores(old, new, dtype, scores[old, dtype], scores[new, dtype])
        for place, (old, dtype) in enumerate(ordered)
        for new, other in ordered[place + 1 :]
        if dtype == other
        and specs.corpora[old].protocol.window == specs.corpora[new].protocol.window
        if scores[old, dtype].keys() & scores[new, dtype].keys()
    ]


def link_scores(
    older: str, newer: str, dtype: str | None, old: dict[str, float], new: dict[str, float]
) -> Link:
    """Link two columns of scores by model; those in both count."""
    models = tuple(sorted(old.keys() & new.keys()))
    if not models:
        raise ValueError(f"{older} and {newer} have no model in common")
    one, other = np.array([[old[m], new[m]] for m in models]).T
    moved = other - one
    mean, interval, rank = float(moved.mean()), None, None
    if (n := len(models)) > 1:
        half = student_quantile(n - 1) * float(moved.std(ddof=1)) / n**0.5
        interval = Interval(mean - half, mean + half)
    if n >= FEWEST_MODELS and np.ptp(one) > 0 and np.ptp(other) > 0:
        from scipy.stats import spearmanr  # slow to import, and most commands need none

        rank = float(spearmanr(one, other).statistic)
    return Link(older, newer, dtype, models, mean, interval, rank)
