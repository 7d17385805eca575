"""List a random sample of the user's text in limited time, whatever the sizes of the files.

Files of plain text and JSON lines are divided into blocks, which are read in random order: what has
been read when the time ends is a random sample of all of them. CSV and Parquet can be read only
from their beginning: of what has been read of them by then, pieces are drawn at random, and the
part that was not read is named. Every piece has a random turn, the same for the same seed.
"""

import hashlib
import random
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

from compression_leaderboard.own_text.documents import (
    LINES_BLOCK_BYTES,
    SAMPLE_BYTES,
    Empty,
    Piece,
    Read,
    block_bytes,
    read_block,
    read_pieces,
)
from compression_leaderboard.own_text.journal import Journal, PieceList, Reading, place_piece
from compression_leaderboard.own_text.tables import has_rows
from compression_leaderboard.records.base import Problem
from compression_leaderboard.wording import plural

READING_SHARE = 0.2  # of the budget, at most
BLOCKS_PER_SECOND = 1000  # of the budget: more than any model can score


def list_sample(
    journal: Journal,
    files: Sequence[Path],
    column: str,
    seed: int,
    budget: float,
    report: Callable[[int], None],
) -> Reading:
    """Write pieces of a random sample into the journal's list. report: bytes just listed.

    budget: seconds of the whole run, of which READING_SHARE may pass here.
    """
    sample = _Sample(PieceList(journal, reading := Reading()), files, column, seed, report)
    sizes = [file.stat().st_size for file in files]  # of many files it takes seconds of the budget
    lengths = [block_bytes(file) for file in files]
    ordered = [k for k, length in enumerate(lengths) if length is None]
    end = time.monotonic() + READING_SHARE * budget
    is_mixed = 0 < len(ordered) < len(files)
    half = READING_SHARE * budget / 2 if is_mixed else 0.0
    most = max(1, int(BLOCKS_PER_SECOND * budget))
    if len(ordered) < len(files):
        sample.read_blocks(sizes, lengths, most, end - half)
    for k, file in enumerate(ordered):
        now = time.monotonic()
        sample.read_beginning(file, now + (end - now) / (len(ordered) - k))
    sample.pieces.flush()
    journal.sort_documents()
    return reading


class _Sample:
    """What has been read so far."""

    def __init__(
        self,
        pieces: PieceList,
        files: Sequence[Path],
        column: str,
        seed: int,
        report: Callable[[int], None],
    ):
        self.pieces = pieces
        self.files = files
        self.column = column
        self.seed = seed
        self.report = report
        self.faulty: set[int] = set()  # files of plain text
        self.rows = 0  # of all files

    def add(self, read: Read, file: int) -> None:
        """List a piece with a random turn; a fault takes a file of plain text out of the list."""
        if not isinstance(read, Piece):
            self.pieces.note(read)
            if isinstance(read, Problem) and not has_rows(self.files[file]):
                self.faulty.add(file)
                self.pieces.drop(file)
            return
        document = file
        if has_rows(self.files[file]):
            self.rows += read.number == 0
            document = len(self.files) + self.rows
        rank = _random_rank(f"{self.seed} {file} {read.at} {read.number}")
        listed = place_piece(read, document, file, rank)
        self.pieces.add(listed)
        self.report(listed.size)

    def read_blocks(
        self, sizes: Sequence[int], lengths: Sequence[int | None], most: int, end: float
    ) -> None:
        """Read at most so many blocks, in random order, until the end of the time.

        sizes, lengths: in bytes, of the files and of their blocks.
        """
        ends = list(accumulate(map(_count_blocks, sizes, lengths)))
        for k, size in enumerate(sizes):
            if not size:
                self.add(Empty(str(self.files[k])), k)
        blocks = random.Random(self.seed).sample(range(ends[-1]), min(most, ends[-1]))
        read = 0
        for block in blocks:
            if read and time.monotonic() > end:
                break
            read += 1
            k = bisect_right(ends, block)
            if k not in self.faulty:
                number = block - (ends[k - 1] if k else 0)
                for piece in read_block(self.files[k], number, sizes[k], self.column):
                    self.add(piece, k)
        if read < ends[-1]:
            kinds = f"{SAMPLE_BYTES >> 10} KiB, of JSON lines {LINES_BLOCK_BYTES >> 20} MiB"
            of_all = f"{read:,} of {ends[-1]:,} blocks of the files ({kinds})"
            self.pieces.reading.unread.append(f"{of_all} were read, chosen at random")

    def read_beginning(self, file: int, end: float) -> None:
        """Read a file whose rows can be read only in order, until the end of the time."""
        before = self.rows
        path = self.files[file]
        for piece in read_pieces(path, self.column, SAMPLE_BYTES):
            if self.rows > before and time.monotonic() > end:
                n = self.rows - before
                rows = f"{n:,} {plural(n, 'row')}"
                self.pieces.reading.unread.append(f"{path}: only its first {rows} could be drawn")
                return
            self.add(piece, file)


def _count_blocks(size: int, length: int | None) -> int:
    return -(-size // length) if length else 0


def _random_rank(key: str) -> int:
    """Return a number of 62 bits that looks random; pieces in its order are a random sample."""
    digest = hashlib.sha256(key.encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 2
