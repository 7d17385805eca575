"""Find the user's files, and read their documents piece by piece.

Memory holds one piece at a time: a file may be larger than memory. A document is a row of JSON
lines, CSV or Parquet, or a whole file of anything else. One that is longer than PIECE_BYTES is read
in pieces, which end at the end of a line if possible.
"""

import codecs
import csv
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from compression_leaderboard.records.base import Problem
from compression_leaderboard.wording import counted

PIECE_BYTES = 1 << 18
LARGEST_ROW_BYTES = 1 << 26
SUFFIXES = (
    ".adoc .c .cc .clj .cpp .cs .css .dart .el .erl .ex .f90 .go .h .hpp .hs .html .java .jl .js "
    ".jsx .kt .lean .lisp .lua .m .markdown .md .mjs .ml .nim .pas .php .pl .proto .ps1 .py .pyi "
    ".r .rb .rs .rst .scala .sh .sql .swift .tex .toml .ts .tsx .txt .v .vue .xml .yaml .yml "
    ".zig"
)
PLAIN = frozenset(SUFFIXES.split())
PASSED_FOLDERS = frozenset({"__pycache__", "node_modules"})
FIX = "fix it, or pass --leave-out"


@dataclass(frozen=True)
class Listing:
    """The files below what the user named, and what was passed over."""

    files: list[Path] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)  # by suffix
    problems: list[Problem] = field(default_factory=list)


def find_files(given: Sequence[Path]) -> Listing:
    """Find every readable file named, and every file of text or source code in a folder named.

    In folders, hidden files and folders are passed over, and suffixes of other kinds of files.
    """
    listing = Listing()
    for path in given:
        if path.is_dir():
            before = len(listing.files)
            _walk(path, listing)
            if len(listing.files) == before:
                wrong = "has no file of text or source code"
                listing.problems.append(Problem(str(path), "", wrong, "name its files one by one"))
        elif not path.is_file():
            listing.problems.append(Problem(str(path), "", "does not exist", "check the path"))
        elif path.suffix.lower() == ".json":
            wrong = "is JSON, which does not tell documents apart"
            repair = (
                "write an object per line into a .jsonl file, or name it .txt to score it as text"
            )
            listing.problems.append(Problem(str(path), "", wrong, repair))
        else:
            listing.files.append(path)
    seen = Counter(file.resolve() for file in listing.files)
    for path, times in seen.items():
        if times > 1:
            wrong = f"is named {times} times"
            listing.problems.append(Problem(str(path), "", wrong, "name it once"))
    return listing


def _walk(folder: Path, listing: Listing) -> None:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f[0] != "." and f not in PASSED_FOLDERS)
        for name in sorted(names):
            path = Path(parent) / name
            suffix = path.suffix.lower()
            if not path.is_file():  # a pipe, a socket, or a link to nothing
                listing.passed_over["no plain file"] += 1
            elif name[0] == "." or suffix not in PLAIN | READERS.keys():
                listing.passed_over[suffix or name] += 1
            else:
                listing.files.append(path)


@dataclass(frozen=True)
class Piece:
    """A document or a part of it, and its place, from which it can be read again."""

    text: str
    name: str  # of the document, in reports
    at: int  # plain: its byte; JSON lines and CSV: the byte of its row; Parquet: the row
    number: int  # within its document


def read_pieces(file: Path, column: str) -> Iterator[Piece | Problem]:
    """Read every piece of a file in order, and every fault. Empty documents are left out.

    column: of JSON lines, CSV and Parquet, the field with the text.
    """
    try:
        yield from _row_pieces(file, column) if has_rows(file) else _plain_pieces(file)
    except OSError as error:
        yield Problem(str(file), "", f"cannot be read ({error.strerror})", "make it readable")


def has_rows(file: Path) -> bool:
    """Tell whether each row of a file is a document, rather than the whole file."""
    return file.suffix.lower() in READERS


def read_again(file: Path, at: int, number: int, column: str) -> str | None:
    """Read the text of a piece; None where the file has changed so that it is gone."""
    try:
        if not has_rows(file):
            with file.open("rb") as stream:
                stream.seek(at)
                return _cut(stream.read(PIECE_BYTES))[0]
        row = next(_read_rows(file, column, at), None)
        if row is None or not isinstance(row.text, str):
            return None
        return next(itertools.islice(_cut_text(row.text), number, None), None)
    except (OSError, UnicodeError):
        return None


def _plain_pieces(file: Path) -> Iterator[Piece | Problem]:
    at = 0
    with file.open("rb") as stream:
        for number in itertools.count():
            stream.seek(at)
            if not (content := stream.read(PIECE_BYTES)):
                return
            try:
                text, used = _cut(content)
            except UnicodeDecodeError as error:
                wrong = f"byte {at + error.start} is not UTF-8"
                yield Problem(str(file), "", wrong, "save it as UTF-8, or pass --leave-out")
                return
            yield Piece(text, str(file), at, number)
            at += used


def _row_pieces(file: Path, column: str) -> Iterator[Piece | Problem]:
    for row in _read_rows(file, column):
        if not isinstance(row.text, str):
            yield Problem(str(file), row.place, *row.text)
            continue
        try:
            for number, text in enumerate(_cut_text(row.text)):
                yield Piece(text, f"{file}: {row.place}", row.at, number)
        except UnicodeEncodeError as error:
            wrong = f"character {error.start} of the text is a lone surrogate, no UTF-8"
            yield Problem(str(file), row.place, wrong, FIX)


