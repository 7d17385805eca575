"""Which records count, and the figures of one model from the raw values that they keep."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from compression_leaderboard.board.bits_by_class import ClassFigure, class_figures
from compression_leaderboard.board.figures import (
    BITS_PER_BYTE,
    LN_BINS,
    Figure,
    Key,
    Quantity,
    score_figure,
)
from compression_leaderboard.intervals import (
    Interval,
    jackknife_error,
    jackknife_interval,
    paired_difference,
    rate_interval,
)
from compression_leaderboard.plan.jobs import latest_results, why_due
from compression_leaderboard.records.plane import Lossy, Preference, PreferenceLayer, Side, Unit
from compression_leaderboard.records.results import CompressedText, Lossless, Result, TaskResult
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

SIDES: tuple[Side, Side] = ("input", "output")
HEADLINE_ORDER = 1  # of the n-gram labels whose optimality is in the leaderboard
SHUFFLE_DEVIATIONS = 2  # corrected complexity nearer to 0 than this has no ratio
LEAST_INFORMATION = 1e-9  # ln(bins): records keep nine digits, so less is rounding


def current_results(specs: Specs, stored: Iterable[StoredResult]) -> list["DerivedResult"]:
    """Keep the records that count, in order of file.

    Proofs have no figures and are left out.
    """
    entries = map(DerivedResult.of, stored)
    latest = [e for e in latest_results(entries).values() if e.result.kind != "proof"]
    current = [entry for entry in latest if is_current(entry.result, specs)]
    return sorted(current, key=lambda entry: entry.file)


def is_current(result: Result, specs: Specs) -> bool:
    """Whether the record was made under today's suite or protocol."""
    spec = specs.find(result.kind, result.name)
    return spec is not None and why_due(result, spec) is None


def is_final(result: Result, specs: Specs) -> bool:
    """Whether the record is of the final weights of a model that has a file."""
    model = specs.models.get(result.model)
    return model is not None and result.revision == model.weights.revision


def final_results(specs: Specs, current: Iterable[StoredResult]) -> list[Result]:
    """List the records of final weights."""
    return [entry.result for entry in current if is_final(entry.result, specs)]


def ranked_text(result: Result) -> Lossless | None:
    """Return the bits of a text; None where the tokenizer does not give the whole text back."""
    lossless = result.lossless
    return None if lossless is None or lossless.failing_bytes else lossless


def documents_of(lossless: Lossless) -> tuple[tuple[str, int], ...]:
    """Names and bytes of the documents: bits are compared on the same ones."""
    return tuple((document.document, document.bytes) for document in lossless.documents)


@dataclass(frozen=True)
class Estimate:
    """An estimate, with its interval where that can be resampled."""

    value: float
    interval: Interval | None
    spread: float | None = None  # standard deviation over anchor seeds, of several


@dataclass(frozen=True)
class Plane:
    """Complexity, expressivity (in ln(bins)) and optimality for labels of one unit and order.

    Intervals: delete-a-group jackknife over documents; None for too few of them.
    """

    unit: Unit
    order: int
    complexity: Estimate
    expressivity: Estimate
    optimality: Estimate | None  # None where complexity cannot be told from 0


def bits_interval(lossless: Lossless) -> Interval | None:
    """Interval of bits per byte by resampling documents; None for fewer than two."""
    documents = lossless.documents
    return rate_interval([d.bits for d in documents], [d.bytes for d in documents])


def compare_bits(text: Lossless, other: Lossless) -> tuple[float, Interval] | None:
    """Bits per byte of `text` less those of `other` on the same documents, with its interval.

    None where the two did not score the same documents, or fewer than two.
    """
    if documents_of(text) != documents_of(other) or len(text.documents) < 2:
        return None
    bits, others = ([d.bits for d in side.documents] for side in (text, other))
    difference, reach = paired_difference(bits, others, [d.bytes for d in text.documents])
    return difference, Interval(difference - reach, difference + reach)


