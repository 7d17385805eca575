"""Read results/published/<source>/: a table of figures and the file that explains it."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from compression_leaderboard.records.base import Problem
from compression_leaderboard.records.published import PublishedSource
from compression_leaderboard.repository.specs import read_toml


@dataclass(frozen=True)
class PublishedTable:
    """A published source and its rows as text, in the order of the file. Empty cell = unknown."""

    source: PublishedSource
    rows: tuple[dict[str, str], ...]


def read_published(root: Path) -> tuple[list[PublishedTable], list[Problem]]:
    """Every published source that is without problems, and the problems of the others."""
    problems: list[Problem] = []
    found: list[PublishedTable] = []
    for path in sorted((root / "results" / "published").glob("*/source.toml")):
        shown = path.relative_to(root).as_posix()
        if (source := read_toml(path, shown, PublishedSource, problems)) is None:
            continue
        table = path.with_name("table.csv")
        table_shown = table.relative_to(root).as_posix()
        if source.name != path.parent.name:
            repair = f"rename the folder to {source.name} or the field"
            problems.append(Problem(shown, "name", "is not the folder's name", repair))
        elif source.name.startswith("measured"):
            wrong = f'"{source.name}" is reserved for cohorts that are measured here'
            problems.append(Problem(shown, "name", wrong, "rename the folder and the field"))
        elif not table.is_file():
            problems.append(Problem(table_shown, "", "is missing", "add the table"))
        else:
            rows, faults = _read_rows(table, table_shown, source)
            problems += faults
            if not faults:
                found.append(PublishedTable(source, tuple(rows)))
    return found, problems


def _read_rows(
    path: Path, shown: str, source: PublishedSource
) -> tuple[list[dict[str, str]], list[Problem]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, restkey="", strict=True)
            rows = list(reader)
            header = reader.fieldnames or []
    except UnicodeDecodeError:
        return [], [Problem(shown, "", "is not UTF-8 text", "save it as UTF-8")]
    except csv.Error as error:
        return [], [Problem(shown, "", f"is not valid CSV: {error}", "mend the table")]
    scores = [column.column for column in source.scores]
    numbers = [column.column for column in source.compression] + scores
    further = (source.parameters, source.training_tokens, source.training_compute, source.average)
    numbers += [column for column in further if column]
    needed = [source.key, source.group, *numbers]
    problems = [
        Problem(shown, column, "no such column", "add it, or take it out of source.toml")
        for column in dict.fromkeys(needed)
        if column not in header
    ]
    own = f"{shown.rpartition('/')[0]}/source.toml"
    repair = "take it out, or add it to [[scores]]"
    unknown = [name for name in source.mean if name not in scores]
    problems += [Problem(own, "mean", f'"{name}" is no score', repair) for name in unknown]
    if problems:
        return rows, problems
    seen: set[str] = set()
    for line, row in enumerate(rows, start=2):
        key = row[source.key]
        if key in seen:
            problems.append(Problem(shown, f"line {line}", f'"{key}" occurs twice', "remove one"))
        seen.add(key)
        if not key or not row[source.group]:
            wrong = f"{source.key} or {source.group} is empty"
            problems.append(Problem(shown, f"line {line}", wrong, "fill it in"))
        for column in numbers:
            if fault := _number_fault(row[column], is_score=column in scores):
                problems.append(Problem(shown, f"line {line}, {column}", *fault))
    repair = f"write it as the column {source.key} does, or take it out"
    strangers = [name for name in source.mixtures if name not in seen]
    problems += [
        Problem(own, "mixtures", f'"{name}" is not in table.csv', repair) for name in strangers
    ]
    return rows, problems


def _number_fault(text: str | None, is_score: bool) -> tuple[str, str] | None:
    """What is wrong with a cell that should hold a number, and the repair; None when it is right or
    empty."""
    repair = "write a number, or nothing where it is unknown"
    if text == "":
        return None
    try:
        value = float(text or "nan")
    except ValueError:
        return f'"{text}" is not a number', repair
    if not math.isfinite(value):
        return f'"{text}" is not a finite number', repair
    if is_score and not 0 <= value <= 1:
        if 1 < value <= 100:
            repair = "write a fraction: per cent divided by 100"
        return f"{text} is not a fraction in [0, 1]", repair
    return None
