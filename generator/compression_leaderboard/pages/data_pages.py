"""The generated parts of the pages Corpora, Download and Import."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from compression_leaderboard.board.comparisons import Link, link_corpora
from compression_leaderboard.board.imported import Conflict, Reading, Relation, imports_of
from compression_leaderboard.exports import columns
from compression_leaderboard.exports.columns import ORIGINS
from compression_leaderboard.exports.croissant import dataset_json_ld
from compression_leaderboard.exports.dictionary import make_dictionary
from compression_leaderboard.fits.studied_board import StudiedBoard
from compression_leaderboard.pages.rendering import Cell, Renderer, Table, code, day, headings
from compression_leaderboard.pages.text import UNKNOWN, counted, number, with_interval
from compression_leaderboard.records.corpora import Corpus
from compression_leaderboard.records.imported import Imported, ImportedScore, ImportedTask
from compression_leaderboard.records.models import Model
from compression_leaderboard.repository.results import StoredImport

Row = list[Cell | str]


def render_corpora(render: Renderer, board: StudiedBoard) -> Markup:
    """Show the texts, the newest first, then the links between them."""
    corpora = sorted(board.specs.corpora.values(), key=lambda corpus: corpus.name)
    corpora.sort(key=lambda corpus: corpus.ends, reverse=True)
    header = headings("Corpus", "Domain", "First day", "Last day", "Licence")
    header += headings(figures=("Documents", "Bytes"))
    header += headings("SHA-256", "Models that predate it")
    models = list(board.specs.models.values())
    caption = f"{counted(len(corpora), 'text')}, the newest first"
    texts = Table("corpora", caption, header, [_corpus(corpus, models) for corpus in corpora])
    links = link_corpora(board.specs, board.stored)
    return render("corpora.html", texts=texts, links=_links(board, links) if links else None)


def _corpus(corpus: Corpus, models: Sequence[Model]) -> Row:
    older = sorted(model.title for model in models if corpus.begins > model.released)
    return [
        corpus.title,
        corpus.domain,
        day(corpus.begins),
        day(corpus.ends),
        corpus.licence,
        str(corpus.protocol.documents),
        str(corpus.bytes),
        code(corpus.sha256),
        ", ".join(older) or "none",
    ]


def _links(board: StudiedBoard, links: Sequence[Link]) -> Table:
    figures = ("Models", "Newer less older, bits per byte", "Rank correlation")
    rows = [
        [
            board.specs.corpora[link.older].title,
            board.specs.corpora[link.newer].title,
            link.dtype or UNKNOWN,
            str(len(link.models)),
            with_interval(link.difference, link.interval),
            number(link.rank_correlation, 2),
        ]
        for link in links
    ]
    return Table(
        "corpus-links",
        f"{counted(len(links), 'link')} between texts",
        headings("Older", "Newer", "Number format", figures=figures),
        rows,
    )


@dataclass(frozen=True)
class ExportedTable:
    """A table of the download. files: path below data/ and size. key: columns that name a row."""

    name: str
    title: str
    files: Sequence[tuple[str, str]]
    key: Sequence[str]
    columns: Table


def render_downloads(render: Renderer, board: StudiedBoard, files: Mapping[str, bytes]) -> Markup:
    """Show each table's files with their sizes, its key, and its columns explained."""
    dictionary = make_dictionary(board.cohorts)
    return render(
        "download.html",
        origins={name: text.split("`") for name, text in ORIGINS.items()},
        tables=[_exported(table, files) for table in dictionary.values()],
        # Escaped there for a script element, in which HTML's escapes mean nothing.
        dataset=Markup(dataset_json_ld(dictionary, board)),
    )


def _exported(table: columns.Table, files: Mapping[str, bytes]) -> ExportedTable:
    explained = Table(
        f"columns-{table.name}",
        f"{counted(len(table.fields), 'column')} of {table.name}",
        headings("Column", "Type", "Unit", "Better", "Meaning", "Origin"),
        [_column(field) for field in table.fields],
    )
    sizes = [(path, _size(len(files[f"data/{path}"]))) for path in table.paths.values()]
    return ExportedTable(table.name, table.title, sizes, table.key, explained)


def _column(field: columns.Field) -> Row:
    kind = f"{field.type} or null" if field.nullable else field.type
    return [
        code(field.name),
        kind + (", guarded" if field.guarded else ""),
        field.unit or UNKNOWN,
        field.better or UNKNOWN,
        field.description,
        field.origin,
    ]


def _size(n_bytes: int) -> str:
    """A file's size in the field's short form."""
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes} bytes"


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


