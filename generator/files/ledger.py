"""The ledger of predictions: a record that grows at its end and never changes."""

import csv
import io
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from generator.records.base import Problem, problems_of
from generator.records.predictions import LoggedPrediction

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
