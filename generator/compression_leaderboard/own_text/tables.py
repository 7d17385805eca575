"""Read the rows of JSON lines, CSV and Parquet files, each with its place or what is wrong."""

import csv
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from compression_leaderboard.own_text.encodings import HEAD_BYTES, Fault, not_utf8
from compression_leaderboard.wording import counted

LARGEST_ROW_BYTES = 1 << 26
FIX = "fix it, or pass --leave-out"
DELIMITERS = (",", ";", "\t", "|")
SEPARATOR = re.compile(r'"?sep=.?"?')  # a line before the header, by which Excel is told


@dataclass(frozen=True)
class Row:
    """The text of a row, or what is wrong with it."""

    at: int  # byte where it begins; of Parquet its number
    place: str  # for people
    text: str | Fault


def read_rows(file: Path, column: str, start: int = 0) -> Iterator[Row]:
    """Read the rows of a file in order. start: `at` of the first one."""
    return READERS[file.suffix.lower()](file, column, start)


def has_rows(file: Path) -> bool:
    """Tell whether each row of a file is a document, rather than the whole file."""
    return file.suffix.lower() in READERS


def has_lines(file: Path) -> bool:
    """Tell whether each line of a file is a row, so that reading can begin at any line."""
    return READERS.get(file.suffix.lower()) is _json_rows


def read_lines(file: Path, column: str, begin: int, end: int) -> Iterator[Row]:
    """Read the rows of JSON lines that begin in these bytes of the file; places are bytes."""
    with file.open("rb") as stream:
        if begin:
            stream.seek(begin - 1)
            _skip_line(stream, end)
        start = stream.tell()
    if start >= end:
        return
    for row in _json_rows(file, column, start):
        if row.at >= end:
            return
        yield Row(row.at, f"byte {row.at}", row.text)


def _skip_line(stream: BinaryIO, end: int) -> None:
    while stream.tell() < end:
        line = stream.readline(HEAD_BYTES)
        if not line or line.endswith(b"\n"):
            return


def _json_rows(file: Path, column: str, start: int) -> Iterator[Row]:
    with file.open("rb") as stream:
        stream.seek(start)
        for number in itertools.count(1):
            at, place = stream.tell(), f"line {number}"
            line = stream.readline(LARGEST_ROW_BYTES)
            if not line:
                return
            if len(line) == LARGEST_ROW_BYTES:
                wrong = f"is longer than {LARGEST_ROW_BYTES >> 20} MiB; the rest is not read"
                yield Row(at, place, (wrong, "save its text as a separate file"))
                return
            if line.strip():
                yield Row(at, place, _json_text(line, column, at))


def _json_text(line: bytes, column: str, at: int) -> str | Fault:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return not_utf8(at + error.start, line[error.start], None)
    except (ValueError, RecursionError):
        return "is not valid JSON", FIX
    if isinstance(row, str):
        return row
    if not isinstance(row, dict):
        return "is no JSON object", 'write {"text": "…"} on each line'
    if column not in row:
        return _no_column(column, sorted(map(str, row)))
    text = row[column]
    if not isinstance(text, str):
        return f'"{column}" is not text', "name another --field, or pass --leave-out"
    return text


def _no_column(column: str, names: list[str]) -> Fault:
    return f'has no "{column}"', f"choose --field from {', '.join(names[:12]) or 'nothing'}"


class _Lines:
    """Lines of a CSV file as text, with the byte where the next one begins.

    Where the first bytes have no line feed but a carriage return, that one ends a line.
    """

    def __init__(self, stream: BinaryIO):
        self.stream = stream
        head = stream.read(HEAD_BYTES)
        self.end = b"\r" if b"\r" in head and b"\n" not in head else b"\n"
        self.seek(0)

    def seek(self, at: int, number: int = 0) -> None:
        """Go on at a byte, where a line begins. number: of lines that count as read."""
        self.stream.seek(at)
        self.at = at
        self.number = number
        self._rest = b""  # read from the stream, and no line yet
        self._ready: list[bytes] = []  # lines, the next one last

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._next_line()
        if not line:
            raise StopIteration
        begin, self.at, self.number = self.at, self.at + len(line), self.number + 1
        try:
            return line.decode("utf-8-sig" if begin == 0 else "utf-8")
        except UnicodeDecodeError as error:
            fault = not_utf8(begin + error.start, line[error.start], None)
            raise _NotUtf8Error(*fault) from error

    def _next_line(self) -> bytes:
        if self.end == b"\n":
            return self.stream.readline(LARGEST_ROW_BYTES)
        while not self._ready and len(self._rest) < LARGEST_ROW_BYTES:
            if not (more := self.stream.read(1 << 16)):
                break
            *lines, self._rest = (self._rest + more).split(self.end)
            self._ready = [line + self.end for line in reversed(lines)]
        if self._ready:
            return self._ready.pop()
        line, self._rest = self._rest, b""
        return line


