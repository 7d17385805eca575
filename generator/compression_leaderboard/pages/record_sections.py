"""The sections of a model's page that each show one record."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np

from compression_leaderboard.board.comparisons import Comparison
from compression_leaderboard.board.current import is_current
from compression_leaderboard.board.derived import (
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
from compression_leaderboard.pages.charts import Series, draw_series
from compression_leaderboard.pages.text import (
    UNKNOWN,
    counted,
    decimals,
    escape,
    number,
    percent,
    table,
    valued,
    with_interval,
    with_spread,
)
from compression_leaderboard.pages.unrendered import chart_html, folded_figures
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.plane import Layer, LayerInformation, Lossy, Share, Side, Unit
from compression_leaderboard.records.preferences import Preference
from compression_leaderboard.records.results import Lossless, Proof, Result, TaskResult
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs


def render_comparisons(
    name: str, comparisons: Sequence[Comparison], models: Mapping[str, Model]
) -> str:
    """The table below one text. name: the text's, for ids; comparisons: of the page's model on it,
    the best other first."""
    if not comparisons:
        return ""
    header = [("Other model", False), ("Difference, bits per byte", True), ("%", True)]
    header.append(("In words", False))
    rows = [_row(comparison, models) for comparison in comparisons]
    caption = (
        "Against the nearest models of its leaderboard, the best first, on the same "
        f"{counted(comparisons[0].documents, 'document')}. Bits per byte of this model less those "
        "of the other, with a 95 % interval by resampling these in pairs; below 0 this model is "
        "better"
    )
    return table(f"comparisons-{name}", caption, header, rows)


def _row(comparison: Comparison, models: Mapping[str, Model]) -> list[str]:
    other = models[comparison.other]
    shown_name = escape(other.title).replace("/", "/<wbr>")
    link = f'<a href="../{escape(other.id)}/">{shown_name}</a>'
    low, high = comparison.interval
    digits = decimals((high - low) / 2) if high > low else 4
    shown = valued(number(comparison.difference, digits), comparison.difference)
    shown += f"<small>{number(low, digits)} to {number(high, digits)}</small>"
    share = valued(percent(comparison.share), comparison.share)
    return [link, shown, share, _in_words(comparison, other.title)]


def _in_words(comparison: Comparison, other: str) -> str:
    if not comparison.known:
        return "no difference that the text can show"
    size = f"{percent(abs(comparison.share))} %"
    word = "more" if comparison.difference > 0 else "fewer"
    return escape(f"needs {size} {word} bits than {other}")


WORDS = {1: "single tokens", 2: "bigrams", 3: "trigrams", 4: "quadgrams"}


def render_plane(name: str, lossy: Lossy) -> str:
    """Everything that a record knows of the information plane. name: the text's, for ids."""
    parts = [_figures(name, lossy), _by_layer_chart(name, lossy), render_convergence(name, lossy)]
    return "".join([*parts, _details(name, lossy), _layers(name, lossy)])


def label_words(unit: Unit, order: int) -> str:
    return WORDS[order] if unit == "token" else f"{order} byte{'s' if order > 1 else ''}"


def _label_sets(lossy: Lossy) -> list[tuple[Unit, int]]:
    """Unit and order of the labels, tokens first."""
    found = {(label.unit, label.order) for label in lossy.labels}
    return sorted(found, key=lambda one: (one[0] != "token", one[1]))


def _figures(name: str, lossy: Lossy) -> str:
    """Model-level figures, a row for each kind of label."""
    columns = ("Complexity", "Expressivity", "Optimality", "Inputs seen once, %")
    header = [("Labels", False)] + [(column, True) for column in columns]
    rows = []
    for unit, order in _label_sets(lossy):
        plane = place_on_plane(lossy, order, unit)
        if plane is not None:
            figures = (plane.complexity, plane.expressivity, plane.optimality)
            singletons = percent(_singletons(lossy, unit, order))
            rows.append([label_words(unit, order), *map(_shown, figures), singletons])
    interval = "no interval: fewer than 20 documents"
    if groups := len(lossy.group_positions):
        interval = f"95 % intervals by jackknife over {groups} groups of documents"
    caption = (
        f"Information plane, {_size(lossy)}. Corrected values, mean over layers 1 to "
        f"{len(lossy.layers) - 1} and {counted(len(lossy.layers[0].entropy), 'anchor seed')}; "
        f"{interval}"
    )
    return table(f"plane-{name}", caption, header, rows)