def _cut(content: bytes) -> tuple[str, int]:
    """Decode a piece: up to the last end of a line, else the last whole character.

    Returns its text and its bytes. Content shorter than a piece is the end of its file and kept
    whole. Raises UnicodeDecodeError.
    """
    is_end = len(content) < PIECE_BYTES
    if not is_end:
        content = content[: content.rfind(b"\n") + 1] or content
    return codecs.utf_8_decode(content, "strict", is_end)


def _cut_text(text: str) -> Iterator[str]:
    """Cut a text into pieces, as a plain file."""
    content, at = text.encode(), 0
    while at < len(content):
        piece, used = _cut(content[at : at + PIECE_BYTES])
        yield piece
        at += used


Fault = tuple[str, str]  # what is wrong, and the repair


@dataclass(frozen=True)
class _Row:
    """The text of a row, or what is wrong with it."""

    at: int  # byte where it begins; of Parquet its number
    place: str  # for people
    text: str | Fault


def _read_rows(file: Path, column: str, start: int = 0) -> Iterator[_Row]:
    """Read the rows of a file in order. start: `at` of the first one."""
    return READERS[file.suffix.lower()](file, column, start)


def _json_rows(file: Path, column: str, start: int) -> Iterator[_Row]:
    with file.open("rb") as stream:
        stream.seek(start)
        for number in itertools.count(1):
            at, place = stream.tell(), f"line {number}"
            line = stream.readline(LARGEST_ROW_BYTES)
            if not line:
                return
            if len(line) == LARGEST_ROW_BYTES:
                wrong = f"is longer than {LARGEST_ROW_BYTES >> 20} MiB"
                yield _Row(at, place, (wrong, "save its text as a separate file"))
                return
            if line.strip():
                yield _Row(at, place, _json_text(line, column))


def _json_text(line: bytes, column: str) -> str | Fault:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return "is not valid JSON", FIX
    if isinstance(row, str):
        return row
    if not isinstance(row, dict):
        return "is no JSON object", 'write {"text": "…"} on each line'
    return _field(row, column)


def _field(row: dict[str, Any], column: str) -> str | Fault:
    if column not in row:
        fields = ", ".join(sorted(map(str, row))[:12]) or "nothing"
        return f'has no "{column}"', f"choose --field from {fields}"
    text = row[column]
    if not isinstance(text, str):
        return f'"{column}" is not text', "name another --field, or pass --leave-out"
    return text


def _csv_rows(file: Path, column: str, start: int) -> Iterator[_Row]:
    csv.field_size_limit(LARGEST_ROW_BYTES)
    at, place = 0, "line 1"
    with file.open("rb") as stream:
        lines = iter(partial(stream.readline, LARGEST_ROW_BYTES), b"")
        reader = csv.reader((line.decode("utf-8") for line in lines), strict=True)
        try:
            header = [name.removeprefix("\ufeff") for name in next(reader, [])]
            stream.seek(start or stream.tell())
            while True:
                at, place = stream.tell(), f"line {reader.line_num + 1}"
                if (row := next(reader, None)) is None:
                    return
                if row:
                    yield _Row(at, place, _csv_text(header, row, column))
        except UnicodeDecodeError:
            wrong, repair = "is not UTF-8", "save the file as UTF-8"
        except csv.Error as error:
            wrong, repair = f"is not valid CSV ({error})", "fix the quotes"
        yield _Row(at, place, (wrong, repair))


def _csv_text(header: list[str], row: list[str], column: str) -> str | Fault:
    if len(row) != len(header):
        return f"has {counted(len(row), 'cell')}, the header {len(header)}", FIX
    return _field(dict(zip(header, row, strict=True)), column)


def _parquet_rows(file: Path, column: str, start: int) -> Iterator[_Row]:
    import pyarrow as pa  # no part of the build: it comes with [measure]
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as table:
            names = table.schema_arrow.names
            if column not in names:
                repair = f"choose --field from {', '.join(names[:12])}"
                yield _Row(0, "", (f'has no column "{column}"', repair))
                return
            changed, end = file.stat().st_mtime_ns, 0
            for group in range(table.num_row_groups):
                begin, end = end, end + table.metadata.row_group(group).num_rows
                for at in range(max(begin, start), end):
                    texts = _group_column(file, changed, group, column)
                    text = texts[at - begin].as_py()
                    yield _Row(at, f"row {at}", _field({column: text}, column))
    except pa.ArrowException as error:
        wrong = f"is not valid Parquet ({str(error).partition(chr(10))[0]})"
        yield _Row(0, "", (wrong, "write it again"))


@lru_cache(maxsize=1)  # rows are mostly read in order
def _group_column(path: Path, changed: int, group: int, column: str) -> Any:
    """Read one column of a row group. changed: when the file was last written."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as table:
        return table.read_row_group(group, columns=[column]).column(0)


READERS = {
    ".jsonl": _json_rows,
    ".ndjson": _json_rows,
    ".csv": _csv_rows,
    ".parquet": _parquet_rows,
}