class _NotUtf8Error(Exception):
    """A line is not UTF-8; its arguments are a fault."""


@dataclass(frozen=True)
class _Shape:
    """How a CSV file separates its cells, and which columns it has."""

    delimiter: str
    spaced: bool  # whether a space follows each delimiter, before the quotes
    header: list[str]

    def reader(self, lines: Iterator[str]) -> Any:
        return csv.reader(
            lines, delimiter=self.delimiter, skipinitialspace=self.spaced, strict=True
        )


def _shapes(lines: _Lines, delimiter: str) -> _Shape:
    """Read the header as if cells were separated by this delimiter."""
    begin, before, first = _find_header(lines)
    lines.seek(begin, before)
    spaced = f'{delimiter} "' in first
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    return _Shape(delimiter, spaced, [name.strip() for name in next(reader, [])])


def _find_header(lines: _Lines) -> tuple[int, int, str]:
    """Find the first line that is neither empty nor for Excel: its byte, the lines before it."""
    lines.seek(0)
    while True:
        begin, before = lines.at, lines.number
        line = next(lines, "")
        if not line or (line.strip() and not SEPARATOR.fullmatch(line.strip())):
            return begin, before, line


def _shape(lines: _Lines, column: str, suffix: str) -> _Shape:
    """Find the delimiter: that of the suffix, else the first under which the column is found.

    Where the column is found under none, the delimiter that gives the most columns.
    """
    shapes: list[_Shape] = []
    error: csv.Error | None = None
    for delimiter in ("\t",) if suffix == ".tsv" else DELIMITERS:
        try:
            shapes.append(_shapes(lines, delimiter))
        except csv.Error as wrong:  # quotes that make sense under another delimiter
            error = error or wrong
            continue
        if column in shapes[-1].header:
            return shapes[-1]
    if error and not shapes:
        raise error
    return max(shapes, key=lambda shape: len(shape.header))


def _csv_rows(file: Path, column: str, start: int) -> Iterator[Row]:
    csv.field_size_limit(LARGEST_ROW_BYTES)
    at, place = 0, "line 1"
    with file.open("rb") as stream:
        lines = _Lines(stream)
        try:
            shape = _shape(lines, column, file.suffix.lower())
            if fault := _header_fault(shape.header, column):
                yield Row(0, "line 1", fault)
                return
            if start:
                lines.seek(start)
            reader = shape.reader(lines)
            while True:
                at, place = lines.at, f"line {lines.number + 1}"
                if (row := next(reader, None)) is None:
                    return
                if row or len(shape.header) == 1:
                    yield Row(at, place, _csv_text(shape.header, row or [""], column))
        except _NotUtf8Error as error:
            wrong, repair = error.args
        except csv.Error as error:
            wrong, repair = _csv_fault(str(error))
        yield Row(at, place, (f"{wrong}; the rest is not read", repair))


def _csv_fault(error: str) -> Fault:
    if "field limit" in error:
        wrong = f"has a field of more than {LARGEST_ROW_BYTES >> 20} MiB"
        return wrong, "close its quote, or save its text as a separate file"
    if "new-line" in error:
        return "mixes carriage returns with other ends of lines", "use one kind throughout"
    return f"is not valid CSV ({error})", "fix the quotes"


def _header_fault(header: list[str], column: str) -> Fault | None:
    if header.count(column) > 1:
        times = header.count(column)
        return f'has {times} columns "{column}"', "rename all but one of them"
    return None if column in header or not header else _no_column(column, sorted(header))


def _csv_text(header: list[str], row: list[str], column: str) -> str | Fault:
    if len(row) != len(header):
        return f"has {counted(len(row), 'cell')}, the header {len(header)}", FIX
    return row[header.index(column)]


def _parquet_rows(file: Path, column: str, start: int) -> Iterator[Row]:
    import pyarrow as pa  # no part of the build: it comes with [measure]
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as table:
            names = table.schema_arrow.names
            if column not in names:
                repair = f"choose --field from {', '.join(names[:12])}"
                yield Row(0, "", (f'has no column "{column}"', repair))
                return
            changed, end = file.stat().st_mtime_ns, 0
            for group in range(table.num_row_groups):
                begin, end = end, end + table.metadata.row_group(group).num_rows
                for at in range(max(begin, start), end):
                    texts = _group_column(file, changed, group, column)
                    text = texts[at - begin].as_py()
                    if not isinstance(text, str):
                        repair = "name another --field, or pass --leave-out"
                        yield Row(at, f"row {at}", (f'"{column}" is not text', repair))
                        continue
                    yield Row(at, f"row {at}", text)
    except pa.ArrowException as error:
        wrong = f"is not valid Parquet ({str(error).partition(chr(10))[0]})"
        yield Row(0, "", (wrong, "write it again"))


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
    ".tsv": _csv_rows,
    ".parquet": _parquet_rows,
}
