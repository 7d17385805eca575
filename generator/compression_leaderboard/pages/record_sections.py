"""The sections of a model's page that each show one record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from compression_leaderboard.board.comparisons import Comparison
from compression_leaderboard.board.current import is_current, record_of
from compression_leaderboard.board.derived import (
    SIDES,
    Estimate,
    OverLayers,
    bits_interval,
    corrected,
    corrected_error,
    main_score,
    mean_score,
    over_layers,
    place_on_plane,
    preference_figure,
)
from compression_leaderboard.pages.charts import Chart, Series, draw_series
from compression_leaderboard.pages.rendering import Cell, Table, headings
from compression_leaderboard.pages.text import (
    UNKNOWN,
    counted,
    decimals,
    number,
    percent,
    with_interval,
    with_spread,
)
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.plane import Layer, LayerInformation, Lossy, Share, Side, Unit
from compression_leaderboard.records.preferences import Preference
from compression_leaderboard.records.results import Lossless, Proof, Result, TaskResult
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs

Facts = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Part:
    """A chart, a table, or a chart with the table of its figures, and a sentence about them.

    fold: what the folded table is called; "" where it is not folded.
    """

    table: Table | None = None
    chart: Chart | None = None
    note: str = ""
    fold: str = ""


@dataclass(frozen=True)
class Source:
    """The record that a section shows: its link, when and how it was measured."""

    record: "RecordLink"
    measured: str
    is_current: bool


@dataclass(frozen=True)
class RecordLink:
    """A record's id, and its copy on the site."""

    run_id: str
    path: str  # below the site's root


@dataclass(frozen=True)
class Section:
    """What one record says, in order: a paragraph, facts, then charts and tables."""

    id: str
    title: str
    source: Source
    about: str = ""
    facts: Facts = ()
    parts: Sequence[Part] = ()


def view_record(
    entry: StoredResult, model: Model, specs: Specs, comparisons: Sequence[Comparison]
) -> Section | None:
    """The section of a record of final weights. comparisons: of the model, on any text."""
    result = entry.result
    source = _source(entry, specs)
    if result.preference is not None:
        return _preference(result, result.preference, specs, source)
    if result.proof is not None:
        return _proof(result, result.proof, specs, source)
    if result.lossless is not None:
        return _corpus(result, result.lossless, model, specs, comparisons, source)
    return _suite(result, specs, source) if result.kind == "suite" else None


def record_link(entry: StoredResult) -> RecordLink:
    return RecordLink(entry.result.run_id, f"records/{record_of(entry)}")


def _source(entry: StoredResult, specs: Specs) -> Source:
    environment = entry.result.environment
    packages = ", ".join(f"{k} {v}" for k, v in sorted(environment.packages.items()))
    measured = (
        f"{entry.result.started:%Y-%m-%d %H:%M} UTC, {environment.wall_seconds:.0f} s on "
        f"{environment.processor} ({environment.device}, {environment.threads} threads), "
        f"{environment.dtype}, {environment.peak_memory_bytes / 1e9:.1f} GB at most; "
        f"Python {environment.python}, {packages}"
    )
    return Source(record_link(entry), measured, is_current(entry.result, specs))


def _corpus(
    result: Result,
    lossless: Lossless,
    model: Model,
    specs: Specs,
    comparisons: Sequence[Comparison],
    source: Source,
) -> Section | None:
    """A text: bits per byte, comparisons, context, and the information plane."""
    text = result.text
    if text is None:
        return None
    corpus = specs.corpora.get(result.name)
    fresh = UNKNOWN
    if corpus:
        fresh = "yes" if corpus.begins > model.released else "no: the model may have seen the text"
    scored = sum(document.bytes for document in lossless.documents)
    parts = [
        view_comparisons(
            result.name, [c for c in comparisons if c.corpus == result.name], specs.models
        ),
        _context(result.name, lossless),
        *(view_plane(result.name, result.lossy) if result.lossy else ()),
    ]
    return Section(
        id=f"corpus-{result.name}",
        title=corpus.title if corpus else result.name,
        source=source,
        facts=[
            ("Bits per byte (lower is better)", number(lossless.bits_per_byte, 4)),
            ("95 % interval (documents resampled)", _interval(lossless)),
            ("Text", f"{scored} bytes, {counted(len(lossless.documents), 'document')}"),
            (
                "Window and stride",
                f"{text.protocol.window_tokens}, {text.protocol.stride_tokens} tokens",
            ),
            ("Context of the first token", lossless.start_token),
            ("Bytes that the tokenizer does not give back", _failing(lossless, scored)),
            ("Text begins after the model's release", fresh),
        ],
        parts=[part for part in parts if part],
    )


