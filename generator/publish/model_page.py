"""The parts of a model's page: measured models from their records, published ones from a row."""

from collections.abc import Sequence

import pandas as pd

from generator.files.results import StoredResult
from generator.plan import latest_results
from generator.publish.text import UNKNOWN, count, escape, number, percent, table
from generator.records.corpora import Corpus
from generator.records.models import Model
from generator.records.results import Lossy, Result, TaskResult
from generator.tables.cohorts import Cohort
from generator.tables.derive import bits_interval, place_on_plane


def render_model(model: Model, stored: Sequence[StoredResult], corpora: dict[str, Corpus]) -> str:
    """Everything known of a measured model, its final weights first."""
    own = [entry for entry in stored if entry.result.model == model.id]
    latest = latest_results(own)
    final = [e for e in latest.values() if e.result.revision == model.weights.revision]
    final.sort(key=lambda entry: (entry.result.kind, entry.result.name))
    parts = [_identity(model)]
    parts += [_corpus(e, model, corpora) for e in final if e.result.kind == "corpus"]
    parts += [_suite(e) for e in final if e.result.kind == "suite"]
    if not final:
        parts.append("<p>Nothing is measured yet.</p>")
    if model.checkpoints:
        parts.append(_checkpoints(model, [e.result for e in latest.values()]))
    parts.append(_history(own))
    parts.append(
        "<h2>Measure it again</h2><pre><code>leaderboard measure --local --again --model "
        f"{escape(model.id)}</code></pre>"
    )
    return "\n".join(parts)


def _identity(model: Model) -> str:
    weights = model.weights
    source = weights.hub or weights.package or weights.path
    facts = [
        ("Kind", model.kind),
        ("Family", model.family),
        ("Parameters", count(model.parameters)),
        ("Training tokens", count(model.training_tokens)),
        ("Released", model.released.isoformat()),
        ("Licence", model.licence),
        ("Weights", source),
        ("Quantization", weights.quantization or "none: the original weights"),
        ("Revision", weights.revision),
    ]
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts)
    note = f"<p>{escape(model.note)}</p>" if model.note else ""
    return f'{note}<dl class="facts">{rows}</dl>'


def _record_link(entry: StoredResult) -> str:
    return f'<a href="../../{escape(record_path(entry))}">record {entry.result.run_id}</a>'


def record_path(entry: StoredResult) -> str:
    """Where a record's copy stands on the site."""
    return f"records/{entry.result.file}"


def _corpus(entry: StoredResult, model: Model, corpora: dict[str, Corpus]) -> str:
    result = entry.result
    lossless, text = result.lossless, result.text
    if lossless is None or text is None:
        return ""
    corpus = corpora.get(result.name)
    title = corpus.title if corpus else result.name
    interval = bits_interval(lossless)
    spread = f"{number(interval.low, 3)}–{number(interval.high, 3)}" if interval else UNKNOWN
    fresh = UNKNOWN
    if corpus:
        fresh = "yes" if corpus.begins > model.released else "no: the model may have seen the text"
    facts = [
        ("Bits per byte (lower is better)", number(lossless.bits_per_byte, 4)),
        ("95 % interval (documents resampled)", spread),
        ("Text", f"{text.bytes} bytes, {len(lossless.documents)} documents"),
        ("Window and stride", f"{text.protocol.window_tokens}, {text.protocol.stride_tokens}"),
        ("First token after", lossless.start_token),
        ("Bytes that the tokenizer does not give back", str(lossless.failing_bytes)),
        ("Corpus begins after the model's release", fresh),
    ]
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts)
    plane = _plane(result.lossy, title) if result.lossy else ""
    return (
        f"<h2>{escape(title)}</h2><dl class=facts>{rows}</dl>"
        f"<p>{_record_link(entry)} · {_provenance(result)}</p>{plane}"
    )


def _provenance(result: Result) -> str:
    environment = result.environment
    packages = ", ".join(f"{k} {v}" for k, v in sorted(environment.packages.items()))
    return escape(
        f"{result.started:%Y-%m-%d %H:%M} UTC, {environment.wall_seconds:.0f} s on "
        f"{environment.processor}, {environment.threads} threads, {environment.dtype}; {packages}"
    )


def _plane(lossy: Lossy, title: str) -> str:
    """Model-level figures by order, then layer by layer for the first order."""
    orders = sorted({label.order for label in lossy.labels})
    header = [("Order", False)] + [
        (name, True)
        for name in ("Complexity", "Expressivity", "Optimality", "Singleton mass of inputs")
    ]
    rows = []
    for order in orders:
        plane = place_on_plane(lossy, order)
        mass = next(
            s.singleton_mass for s in lossy.labels if s.order == order and s.side == "input"
        )
        if plane is None:
            continue
        rows.append(
            [
                f"{order}-gram",
                _with_spread(plane.complexity, plane.complexity_spread),
                _with_spread(plane.expressivity, plane.expressivity_spread),
                _with_spread(plane.optimality, plane.optimality_spread),
                number(mass, 3),
            ]
        )
    seeds = len(lossy.layers[0].entropy)
    caption = (
        f"Information plane, {title}: corrected values, mean over layers 1 to "
        f"{len(lossy.layers) - 1}; ± standard deviation over {seeds} anchor seeds; "
        f"{lossy.positions} positions in {lossy.documents} documents"
    )
    return table("plane", caption, header, rows).replace('id="plane"', "") + _layers(lossy, title)


