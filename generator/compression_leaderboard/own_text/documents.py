"""List the documents in the user's files, report every fault at once, and read them piece by piece.

Nothing is held but the piece at hand: a file may be larger than memory. A document is a row of JSON
lines, CSV or Parquet, or a whole file of anything else. One that is longer than PIECE_BYTES is read
in pieces, which end at a line end where there is one.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from compression_leaderboard.own_text.journal import Journal, Listed, hash_text
from compression_leaderboard.own_text.rows import FIX, TextFile, read_rows
from compression_leaderboard.records.base import Problem, UserError

PIECE_BYTES = 1 << 18


@dataclass(frozen=True)
class Piece:
    """A document, or the next piece of it, and where it stands so that it can be read again."""

    text: str
    name: str  # of the document, in reports
    at: int  # plain: its byte; JSON lines and CSV: the byte of its row; Parquet: the row
    number: int  # within its row; 0 in a plain file, where `at` says it all
    first: bool  # whether a document begins with it


def read_pieces(file: TextFile, column: str) -> Iterator[Piece | Problem]:
    """Every piece of a file in order, and every fault. Documents without a letter are left out.

    column: of JSON lines, CSV and Parquet, the field that holds the text.
    """
    try:
        yield from _plain_pieces(file) if file.kind == "plain" else _row_pieces(file, column)
    except OSError as error:
        yield Problem(file.shown, "", f"cannot be read ({error.strerror})", "make it readable")


def read_again(file: TextFile, at: int, number: int, column: str) -> str | None:
    """The text of a piece; None where the file does not hold it any more."""
    try:
        if file.kind == "plain":
            with file.path.open("rb") as stream:
                stream.seek(at)
                return _cut(stream.read(PIECE_BYTES))[0]
        row = next(read_rows(file, column, at), None)
        if row is None or isinstance(row.text, Problem):
            return None
        cut = _cut_text(row.text)
        return next((piece for index, piece in enumerate(cut) if index == number), None)
    except (OSError, UnicodeError):
        return None


def _plain_pieces(file: TextFile) -> Iterator[Piece | Problem]:
    at = 0
    with file.path.open("rb") as stream:
        while True:
            stream.seek(at)
            if not (content := stream.read(PIECE_BYTES)):
                return
            try:
                text, used = _cut(content)
            except UnicodeDecodeError as error:
                wrong = f"byte {at + error.start} is not UTF-8"
                yield Problem(file.shown, "", wrong, "save it as UTF-8, or pass --leave-out")
                return
            yield Piece(text, file.shown, at, 0, first=at == 0)
            at += used


def _row_pieces(file: TextFile, column: str) -> Iterator[Piece | Problem]:
    for row in read_rows(file, column):
        place = f"{'row' if file.kind == 'parquet' else 'line'} {row.line}"
        if isinstance(row.text, Problem):
            yield row.text
            continue
        try:
            for number, text in enumerate(_cut_text(row.text)):
                name = f"{file.shown}: {place}"
                yield Piece(text, name, row.at, number, first=number == 0)
        except UnicodeEncodeError as error:
            wrong = f"character {error.start} of the text is a lone surrogate, no UTF-8"
            yield Problem(file.shown, place, wrong, FIX)


def _cut(content: bytes) -> tuple[str, int]:
    """The text of a piece and its bytes: up to the last line end, else the last whole letter.

    Content shorter than a piece is the end of its file and kept whole. Raises UnicodeDecodeError.
    """
    if len(content) == PIECE_BYTES:
        end = content.rfind(b"\n") + 1
        content = content[:end] if end else _whole_letters(content)
    return content.decode("utf-8"), len(content)


def _whole_letters(content: bytes) -> bytes:
    """Without a last letter of which bytes are missing; a letter has four at most."""
    for back in range(1, 5):
        if content[-back] & 0xC0 != 0x80:  # the letter begins here
            return content if content[-back:].decode("utf-8", "ignore") else content[:-back]
    return content


def _cut_text(text: str) -> Iterator[str]:
    """A text in pieces, as a plain file would be cut."""
    content, at = text.encode(), 0
    while at < len(content):
        piece, used = _cut(content[at : at + PIECE_BYTES])
        yield piece
        at += used


LISTED_AT_ONCE = 1000
MOST_PROBLEMS = 50  # shown; the rest are counted


@dataclass
class Faults:
    """What was wrong with documents: the first ones in words, all of them counted."""

    count: int = 0
    shown: list[Problem] = field(default_factory=list)

    def add(self, problem: Problem) -> None:
        self.count += 1
        if len(self.shown) < MOST_PROBLEMS:
            self.shown.append(problem)


def list_documents(
    journal: Journal,
    files: Sequence[TextFile],
    column: str,
    seed: int | None,
    report: Callable[[int], None],
) -> Faults:
    """Write every piece of every document into the journal's list. report: bytes just listed.

    seed: of a random order, for a sample; None keeps the order of the files. A faulty document is
    in no list.
    """
    faults = Faults()
    document = -1
    waiting: list[Listed] = []
    for index, file in enumerate(files):
        number = -1
        for piece in read_pieces(file, column):
            if isinstance(piece, Problem):
                faults.add(piece)
                if file.kind == "plain" and number >= 0:  # a later piece of the document is faulty
                    waiting = [one for one in waiting if one.document != document]
                    journal.drop_document(document)
                continue
            number = 0 if piece.first else number + 1
            document += piece.first
            rank = document if seed is None else _random_rank(seed, document)
            listed = _listed(piece, document, number, index, rank)
            waiting.append(listed)
            report(listed.size)
            if len(waiting) == LISTED_AT_ONCE:
                journal.list_pieces(waiting)
                waiting = []
    journal.list_pieces(waiting)
    journal.sort_documents()
    return faults


def _listed(piece: Piece, document: int, number: int, file: int, rank: int) -> Listed:
    size = len(piece.text.encode())
    text = hash_text(piece.text)
    return Listed(document, number, file, piece.at, piece.number, rank, piece.name, size, text)


def _random_rank(seed: int, document: int) -> int:
    """A number of 62 bits that looks random; documents in its order are a random sample."""
    digest = hashlib.sha256(f"{seed} {document}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 2


def read_missing(
    journal: Journal,
    scorer: int,
    files: Sequence[TextFile],
    column: str,
    before: int | None,
    seconds: float | None,
    report: Callable[[int], None],
) -> Iterator[tuple[Listed, str]]:
    """The pieces that a scorer has still to score, in their turn, with their texts.

    seconds: no document is begun later than that; the one that is begun is finished, however long
    it is, else a sample would hold too few long ones. report: bytes handed out. Raises UserError
    where a file has changed since it was listed.
    """
    begun = time.monotonic()
    read_one = False
    for piece in journal.missing(scorer, before):
        late = seconds is not None and time.monotonic() - begun > seconds
        if late and read_one and piece.number == 0:
            return
        file = files[piece.file]
        text = read_again(file, piece.at, piece.piece, column)
        if text is None or hash_text(text) != piece.text:
            wrong = f"{piece.name}: has changed since the run began"
            raise UserError([f"{wrong}; run again, what is scored is kept"])
        read_one = True
        yield piece, text
        report(piece.size)