def _interval(lossless: Lossless) -> str:
    interval = bits_interval(lossless)
    return f"{number(interval.low, 3)}–{number(interval.high, 3)}" if interval else UNKNOWN


def _failing(lossless: Lossless, scored: int) -> str:
    if lossless.failing_bytes == 0:
        return "0"
    share = percent(lossless.failing_bytes / scored)
    return f"{lossless.failing_bytes} ({share} %): not lossless, so not ranked"


def view_comparisons(
    name: str, comparisons: Sequence[Comparison], models: Mapping[str, Model]
) -> Part | None:
    """Paired differences from other models on one text. comparisons: the best other first."""
    if not comparisons:
        return None
    header = headings("Other model", figures=("Difference, bits per byte", "%"))
    header += headings("In words")
    documents = counted(comparisons[0].documents, "document")
    table = Table(
        f"comparisons-{name}",
        f"Against the nearest models of its leaderboard, on the same {documents}",
        header,
        [_compared(comparison, models[comparison.other]) for comparison in comparisons],
    )
    note = (
        "Bits per byte of this model less those of the other, the best first, with the 95 % "
        "interval of the paired difference over documents; below 0 this model is better."
    )
    return Part(table, note=note)


def _compared(comparison: Comparison, other: Model) -> list[Cell | str]:
    low, high = comparison.interval
    digits = decimals((high - low) / 2) if high > low else 4
    interval = f"{number(low, digits)} to {number(high, digits)}"
    words = "no difference that the text can show"
    if comparison.known:
        word = "more" if comparison.difference > 0 else "fewer"
        words = f"needs {percent(abs(comparison.share))} % {word} bits than {other.title}"
    return [
        Cell(other.title, href=f"models/{other.id}/"),
        Cell(number(comparison.difference, digits), comparison.difference, interval),
        Cell(percent(comparison.share), comparison.share),
        words,
    ]


def _context(name: str, lossless: Lossless) -> Part | None:
    """Bits per byte by place in the document: what more context gains."""
    stretches = lossless.stretches
    if len(stretches) < 2:
        return None
    edges = [str(stretch.from_byte) for stretch in stretches]
    rates = tuple(stretch.bits / stretch.bytes for stretch in stretches)
    caption = f"Bits per byte by place in the document, {_documents(lossless)}"
    table = Table(
        f"context-gained-{name}",
        caption,
        headings(figures=("From byte", "Bytes scored", "Bits per byte")),
        [
            [edge, str(stretch.bytes), number(rate, 4)]
            for edge, stretch, rate in zip(edges, stretches, rates, strict=True)
        ],
    )
    series = [Series("bits per byte", "input", rates)]
    return charted(series, edges, ("Byte", "Bits per byte"), table)


def _documents(lossless: Lossless) -> str:
    return counted(len(lossless.documents), "document")


def charted(
    series: Sequence[Series],
    steps: Sequence[str],
    labels: tuple[str, str],
    table: Table,
    note: str = "",
) -> Part:
    """A chart with the caption of the table that has its figures."""
    chart = draw_series(series, steps, labels, table.caption, table.id)
    return Part(table, chart, note, "The figures of this chart")


WORDS = {1: "single tokens", 2: "bigrams", 3: "trigrams", 4: "quadgrams"}


def view_plane(name: str, lossy: Lossy) -> list[Part]:
    """Everything that a record knows of the information plane. name: the text's, for ids."""
    layers = _layers(name, lossy)
    parts = [
        _figures(name, lossy),
        _by_layer(lossy, layers.id),
        view_convergence(name, lossy),
        _details(name, lossy),
        Part(
            layers,
            note="Single tokens as labels; means over anchor seeds, ± standard error over "
            "documents.",
            fold="All figures layer by layer",
        ),
    ]
    return [part for part in parts if part]


def _label_words(unit: Unit, order: int) -> str:
    return WORDS[order] if unit == "token" else counted(order, "byte")


def _label_sets(lossy: Lossy) -> list[tuple[Unit, int]]:
    """Unit and order of the labels, tokens first."""
    sets = {(label.unit, label.order) for label in lossy.labels}
    return sorted(sets, key=lambda labels: (labels[0] != "token", labels[1]))


