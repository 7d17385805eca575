"""Models on the same documents: paired differences, rank ranges, and links between corpora.

How much text is enough, and what it costs to score beside a suite of benchmarks, is from the bits
of each document that records keep, so amounts below one document cannot be estimated.

Known gaps: pairs are tested one by one, without a correction for their number. Documents are taken
as independent draws of one kind; the errors are those of other documents of the same kind, and say
nothing of other kinds. Wall time is that of whole jobs; that of a text includes the information
plane, which the same pass feeds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.board.bits_by_class import (
    ClassBits,
    ClassDifference,
    compare_classes,
)
from compression_leaderboard.board.derived import (
    documents_of,
    final_results,
    main_score,
    ranked_text,
)
from compression_leaderboard.intervals import (
    Interval,
    paired_difference,
    rate_errors,
    rate_residuals,
    student_quantile,
)
from compression_leaderboard.records.results import Environment, Lossless, Result
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs
from compression_leaderboard.wording import counted

Array = NDArray[np.float64]

NEIGHBOURS = 10  # others that a model is compared with: those nearest to it in bits per byte
CLASS_NEIGHBOURS = 2  # the same by class of bytes, of which a text may have a dozen
FEWEST_MODELS = 3  # fewer give no rank correlation
SHORTEST_SECONDS = 1e-3  # of a text whose time is a denominator
STEPS = (1, 2, 5)  # times powers of ten: the numbers of documents looked at


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
class ClassComparison:
    """Two models on one class of the bytes of one text."""

    model: str
    other: str
    corpus: str
    dtype: str | None
    part: ClassDifference


@dataclass(frozen=True)
class TextBits:
    """Bits of every model on every document of one text, and the documents' bytes."""

    bits: Array  # (models, documents)
    sizes: Array  # (documents,)

    @classmethod
    def of(cls, texts: Sequence[Lossless]) -> "TextBits":
        """Collect the bits of models on the same documents."""
        bits = [[document.bits for document in text.documents] for text in texts]
        sizes = [document.bytes for document in texts[0].documents]
        return cls(np.array(bits), np.array(sizes, dtype=np.float64))


def compare_models(specs: Specs, current: Sequence[StoredResult]) -> list[Comparison]:
    """Compare every model with the nearest it is ranked with, on each text, the best other first.

    All pairs of n models would be n² lines, most of which say the obvious.
    """
    comparisons = [c for results in alike_texts(specs, current) for c in _compare(results)]
    return sorted(comparisons, key=lambda c: (c.model, c.corpus))  # stable: the best other first


def alike_texts(specs: Specs, current: Sequence[StoredResult]) -> list[list[Result]]:
    """Group the records of the same two or more documents that are ranked together, best first.

    Ranked together are final weights of models of one kind, under today's protocol, in the same
    number format, whose tokenizers give the whole text back.
    """
    groups: dict[tuple[object, ...], list[tuple[float, Result]]] = {}
    for result in final_results(specs, current):
        text = ranked_text(result)
        if text is not None and len(text.documents) > 1:
            kind = specs.models[result.model].kind
            key = (kind, result.name, str(result.environment.dtype), documents_of(text))
            groups.setdefault(key, []).append((text.bits_per_byte, result))
    ordered = (sorted(g, key=lambda item: (item[0], item[1].model)) for g in groups.values())
    return [[result for _, result in group] for group in ordered]


def _text_bits(results: Sequence[Result]) -> TextBits:
    return TextBits.of([text for result in results if (text := ranked_text(result))])


