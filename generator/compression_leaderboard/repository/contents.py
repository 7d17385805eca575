"""Read everything that the site is made of, and the ledger of predictions."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from compression_leaderboard.records.base import Problem, problems_of
from compression_leaderboard.records.published import LoggedPrediction
from compression_leaderboard.repository.imported import StoredImport, read_imported
from compression_leaderboard.repository.published import PublishedTable, read_published
from compression_leaderboard.repository.results import StoredResult, read_results
from compression_leaderboard.repository.specs import Specs, read_specs
from compression_leaderboard.repository.texts import read_pairs, read_texts

LEDGER = "results/predictions/ledger.csv"
COLUMNS = list(LoggedPrediction.model_fields)
NUMBERS = ("prediction", "low80", "high80", "low95", "high95")
RESTORE = "restore the file from git"


def read_ledger(root: Path) -> tuple[list[LoggedPrediction], list[Problem]]:
    """Read every line of the ledger, and the problems of the others. No file: no lines."""
    path = root / LEDGER
    if not path.is_file():
        return [], []
    rows = csv.DictReader(io.StringIO(path.read_text("utf-8"), newline=""))
    if rows.fieldnames != COLUMNS:
        return [], [Problem(LEDGER, "", f"the columns are not {', '.join(COLUMNS)}", RESTORE)]
    lines: list[LoggedPrediction] = []
    problems: list[Problem] = []
    for row in rows:
        place = f"{LEDGER}, line {rows.line_num}"
        try:
            line = LoggedPrediction.model_validate({k: _typed(k, v) for k, v in row.items()})
        except ValidationError as error:
            problems += problems_of(error, place, LoggedPrediction)
            continue
        if line.subject in {earlier.subject for earlier in lines}:
            problems.append(Problem(place, "", "predicts the same score once more", RESTORE))
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


def _typed(name: str, text: str) -> object:
    """Parse a cell; what does not parse is left for the record to refuse."""
    try:
        if name in NUMBERS:
            return float(text)
        return date.fromisoformat(text) if name == "date" else text
    except (TypeError, ValueError):
        return text


@dataclass(frozen=True)
class Contents:
    """What runs/ and results/ hold."""

    specs: Specs
    stored: list[StoredResult]
    published: list[PublishedTable]
    imported: list[StoredImport]
    ledger: Sequence[LoggedPrediction] = ()


def read_contents(root: Path) -> tuple[Contents, list[Problem]]:
    """Read every file of runs/ and results/ that is in order, and the problems of the others."""
    specs, problems = read_specs(root)
    for preference in specs.preferences.values():
        if preference.source.path is not None:
            problems += read_pairs(root, preference)[1]
    for corpus in specs.corpora.values():
        if corpus.source.path is not None:
            problems += read_texts(root, corpus.source.path)[1]
    stored, of_results = read_results(root, "measured")
    published, of_published = read_published(root)
    imported, of_imported = read_imported(root)
    ledger, of_ledger = read_ledger(root)
    contents = Contents(specs, stored, published, imported, ledger)
    return contents, sorted(problems + of_results + of_published + of_imported + of_ledger)
