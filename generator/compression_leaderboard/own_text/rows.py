"""Find the user's files and read the texts in their rows: JSON lines, CSV and Parquet."""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from compression_leaderboard.records.base import Problem

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


LARGEST_ROW_BYTES = 1 << 26
PARQUET_ROWS = 256  # in memory at once
FIX = "fix it, or pass --leave-out"


@dataclass(frozen=True)
class Row:
    """The text of a row, or what is wrong with it."""

    at: int  # byte where it begins; of Parquet its number
    line: int  # for people: line of the file, from 1; of Parquet its number, from 0
    text: str | Problem


def read_rows(file: TextFile, column: str, only: int | None = None) -> Iterator[Row]:
    """Rows of a file in order. only: `at` of the single one that is wanted."""
    if file.kind == "jsonl":
        yield from _json_rows(file, column, only)
    elif file.kind == "csv":
        yield from _csv_rows(file, column, only)
    else:
        yield from _parquet_rows(file, column, only)


def _json_rows(file: TextFile, column: str, only: int | None) -> Iterator[Row]:
    at, number = only or 0, 0
    with file.path.open("rb") as stream:
        stream.seek(at)
        while line := stream.readline(LARGEST_ROW_BYTES):
            number += 1
            if len(line) == LARGEST_ROW_BYTES:
                wrong = f"is longer than {LARGEST_ROW_BYTES >> 20} MiB"
                repair = "save its text as a file of its own"
                yield Row(at, number, Problem(file.shown, f"line {number}", wrong, repair))
                return
            if line.strip():
                yield Row(at, number, _json_text(file, number, line, column))
            at += len(line)
            if only is not None:
                return


def _json_text(file: TextFile, number: int, line: bytes, column: str) -> str | Problem:
    place = f"line {number}"
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return Problem(file.shown, place, "is not valid JSON", FIX)
    if isinstance(row, str):
        return row
    if not isinstance(row, dict):
        return Problem(file.shown, place, "is no JSON object", 'write {"text": "…"} on each line')
    return _field(file, place, row, column)


def _field(file: TextFile, place: str, row: dict[str, Any], column: str) -> str | Problem:
    if column not in row:
        held = ", ".join(sorted(map(str, row))[:12]) or "nothing"
        return Problem(file.shown, place, f'has no "{column}"', f"choose --field from {held}")
    text = row[column]
    if not isinstance(text, str):
        wrong = f'"{column}" is not text'
        return Problem(file.shown, place, wrong, "name another --field, or pass --leave-out")
    return text


class _Lines:
    """Lines of a CSV file for `csv.reader`, with the place of the next one."""

    def __init__(self, stream: Any):
        self.stream = stream
        self.at = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line: bytes = self.stream.readline(LARGEST_ROW_BYTES)
        if not line:
            raise StopIteration
        self.at += len(line)
        return line.decode("utf-8")


def _csv_rows(file: TextFile, column: str, only: int | None) -> Iterator[Row]:
    csv.field_size_limit(LARGEST_ROW_BYTES)
    with file.path.open("rb") as stream:
        lines = _Lines(stream)
        reader = csv.reader(lines, strict=True)
        number = 1
        try:
            header = [name.removeprefix("\ufeff") for name in next(reader, [])]
            if only is not None:
                stream.seek(only)
                lines.at = only
            while True:
                at, number = lines.at, reader.line_num + 1
                if (row := next(reader, None)) is None:
                    return
                if row:
                    yield Row(at, number, _cell(file, number, header, row, column))
                if only is not None:
                    return
        except UnicodeDecodeError:
            wrong, repair = "is not UTF-8", "save the file as UTF-8"
        except csv.Error as error:
            wrong, repair = f"is not valid CSV ({error})", "fix the quotes"
        yield Row(0, number, Problem(file.shown, f"line {number}", wrong, repair))


def _cell(
    file: TextFile, number: int, header: list[str], row: list[str], column: str
) -> str | Problem:
    place = f"line {number}"
    if len(row) != len(header):
        wrong = f"has {len(row)} cells, the header {len(header)}"
        return Problem(file.shown, place, wrong, FIX)
    return _field(file, place, dict(zip(header, row, strict=True)), column)


def _parquet_rows(file: TextFile, column: str, only: int | None) -> Iterator[Row]:
    import pyarrow as pa  # no part of the build: it comes with [measure]
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file.path) as table:
            names = table.schema_arrow.names
            if column not in names:
                repair = f"choose --field from {', '.join(names[:12])}"
                yield Row(0, 0, Problem(file.shown, "", f'has no column "{column}"', repair))
                return
            at = 0
            for group in range(table.num_row_groups):
                rows = table.metadata.row_group(group).num_rows
                if only is None:
                    yield from _group_rows(file, table, group, column, at)
                elif at <= only < at + rows:
                    changed = file.path.stat().st_mtime_ns
                    text = _group_column(file.path, changed, group, column)[only - at].as_py()
                    yield Row(only, only, _field(file, f"row {only}", {column: text}, column))
                at += rows
    except pa.ArrowException as error:
        wrong = f"is not valid Parquet ({str(error).partition(chr(10))[0]})"
        yield Row(0, 0, Problem(file.shown, "", wrong, "write it again"))


def _group_rows(file: TextFile, table: Any, group: int, column: str, at: int) -> Iterator[Row]:
    for batch in table.iter_batches(PARQUET_ROWS, row_groups=[group], columns=[column]):
        for number, value in enumerate(batch.column(0), start=at):
            text = _field(file, f"row {number}", {column: value.as_py()}, column)
            yield Row(number, number, text)
        at += len(batch)


@lru_cache(maxsize=1)  # rows are mostly read in order
def _group_column(path: Path, changed: int, group: int, column: str) -> Any:
    """One column of a row group; `changed` is when the file was last written."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as table:
        return table.read_row_group(group, columns=[column]).column(0)
