"""The pages Corpora, Download and Import."""

from collections.abc import Mapping, Sequence

from compression_leaderboard.board.comparisons import Link, link_corpora
from compression_leaderboard.board.imported import Conflict, Reading, Relation, imports_of
from compression_leaderboard.exports.columns import ORIGINS, Field, Table
from compression_leaderboard.exports.croissant import dataset_json_ld
from compression_leaderboard.exports.dictionary import make_dictionary
from compression_leaderboard.fits.studied_board import StudiedBoard
from compression_leaderboard.pages.text import (
    UNKNOWN,
    counted,
    day,
    escape,
    number,
    table,
    tag,
    with_interval,
)
from compression_leaderboard.records.corpora import Corpus
from compression_leaderboard.records.imported import Imported, ImportedScore, ImportedTask
from compression_leaderboard.records.models import Model
from compression_leaderboard.repository.imported import StoredImport


def render_corpora(board: StudiedBoard) -> str:
    """The texts, the newest first, then the links between them."""
    corpora = sorted(board.specs.corpora.values(), key=lambda one: one.name)
    corpora.sort(key=lambda one: one.ends, reverse=True)
    header = [("Corpus", False), ("Domain", False), ("First day", False), ("Last day", False)]
    header += [("Licence", False), ("Documents", True), ("Bytes", True), ("SHA-256", False)]
    header += [("Models that predate it", False)]
    caption = (
        f"{counted(len(corpora), 'text')}, the newest first. A model released before a text's "
        "first day cannot have seen any of it"
    )
    texts = table("corpora", caption, header, [_row_corpora_page(one, board) for one in corpora])
    return texts + _links(board, link_corpora(board.specs, board.stored))


def _row_corpora_page(corpus: Corpus, board: StudiedBoard) -> list[str]:
    models = board.specs.models.values()
    older = sorted(model.title for model in models if corpus.begins > model.released)
    return [
        escape(corpus.title),
        escape(corpus.domain),
        day(corpus.begins),
        day(corpus.ends),
        escape(corpus.licence),
        escape(corpus.protocol.documents),
        escape(corpus.bytes),
        f"<code>{escape(corpus.sha256)}</code>",
        escape(", ".join(older)) or "none",
    ]


def _links(board: StudiedBoard, links: Sequence[Link]) -> str:
    if not links:
        return "<p>No two corpora of equal windows share a model yet.</p>"
    header = [("Older", False), ("Newer", False), ("Number format", False), ("Models", True)]
    header += [("Newer less older, bits per byte", True), ("Rank correlation", True)]
    rows = [
        [
            escape(board.specs.corpora[link.older].title),
            escape(board.specs.corpora[link.newer].title),
            escape(link.dtype or UNKNOWN),
            str(len(link.models)),
            with_interval(link.difference, link.interval),
            number(link.rank_correlation, 2),
        ]
        for link in links
    ]
    caption = (
        f"{counted(len(links), 'link')} between texts. Mean difference over the models measured on "
        "both, with its 95 % interval, and Spearman's rank correlation from three models on"
    )
    return table("corpus-links", caption, header, rows)


COLUMNS = [
    ("Column", False),
    ("Type", False),
    ("Unit", False),
    ("Better", False),
    ("Meaning", False),
    ("Origin", False),
]


def render_downloads(board: StudiedBoard, files: Mapping[str, bytes]) -> str:
    """A section for each table: its files with their sizes, its key, its columns explained."""
    dictionary = make_dictionary(board.cohorts)
    origins = "".join(
        f"<li><strong>{name}</strong>: {_words(text)}</li>" for name, text in ORIGINS.items()
    )
    parts = [f"<p>Where the values of a column come from:</p><ul>{origins}</ul>"]
    parts += [_section(one, files) for one in dictionary.values()]
    json_ld = dataset_json_ld(dictionary, board)
    parts.append(f'<script type="application/ld+json">\n{json_ld}\n</script>')
    return "\n".join(parts)


def _section(one: Table, files: Mapping[str, bytes]) -> str:
    links = ", ".join(
        f'<a href="../data/{path}" download>{path}</a> ({_size(len(files[f"data/{path}"]))})'
        for path in one.paths.values()
    )
    key = ", ".join(f"<code>{escape(name)}</code>" for name in one.key)
    rows = [_row_download_page(field) for field in one.fields]
    return (
        f'<h2 id="{one.name}">{one.name}</h2><p>{escape(one.title)} {links}. '
        f"A row is named by {key}.</p>"
        + table(
            f"columns-{one.name}", f"{counted(len(rows), 'column')} of {one.name}", COLUMNS, rows
        )
    )


