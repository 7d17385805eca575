"""Find the files that hold the user's own text."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from generator.records.base import Problem

Kind = Literal["plain", "jsonl", "csv", "parquet"]

ROWS: dict[str, Kind] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
SUFFIXES = (
    ".adoc .c .cc .clj .cpp .cs .css .dart .el .erl .ex .f90 .go .h .hpp .hs .html .java .jl .js "
    ".jsx .kt .lean .lisp .lua .m .markdown .md .mjs .ml .nim .pas .php .pl .proto .ps1 .py .pyi "
    ".r .rb .rs .rst .scala .sh .sql .swift .tex .toml .ts .tsx .txt .v .vue .xml .yaml .yml "
    ".zig"
)
PLAIN = frozenset(SUFFIXES.split())
PASSED_FOLDERS = frozenset({"__pycache__", "node_modules"})


@dataclass(frozen=True)
class TextFile:
    """A file with documents, and how it is called in messages and reports."""

    path: Path
    shown: str
    kind: Kind


@dataclass(frozen=True)
class Found:
    """The files below what the user named, and what was passed over."""

    files: list[TextFile] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)  # by suffix
    problems: list[Problem] = field(default_factory=list)


def find_files(given: Sequence[Path]) -> Found:
    """Every readable file named, and every file of text or source code in a folder named.

    Of folders, hidden files and folders are passed over, and suffixes that are no text.
    """
    found = Found()
    for path in given:
        if path.is_dir():
            before = len(found.files)
            _walk(path, found)
            if len(found.files) == before:
                wrong = "holds no file of text or source code"
                found.problems.append(Problem(str(path), "", wrong, "name its files one by one"))
        elif path.is_file():
            _add_named(path, found)
        else:
            found.problems.append(Problem(str(path), "", "is not there", "check the path"))
    seen = Counter(file.path.resolve() for file in found.files)
    for path, times in seen.items():
        if times > 1:
            wrong = f"is named {times} times"
            found.problems.append(Problem(str(path), "", wrong, "name it once"))
    return found


def _walk(folder: Path, found: Found) -> None:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f[0] != "." and f not in PASSED_FOLDERS)
        for name in sorted(names):
            path = Path(parent) / name
            suffix = path.suffix.lower()
            if not path.is_file():  # a pipe, a socket, or a link that leads nowhere
                found.passed_over["no plain file"] += 1
            elif name[0] == "." or suffix not in PLAIN | ROWS.keys():
                found.passed_over[suffix or name] += 1
            else:
                found.files.append(TextFile(path, str(path), ROWS.get(suffix, "plain")))


def _add_named(path: Path, found: Found) -> None:
    suffix = path.suffix.lower()
    if suffix == ".json":
        wrong = "is JSON, in which documents cannot be told apart"
        repair = "write one object a line into a .jsonl file, or call it .txt to score it as text"
        found.problems.append(Problem(str(path), "", wrong, repair))
    else:
        found.files.append(TextFile(path, str(path), ROWS.get(suffix, "plain")))
