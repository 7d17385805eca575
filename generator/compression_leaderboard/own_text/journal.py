"""What has been scored of the user's own text, and which pieces there are: on disk, not in memory.
The journal keeps costs by hash of the text and by scorer (a model's exact weights under a protocol,
or a compressor), never a text; what is in it is not scored again. The list of pieces is a temporary
file of the same database engine, so that a billion bytes of text are no more in memory than one.
"""

import csv
import hashlib
import json
import sqlite3
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field
from itertools import groupby
from pathlib import Path

from compression_leaderboard.own_text.class_costs import Classes, add_classes
from compression_leaderboard.own_text.documents import (
    Empty,
    Piece,
    read_again,
    read_pieces,
)
from compression_leaderboard.own_text.tables import has_rows
from compression_leaderboard.records.base import Problem, UserError

SCHEMA = """
CREATE TABLE IF NOT EXISTS scorers (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL);
DROP TABLE IF EXISTS scored; -- of earlier versions, without classes
CREATE TABLE IF NOT EXISTS costs (
  scorer INTEGER, text BLOB, tokens INTEGER, bits REAL, lossless INTEGER, classes TEXT, seal BLOB,
  PRIMARY KEY (scorer, text)
) WITHOUT ROWID;
CREATE TABLE pieces.listed (
  document INTEGER, number INTEGER, file INTEGER, at INTEGER,
  rank INTEGER, name TEXT, bytes INTEGER, text BLOB, PRIMARY KEY (document, number)
) WITHOUT ROWID;
CREATE TABLE pieces.costless (name TEXT, reason TEXT);
"""
BELOW = "WHERE l.rank < ?"
COLUMNS = (
    *("document", "bytes", "scorer", "bits", "bits_per_byte", "lossless"),
    *("weights", "dtype", "start", "software", "reason"),
)
LISTED_AT_ONCE = 1000
MOST_PROBLEMS = 50  # shown; the rest are counted


@dataclass(frozen=True)
class Listed:
    """A piece of a document: its place, and the hash of its text."""

    document: int
    number: int  # of the piece within its document
    file: int
    at: int  # within the file; see documents.py
    rank: int  # its turn: of the document; of a sample, of the piece
    name: str
    size: int  # in bytes
    text: bytes  # first 16 bytes of the SHA-256


@dataclass(frozen=True)
class Cost:
    """What a piece costs a scorer. classes: bytes and bits by class, where they are known."""

    text: bytes
    tokens: int
    bits: float
    lossless: bool
    classes: Classes | None = None

    @property
    def row(self) -> tuple[bytes, int, float, bool, str | None]:
        """What the journal has of it."""
        classes = None if self.classes is None else json.dumps(self.classes, sort_keys=True)
        return self.text, self.tokens, self.bits, self.lossless, classes


def _seal(scorer: int, row: tuple[bytes, int, float, bool, str | None]) -> bytes:
    text, tokens, bits, lossless, classes = row
    content = struct.pack("<qqd?", scorer, tokens, bits, lossless) + (classes or "").encode()
    return hashlib.sha256(text + content).digest()[:8]


@dataclass(frozen=True)
class DocumentCost:
    """A document, of a sample its scored pieces, and its cost under several scorers in order."""

    name: str
    bytes: int
    bits: tuple[float, ...]
    lossless: tuple[bool, ...]
    classes: tuple[Classes | None, ...]


@dataclass(frozen=True)
class Setup:
    """What the bits of one scorer depend on, beside the window. None: not known, or none."""

    scorer: str
    weights: str | None  # identity of weights and tokenizer, to the byte
    software: str  # packages with versions; of a compressor, its settings and version
    dtype: str | None = None
    start_mode: str | None = None
    start_token: str | None = None
    start_token_id: int | None = None
    header_bits: float | None = None  # in every document, to name the start mode

    @property
    def start(self) -> str:
        """The start mode with its token in words, or nothing."""
        if self.start_token_id is None:
            return self.start_mode or ""
        token = " ".join(filter(None, (self.start_token, f"id {self.start_token_id}")))
        return f"{self.start_mode} ({token})"


def hash_text(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]