def _size(lossy: Lossy) -> str:
    """What the figures of a record are estimated from."""
    return f"{counted(lossy.positions, 'position')} in {counted(lossy.documents, 'document')}"


def _shown(figure: Estimate | None) -> str:
    return with_interval(figure.value, figure.interval) if figure else UNKNOWN


def _singletons(lossy: Lossy, unit: Unit, order: int) -> float | None:
    wanted = (unit, "input", order)
    found = [s.singleton_mass for s in lossy.labels if (s.unit, s.side, s.order) == wanted]
    return found[0] if found else None


def _at(layer: Layer, side: Side) -> LayerInformation | None:
    """What a layer's states tell about single tokens."""
    for found in layer.information:
        if (found.unit, found.side, found.order) == ("token", side, 1):
            return found
    return None


def _corrected(found: LayerInformation) -> float:
    return fmean(found.plug_in) - fmean(found.null)


def layer_values(lossy: Lossy) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What the states of each layer tell about single tokens read, and about those that follow."""
    inputs, outputs = ([_at(layer, side) for layer in lossy.layers] for side in _SIDES)
    read = tuple(_corrected(found) for found in inputs if found)
    return read, tuple(_corrected(found) for found in outputs if found)


def _by_layer_chart(name: str, lossy: Lossy) -> str:
    """Its figures stand in the table of all figures layer by layer."""
    read, follows = layer_values(lossy)
    if not len(read) == len(follows) == len(lossy.layers):
        return ""  # single tokens were not asked for
    chart = draw_series(
        [
            Series("I(X;Z): what was read", "input", read),
            Series("I(Y;Z): what comes next", "output", follows),
        ],
        [str(layer.layer) for layer in lossy.layers],
        ("Layer (0 is the embedding)", "Corrected information, ln(bins)"),
        f"Information by layer, {_size(lossy)}. Single tokens as labels, mean over anchor seeds.",
        f"layers-{name}",
    )
    return chart_html(chart)


_SIDES: tuple[Side, Side] = ("input", "output")


def render_convergence(name: str, lossy: Lossy) -> str:
    """Optimality for single tokens from a part of the positions, plug-in and corrected."""
    shares = {(s.positions, s.side): s for s in lossy.convergence if _is_single_token(s)}
    whole = {side: over_layers(lossy, "token", side, 1) for side in _SIDES}
    read, follows = whole["input"], whole["output"]
    counts = sorted({positions for positions, _ in shares})
    if not counts or read is None or follows is None:
        return ""
    ratios = []
    for positions in counts:
        x, y = (shares[positions, side] for side in _SIDES)
        ratios.append((y.plug_in / x.plug_in, (y.plug_in - y.null) / (x.plug_in - x.null)))
    plug_in, corrected = zip(
        *ratios,
        (
            float(follows.plug_in.mean() / read.plug_in.mean()),
            float(follows.corrected.mean() / read.corrected.mean()),
        ),
        strict=True,
    )
    steps = [str(n) for n in (*counts, lossy.positions)]
    summary = (
        f"Optimality with single tokens as labels, from parts of {_size(lossy)}. From the "
        f"smallest part to all of them the plug-in moves by {_change(plug_in)}, the corrected "
        f"estimate by {_change(corrected)}: only figures of equal numbers of positions compare."
    )
    series = [Series("plug-in", "output", plug_in), Series("corrected", "input", corrected)]
    table_id = f"convergence-{name}"
    chart = draw_series(series, steps, ("Positions used", "Optimality"), summary, table_id)
    header = [("Positions", True), ("Plug-in", True), ("Corrected", True)]
    rows = [
        [step, number(one, 4), number(other, 4)]
        for step, one, other in zip(steps, plug_in, corrected, strict=True)
    ]
    caption = f"Optimality from parts of {_size(lossy)}, single tokens"
    return chart_html(chart) + folded_figures(table_id, caption, header, rows)


def _is_single_token(share: Share) -> bool:
    return (share.unit, share.order) == ("token", 1)


def _change(values: Sequence[float]) -> str:
    """From the first to the last, in per cent with its sign."""
    change = 100 * (values[-1] / values[0] - 1)
    return f"{'+' if change > 0 else ''}{number(change, 0)} %"


def _details(name: str, lossy: Lossy) -> str:
    """What an order adds to the one before, and what is left."""
    columns = (
        "Contextual I(X;Z)",
        "Contextual I(Y;Z)",
        "Regularity I(X;Z) / H(Z)",
        "Variation H(Z|X)",
    )
    header = [("Labels", False)] + [(column, True) for column in columns]
    entropy = fmean(value for layer in lossy.layers[1:] for value in layer.entropy)
    rows: list[list[str]] = []
    before: dict[Side, float] = {}
    last_unit: Unit | None = None
    for unit, order in _label_sets(lossy):
        found = {side: over_layers(lossy, unit, side, order) for side in _SIDES}
        values = {side: _mean(one) for side, one in found.items() if one is not None}
        if len(values) < 2:
            continue
        if unit != last_unit:
            before, last_unit = {"input": 0.0, "output": 0.0}, unit
        added = [number(values[side] - before[side], 4) for side in _SIDES]
        read = values["input"]
        shares = [number(read / entropy, 3), number(entropy - read, 4)]
        rows.append([label_words(unit, order), *added, *shares])
        before = values
    caption = (
        f"What longer labels add, and what they leave, {_size(lossy)}. Contextual information is "
        f"less that of the row above of the same kind; H(Z) is {number(entropy, 4)}. Variation at "
        "the longest labels is the residual."
    )
    body = table(f"context-{name}", caption, header, rows)
    return (
        f"<details><summary>Contextual information, regularity, variation</summary>{body}</details>"
    )


def _mean(found: OverLayers) -> float:
    return float(found.corrected.mean())


def _layers(name: str, lossy: Lossy) -> str:
    columns = ["H(Z)", "Ceiling", "Effective rank"]
    columns += ["Plug-in I(X;Z)", "Null", "Corrected", "Plug-in I(Y;Z)", "Null", "Corrected"]
    header = [("Layer", False)] + [(column, True) for column in columns]
    rows = [
        [
            str(layer.layer) if layer.layer else "0 (embedding)",
            number(fmean(layer.entropy), 4),
            number(fmean(layer.ceiling), 4),
            number(layer.effective_rank, 1),
            *(cell for side in _SIDES for cell in _layer_cells(_at(layer, side))),
        ]
        for layer in lossy.layers
    ]
    caption = (
        f"Layer by layer, {_size(lossy)}. Single tokens as labels; means over anchor seeds, "
        "± standard error over documents"
    )
    body = table(f"layers-{name}", caption, header, rows)
    return f"<details><summary>All figures layer by layer</summary>{body}</details>"


def _layer_cells(found: LayerInformation | None) -> Sequence[str]:
    if found is None:
        return (UNKNOWN,) * 3
    corrected = number(_corrected(found), 4)
    if found.standard_error is not None:
        corrected += f" ± {number(found.standard_error, 4)}"
    return (
        number(fmean(found.plug_in), 4),
        number(fmean(found.null), 4),
        corrected,
    )


def record_path(entry: StoredResult) -> str:
    """Where a record's copy stands on the site."""
    return f"records/{entry.result.file}"