def place_on_plane(lossy: Lossy, order: int, unit: Unit = "token") -> Plane | None:
    """Return the model's figure: ratio of means over layers 1…L (layer 0 is the embedding).

    None where the record lacks the labels or the model has no layer above the embedding.
    """
    inputs, outputs = (over_layers(lossy, unit, side, order) for side in SIDES)
    if inputs is None or outputs is None:
        return None
    left_in, left_out = (_left_out(lossy, unit, side, order) for side in SIDES)
    sizes = lossy.group_positions
    ratio = None
    # By each seed and without each group, or the ratio's spread and interval mean nothing.
    is_information = min([*inputs.corrected, *left_in]) > LEAST_INFORMATION
    if is_information and inputs.corrected.mean() > SHUFFLE_DEVIATIONS * inputs.deviation:
        ratio = _estimate(
            float(outputs.corrected.mean() / inputs.corrected.mean()),
            outputs.corrected / inputs.corrected,
            left_out / left_in,
            sizes,
        )
    return Plane(
        unit=unit,
        order=order,
        complexity=_estimate(float(inputs.corrected.mean()), inputs.corrected, left_in, sizes),
        expressivity=_estimate(float(outputs.corrected.mean()), outputs.corrected, left_out, sizes),
        optimality=ratio,
    )


def _estimate(
    value: float, by_seed: np.ndarray, left_out: np.ndarray, sizes: tuple[int, ...]
) -> Estimate:
    spread = float(by_seed.std(ddof=1)) if len(by_seed) > 1 else None
    known = len(left_out) > 1
    return Estimate(value, jackknife_interval(value, left_out, sizes) if known else None, spread)


@dataclass(frozen=True)
class OverLayers:
    """Information of one label set, means over layers 1…L."""

    plug_in: np.ndarray  # (seeds,)
    corrected: np.ndarray  # (seeds,)
    deviation: float  # of the shuffles, mean over seeds


def over_layers(lossy: Lossy, unit: Unit, side: Side, order: int) -> OverLayers | None:
    """Means over layers 1…L, by seed; None where there are no such labels or layers.

    Layers share their labels, so the deviations of their shuffles are averaged, not divided by √L.
    """
    labels = [
        information
        for layer in lossy.layers[1:]
        for information in layer.information
        if (information.unit, information.side, information.order) == (unit, side, order)
    ]
    if not labels:
        return None
    plug_in = np.mean([information.plug_in for information in labels], axis=0)
    null = np.mean([information.null for information in labels], axis=0)
    deviation = float(np.mean([information.null_deviation for information in labels]))
    return OverLayers(plug_in, plug_in - null, deviation)


def _left_out(lossy: Lossy, unit: Unit, side: Side, order: int) -> np.ndarray:
    """Corrected information without each group of documents, (groups,) or empty."""
    for labels in lossy.replicates:
        if (labels.unit, labels.side, labels.order) == (unit, side, order):
            return np.array(labels.corrected)
    return np.zeros(0)


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
    """Return the model's figure, from what the record keeps of each layer."""
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
    """Return the standard error of a layer's corrected value over pairs, mean over seeds."""
    value = float(corrected(layer).mean())
    return jackknife_error(value, layer.replicates, np.ones(len(layer.replicates)))


def _interval(value: float, replicates: np.ndarray) -> Interval:
    """Pairs are dealt evenly, so the groups count the same."""
    return jackknife_interval(value, replicates, np.ones(len(replicates)))


@dataclass(frozen=True)
class CompressorRate:
    """Bits per byte of one text under one compressor (lower is better)."""

    corpus: str
    text: CompressedText  # the raw sizes, with settings and version
    whole: float  # all documents as one stream: later ones profit from earlier ones
    alone: float  # each document on its own, as a model reads it
    interval: Interval | None  # of `alone`, by resampling documents
    bytes: int
    documents: int
    record: str  # file of the record, below records/

    @property
    def settings(self) -> str:
        """Settings as words: level 22, window log 27, long distance matching 1."""
        settings = self.text.settings.items()
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings)


