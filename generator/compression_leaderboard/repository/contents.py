"""Read everything that the site is made of: runs/, records, published tables and the ledger."""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum, isclose
from pathlib import Path

from pydantic import ValidationError

from compression_leaderboard.records.base import Problem, problems_of
from compression_leaderboard.records.published import LoggedPrediction, PublishedSource
from compression_leaderboard.repository.files import Reader
from compression_leaderboard.repository.provenance import Addition
from compression_leaderboard.repository.results import (
    StoredImport,
    StoredRecheck,
    StoredResult,
    read_imported,
    read_rechecks,
    read_records,
)
from compression_leaderboard.repository.specs import (
    Specs,
    read_pairs,
    read_spec,
    read_specs,
    read_texts,
)

LEDGER = "results/predictions/ledger.csv"
COLUMNS = list(LoggedPrediction.model_fields)
RESTORE = "restore the file from git"
LARGEST_BITS, LARGEST_AMOUNT = 1e3, 1e30  # of a figure; of FLOP, or of the source's own average
MEAN_ROUNDING = 1e-6  # relative difference of a text's figure from the mean over its documents
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True)
class PublishedDocument:
    """One document of a published text: its figure for each model, in the text's unit."""

    name: str
    text: str  # the compression column that is the mean over its documents
    figures: dict[str, float]  # by model


@dataclass(frozen=True)
class PublishedTable:
    """A published source and its rows as text, in the order of the file. Empty cell = unknown."""

    source: PublishedSource
    rows: tuple[dict[str, str], ...]
    documents: tuple[PublishedDocument, ...] = ()  # where the source has them


@dataclass(frozen=True)
class Contents:
    """The content of runs/ and results/."""

    specs: Specs
    stored: Sequence[StoredResult]
    published: list[PublishedTable]
    imported: list[StoredImport]
    ledger: Sequence[LoggedPrediction] = ()
    rechecks: Sequence[StoredRecheck] = ()
    unread: Sequence[Problem] = ()  # of files that are left out

    def attributed(self, additions: Mapping[str, Addition]) -> "Contents":
        """Add to each record who added it, by file; not known for files without an addition."""
        stored = [
            replace(entry, added_by=additions[entry.file].provenance)
            if entry.file in additions
            else entry
            for entry in self.stored
        ]
        return replace(self, stored=stored)

    def without_faulty(self, faulty: Collection[str]) -> "Contents":
        """Leave out models whose file has a problem, or that ask for a suite or text which has one,
        and their records."""
        specs = self.specs
        texts = specs.corpora.keys() | specs.preferences.keys()
        models = {
            name: model
            for name, model in specs.models.items()
            if model.file not in faulty
            and specs.suites.keys() >= set(model.suites)
            and texts >= set(model.corpora)
        }
        left_out = specs.models.keys() - models.keys()
        return replace(
            self,
            specs=replace(specs, models=models),
            stored=[entry for entry in self.stored if entry.result.model not in left_out],
        )


def read_contents(root: Path) -> tuple[Contents, list[Problem]]:
    """Read every valid file of runs/ and results/, and the problems of the others."""
    specs, problems = read_specs(root)
    for preference in specs.preferences.values():
        if preference.source.path is not None:
            problems += read_pairs(root, preference)[1]
    for corpus in specs.corpora.values():
        if corpus.source.path is not None:
            problems += read_texts(root, corpus.source.path)[1]
    stored, of_results = read_records(root, "results/measured")
    published, of_published = read_published(root)
    imported, of_imported = read_imported(root)
    ledger, of_ledger = read_ledger(root)
    rechecks, of_rechecks = read_rechecks(root)
    problems += of_results + of_published + of_imported + of_ledger + of_rechecks
    contents = Contents(specs, stored, published, imported, ledger, rechecks)
    return contents, sorted(problems)


def read_ledger(root: Path) -> tuple[list[LoggedPrediction], list[Problem]]:
    """Read every line of the ledger, and the problems of the others. No file: no lines."""
    path = root / LEDGER
    if not path.is_file():
        return [], []
    try:
        text = io.StringIO(path.read_text("utf-8"), newline="")
    except UnicodeDecodeError:
        return [], [Problem(LEDGER, "", "is not UTF-8 text", RESTORE)]
    rows = csv.DictReader(text, restkey="further cells", restval="")
    if rows.fieldnames != COLUMNS:
        return [], [Problem(LEDGER, "", f"the columns are not {', '.join(COLUMNS)}", RESTORE)]
    lines: list[LoggedPrediction] = []
    problems: list[Problem] = []
    for row in rows:
        place = f"{LEDGER}, line {rows.line_num}"
        try:
            line = LoggedPrediction.model_validate_strings(row)
        except ValidationError as error:
            problems += problems_of(error, place, LoggedPrediction)
            continue
        if line.subject in {earlier.subject for earlier in lines}:
            problems.append(Problem(place, "", "predicts the same score again", RESTORE))
        lines.append(line)
    return lines, problems