def _figures(name: str, lossy: Lossy) -> Part:
    """Model-level figures, a row for each kind of label."""
    rows = []
    for unit, order in _label_sets(lossy):
        plane = place_on_plane(lossy, order, unit)
        if plane is not None:
            estimates = (plane.complexity, plane.expressivity, plane.optimality)
            singletons = percent(_singletons(lossy, unit, order))
            rows.append([_label_words(unit, order), *map(_shown, estimates), singletons])
    interval = "no interval: fewer than 20 documents"
    if groups := len(lossy.group_positions):
        interval = f"95 % intervals by jackknife over {groups} groups of documents"
    figures = ("Complexity", "Expressivity", "Optimality", "Inputs seen once, %")
    return Part(
        Table(
            f"plane-{name}",
            f"Information plane, {_size(lossy)}",
            headings("Labels", figures=figures),
            rows,
        ),
        note=f"Corrected values, mean over layers 1 to {len(lossy.layers) - 1} and "
        f"{counted(len(lossy.layers[0].entropy), 'anchor seed')}; {interval}.",
    )


def _size(lossy: Lossy) -> str:
    """What the figures of a record are estimated from."""
    return f"{counted(lossy.positions, 'position')} in {counted(lossy.documents, 'document')}"


def _shown(figure: Estimate | None) -> str:
    return with_interval(figure.value, figure.interval) if figure else UNKNOWN


def _singletons(lossy: Lossy, unit: Unit, order: int) -> float | None:
    labels = (unit, "input", order)
    masses = (s.singleton_mass for s in lossy.labels if (s.unit, s.side, s.order) == labels)
    return next(masses, None)


def _at(layer: Layer, side: Side) -> LayerInformation | None:
    """The information of a layer's states about single tokens."""
    labels = ("token", side, 1)
    return next((i for i in layer.information if (i.unit, i.side, i.order) == labels), None)


def _corrected(information: LayerInformation) -> float:
    return fmean(information.plug_in) - fmean(information.null)


