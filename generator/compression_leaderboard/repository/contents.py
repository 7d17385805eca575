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
    """Every line that can be read, and every problem in the others. No file, no lines."""
    path = root / LEDGER
    if not path.is_file():
        return [], []
    rows = csv.DictReader(io.StringIO(path.read_text("utf-8"), newline=""))
    if rows.fieldnames != COLUMNS:
        return [], [Problem(LEDGER, "", f"the columns are not {', '.join(COLUMNS)}", RESTORE)]
    found: list[LoggedPrediction] = []
    problems: list[Problem] = []
    for row in rows:
        place = f"{LEDGER}, line {rows.line_num}"
        try:
            line = LoggedPrediction.model_validate({k: _typed(k, v) for k, v in row.items()})
        except ValidationError as error:
            problems += problems_of(error, place, LoggedPrediction)
            continue
        if line.subject in {one.subject for one in found}:
            problems.append(Problem(place, "", "predicts the same score once more", RESTORE))
        found.append(line)
    return found, problems


def append_ledger(root: Path, lines: Sequence[LoggedPrediction]) -> None:
    """Lines at the end; those that are there keep their bytes."""
    path = root / LEDGER
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.is_file()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(line.model_dump(mode="json") for line in lines)


def _typed(name: str, text: str) -> object:
    """The value of a cell; what does not parse is left for the record to refuse."""
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
    """Every file that can be read, and every problem in the others."""
    specs, found = read_specs(root)
    for preference in specs.preferences.values():
        if preference.source.path is not None:
            found += read_pairs(root, preference)[1]
    for corpus in specs.corpora.values():
        if corpus.source.path is not None:
            found += read_texts(root, corpus.source.path)[1]
    published, wrong = read_published(root)
    imported, odd = read_imported(root)
    stored, broken = read_results(root, "measured")
    ledger, changed = read_ledger(root)
    contents = Contents(specs, stored, published, imported, ledger)
    return contents, sorted(found + wrong + odd + broken + changed)