def append_ledger(root: Path, lines: Sequence[LoggedPrediction]) -> None:
    """Append lines to the ledger; earlier lines keep their bytes."""
    path = root / LEDGER
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.is_file()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(line.model_dump(mode="json") for line in lines)


def read_published(root: Path) -> tuple[list[PublishedTable], list[Problem]]:
    """Read every published source without problems, and the problems of the others."""
    reader = Reader(root)
    tables: list[PublishedTable] = []
    for file in reader.find("results/published/*/source.toml"):
        folder = (root / file).parent
        if (source := read_spec(reader, file, PublishedSource)) is None:
            continue
        table = f"results/published/{folder.name}/table.csv"
        if source.name != folder.name:
            repair = f"rename the folder to {source.name} or the field"
            reader.report(file, "name", "is not the folder's name", repair)
        elif source.name.startswith("measured"):
            wrong = f'"{source.name}" is reserved for cohorts that are measured here'
            reader.report(file, "name", wrong, "rename the folder and the field")
        elif not (root / table).is_file():
            reader.report(table, "", "is missing", "add the table")
        else:
            rows, problems = _read_rows(root / table, table, source)
            documents: list[PublishedDocument] = []
            if not problems and (folder / "documents.csv").is_file():
                documents, problems = _read_documents(folder / "documents.csv", source, rows)
            reader.problems += problems
            if not problems:
                tables.append(PublishedTable(source, tuple(rows), tuple(documents)))
    return tables, reader.problems


def _read_rows(
    path: Path, shown: str, source: PublishedSource
) -> tuple[list[dict[str, str]], list[Problem]]:
    header, rows, problems = _read_csv(path, shown)
    if problems:
        return [], problems
    wrong = list(_wrong_columns(header, shown, source))
    return rows, wrong or list(_wrong_cells(rows, shown, source))