def record_link(entry: StoredResult) -> str:
    return f'<a href="../../{escape(record_path(entry))}">record {entry.result.run_id}</a>'


def listed_record(entry: StoredResult) -> str:
    """A link from a page of its own folder, such as Reliability."""
    return f'<a href="../{escape(record_path(entry))}">{entry.result.run_id}</a>'


def source_line(entry: StoredResult, specs: Specs) -> str:
    """Where a section's figures come from: the record, when, on what, with what."""
    environment = entry.result.environment
    packages = ", ".join(f"{k} {v}" for k, v in sorted(environment.packages.items()))
    stale = ""
    if not is_current(entry.result, specs):
        stale = (
            '<p class="notice">Measured under an earlier suite or protocol: '
            "not on the leaderboard until it is measured again.</p>"
        )
    made = escape(
        f"{entry.result.started:%Y-%m-%d %H:%M} UTC, {environment.wall_seconds:.0f} s on "
        f"{environment.processor} ({environment.device}, {environment.threads} threads), "
        f"{environment.dtype}, {environment.peak_memory_bytes / 1e9:.1f} GB at most; "
        f"Python {environment.python}, {packages}"
    )
    return f'{stale}<p class="source">{record_link(entry)} · {made}</p>'


def render_corpus(
    entry: StoredResult, model: Model, specs: Specs, comparisons: Sequence[Comparison]
) -> str:
    """The section of one text. comparisons: the model's own, of any text."""
    result = entry.result
    lossless, text = result.lossless, result.text
    if lossless is None or text is None:
        return ""
    corpus = specs.corpora.get(result.name)
    title = corpus.title if corpus else result.name
    fresh = UNKNOWN
    if corpus:
        fresh = "yes" if corpus.begins > model.released else "no: the model may have seen the text"
    scored = sum(document.bytes for document in lossless.documents)
    window = f"{text.protocol.window_tokens}, {text.protocol.stride_tokens} tokens"
    facts = [
        ("Bits per byte (lower is better)", number(lossless.bits_per_byte, 4)),
        ("95 % interval (documents resampled)", _interval(lossless)),
        ("Text", f"{scored} bytes, {len(lossless.documents)} documents"),
        ("Window and stride", window),
        ("Context of the first token", lossless.start_token),
        ("Bytes that the tokenizer does not give back", _failing(lossless, scored)),
        ("Text begins after the model's release", fresh),
    ]
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts)
    own = [comparison for comparison in comparisons if comparison.corpus == result.name]
    against = render_comparisons(result.name, own, specs.models)
    context = _context(result.name, lossless)
    plane = render_plane(result.name, result.lossy) if result.lossy else ""
    return (
        f'<h2 id="corpus-{escape(result.name)}">{escape(title)}</h2>'
        f'<dl class="facts">{rows}</dl>{against}{context}{plane}{source_line(entry, specs)}'
    )