@dataclass(frozen=True)
class DerivedResult(StoredResult):
    """A record with what follows from it alone; each value is computed once."""

    @classmethod
    def of(cls, entry: StoredResult) -> "DerivedResult":
        """Derive from an entry, or return one that is derived."""
        return entry if isinstance(entry, cls) else cls(**vars(entry))

    @cached_property
    def interval(self) -> Interval | None:
        """The interval of the bits per byte."""
        lossless = self.result.lossless
        return None if lossless is None else bits_interval(lossless)

    @cached_property
    def classes(self) -> list[ClassFigure]:
        """What each class of bytes costs, the most bits first; empty where it is not known."""
        text = ranked_text(self.result)
        return [] if text is None else class_figures(text)

    @cached_property
    def plane(self) -> Plane | None:
        """The model's place on the information plane, by labels of HEADLINE_ORDER."""
        lossy = self.result.lossy
        return None if lossy is None else place_on_plane(lossy, HEADLINE_ORDER)

    @cached_property
    def preference(self) -> PreferenceFigure | None:
        measured = self.result.preference
        return None if measured is None else preference_figure(measured)

    @cached_property
    def rates(self) -> list[CompressorRate]:
        """The rates of every compressor, in the order of their list."""
        if (classical := self.result.classical) is None:
            return []
        sizes = [document.bytes for document in classical.documents]
        raw = sum(sizes)
        rates = []
        for text in classical.compressed:
            bits = [8 * n for n in text.document_bytes]
            rates.append(
                CompressorRate(
                    corpus=self.result.name,
                    text=text,
                    whole=8 * text.whole_bytes / raw,
                    alone=sum(bits) / raw,
                    interval=rate_interval(bits, sizes),
                    bytes=raw,
                    documents=len(sizes),
                    record=self.record,
                )
            )
        return rates

    @cached_property
    def figures(self) -> dict[Key, Figure]:
        """Every figure of a text, of preference pairs, or of a suite's benchmarks.

        A text that the tokenizer does not give back has no compression.
        """
        figures = _suite_figures(self) if self.result.kind == "suite" else _corpus_figures(self)
        return {f.key: replace(f, measured_by=self.measured_by) for f in figures}


def _corpus_figures(entry: DerivedResult) -> Iterator[Figure]:
    result, record = entry.result, entry.record
    protocol = "/".join(map(str, result.text.protocol.window)) if result.text else ""

    def figure(
        quantity: Quantity, value: float, unit: str, interval: Interval | None, n: int
    ) -> Figure:
        key = Key(quantity, result.name, protocol)
        return Figure(key, value, unit, "measured", record, interval=interval, n=n)

    if (lossless := ranked_text(result)) is not None:
        n = len(lossless.documents)
        yield figure("compression", lossless.bits_per_byte, BITS_PER_BYTE, entry.interval, n)
    if result.lossy is not None and (plane := entry.plane) is not None:
        n = result.lossy.positions
        read, follows = plane.complexity, plane.expressivity
        yield figure("complexity", read.value, LN_BINS, read.interval, n)
        yield figure("expressivity", follows.value, LN_BINS, follows.interval, n)
        if (ratio := plane.optimality) is not None:
            yield figure("optimality", ratio.value, "ratio", ratio.interval, n)
    if result.preference is not None and (preferred := entry.preference) is not None:
        n = result.preference.pairs
        yield figure("preference", preferred.value, LN_BINS, preferred.interval, n)
        yield figure("lexical", preferred.lexical, LN_BINS, preferred.lexical_interval, n)


def _suite_figures(entry: DerivedResult) -> Iterator[Figure]:
    result, record = entry.result, entry.record
    for task in result.tasks:
        value, stderr, n = main_score(task)
        key = Key("score", task.task.task, result.name)
        yield score_figure(key, value, stderr, "measured", record, n)
    mean, stderr = mean_score(result.tasks)
    items = sum(main_score(task)[2] for task in result.tasks)
    yield score_figure(Key("mean_score", "", result.name), mean, stderr, "measured", record, items)