def _with_spread(value: float | None, spread: float | None) -> str:
    if value is None:
        return UNKNOWN
    return number(value, 4) + (f" ± {number(spread, 4)}" if spread is not None else "")


def _layers(lossy: Lossy, title: str) -> str:
    header = [("Layer", False)] + [
        (name, True) for name in ("H(Z)", "Plug-in I(X;Z)", "Null", "Plug-in I(Y;Z)", "Null")
    ]
    rows = []
    for layer in lossy.layers:
        found = {i.side: i for i in layer.information if i.order == 1}
        cells = [str(layer.layer) if layer.layer else "0 (embedding)", _mean(layer.entropy)]
        for side in ("input", "output"):
            cells += [_mean(found[side].plug_in), _mean(found[side].null)]
        rows.append(cells)
    caption = f"Layer by layer, {title}, single tokens as labels: means over anchor seeds"
    body = table("layers", caption, header, rows).replace('id="layers"', "")
    return f"<details><summary>Layer by layer</summary>{body}</details>"


def _mean(values: Sequence[float]) -> str:
    return number(sum(values) / len(values), 4)


def _suite(entry: StoredResult) -> str:
    header = [("Task", False), ("Metric", False)] + [
        (name, True) for name in ("Score, %", "Standard error", "Chance, %", "Items")
    ]
    rows = [row for task in entry.result.tasks for row in _task_rows(task)]
    caption = f"Suite {entry.result.name}: every metric that lm-eval gives"
    return (
        f"<h2>Suite {escape(entry.result.name)}</h2>"
        + table("suite", caption, header, rows)
        + f"<p>{_record_link(entry)} · {_provenance(entry.result)}</p>"
    )


def _task_rows(task: TaskResult) -> list[list[str]]:
    return [
        [
            escape(task.task.label),
            escape(score.metric),
            percent(score.value),
            percent(score.stderr),
            percent(task.task.chance),
            str(score.n),
        ]
        for score in task.scores
    ]


def _checkpoints(model: Model, results: Sequence[Result]) -> str:
    header = [("Tokens seen", True), ("Measured", False), ("Figure", True)]
    rows = []
    seen = {c.revision: c.tokens_seen for c in model.revisions()}
    for result in sorted(results, key=lambda r: (seen.get(r.revision, 0), r.kind, r.name)):
        if result.revision not in seen:
            continue
        tokens = count(seen[result.revision])
        if result.lossless is not None:
            figure = f"{number(result.lossless.bits_per_byte, 4)} bits per byte"
            rows.append([tokens, escape(result.name), figure])
    return "<h2>Checkpoints</h2>" + table(
        "checkpoints", "Bits per byte over training (lower is better)", header, rows
    )


def _history(own: Sequence[StoredResult]) -> str:
    """All records of the model: what counts, what is history, what failed or was retracted."""
    if not own:
        return ""
    counting = {entry.file for entry in latest_results(own).values()}
    items = []
    for entry in sorted(own, key=lambda e: (e.result.started, e.file)):
        result = entry.result
        state = "counts" if entry.file in counting else "history"
        shown = f"{escape(result.kind)} {escape(result.name)} · {_record_link(entry)}"
        if result.error is not None:
            state = f"failed ({result.error.reason}): {result.error.message}"
        if result.retracted is not None:
            shown, state = f"<s>{shown}</s>", f"retracted: {result.retracted}"
        items.append(f"<li>{result.started:%Y-%m-%d} {shown} · {escape(state)}</li>")
    return f"<h2>History of its records</h2><ul>{''.join(items)}</ul>"


def render_published(cohort: Cohort, row: pd.Series) -> str:
    """A model whose figures others published."""
    header = [("Figure", False), ("Unit", False), ("Value", True)]
    rows = [[escape(c.label), escape(c.unit), number(row[c.name], 3)] for c in cohort.compression]
    rows += [[escape(s.label), "%", percent(row[s.name])] for s in cohort.scores]
    rows.append(["Mean of all benchmarks", "%", percent(row["score"])])
    sources = "".join(
        f'<li>{escape(c.text)} <a href="{escape(c.url)}">source</a>, licence '
        f"{escape(c.licence)}: {escape(c.figures)}</li>"
        for c in cohort.citations
    )
    return (
        '<p><span class="tag tag-published">published</span> These figures were published by '
        f"others; they are not measured here. {escape(cohort.comparable_with)}</p>"
        f"<p>Family {escape(row['family'])}, {count(row['parameters'])} parameters, "
        f"{count(row['training_tokens'])} training tokens.</p>"
        + table("figures", f"Published figures of {row['name']}", header, rows)
        + f"<h2>Sources</h2><ul>{sources}</ul>"
    )