def layer_values(lossy: Lossy) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The information of each layer about single tokens read, and about those that follow."""
    inputs, outputs = ([_at(layer, side) for layer in lossy.layers] for side in SIDES)
    read = tuple(_corrected(information) for information in inputs if information)
    return read, tuple(_corrected(information) for information in outputs if information)


def _by_layer(lossy: Lossy, table_id: str) -> Part | None:
    """A chart of the figures in the table of all figures layer by layer."""
    read, follows = layer_values(lossy)
    if not len(read) == len(follows) == len(lossy.layers):
        return None  # single tokens were not asked for
    chart = draw_series(
        [
            Series("I(X;Z): what was read", "input", read),
            Series("I(Y;Z): what comes next", "output", follows),
        ],
        [str(layer.layer) for layer in lossy.layers],
        ("Layer (0 is the embedding)", "Corrected information, ln(bins)"),
        f"Information by layer about single tokens, {_size(lossy)}",
        table_id,
    )
    return Part(chart=chart, note="Mean over anchor seeds.")


def view_convergence(name: str, lossy: Lossy) -> Part | None:
    """Optimality for single tokens from a part of the positions, plug-in and corrected."""
    shares = {(s.positions, s.side): s for s in lossy.convergence if _is_single_token(s)}
    read, follows = (over_layers(lossy, "token", side, 1) for side in SIDES)
    counts = sorted({positions for positions, _ in shares})
    if not counts or read is None or follows is None:
        return None
    ratios = []
    for positions in counts:
        x, y = (shares[positions, side] for side in SIDES)
        ratios.append((y.plug_in / x.plug_in, (y.plug_in - y.null) / (x.plug_in - x.null)))
    whole = (
        float(follows.plug_in.mean() / read.plug_in.mean()),
        float(follows.corrected.mean() / read.corrected.mean()),
    )
    plug_in, adjusted = zip(*ratios, whole, strict=True)
    steps = [str(n) for n in (*counts, lossy.positions)]
    table = Table(
        f"convergence-{name}",
        f"Optimality for single tokens from parts of {_size(lossy)}",
        headings(figures=("Positions", "Plug-in", "Corrected")),
        [
            [step, number(plain, 4), number(better, 4)]
            for step, plain, better in zip(steps, plug_in, adjusted, strict=True)
        ],
    )
    note = (
        f"From the smallest part to all positions the plug-in moves by {_change(plug_in)}, the "
        f"corrected estimate by {_change(adjusted)}: only figures of equal numbers of positions "
        "compare."
    )
    series = [Series("plug-in", "output", plug_in), Series("corrected", "input", adjusted)]
    return charted(series, steps, ("Positions used", "Optimality"), table, note)


def _is_single_token(share: Share) -> bool:
    return (share.unit, share.order) == ("token", 1)


def _change(values: Sequence[float]) -> str:
    """From the first to the last, in per cent with its sign."""
    change = 100 * (values[-1] / values[0] - 1)
    return f"{'+' if change > 0 else ''}{number(change, 0)} %"


def _details(name: str, lossy: Lossy) -> Part:
    """What an order adds to the one before, and what is left."""
    figures = ["Contextual I(X;Z)", "Contextual I(Y;Z)"]
    figures += ["Regularity I(X;Z) / H(Z)", "Variation H(Z|X)"]
    entropy = fmean(value for layer in lossy.layers[1:] for value in layer.entropy)
    rows: list[list[Cell | str]] = []
    before: dict[Side, float] = {}
    last_unit: Unit | None = None
    for unit, order in _label_sets(lossy):
        estimates = {side: over_layers(lossy, unit, side, order) for side in SIDES}
        values = {side: _mean(one) for side, one in estimates.items() if one is not None}
        if len(values) < 2:
            continue
        if unit != last_unit:
            before, last_unit = {"input": 0.0, "output": 0.0}, unit
        added = [number(values[side] - before[side], 4) for side in SIDES]
        read = values["input"]
        shares = [number(read / entropy, 3), number(entropy - read, 4)]
        rows.append([_label_words(unit, order), *added, *shares])
        before = values
    return Part(
        Table(
            f"context-{name}",
            f"What longer labels add, {_size(lossy)}",
            headings("Labels", figures=figures),
            rows,
        ),
        note="Contextual information is less that of the row above of the same kind; H(Z) is "
        f"{number(entropy, 4)}. Variation at the longest labels is the residual.",
        fold="Contextual information, regularity, variation",
    )


def _mean(estimate: OverLayers) -> float:
    return float(estimate.corrected.mean())


def _layers(name: str, lossy: Lossy) -> Table:
    figures = ["H(Z)", "Ceiling", "Effective rank", "Plug-in I(X;Z)", "Null", "Corrected"]
    figures += ["Plug-in I(Y;Z)", "Null", "Corrected"]
    rows = [
        [
            _layer_name(layer.layer),
            number(fmean(layer.entropy), 4),
            number(fmean(layer.ceiling), 4),
            number(layer.effective_rank, 1),
            *(cell for side in SIDES for cell in _layer_cells(_at(layer, side))),
        ]
        for layer in lossy.layers
    ]
    return Table(
        f"layers-{name}",
        f"Layer by layer, {_size(lossy)}",
        headings("Layer", figures=figures),
        rows,
    )


def _layer_name(layer: int) -> str:
    return str(layer) if layer else "0 (embedding)"


def _layer_cells(information: LayerInformation | None) -> Sequence[str]:
    if information is None:
        return (UNKNOWN,) * 3
    value = number(_corrected(information), 4)
    if information.standard_error is not None:
        value += f" ± {number(information.standard_error, 4)}"
    return number(fmean(information.plug_in), 4), number(fmean(information.null), 4), value


def _suite(result: Result, specs: Specs, source: Source) -> Section:
    """The scores of a suite's tasks, every metric."""
    suite = specs.suites.get(result.name)
    rows = [row for task in result.tasks for row in _task_rows(task)]
    value, stderr = mean_score(result.tasks)
    items = sum(main_score(task)[2] for task in result.tasks)
    mean = ["Mean of the tasks", "", percent(value), percent(stderr), UNKNOWN, str(items)]
    figures = ("Score, %", "Standard error", "Chance, %", "Items")
    scores = Table(
        f"suite-{result.name}-table",
        f"Suite {result.name}, {counted(items, 'item')} of {counted(len(result.tasks), 'task')}",
        headings("Task", "Metric", figures=figures),
        [*rows, mean],
    )
    note = "Every metric that lm-eval gives; the mean is over those marked ★."
    parts = [Part(scores, note=note), _mirrored(result)]
    return Section(
        id=f"suite-{result.name}",
        title=suite.title if suite else result.name,
        source=source,
        about=suite.description if suite else "",
        parts=[part for part in parts if part],
    )


