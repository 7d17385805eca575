"""Paired comparisons on the same documents: differences, rank ranges, and links between corpora."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr, t

from compression_leaderboard.board.derived import resampling_counts
from compression_leaderboard.board.measured import current_results
from compression_leaderboard.intervals import Interval
from compression_leaderboard.records.results import Lossless, Result
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

NEIGHBOURS = 10  # others that a model is compared with: those nearest to it in bits per byte


@dataclass(frozen=True)
class Comparison:
    """Bits per byte of `model` less those of `other` on one text (below 0: `model` is better)."""

    model: str
    other: str
    corpus: str
    dtype: str | None
    documents: int
    difference: float
    interval: Interval  # 95 %, documents resampled in pairs
    share: float  # difference / bits per byte of `other`

    @property
    def known(self) -> bool:
        """Whether the interval leaves out 0."""
        return not self.interval.low <= 0 <= self.interval.high


def compare_models(specs: Specs, stored: Iterable[StoredResult]) -> list[Comparison]:
    """Every model against the nearest it is ranked with, on each text, the best other first.

    All pairs of n models would be n² lines, most of which say the obvious: a model is compared with
    those around it in rank.
    """
    found = []
    for rows in alike_texts(specs, stored):
        if len(rows) > 1 and len(rows[0][1].documents) > 1:
            found += _compare_neighbours(rows)
    return sorted(found, key=lambda one: (one.model, one.corpus))  # stable: the best other first


def alike_texts(
    specs: Specs, stored: Iterable[StoredResult]
) -> list[list[tuple[Result, Lossless]]]:
    """Records of the same documents that are ranked together, the best first.

    Ranked together are final weights of models of one kind, under today's protocol, in the same
    number format, whose tokenizers give the whole text back.
    """
    held: dict[tuple[object, ...], list[tuple[Result, Lossless]]] = {}
    for result in (entry.result for entry in current_results(specs, stored)):
        model, lossless = specs.models.get(result.model), result.lossless
        if model is None or lossless is None or lossless.failing_bytes:
            continue
        if result.revision == model.weights.revision:
            documents = tuple((d.document, d.bytes) for d in lossless.documents)
            key = (model.kind, result.name, str(result.environment.dtype), documents)
            held.setdefault(key, []).append((result, lossless))
    return [
        sorted(rows, key=lambda row: (row[1].bits_per_byte, row[0].model)) for rows in held.values()
    ]


def neighbours(place: int, models: int) -> list[int]:
    """The places of the nearest others in a table, half of them better where there are so many."""
    first = max(0, min(place - NEIGHBOURS // 2, models - NEIGHBOURS - 1))
    return [k for k in range(first, min(models, first + NEIGHBOURS + 1)) if k != place]


def pair_draws(documents: int) -> np.ndarray:
    """How often each document occurs in each draw of a comparison, (draws, documents).

    The page Compare takes the same, so that its intervals are those of the downloads.
    """
    return resampling_counts(documents, seed=0)


def _compare_neighbours(rows: Sequence[tuple[Result, Lossless]]) -> list[Comparison]:
    """rows: on the same documents, the best first."""
    sizes = np.array([document.bytes for document in rows[0][1].documents], dtype=np.float64)
    bits = np.array([[document.bits for document in lossless.documents] for _, lossless in rows])
    counts = pair_draws(len(sizes))
    drawn = (bits @ counts.T) / (counts @ sizes)  # (models, draws)
    ends: dict[int, np.ndarray] = {}  # by distance in rank: the intervals of all such pairs
    for distance in range(1, min(NEIGHBOURS, len(rows) - 1) + 1):
        differences = drawn[:-distance] - drawn[distance:]
        ends[distance] = np.quantile(differences, [0.025, 0.975], axis=1)  # (2, pairs)
    rates = bits.sum(axis=1) / sizes.sum()
    found = []
    for place, (result, _) in enumerate(rows):
        for other in neighbours(place, len(rows)):
            low, high = ends[abs(other - place)][:, min(place, other)].tolist()
            interval = Interval(low, high) if place < other else Interval(-high, -low)
            difference = float((bits[place] - bits[other]).sum() / sizes.sum())
            found.append(
                Comparison(
                    model=result.model,
                    other=rows[other][0].model,
                    corpus=result.name,
                    dtype=result.environment.dtype,
                    documents=len(sizes),
                    difference=difference,
                    interval=interval,
                    share=difference / float(rates[other]),
                )
            )
    return found


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
