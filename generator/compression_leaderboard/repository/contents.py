"""Read everything that the site is made of: runs/, records, published tables and the ledger."""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True)
class PublishedTable:
    """A published source and its rows as text, in the order of the file. Empty cell = unknown."""

    source: PublishedSource
    rows: tuple[dict[str, str], ...]


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
            reader.problems += problems
            if not problems:
                tables.append(PublishedTable(source, tuple(rows)))
    return tables, reader.problems


def _read_rows(
    path: Path, shown: str, source: PublishedSource
) -> tuple[list[dict[str, str]], list[Problem]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            header, rows = reader.fieldnames or [], list(reader)
    except UnicodeDecodeError:
        return [], [Problem(shown, "", "is not UTF-8 text", "save it as UTF-8")]
    except csv.Error as error:
        return [], [Problem(shown, "", f"is not valid CSV: {error}", "fix the table")]
    wrong = list(_wrong_columns(header, shown, source))
    return rows, wrong or list(_wrong_cells(rows, shown, source))


def _number_columns(source: PublishedSource) -> list[str]:
    further = (source.parameters, source.training_tokens, source.training_compute, source.average)
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
    is_bits = column in (figure.column for figure in source.compression)
    largest = LARGEST_BITS if is_bits else LARGEST_AMOUNT
    if not 0 < value < largest:
        repair = "write it in the unit of the column, or nothing where it is unknown"
        return f"{text} is not between 0 and {largest:g}", repair
    return None