def _mirrored(result: Result) -> Part | None:
    """The documents that came from a local mirror, with hash and origin."""
    datasets = {task.task.dataset for task in result.tasks if task.task.dataset.mirrored}
    if not datasets:
        return None
    rows = [
        [dataset.path, dataset.revision.removeprefix("sha256-"), dataset.origin or UNKNOWN]
        for dataset in sorted(datasets, key=lambda dataset: dataset.path)
    ]
    table = Table(
        f"documents-{result.name}",
        f"Documents of {counted(len(rows), 'dataset')} from a local mirror",
        headings("Dataset", "SHA-256 of the documents", "From"),
        rows,
    )
    return Part(table, fold="Documents: local mirror, not the Hub")


def _task_rows(task: TaskResult) -> list[list[str]]:
    return [
        [
            task.task.label,
            score.metric + (" ★" if score.metric == task.task.metric else ""),
            percent(score.value),
            percent(score.stderr),
            percent(task.task.chance),
            str(score.n),
        ]
        for score in task.scores
    ]


def _preference(result: Result, measured: Preference, specs: Specs, source: Source) -> Section:
    """The model's preference information with its interval, then layer by layer."""
    pairs = specs.preferences.get(result.name)
    figure = preference_figure(measured)
    facts = [
        ("Preference information (higher: more)", with_interval(figure.value, figure.interval)),
        ("Layer 0, words alone", with_interval(figure.lexical, figure.lexical_interval)),
        ("Beyond the words alone", with_interval(figure.beyond_lexical, figure.beyond_interval)),
        ("Pairs", f"{measured.pairs}, {measured.left_out} left out"),
        ("Completion tokens", str(measured.completion_tokens)),
    ]
    if pairs is not None:
        facts.append(("Text of the pairs", f"{pairs.domain}; {pairs.licence}"))
    return Section(
        id=f"corpus-{result.name}",
        title=f"Preference information: {pairs.title if pairs else result.name}",
        source=source,
        facts=facts,
        parts=[_preference_layers(result.name, measured)],
    )


def _preference_layers(name: str, measured: Preference) -> Part:
    figures = ("Plug-in", "Null", "Swap deviation", "Corrected")
    rows = [
        [
            _layer_name(layer.layer),
            number(float(np.mean(layer.plug_in)), 6),
            number(float(np.mean(layer.null)), 6),
            number(float(np.mean(layer.null_deviation)), 6),
            with_spread(float(corrected(layer).mean()), corrected_error(layer)),
        ]
        for layer in measured.layers
    ]
    caption = f"Preference information layer by layer, {counted(measured.pairs, 'pair')}"
    return Part(
        Table(f"preference-{name}", caption, headings("Layer", figures=figures), rows),
        note="In units of ln(bins); means over "
        f"{counted(len(measured.layers[0].plug_in), 'anchor seed')}; ± standard error over pairs.",
    )


def _proof(result: Result, proof: Proof, specs: Specs, source: Source) -> Section:
    """The bytes that a sample took as a file, and that it came back."""
    corpus = specs.corpora.get(result.name)
    lost = (proof.bits_quantised - proof.bits_ideal) / proof.tokens
    seconds = f"{number(proof.encode_seconds, 1)}, {number(proof.decode_seconds, 1)}"
    return Section(
        id=f"proof-{result.name}",
        title=f"Proof: {corpus.title if corpus else result.name}",
        source=source,
        about=f"{proof.sample_bytes:,} bytes of the text were compressed to "
        f"{proof.compressed_bytes:,} bytes and decompressed in a fresh process, byte for byte "
        "equal.",
        facts=[
            (
                "Bits per byte of the file",
                number(8 * proof.compressed_bytes / proof.sample_bytes, 4),
            ),
            ("Cost by the model's probabilities", f"{number(proof.bits_ideal, 1)} bits"),
            ("Cost by the coder's weights", f"{number(proof.bits_quantised, 1)} bits"),
            ("Lost by rounding to them", f"{number(lost, 4)} bits per token"),
            ("Precision of the weights", f"{proof.precision_bits} bits"),
            ("Tokens", f"{proof.tokens}, in blocks of {proof.block_tokens}"),
            ("Header, not counted", f"{proof.header_bytes} bytes"),
            ("Seconds to compress and to decompress", seconds),
            ("SHA-256 of the sample", proof.sample_sha256),
        ],
    )