def _row_download_page(field: Field) -> list[str]:
    kind = f"{field.type} or null" if field.nullable else field.type
    return [
        f"<code>{escape(field.name)}</code>",
        kind + (", guarded" if field.guarded else ""),
        escape(field.unit or UNKNOWN),
        field.better or UNKNOWN,
        escape(field.description),
        field.origin,
    ]


def _size(n_bytes: int) -> str:
    """A file's size in the field's short form."""
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes} bytes"


def _words(text: str) -> str:
    """Text with pieces of code between backticks."""
    parts = text.split("`")
    return "".join(
        f"<code>{escape(part)}</code>" if k % 2 else escape(part) for k, part in enumerate(parts)
    )


SHOWN_FILES = 200  # on the page of all; imported.csv has every figure
SHOWN_OF_MODEL = 20  # on a model's page, each with its figures
SHOWN_CONFLICTS = 50

RELATIONS: dict[Relation, str] = {
    "these weights": "the same commit as the weights measured here",
    "revision unknown": "whether these are the weights measured here is unknown: "
    "no commit can be compared",
    "another revision": "another commit than the weights measured here",
    "original weights": "the original weights; those measured here are quantised, another model",
}


def imported_path(record: Imported) -> str:
    """Where a record's copy stands on the site."""
    return f"records/imported/{record.file}"


def describe_conflict(conflict: Conflict) -> str:
    """One line of text: what disagrees, by how much, and every reading."""
    first = conflict.readings[0]
    what = f"{first.imported.model.title}: {_question(first.task, first.score)}"
    word = "conflict" if conflict.standard_errors is not None else "differ"
    readings = " against ".join(map(_reading, conflict.readings))
    return f"{word}: {what}: {readings}: {_verdict(conflict)}"


def _verdict(conflict: Conflict) -> str:
    also = f"; the files also differ in: {', '.join(conflict.differs)}" if conflict.differs else ""
    if conflict.standard_errors is None:
        return f"no standard error is known, so no verdict{also}"
    return f"{conflict.standard_errors:.1f} standard errors apart{also}"


def _question(task: ImportedTask, score: ImportedScore) -> str:
    shots = "few-shot unknown" if task.few_shot is None else f"{task.few_shot}-shot"
    filtered = "" if score.filter == "none" else f", {score.filter}"
    prompt = f", prompt {task.prompt}" if task.prompt else ""
    return f"{task.task} {score.metric}{filtered}, {shots}{prompt}"


def _reading(reading: Reading) -> str:
    error = f" ± {_plain(reading.score.stderr)}" if reading.score.stderr is not None else ""
    source = reading.imported.source
    return f"{_plain(reading.score.value)}{error} ({source.name}, sha256 {source.sha256[:12]})"


def render_imported(
    model: Model, stored: Sequence[StoredImport], conflicts: Sequence[Conflict]
) -> str:
    """The section of a model's page; empty where nothing is imported. conflicts: of all models."""
    own = imports_of(model, stored)
    if not own:
        return ""
    shown = {entry.imported.source.sha256 for _, entry in own}
    about = [c for c in conflicts if any(r.imported.source.sha256 in shown for r in c.readings)]
    parts = [
        f'<section class="imported"><h2 id="imported">Imported results {tag("imported")}</h2>',
        "<p>Result files of others, taken over as they are: not measured here, not on the "
        "leaderboard, in no mean and no fit. Figures are in the unit of the file.</p>",
        _conflicts(about),
    ]
    parts += [_file(relation, entry) for relation, entry in own[:SHOWN_OF_MODEL]]
    if (left := len(own) - SHOWN_OF_MODEL) > 0:
        parts.append(f"<p>{counted(left, 'older file')} in imported.csv.</p>")
    return "\n".join([*filter(None, parts), "</section>"])


