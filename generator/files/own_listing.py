"""List the documents of the user's files, with every fault at once; read those still to score."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from generator.files.journal import Journal, Listed, hash_text
from generator.files.own_files import TextFile
from generator.files.own_text import Piece, read_again, read_pieces
from generator.records.base import Problem, UserError

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
