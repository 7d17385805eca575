"""Find the user's files, and read their documents piece by piece.

Memory holds one piece at a time: a file may be larger than memory. A document is a row of JSON
lines, CSV or Parquet, or a whole file of anything else. One that is longer than PIECE_BYTES is read
in pieces, which end at the end of a line if possible. For a sample, files are divided into blocks
of which each can be read without the others, and the pieces are of SAMPLE_BYTES.
"""

import codecs
import itertools
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from compression_leaderboard.own_text.encodings import (
    HEAD_BYTES,
    Fault,
    foreign_kind,
    not_utf8,
)
from compression_leaderboard.own_text.tables import (
    FIX,
    READERS,
    Row,
    has_lines,
    has_rows,
    read_lines,
    read_rows,
)
from compression_leaderboard.records.base import Problem

PIECE_BYTES = 1 << 18
SAMPLE_BYTES = 1 << 12  # a piece of a sample is at most a quarter longer
LINES_BLOCK_BYTES = 1 << 20  # of JSON lines
COUNTED_BYTES = 1 << 28  # lines before a fault are counted within so many bytes
SUFFIXES = (
    ".adoc .c .cc .clj .cpp .cs .css .dart .el .erl .ex .f90 .go .h .hpp .hs .html .java .jl .js "
    ".jsx .kt .lean .lisp .lua .m .markdown .md .mjs .ml .nim .pas .php .pl .proto .ps1 .py .pyi "
    ".r .rb .rs .rst .scala .sh .sql .swift .tex .toml .ts .tsx .txt .v .vue .xml .yaml .yml "
    ".zig"
)
PLAIN = frozenset(SUFFIXES.split())
READABLE = PLAIN | READERS.keys()
PASSED_FOLDERS = frozenset({"__pycache__", "node_modules"})


@dataclass(frozen=True)
class Listing:
    """The files below what the user named, and what was passed over."""

    files: list[Path] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)  # by suffix
    problems: list[Problem] = field(default_factory=list)
    named: Counter[str] = field(default_factory=Counter)  # how often each file, by its real path

    def add(self, path: Path, real: str) -> None:
        self.files.append(path)
        self.named[real] += 1


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
            listing.add(path, os.path.realpath(path))
    for real, times in listing.named.items():
        if times > 1:
            listing.problems.append(Problem(real, "", f"is named {times} times", "name it once"))
    return listing


def _walk(folder: Path, listing: Listing) -> None:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f[0] != "." and f not in PASSED_FOLDERS)
        real_parent = os.path.realpath(parent)  # once for all of its files: there may be many
        for name in sorted(names):
            path = os.path.join(parent, name)
            suffix = os.path.splitext(name)[1].lower()
            mode = os.lstat(path).st_mode
            is_link = stat.S_ISLNK(mode)
            if not (os.path.isfile(path) if is_link else stat.S_ISREG(mode)):
                listing.passed_over["no plain file"] += 1  # a pipe, or a link to nothing
            elif name[0] == "." or suffix not in READABLE:
                listing.passed_over[suffix or name] += 1
            else:
                real = os.path.realpath(path) if is_link else os.path.join(real_parent, name)
                listing.add(Path(path), real)


@dataclass(frozen=True)
class Piece:
    """A document or a part of it, and its place, from which it can be read again."""

    text: str
    name: str  # of the document, in reports
    at: int  # plain: its byte; JSON lines and CSV: the byte of its row; Parquet: the row
    number: int  # within its document


@dataclass(frozen=True)
class Empty:
    """A document without a byte, or a file without a document: it has no bits per byte."""

    name: str


Read = Piece | Empty | Problem


def read_pieces(file: Path, column: str, piece_bytes: int | None = None) -> Iterator[Read]:
    """Read every piece of a file in order, every document without a byte, and every fault.

    column: of JSON lines, CSV and Parquet, the field with the text. piece_bytes: of rows, by
    default PIECE_BYTES.
    """
    is_empty = True
    try:
        if fault := _foreign(file):
            yield Problem(str(file), "", *fault)
            return
        for piece in _pieces(file, column, piece_bytes or PIECE_BYTES):
            is_empty = False
            yield piece
        if is_empty:
            yield Empty(str(file))
    except OSError as error:
        yield _unreadable(file, error)


def _pieces(file: Path, column: str, piece_bytes: int) -> Iterator[Read]:
    if has_rows(file):
        return _row_pieces(file, read_rows(file, column), piece_bytes)
    return _plain_pieces(file)


def _unreadable(file: Path, error: OSError) -> Problem:
    return Problem(str(file), "", f"cannot be read ({error.strerror})", "make it readable")


@lru_cache(maxsize=1 << 14)  # blocks of one file are read in any order
def _foreign(file: Path) -> Fault | None:
    """Recognize a file that is not UTF-8 text, nor Parquet by its name."""
    if file.suffix.lower() == ".parquet":
        return None
    with file.open("rb") as stream:
        return foreign_kind(stream.read(HEAD_BYTES))