@dataclass(frozen=True)
class ImportedFile:
    """A result file of others on the page of a model."""

    caption: str
    table: Table
    left_out: Sequence[str]  # what was not taken over, and why
    path: str  # of its record, below the site's root
    sha256: str
    facts: str


def render_import_list(
    render: Renderer, stored: Sequence[StoredImport], conflicts: Sequence[Conflict]
) -> Markup:
    """List everything that is imported, model by model, and what disagrees."""
    header = headings("Model", "File", "Harness", "Date", figures=("Figures", "Skipped"))
    header += headings("Record")
    caption = f"{counted(len(stored), 'imported file')}. Every figure is in imported.csv"
    if len(stored) > SHOWN_FILES:
        caption += f", the first {SHOWN_FILES} files are here"
    rows = [_listed(entry.imported) for entry in stored[:SHOWN_FILES]]
    table = Table("imported-files", caption, header, rows)
    return render("import.html", table=table, conflicts=_conflicts(conflicts))


def _listed(record: Imported) -> Row:
    return [
        Cell(record.model.title),
        record.source.name,
        f"{record.harness.name} {record.harness.version or ''}",
        day(record.date),
        str(record.kept),
        str(len(record.skipped)),
        Cell(record.source.sha256[:12], href=imported_path(record)),
    ]


def imported_path(record: Imported) -> str:
    """Where a record's copy lies on the site."""
    return f"records/imported/{record.file}"


def render_imported(
    render: Renderer, model: Model, stored: Sequence[StoredImport], conflicts: Sequence[Conflict]
) -> Markup:
    """Show a model's imported results on its page. conflicts: of all models."""
    imports = imports_of(model, stored)
    if not imports:
        return Markup()
    files = {entry.imported.source.sha256 for _, entry in imports}
    about = [c for c in conflicts if any(r.imported.source.sha256 in files for r in c.readings)]
    return render(
        "imported.html",
        root="../../",
        conflicts=_conflicts(about),
        files=[_file(relation, entry.imported) for relation, entry in imports[:SHOWN_OF_MODEL]],
        older=len(imports[SHOWN_OF_MODEL:]),
    )


def _file(relation: Relation, record: Imported) -> ImportedFile:
    header = headings("Task", "Metric", figures=("Few-shot", "Value", "Standard error", "Items"))
    header += headings("Better")
    rows = [_score(task, score) for task, score in record.readings()]
    caption = f"{record.source.name}: {counted(len(rows), 'figure')}, {RELATIONS[relation]}"
    short = record.source.sha256[:12]
    left_out = [f"{count} × {reason}" for reason, count in record.reasons().items()]
    return ImportedFile(
        caption,
        Table(f"imported-{short}", caption, header, rows),
        [*left_out, *record.notes],
        imported_path(record),
        record.source.sha256,
        _facts(record),
    )


def _score(task: ImportedTask, score: ImportedScore) -> Row:
    unit = f" {score.unit}" if score.unit else ""
    few_shot, items = (UNKNOWN if x is None else str(x) for x in (task.few_shot, score.n))
    return [
        Cell(task.task, note=f"prompt {task.prompt}" if task.prompt else ""),
        Cell(score.metric, note="" if score.filter == "none" else score.filter),
        few_shot,
        Cell(f"{_plain(score.value)}{unit}", score.value),
        UNKNOWN if score.stderr is None else _plain(score.stderr),
        items,
        {True: "higher", False: "lower", None: UNKNOWN}[score.higher_is_better],
    ]


def _plain(value: float) -> str:
    """A figure of unknown unit: six significant digits."""
    return f"{value:.6g}".replace("-", "−")


def _facts(record: Imported) -> str:
    """Provenance in one line: harness, date, revision, settings, hash of the file."""
    model, harness = record.model, record.harness
    template = {True: "with chat template", False: "no chat template", None: None}
    facts = [
        f"{harness.name} {harness.version or 'of unknown version'}",
        f"{record.date:%Y-%m-%d}" if record.date else "date unknown",
        f"revision {model.revision or 'unknown'}"
        + (f", commit {model.commit}" if model.commit else ""),
        template[record.chat_template],
        f"limited to {record.limit:g} items per task" if record.limit else None,
        f"reported by {record.reported_by}" if record.reported_by else None,
        "model named by the importer" if model.named_by == "importer" else None,
        f"file SHA-256 {record.source.sha256}",
    ]
    return "; ".join(fact for fact in facts if fact)


def _conflicts(conflicts: Sequence[Conflict]) -> list[str]:
    lines = [describe_conflict(conflict) for conflict in conflicts[:SHOWN_CONFLICTS]]
    if (left := len(conflicts) - SHOWN_CONFLICTS) > 0:
        lines.append(f"{left} more, marked as disputed in imported.csv")
    return lines


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