def render_import_list(stored: Sequence[StoredImport], conflicts: Sequence[Conflict]) -> str:
    """The page's list of everything that is imported, model by model, and what disagrees."""
    if not stored:
        return "<h2>Imported so far</h2><p>Nothing yet.</p>"
    header = [("Model", False), ("File", False), ("Harness", False), ("Date", False)]
    header += [("Figures", True), ("Skipped", True), ("Record", False)]
    rows = [_list_row(entry.imported) for entry in stored[:SHOWN_FILES]]
    caption = f"{counted(len(stored), 'imported file')}. Every figure is in imported.csv"
    if len(stored) > SHOWN_FILES:
        caption += f", the first {SHOWN_FILES} files are here"
    return f"<h2>Imported so far {tag('imported')}</h2>{_conflicts(conflicts)}" + table(
        "imported-files", caption, header, rows
    )


def _list_row(record: Imported) -> list[str]:
    short = record.source.sha256[:12]
    return [
        escape(record.model.title).replace("/", "/<wbr>"),
        escape(record.source.name),
        escape(f"{record.harness.name} {record.harness.version or ''}"),
        day(record.date),
        str(record.kept),
        str(len(record.skipped)),
        f'<a href="../{escape(imported_path(record))}">{short}</a>',
    ]


def _conflicts(conflicts: Sequence[Conflict]) -> str:
    if not conflicts:
        return ""
    lines = [describe_conflict(conflict) for conflict in conflicts[:SHOWN_CONFLICTS]]
    if (left := len(conflicts) - SHOWN_CONFLICTS) > 0:
        lines.append(f"{left} more, marked as disputed in imported.csv")
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return (
        '<div class="notice"><strong>Files that disagree.</strong> All readings are shown, none is '
        f"averaged.<ul>{items}</ul></div>"
    )


def _file(relation: Relation, entry: StoredImport) -> str:
    """One imported file: what it is about, its figures, and where it comes from."""
    record = entry.imported
    short = record.source.sha256[:12]
    header = [("Task", False), ("Metric", False), ("Few-shot", True), ("Value", True)]
    header += [("Standard error", True), ("Items", True), ("Better", False)]
    rows = [_row(task, score) for task, score in record.readings()]
    caption = f"{record.source.name}: {counted(len(rows), 'figure')}, {RELATIONS[relation]}"
    return (
        f"<details><summary>{escape(caption)}</summary>"
        f"{table(f'imported-{short}', caption, header, rows)}{_skipped(record)}</details>"
        f"{_source(record)}"
    )


def _row(task: ImportedTask, score: ImportedScore) -> list[str]:
    better = {True: "higher", False: "lower", None: UNKNOWN}[score.higher_is_better]
    name = escape(task.task) + (
        f"<small>prompt {escape(task.prompt)}</small>" if task.prompt else ""
    )
    filtered = "" if score.filter == "none" else f"<small>{escape(score.filter)}</small>"
    unit = f" {escape(score.unit)}" if score.unit else ""
    few_shot, items = (UNKNOWN if x is None else str(x) for x in (task.few_shot, score.n))
    value = f'<span data-value="{score.value!r}">{_plain(score.value)}{unit}</span>'
    error = UNKNOWN if score.stderr is None else _plain(score.stderr)
    return [name, escape(score.metric) + filtered, few_shot, value, error, items, better]


def _plain(value: float) -> str:
    """A figure of unknown unit: six significant digits."""
    return f"{value:.6g}".replace("-", "−")


def _skipped(record: Imported) -> str:
    lines = [f"{count} × {reason}" for reason, count in record.reasons().items()]
    lines += record.notes
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<p>Not taken over:</p><ul>{items}</ul>"


def _source(record: Imported) -> str:
    """Provenance in one line: record, harness, date, revision, settings, hash of the file."""
    model, harness = record.model, record.harness
    template = {True: "with chat template", False: "no chat template", None: None}
    facts = [
        f"{harness.name} {harness.version or 'of unknown version'}",
        f"{record.date:%Y-%m-%d}" if record.date else "date unknown",
        f"revision {model.revision or 'unknown'}"
        + (f", commit {model.commit}" if model.commit else ""),
        template[record.chat_template],
        f"limited to {record.limit:g} items a task" if record.limit else None,
        f"reported by {record.reported_by}" if record.reported_by else None,
        "model named by the importer" if model.named_by == "importer" else None,
        f"file SHA-256 {record.source.sha256}",
    ]
    shown = escape("; ".join(fact for fact in facts if fact))
    address = (
        f'<a href="../../{escape(imported_path(record))}">record {record.source.sha256[:12]}</a>'
    )
    return f'<p class="source">{address} · {shown}</p>'