def neighbours(place: int, models: int, most: int = NEIGHBOURS) -> list[int]:
    """Return the places of the nearest others in a table, half of them better if possible."""
    first = max(0, min(place - most // 2, models - most - 1))
    return [k for k in range(first, min(models, first + most + 1)) if k != place]


def _compare(results: Sequence[Result]) -> list[Comparison]:
    """results: on the same documents, the best first."""
    text = _text_bits(results)
    comparisons = []
    for place, result in enumerate(results):
        for other in neighbours(place, len(results)):
            rate = float(text.bits[other].sum() / text.sizes.sum())
            difference, reach = paired_difference(text.bits[place], text.bits[other], text.sizes)
            comparisons.append(
                Comparison(
                    model=result.model,
                    other=results[other].model,
                    corpus=result.name,
                    dtype=result.environment.dtype,
                    documents=len(text.sizes),
                    difference=difference,
                    interval=Interval(difference - reach, difference + reach),
                    share=difference / rate,
                )
            )
    return comparisons


def compare_by_class(specs: Specs, current: Sequence[StoredResult]) -> list[ClassComparison]:
    """Compare every model by class of bytes with the two next to it, where classes are known."""
    comparisons = [c for r in alike_texts(specs, current) for c in _compare_by_class(r)]
    return sorted(comparisons, key=lambda c: (c.model, c.corpus))


def _compare_by_class(results: Sequence[Result]) -> Iterator[ClassComparison]:
    """results: on the same documents, the best first."""
    texts = [ClassBits.of(text) for result in results if (text := ranked_text(result))]
    for place, (result, ours) in enumerate(zip(results, texts, strict=True)):
        for other in neighbours(place, len(results), CLASS_NEIGHBOURS):
            if ours is not None and (theirs := texts[other]) is not None:
                names = (result.model, results[other].model, result.name, result.environment.dtype)
                for part in compare_classes(ours, theirs):
                    yield ClassComparison(*names, part)


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


def link_corpora(specs: Specs, current: Sequence[StoredResult]) -> list[Link]:
    """Link every two corpora that have models in common, the older corpus first."""
    scores: dict[tuple[str, str | None], dict[str, float]] = {}
    for result in final_results(specs, current):
        if (text := ranked_text(result)) is not None:
            by_model = scores.setdefault((result.name, result.environment.dtype), {})
            by_model[result.model] = text.bits_per_byte
    ordered = sorted(scores, key=lambda key: (specs.corpora[key[0]].ends, key[0], str(key[1])))
    windows = {name: specs.corpora[name].protocol.window for name, _ in ordered}
    return [
        link_scores(old, new, dtype, scores[old, dtype], scores[new, dtype])
        for place, (old, dtype) in enumerate(ordered)
        for new, other in ordered[place + 1 :]
        if dtype == other and windows[old] == windows[new]
        if scores[old, dtype].keys() & scores[new, dtype].keys()
    ]


def link_scores(
    older: str, newer: str, dtype: str | None, old: dict[str, float], new: dict[str, float]
) -> Link:
    """Link two columns of scores by model; those in both count."""
    models = tuple(sorted(old.keys() & new.keys()))
    if not models:
        raise ValueError(f"{older} and {newer} have no model in common")
    before, after = np.array([[old[m], new[m]] for m in models]).T
    moved = after - before
    mean, interval, rank = float(moved.mean()), None, None
    if (n := len(models)) > 1:
        half = student_quantile(n - 1) * float(moved.std(ddof=1)) / n**0.5
        interval = Interval(mean - half, mean + half)
    if n >= FEWEST_MODELS and np.ptp(before) > 0 and np.ptp(after) > 0:
        from scipy.stats import spearmanr  # slow to import, and most commands need none

        rank = float(spearmanr(before, after).statistic)
    return Link(older, newer, dtype, models, mean, interval, rank)


@dataclass(frozen=True)
class Amount:
    """A model and a text, of which so many documents are scored.

    bytes: that many times the mean document. error: standard error of the bits per byte.
    paired_error: of the difference to another model on the same documents, the median over the
    nearest ones; None where there is no other.
    """

    model: str
    dtype: str | None
    corpus: str
    documents: int
    bytes: float
    error: float
    paired_error: float | None


def text_amounts(specs: Specs, current: Sequence[StoredResult]) -> list[Amount]:
    """Of every text of final weights, by number of documents up to all of them."""
    amounts = []
    for results in alike_texts(specs, current):
        text = _text_bits(results)
        documents = len(text.sizes)
        errors = rate_errors(text.bits, text.sizes).tolist()
        paired = _paired_errors(text)
        for n in document_steps(documents):
            part = (documents / n) ** 0.5
            amounts += [
                Amount(
                    result.model,
                    result.environment.dtype,
                    result.name,
                    n,
                    n * float(text.sizes.mean()),
                    error * part,
                    None if other is None else other * part,
                )
                for result, error, other in zip(results, errors, paired, strict=True)
            ]
    return sorted(amounts, key=lambda a: (a.corpus, a.model, str(a.dtype), a.documents))


def document_steps(documents: int) -> list[int]:
    """1, 2, 5, 10, … and all of them."""
    steps = [step * 10**power for power in range(len(str(documents))) for step in STEPS]
    return [*(n for n in steps if n < documents), documents]


def _paired_errors(text: TextBits) -> list[float | None]:
    """Errors of differences to the nearest models, the median. Models are the best first."""
    models = len(text.bits)
    if models < 2:
        return [None] * models
    near = [neighbours(place, models) for place in range(models)]
    distances = {abs(other - place) for place, others in enumerate(near) for other in others}
    by_distance = {d: rate_errors(text.bits[:-d] - text.bits[d:], text.sizes) for d in distances}
    return [
        float(np.median([by_distance[abs(other - place)][min(place, other)] for other in others]))
        for place, others in enumerate(near)
    ]


@dataclass(frozen=True)
class Cost:
    """The seconds of one model's text and of its suite, in the same number format.

    corpus_way, suite_way: processor, device and threads of the job.
    """

    model: str
    dtype: str | None
    corpus: str
    bytes: int
    corpus_seconds: float
    corpus_way: str
    suite: str
    items: int
    suite_seconds: float
    suite_way: str

    @property
    def ratio(self) -> float | None:
        """Seconds of the suite per second of the text; None where they ran in other ways, or where
        the text took no time."""
        if self.corpus_way != self.suite_way or self.corpus_seconds < SHORTEST_SECONDS:
            return None
        return self.suite_seconds / self.corpus_seconds


def scoring_costs(specs: Specs, current: Sequence[StoredResult]) -> list[Cost]:
    """Every text of final weights with every suite of theirs."""
    final = final_results(specs, current)
    suites: dict[tuple[str, str | None], list[Result]] = {}
    for result in final:
        if result.kind == "suite":
            suites.setdefault((result.model, result.environment.dtype), []).append(result)
    costs = [
        _cost(text, text.lossless, suite)
        for text in final
        if text.lossless is not None
        for suite in suites.get((text.model, text.environment.dtype), [])
    ]
    return sorted(costs, key=lambda c: (c.model, str(c.dtype), c.corpus, c.suite))


def _cost(text: Result, lossless: Lossless, suite: Result) -> Cost:
    return Cost(
        model=text.model,
        dtype=text.environment.dtype,
        corpus=text.name,
        bytes=lossless.bytes,
        corpus_seconds=text.environment.wall_seconds,
        corpus_way=_way(text.environment),
        suite=suite.name,
        items=sum(main_score(task)[2] for task in suite.tasks),
        suite_seconds=suite.environment.wall_seconds,
        suite_way=_way(suite.environment),
    )


def _way(e: Environment) -> str:
    return f"{e.processor}, {e.device}, {counted(e.threads, 'thread')}"