def _read_csv(path: Path, shown: str) -> tuple[Sequence[str], list[dict[str, str]], list[Problem]]:
    """Read the first line, the rows by its names, and why the file cannot be read."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            header, rows = reader.fieldnames or [], list(reader)
    except UnicodeDecodeError:
        return [], [], [Problem(shown, "", "is not UTF-8 text", "save it as UTF-8")]
    except csv.Error as error:
        return [], [], [Problem(shown, "", f"is not valid CSV: {error}", "fix the table")]
    return header, rows, []


def _read_documents(
    path: Path, source: PublishedSource, rows: Sequence[dict[str, str]]
) -> tuple[list[PublishedDocument], list[Problem]]:
    """Read documents.csv: per line a document, the text it belongs to, and a figure per model."""
    shown = f"results/published/{source.name}/documents.csv"
    header, lines, problems = _read_csv(path, shown)
    if problems:
        return [], problems
    models = [row[source.key] for row in rows]
    for column in dict.fromkeys(["document", "text", *models, *header]):
        if column not in header:
            problems.append(Problem(shown, column, "no such column", "add it"))
        elif header.count(column) > 1:
            problems.append(Problem(shown, column, "occurs twice", "remove one"))
        elif column not in ("document", "text", *models):
            wrong = f"no model of table.csv, whose column {source.key} has all"
            problems.append(Problem(shown, column, wrong, "remove it, or add the model there"))
    problems = problems or list(_wrong_documents(lines, shown, source, models))
    if problems:
        return [], problems
    documents = [
        PublishedDocument(
            line["document"], line["text"], {model: float(line[model]) for model in models}
        )
        for line in lines
    ]
    return documents, list(_wrong_means(documents, source, rows))


def _wrong_documents(
    lines: Sequence[dict[str, str]], shown: str, source: PublishedSource, models: Sequence[str]
) -> Iterator[Problem]:
    names: set[str] = set()
    texts = [column.column for column in source.compression]
    for number, line in enumerate(lines, start=2):
        place = f"line {number}"
        if None in line or None in line.values():
            wrong = "has another number of cells than the first line"
            yield Problem(shown, place, wrong, "quote cells that hold commas")
            continue
        if line["document"] in names:
            yield Problem(shown, place, f'"{line["document"]}" occurs twice', "remove one")
        names.add(line["document"])
        if not line["document"]:
            yield Problem(shown, place, "document is empty", "fill it in")
        if line["text"] not in texts:
            wrong = f'"{line["text"]}" is no column of [[compression]]'
            yield Problem(shown, f"{place}, text", wrong, f"choose from {', '.join(texts)}")
        for model in models:
            fault = _number_fault(line[model], texts[0], source)
            if line[model] == "":
                fault = "is empty", "write the figure, or remove the document"
            if fault is not None:
                yield Problem(shown, f"{place}, {model}", *fault)


def _wrong_means(
    documents: Sequence[PublishedDocument],
    source: PublishedSource,
    rows: Sequence[dict[str, str]],
) -> Iterator[Problem]:
    """Compare the figures of table.csv with the means over the documents of their text."""
    for text in dict.fromkeys(document.text for document in documents):
        of_text = [document.figures for document in documents if document.text == text]
        for line, row in enumerate(rows, start=2):
            mean = fsum(figures[row[source.key]] for figures in of_text) / len(of_text)
            if not row[text] or not isclose(float(row[text]), mean, rel_tol=MEAN_ROUNDING):
                wrong = f"{row[text] or 'nothing'} is not the mean over the documents, {mean:.9g}"
                shown = f"results/published/{source.name}/table.csv"
                repair = "correct it, or documents.csv"
                yield Problem(shown, f"line {line}, {text}", wrong, repair)


def _number_columns(source: PublishedSource) -> list[str]:
    further = (
        source.parameters,
        source.training_tokens,
        source.training_compute,
        source.average,
        *(score.stderr for score in source.scores),
    )
    given = [c.column for c in source.compression] + [c.column for c in source.scores]
    return list(dict.fromkeys(given + [column for column in further if column]))


def _wrong_columns(header: Sequence[str], shown: str, source: PublishedSource) -> Iterator[Problem]:
    figures = [c.column for c in source.compression] + [s.column for s in source.scores]
    needed = [source.key, source.group, *_number_columns(source)]
    for column in dict.fromkeys([*needed, *header]):
        if column not in header:
            yield Problem(shown, column, "no such column", "add it, or remove it from source.toml")
        elif header.count(column) > 1 or figures.count(column) > 1:
            yield Problem(shown, column, "occurs twice", "remove one, here or in source.toml")
    scores = {column.column for column in source.scores}
    for name in source.mean:
        if name not in scores:
            repair = "remove it, or add it to [[scores]]"
            yield Problem(_source_file(source), "mean", f'"{name}" is no score', repair)


def _source_file(source: PublishedSource) -> str:
    return f"results/published/{source.name}/source.toml"


def _wrong_cells(
    rows: Sequence[dict[str, str]], shown: str, source: PublishedSource
) -> Iterator[Problem]:
    keys: set[str] = set()
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values():  # cells too many, or too few
            wrong = "has another number of cells than the first line"
            yield Problem(shown, f"line {line}", wrong, "quote cells that hold commas")
            continue
        key = row[source.key]
        if key in keys:
            yield Problem(shown, f"line {line}", f'"{key}" occurs twice', "remove one")
        keys.add(key)
        if not key or not row[source.group]:
            wrong = f"{source.key} or {source.group} is empty"
            yield Problem(shown, f"line {line}", wrong, "fill it in")
        for column in _number_columns(source):
            if fault := _number_fault(row[column], column, source):
                yield Problem(shown, f"line {line}, {column}", *fault)
    for name in source.mixtures:
        if name not in keys:
            repair = f"write it as the column {source.key} does, or remove it"
            yield Problem(_source_file(source), "mixtures", f'"{name}" is not in table.csv', repair)


def _number_fault(text: str, column: str, source: PublishedSource) -> tuple[str, str] | None:
    """Return the fault of a cell for a number, and the repair; None for a valid or empty one."""
    repair = "write a number, or nothing where it is unknown"
    if text == "":
        return None
    if not NUMBER.fullmatch(text):
        return f'"{text}" is not a number', repair
    value = float(text)
    if column in (score.column for score in source.scores):
        if 0 <= value <= 1:
            return None
        repair = "write a fraction, or nothing where it is unknown"
        if 1 < value <= 100:
            repair = "write a fraction: per cent divided by 100"
        return f"{text} is not a fraction in [0, 1]", repair
    if column in (source.parameters, source.training_tokens):
        is_count = value.is_integer() and 0 < value < 2**63
        return None if is_count else (f"{text} is not a whole number above 0", repair)
    if column in (score.stderr for score in source.scores):
        repair = "write a fraction above 0, or nothing where it is unknown"
        return None if 0 < value < 1 else (f"{text} is not between 0 and 1", repair)
    is_bits = column in (figure.column for figure in source.compression)
    largest = LARGEST_BITS if is_bits else LARGEST_AMOUNT
    if not 0 < value < largest:
        repair = "write it in the unit of the column, or nothing where it is unknown"
        return f"{text} is not between 0 and {largest:g}", repair
    return None
