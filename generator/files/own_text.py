"""Documents in the user's own files: checked once, and read again one piece at a time.

Nothing is held but the piece at hand: a file may be larger than memory. A document is a row of JSON
lines, CSV or Parquet, or a whole file of anything else. One that is longer than PIECE_BYTES is read
in pieces, which end at a line end where there is one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from generator.files.own_files import TextFile
from generator.files.own_rows import MEND, read_rows
from generator.records.base import Problem

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
            yield Problem(file.shown, place, wrong, MEND)


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