def _interval(lossless: Lossless) -> str:
    interval = bits_interval(lossless)
    return f"{number(interval.low, 3)}–{number(interval.high, 3)}" if interval else UNKNOWN


def _failing(lossless: Lossless, scored: int) -> str:
    if lossless.failing_bytes == 0:
        return "0"
    share = percent(lossless.failing_bytes / scored)
    return f"{lossless.failing_bytes} ({share} %): not lossless, so not ranked"


def _context(name: str, lossless: Lossless) -> str:
    """Bits per byte by place in the document: what more context gains."""
    stretches = lossless.stretches
    if len(stretches) < 2:
        return ""
    edges = [f"{stretch.from_byte}" for stretch in stretches]
    rates = tuple(stretch.bits / stretch.bytes for stretch in stretches)
    documents = counted(len(lossless.documents), "document")
    summary = (
        f"Bits per byte of the tokens that begin from this byte of their document on, {documents}."
    )
    series, table_id = [Series("bits per byte", "input", rates)], f"context-gained-{name}"
    chart = draw_series(series, edges, ("Byte", "Bits per byte"), summary, table_id)
    header = [("From byte", True), ("Bytes scored", True), ("Bits per byte", True)]
    rows = [
        [edge, str(stretch.bytes), number(rate, 4)]
        for edge, stretch, rate in zip(edges, stretches, rates, strict=True)
    ]
    caption = f"Bits per byte by place in the document, {documents}"
    return chart_html(chart) + folded_figures(table_id, caption, header, rows)


def render_suite(entry: StoredResult, specs: Specs) -> str:
    result = entry.result
    suite = specs.suites.get(result.name)
    header = [("Task", False), ("Metric", False)] + [
        (name, True) for name in ("Score, %", "Standard error", "Chance, %", "Items")
    ]
    rows = [row for task in result.tasks for row in _task_rows(task)]
    rows.append(_mean_row(result))
    caption = (
        f"Suite {result.name}, {counted(_items(result), 'item')} of "
        f"{counted(len(result.tasks), 'task')}: every metric that lm-eval gives. The mean is over "
        "those named ★"
    )
    about = f"<p>{escape(suite.description)}</p>" if suite else ""
    return (
        f'<h2 id="suite-{escape(result.name)}">{escape(suite.title if suite else result.name)}</h2>'
        f"{about}{table(f'suite-{result.name}-table', caption, header, rows)}"
        f"{_mirrored(result)}{source_line(entry, specs)}"
    )


def _mirrored(result: Result) -> str:
    """The documents that came from a local mirror, with hash and origin; nothing without any."""
    datasets = {task.task.dataset for task in result.tasks if task.task.dataset.mirrored}
    if not datasets:
        return ""
    header = [("Dataset", False), ("SHA-256 of the documents", False), ("From", False)]
    rows = [
        [escape(d.path), escape(d.revision.removeprefix("sha256-")), escape(d.origin or UNKNOWN)]
        for d in sorted(datasets, key=lambda dataset: dataset.path)
    ]
    caption = f"Documents of {counted(len(rows), 'dataset')} from a local mirror"
    body = table(f"documents-{result.name}", caption, header, rows)
    return f"<details><summary>Documents: local mirror, not the Hub</summary>{body}</details>"