def read_again(
    file: Path, at: int, number: int, size: int, column: str, piece_bytes: int | None = None
) -> str | None:
    """Read the text of a piece of `size` bytes; None where the file has changed so it is gone."""
    try:
        if not has_rows(file):
            with file.open("rb") as stream:
                stream.seek(at)
                return stream.read(size).decode()
        row = next(read_rows(file, column, at), None)
        if row is None or not isinstance(row.text, str):
            return None
        pieces = _cut_text(row.text, piece_bytes or PIECE_BYTES)
        return next(itertools.islice(pieces, number, None), None)
    except (OSError, UnicodeError):
        return None


def _plain_pieces(file: Path) -> Iterator[Read]:
    at = 0
    with file.open("rb") as stream:
        for number in itertools.count():
            stream.seek(at)
            if not (content := stream.read(PIECE_BYTES)):
                return
            try:
                text, used = _cut(content, PIECE_BYTES)
            except UnicodeDecodeError as error:
                yield _not_utf8(file, at + error.start, content[error.start])
                return
            yield Piece(text, str(file), at, number)
            at += used


def _not_utf8(file: Path, byte: int, value: int) -> Problem:
    """Say which byte of a file is not UTF-8, and in which line it is unless it is far away."""
    line = None
    if byte < COUNTED_BYTES:
        with file.open("rb") as stream:
            starts = range(0, byte, 1 << 20)
            line = 1 + sum(stream.read(min(1 << 20, byte - k)).count(b"\n") for k in starts)
    return Problem(str(file), "", *not_utf8(byte, value, line))


def _row_pieces(file: Path, rows: Iterator[Row], piece_bytes: int) -> Iterator[Read]:
    for row in rows:
        if not isinstance(row.text, str):
            yield Problem(str(file), row.place, *row.text)
            continue
        name = f"{file}: {row.place}"
        if not row.text:
            yield Empty(name)
        try:
            for number, text in enumerate(_cut_text(row.text, piece_bytes)):
                yield Piece(text, name, row.at, number)
        except UnicodeEncodeError as error:
            wrong = f"character {error.start} of the text is a lone surrogate, no UTF-8"
            yield Problem(str(file), row.place, wrong, FIX)


def _cut(content: bytes, limit: int) -> tuple[str, int]:
    """Decode a piece: up to the last end of a line, else the last whole character.

    Returns its text and its bytes. Content shorter than a piece is the end of its file and kept
    whole. Raises UnicodeDecodeError.
    """
    is_end = len(content) < limit
    if not is_end:
        content = content[: content.rfind(b"\n") + 1] or content
    return codecs.utf_8_decode(content, "strict", is_end)


def _cut_text(text: str, limit: int) -> Iterator[str]:
    """Cut a text into pieces, as a plain file."""
    content, at = text.encode(), 0
    while at < len(content):
        piece, used = _cut(content[at : at + limit], limit)
        yield piece
        at += used


def block_bytes(file: Path) -> int | None:
    """Return the size of the blocks of a file; None where rows can be read only in order."""
    if has_lines(file):
        return LINES_BLOCK_BYTES
    return None if has_rows(file) else SAMPLE_BYTES


def read_block(file: Path, number: int, size: int, column: str) -> Iterator[Read]:
    """Read a block of a file of `size` bytes: a piece of plain text, or the rows that begin in it.

    Every byte of plain text and every row belongs to exactly one block.
    """
    try:
        if fault := _foreign(file):
            yield Problem(str(file), "", *fault)
        elif has_lines(file):
            begin = number * LINES_BLOCK_BYTES
            rows = read_lines(file, column, begin, min(size, begin + LINES_BLOCK_BYTES))
            yield from _row_pieces(file, rows, SAMPLE_BYTES)
        else:
            yield from _plain_block(file, number, size)
    except OSError as error:
        yield _unreadable(file, error)


def _plain_block(file: Path, number: int, size: int) -> Iterator[Read]:
    with file.open("rb") as stream:
        begin = _edge(stream, number * SAMPLE_BYTES, size)
        end = _edge(stream, (number + 1) * SAMPLE_BYTES, size)
        stream.seek(begin)
        content = stream.read(end - begin)
    try:
        if content:  # else the end of the last line belongs to the block before
            yield Piece(content.decode(), str(file), begin, number)
    except UnicodeDecodeError as error:
        yield _not_utf8(file, begin + error.start, content[error.start])


def _edge(stream: BinaryIO, at: int, size: int) -> int:
    """Find where the block at this byte begins: at the next line if near, else a character."""
    if at == 0 or at >= size:
        return min(at, size)
    stream.seek(at)
    content = stream.read(SAMPLE_BYTES // 4)
    if (line := content.find(b"\n")) >= 0:
        return at + line + 1
    rest = itertools.takewhile(lambda byte: byte & 0xC0 == 0x80, content[:3])
    return at + sum(1 for _ in rest)