class Journal:
    """An open journal and the list of one run's pieces."""

    def __init__(self, path: Path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.base = sqlite3.connect(path)
            self.base.execute("ATTACH '' AS pieces")  # a temporary file
            self.base.executescript(SCHEMA)
            self.damaged = self._drop_damaged()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise  # the disk is full, or the file cannot be opened: its content may be good
            raise UserError([f"{path}: another run is writing to it; wait for it"]) from error
        except sqlite3.DatabaseError as error:
            repair = "delete it and run again; its texts are scored again"
            raise UserError([f"{path}: is no journal of scores ({error}); {repair}"]) from error

    def _drop_damaged(self) -> int:
        """Remove rows that are not as they were written; their texts are scored again."""
        columns = "SELECT scorer, text, tokens, bits, lossless, classes, seal FROM costs"
        faulty = []
        for scorer, text, tokens, bits, lossless, classes, seal in self.base.execute(columns):
            try:
                whole = _seal(scorer, (text, tokens, bits, bool(lossless), classes)) == seal
            except (TypeError, AttributeError, struct.error):
                whole = False
            if not whole:
                faulty.append((scorer, text))
        with self.base:
            self.base.executemany("DELETE FROM costs WHERE scorer IS ? AND text IS ?", faulty)
        return len(faulty)

    def close(self) -> None:
        self.base.close()

    def scorer(self, name: str) -> int:
        """Return the number of a scorer, new or known."""
        with self.base:
            self.base.execute("INSERT OR IGNORE INTO scorers (name) VALUES (?)", (name,))
        row = self.base.execute("SELECT id FROM scorers WHERE name = ?", (name,)).fetchone()
        return int(row[0])

    def list_pieces(self, pieces: Iterable[Listed]) -> None:
        with self.base:
            rows = map(astuple, pieces)
            self.base.executemany("INSERT INTO listed VALUES (?,?,?,?,?,?,?,?)", rows)

    def list_costless(self, name: str, reason: str) -> None:
        """List a document that cannot have a cost."""
        with self.base:
            self.base.execute("INSERT INTO costless VALUES (?, ?)", (name, reason))

    def costless(self, before: int | None) -> Iterator[tuple[str, str]]:
        """Yield every document without a cost, with the reason. before: as of `costs`."""
        yield from self.base.execute("SELECT name, reason FROM costless ORDER BY rowid")
        query = "SELECT name FROM listed GROUP BY document HAVING min(rank) >= ?"
        for (name,) in self.base.execute(query, (_limit(before),)):
            yield name, "not reached"

    def drop_document(self, document: int) -> None:
        with self.base:
            self.base.execute("DELETE FROM listed WHERE document = ?", (document,))

    def sort_documents(self) -> None:
        """Sort the documents into their turn, once all are listed."""
        with self.base:
            self.base.execute("CREATE INDEX pieces.turn ON listed (rank, number)")

    def extent(self, before: int | None = None, by_piece: bool = False) -> tuple[int, int]:
        """Count documents, or pieces, and bytes listed. before: only those of a lower rank."""
        unit = "*" if by_piece else "DISTINCT document"
        query = f"SELECT count({unit}), coalesce(sum(bytes), 0) FROM listed l"
        documents, size = self.base.execute(f"{query} {BELOW}", (_limit(before),)).fetchone()
        return int(documents), int(size)

    def first_missing(self, scorer: int) -> int | None:
        """Find the rank of the first document that a scorer has not scored whole; None: no such."""
        return next((piece.rank for piece in self.missing(scorer, None)), None)

    def missing(self, scorer: int, before: int | None) -> Iterator[Listed]:
        """Yield the pieces that a scorer has not scored, in their turn."""
        query = (
            f"SELECT l.* FROM listed l {BELOW} AND NOT EXISTS "
            "(SELECT 1 FROM costs s WHERE s.scorer = ? AND s.text = l.text) "
            "ORDER BY l.rank, l.number"
        )
        for row in self.base.execute(query, (_limit(before), scorer)):
            yield Listed(*row)

    def write(self, scorer: int, costs: Iterable[Cost]) -> None:
        rows = ((scorer, *cost.row, _seal(scorer, cost.row)) for cost in costs)
        with self.base:
            self.base.executemany("INSERT OR REPLACE INTO costs VALUES (?,?,?,?,?,?,?)", rows)

    def costs(
        self, scorers: list[int], before: int | None, by_piece: bool = False
    ) -> Iterator[DocumentCost]:
        """Yield documents, or pieces, that every scorer has scored whole, in their turn."""
        costs = ", ".join(f"s{k}.bits, s{k}.lossless, s{k}.classes" for k in range(len(scorers)))
        joins = " ".join(
            f"LEFT JOIN costs s{k} ON s{k}.scorer = {scorer} AND s{k}.text = l.text"
            for k, scorer in enumerate(scorers)
        )
        name = "l.name || ', piece ' || (l.number + 1)" if by_piece else "l.name"
        unit, order = ("l.rank", "l.rank") if by_piece else ("l.document", "l.first, l.document")
        table = "(SELECT *, min(rank) OVER (PARTITION BY document) AS first FROM listed)"
        query = f"SELECT {unit}, {name}, l.bytes, {costs} FROM {table} l {joins} {BELOW} "
        rows = self.base.execute(f"{query} ORDER BY {order}, l.number", (_limit(before),))
        for _, group in groupby(rows, key=lambda row: row[0]):
            pieces = list(zip(*group, strict=True))
            bits, lossless, classes = pieces[3::3], pieces[4::3], pieces[5::3]
            if all(None not in column for column in bits):
                yield DocumentCost(
                    name=pieces[1][0],
                    bytes=sum(pieces[2]),
                    bits=tuple(map(sum, bits)),
                    lossless=tuple(map(all, lossless)),
                    classes=tuple(add_classes(list(map(_read_classes, c))) for c in classes),
                )


def _read_classes(text: str | None) -> Classes | None:
    return (
        None if text is None else {name: (n, bits) for name, (n, bits) in json.loads(text).items()}
    )


def _limit(before: int | None) -> int:
    """Return the rank below which documents count; None: all do."""
    return 1 << 62 if before is None else before


@dataclass
class Reading:
    """What came of reading the files: empty documents and faulty ones, all of them counted."""

    empty: int = 0
    faulty: int = 0
    shown: list[Problem] = field(default_factory=list)  # the first faults
    unread: list[str] = field(default_factory=list)  # files of which a sample has a part only


class PieceList:
    """Writes what was read into the journal's list, many pieces at a time."""

    def __init__(self, journal: Journal, reading: Reading):
        self.journal = journal
        self.reading = reading
        self.waiting: list[Listed] = []

    def add(self, piece: Listed) -> None:
        self.waiting.append(piece)
        if len(self.waiting) == LISTED_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        self.journal.list_pieces(self.waiting)
        self.waiting = []

    def drop(self, document: int) -> None:
        self.waiting = [listed for listed in self.waiting if listed.document != document]
        self.journal.drop_document(document)

    def note(self, read: Empty | Problem) -> None:
        """Count a document without a cost."""
        if isinstance(read, Empty):
            self.reading.empty += 1
            self.journal.list_costless(read.name, "empty")
            return
        self.reading.faulty += 1
        if len(self.reading.shown) < MOST_PROBLEMS:
            self.reading.shown.append(read)
        name = f"{read.file}: {read.field}" if read.field else read.file
        self.journal.list_costless(name, read.wrong)


def list_documents(
    journal: Journal, files: Sequence[Path], column: str, report: Callable[[int], None]
) -> Reading:
    """Write every piece of every document into the journal's list. report: bytes just listed.

    Documents keep the order of the files. A faulty or empty one is listed without a cost.
    """
    target = PieceList(journal, reading := Reading())
    document = -1
    for index, file in enumerate(files):
        first = document + 1  # of this file
        for piece in read_pieces(file, column):
            if not isinstance(piece, Piece):
                target.note(piece)
                if not has_rows(file) and document == first:  # a later piece of it is faulty
                    target.drop(document)
                continue
            document += piece.number == 0
            listed = place_piece(piece, document, index, document)
            target.add(listed)
            report(listed.size)
    target.flush()
    journal.sort_documents()
    return reading


def place_piece(piece: Piece, document: int, file: int, rank: int) -> Listed:
    size, text = len(piece.text.encode()), hash_text(piece.text)
    return Listed(document, piece.number, file, piece.at, rank, piece.name, size, text)


def read_missing(
    journal: Journal,
    scorer: int,
    files: Sequence[Path],
    column: str,
    before: int | None,
    seconds: float | None,
    report: Callable[[int], None],
    piece_bytes: int | None = None,
) -> Iterator[tuple[Listed, str]]:
    """Yield the pieces that a scorer has still to score, in their turn, with their texts.

    seconds: no piece but the first is handed out later than that. report: bytes handed out.
    piece_bytes: of the pieces as listed. Raises UserError where a file has changed since then.
    """
    begun = time.monotonic()
    read_one = False
    for piece in journal.missing(scorer, before):
        late = seconds is not None and time.monotonic() - begun > seconds
        if late and read_one:
            return
        file = files[piece.file]
        text = read_again(file, piece.at, piece.number, piece.size, column, piece_bytes)
        if text is None or hash_text(text) != piece.text:
            wrong = f"{piece.name}: has changed since the run began"
            raise UserError([f"{wrong}; run again, what is scored is kept"])
        read_one = True
        yield piece, text
        report(piece.size)


def write_costs(
    path: Path,
    rows: Iterable[DocumentCost],
    setups: Sequence[Setup],
    costless: Iterable[tuple[str, str]],
) -> None:
    """Write one row per document and scorer; the file appears only when it is complete.

    costless: documents without a cost, each with the reason, in a row without a scorer.
    """
    if path.exists() and not path.is_file():  # such as /dev/stdout
        _write_rows(path, rows, setups, costless)
        return
    partial = path.with_name(f".{path.name}.partial")
    try:
        _write_rows(partial, rows, setups, costless)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write_rows(
    path: Path,
    rows: Iterable[DocumentCost],
    setups: Sequence[Setup],
    costless: Iterable[tuple[str, str]],
) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            for setup, bits, lossless in zip(setups, row.bits, row.lossless, strict=True):
                known = str(lossless).lower()
                cost = (repr(bits), repr(bits / row.bytes), known)
                depends = (setup.weights, setup.dtype, setup.start, setup.software)
                writer.writerow((row.name, row.bytes, setup.scorer, *cost, *depends, ""))
        for name, reason in costless:
            writer.writerow((name, *[""] * (len(COLUMNS) - 2), reason))