def _mean_row(result: Result) -> list[str]:
    value, stderr = mean_score(result.tasks)
    items = str(_items(result))
    return ["Mean of the tasks", "", percent(value), percent(stderr), UNKNOWN, items]


def _items(result: Result) -> int:
    return sum(main_score(task)[2] for task in result.tasks)


def _task_rows(task: TaskResult) -> list[list[str]]:
    return [
        [
            escape(task.task.label),
            escape(score.metric) + (" ★" if score.metric == task.task.metric else ""),
            percent(score.value),
            percent(score.stderr),
            percent(task.task.chance),
            str(score.n),
        ]
        for score in task.scores
    ]


def render_preference(entry: StoredResult, specs: Specs) -> str:
    """The section of one record: the model's figure with its interval, then layer by layer."""
    result = entry.result
    if (measured := result.preference) is None:
        return ""
    pairs = specs.preferences.get(result.name)
    found = preference_figure(measured)
    facts = [
        ("Preference information (higher: more)", with_interval(found.value, found.interval)),
        ("Layer 0, words alone", with_interval(found.lexical, found.lexical_interval)),
        ("Beyond the words alone", with_interval(found.beyond_lexical, found.beyond_interval)),
        ("Pairs", f"{measured.pairs}, {measured.left_out} left out"),
        ("Completion tokens", str(measured.completion_tokens)),
    ]
    if pairs is not None:
        facts.append(("Text of the pairs", f"{pairs.domain}; {pairs.licence}"))
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts)
    title = f"Preference information: {pairs.title if pairs else result.name}"
    return (
        f'<h2 id="corpus-{escape(result.name)}">{escape(title)}</h2>'
        f'<dl class="facts">{rows}</dl>{_preference_layers(result.name, measured)}'
        f"{source_line(entry, specs)}"
    )


def _preference_layers(name: str, measured: Preference) -> str:
    header = [("Layer", False)] + [
        (label, True) for label in ("Plug-in", "Null", "Swap deviation", "Corrected")
    ]
    rows = [
        [
            str(layer.layer) if layer.layer else "0 (embedding)",
            number(float(np.mean(layer.plug_in)), 6),
            number(float(np.mean(layer.null)), 6),
            number(float(np.mean(layer.null_deviation)), 6),
            with_spread(float(corrected(layer).mean()), corrected_error(layer)),
        ]
        for layer in measured.layers
    ]
    caption = (
        f"Preference information layer by layer, {counted(measured.pairs, 'pair')}. In units of "
        f"ln(bins); means over {len(measured.layers[0].plug_in)} anchor seeds; ± standard error "
        "over pairs"
    )
    return table(f"preference-{name}", caption, header, rows)


def render_proof(entry: StoredResult, specs: Specs) -> str:
    """That the bits are real: how many bytes a sample took, and that it came back."""
    result, proof = entry.result, entry.result.proof
    if proof is None:
        return ""
    corpus = specs.corpora.get(result.name)
    title = corpus.title if corpus else result.name
    lost = (proof.bits_quantised - proof.bits_ideal) / proof.tokens
    facts = [
        ("Bits per byte of the file", number(8 * proof.compressed_bytes / proof.sample_bytes, 4)),
        ("Cost by the model's probabilities", f"{number(proof.bits_ideal, 1)} bits"),
        ("Cost by the coder's weights", f"{number(proof.bits_quantised, 1)} bits"),
        ("Lost by rounding to them", f"{number(lost, 4)} bits a token"),
        ("Precision of the weights", f"{proof.precision_bits} bits"),
        ("Tokens", f"{proof.tokens}, in blocks of {proof.block_tokens}"),
        ("Header, not counted", f"{proof.header_bytes} bytes"),
        ("Seconds to compress and to decompress", _seconds(proof)),
        ("SHA-256 of the sample", proof.sample_sha256),
    ]
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts)
    return (
        f'<h2 id="proof-{escape(result.name)}">Proof: {escape(title)}</h2>'
        f"<p>{proof.sample_bytes:,} bytes of the text were compressed to "
        f"{proof.compressed_bytes:,} bytes and decompressed in a fresh process, byte for byte "
        f'equal.</p><dl class="facts">{rows}</dl>{source_line(entry, specs)}'
    )


def _seconds(proof: Proof) -> str:
    return f"{number(proof.encode_seconds, 1)}, {number(proof.decode_seconds, 1)}"
