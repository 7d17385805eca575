"""Write the table of costs: a row per document and scorer, and per document without a cost."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from compression_leaderboard.own_text.journal import DocumentCost

COLUMNS = ("document", "bytes", "scorer", "bits", "bits_per_byte", "lossless", "reason")


def write_costs(
    path: Path,
    rows: Iterable[DocumentCost],
    scorers: Sequence[str],
    costless: Iterable[tuple[str, str]],
) -> None:
    """Write one row per document and scorer; the file appears only when it is complete.

    costless: documents without a cost, each with the reason, in a row without a scorer.
    """
    if path.exists() and not path.is_file():  # such as /dev/stdout
        _write_rows(path, rows, scorers, costless)
        return
    partial = path.with_name(f".{path.name}.partial")
    try:
        _write_rows(partial, rows, scorers, costless)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write_rows(
    path: Path,
    rows: Iterable[DocumentCost],
    scorers: Sequence[str],
    costless: Iterable[tuple[str, str]],
) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            for scorer, bits, lossless in zip(scorers, row.bits, row.lossless, strict=True):
                known = str(lossless).lower()
                cells = (row.name, row.bytes, scorer, repr(bits), repr(bits / row.bytes), known, "")
                writer.writerow(cells)
        for name, reason in costless:
            writer.writerow((name, "", "", "", "", "", reason))
