"""The sections of a model's page that show one record each: a text or a suite."""

from collections.abc import Sequence

from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.publish.chart import Series, draw_series, folded_figures
from generator.publish.comparison_parts import render_comparisons
from generator.publish.plane_parts import render_plane
from generator.publish.text import UNKNOWN, counted, escape, number, percent, table
from generator.records.models import Model
from generator.records.results import Lossless, Result, TaskResult
from generator.tables.comparisons import Comparison
from generator.tables.derive import bits_interval, main_score, mean_score
from generator.tables.measured import is_current


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
    return chart + folded_figures(table_id, caption, header, rows)


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
