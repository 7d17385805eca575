"""What the costs of the user's own documents say: rates, and which model needs fewer bits.
Documents stream through once, so their number does not matter to memory. The interval is the
bootstrap over documents: every draw takes as many documents as there are, with replacement; how
often it takes the next one is binomial given what the earlier ones left. Models share the draws,
so what makes a document hard for both cancels in their comparison.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from compression_leaderboard.intervals import (
    BOOTSTRAP_DRAWS,
    Interval,
    normal_quantile,
    percentile_interval,
)
from compression_leaderboard.own_text.class_costs import ClassGap, ClassRate, ClassSums
from compression_leaderboard.own_text.journal import DocumentCost

SHOWN = 10  # documents that compress worst, and best


@dataclass(frozen=True)
class Rate:
    """Bits per byte of the documents under one scorer (lower is better)."""

    name: str
    bits_per_byte: float
    interval: Interval | None  # 95 %; None for fewer than two documents
    failing_bytes: int  # in documents that the tokenizer does not give back
    is_model: bool


@dataclass(frozen=True)
class Pair:
    """Two models on the same documents: bits per byte of `better` less those of `other`."""

    better: str
    other: str
    difference: float  # below 0, or 0
    interval: Interval | None
    share: float  # difference / bits per byte of `other`
    share_interval: Interval | None
    is_known: bool  # whether the interval leaves out 0
    settling_documents: int | None  # as many in all would tell them apart; None: known, or no hope
    classes: tuple[ClassGap, ...]  # empty where not known


@dataclass(frozen=True)
class Extreme:
    """A document that compresses far better or worse than the others."""

    name: str
    bytes: int
    bits_per_byte: float


@dataclass(frozen=True)
class Sample:
    """How a random sample of pieces was chosen."""

    seed: int
    pieces: int  # scored by every scorer
    drawn: int  # pieces listed in random order, of which these are the first
    files: int
    file_bytes: int
    unread: tuple[str, ...]  # parts of files from which nothing could be drawn


@dataclass(frozen=True)
class Summary:
    """Own text under several scorers."""

    documents: int  # scored by every scorer; where `unit` is piece, pieces of the only document
    bytes: int
    of_documents: int  # listed: in the files, or drawn from them
    of_bytes: int
    rates: tuple[Rate, ...]  # models in the order given, then compressors, the best first
    pairs: tuple[Pair, ...]
    worst: dict[str, tuple[Extreme, ...]]  # by model
    best: dict[str, tuple[Extreme, ...]]
    classes: dict[str, tuple[ClassRate, ...]]  # by model; empty where not known
    sample: Sample | None = None  # None: every document was to be scored
    unit: Literal["document", "piece"] = "document"  # that is resampled


class _Sums:
    """Running totals: of the documents, and of every bootstrap draw."""

    def __init__(self, documents: int, scorers: int, models: int, seed: int) -> None:
        self.documents = documents  # in all
        self.generator = np.random.default_rng(seed)
        self.left = np.full(BOOTSTRAP_DRAWS, documents)  # that each draw has still to take
        self.sizes = np.zeros(BOOTSTRAP_DRAWS)
        self.bits = np.zeros((scorers, BOOTSTRAP_DRAWS))
        self.total = np.zeros(scorers)
        self.failing = np.zeros(scorers, dtype=np.int64)
        self.bytes = 0
        self.seen = 0
        self.worst: list[list[Extreme]] = [[] for _ in range(models)]
        self.best: list[list[Extreme]] = [[] for _ in range(models)]
        self.classes = ClassSums(models)

    def add(self, cost: DocumentCost) -> None:
        times = self.generator.binomial(self.left, 1 / (self.documents - self.seen))
        self.left -= times
        bits = np.array(cost.bits)
        self.sizes += times * cost.bytes
        self.bits += np.outer(bits, times)
        self.total += bits
        self.failing += np.where(cost.lossless, 0, cost.bytes)
        self.bytes += cost.bytes
        self.seen += 1
        self.classes.add(cost.bytes, cost.classes[: len(self.worst)])
        for k, (worst, best) in enumerate(zip(self.worst, self.best, strict=True)):
            extreme = Extreme(cost.name, cost.bytes, cost.bits[k] / cost.bytes)
            self.worst[k] = sorted([*worst, extreme], key=lambda e: -e.bits_per_byte)[:SHOWN]
            self.best[k] = sorted([*best, extreme], key=lambda e: e.bits_per_byte)[:SHOWN]


def summarise(
    costs: Iterable[DocumentCost],
    documents: int,
    extent: tuple[int, int],
    models: Sequence[str],
    compressors: Sequence[str],
    seed: int = 0,
    sample: Sample | None = None,
    unit: Literal["document", "piece"] = "document",
) -> Summary:
    """Compute rates of and compare `documents` units, with costs in the order of the names.

    extent: units and bytes listed, of which these may be a random sample.
    """
    names = [*models, *compressors]
    sums = _Sums(documents, len(names), len(models), seed)
    for cost in costs:
        sums.add(cost)
    if sums.seen != documents:
        raise ValueError(f"{sums.seen} documents came, {documents} were promised")
    rates = [_rate(sums, k, name, k < len(models)) for k, name in enumerate(names)]
    compressed = sorted(rates[len(models) :], key=lambda rate: (rate.bits_per_byte, rate.name))
    return Summary(
        documents=documents,
        bytes=sums.bytes,
        of_documents=extent[0],
        of_bytes=extent[1],
        rates=(*rates[: len(models)], *compressed),
        pairs=tuple(
            _pair(sums, model, other, names)
            for model, other in itertools.combinations(range(len(models)), 2)
            if not sums.failing[model] and not sums.failing[other]
        ),
        worst=dict(zip(models, map(tuple, sums.worst), strict=True)),
        best=dict(zip(models, map(tuple, sums.best), strict=True)),
        classes={model: sums.classes.rates_of(k) for k, model in enumerate(models)},
        sample=sample,
        unit=unit,
    )


def _rate(sums: _Sums, k: int, name: str, is_model: bool) -> Rate:
    interval = percentile_interval(sums.bits[k] / sums.sizes) if sums.seen > 1 else None
    value = float(sums.total[k] / sums.bytes)
    return Rate(name, value, interval, int(sums.failing[k]), is_model)


def _pair(sums: _Sums, model: int, other: int, names: Sequence[str]) -> Pair:
    """Compare two models, the better one first; at equality the one that was named first."""
    if sums.total[other] < sums.total[model]:
        model, other = other, model
    difference = float((sums.total[model] - sums.total[other]) / sums.bytes)
    share = float(sums.total[model] / sums.total[other]) - 1
    interval = shares = needed = None
    known = False
    if sums.seen > 1:
        draws = (sums.bits[model] - sums.bits[other]) / sums.sizes
        interval = percentile_interval(draws)
        shares = percentile_interval(sums.bits[model] / sums.bits[other] - 1)
        known = interval.excludes_zero
        if not known:
            needed = settling_documents(difference, float(draws.std(ddof=1)), sums.seen)
    return Pair(
        better=names[model],
        other=names[other],
        difference=difference,
        interval=interval,
        share=share,
        share_interval=shares,
        is_known=known,
        settling_documents=needed,
        classes=sums.classes.gaps_of(model, other),
    )


def power_quantile() -> float:
    """Return the standard errors that a difference must span: 5 % two-sided error, 80 % power."""
    return normal_quantile() + normal_quantile(2 * 0.8 - 1)


def settling_documents(difference: float, error: float, documents: int) -> int | None:
    """Estimate how many documents would tell two models apart if the difference stays as it is.

    With so many, 80 in 100 such texts give an interval that leaves out 0; the standard error falls
    with the root of their number. None where nothing tells which is better, or it would take more
    than a thousand times the text: then the two are alike for this text.
    """
    if difference == 0 or error == 0:
        return None
    times = (power_quantile() * error / difference) ** 2
    return math.ceil(documents * times) if times <= 1000 else None
