"""What the classical compressors make of each text: rows beside the models, part of no fit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import fsum

from compression_leaderboard.board.current import current_results
from compression_leaderboard.intervals import Interval, rate_interval
from compression_leaderboard.records.results import CLASSICAL, CompressedText, Result
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs


@dataclass(frozen=True)
class CompressorRate:
    """Bits per byte of one text under one compressor (lower is better)."""

    corpus: str
    text: CompressedText  # the raw sizes, with settings and version
    whole: float  # all documents as one stream: later ones profit from earlier ones
    alone: float  # each document on its own, as a model reads it
    interval: Interval | None  # of `alone`, by resampling documents
    bytes: int
    documents: int
    record: str  # file of the record, below records/


@dataclass(frozen=True)
class CompressorRow:
    """A compressor in a table: its rates by text, and their mean where all are known."""

    name: str
    rates: dict[str, CompressorRate]
    average: float | None  # of the rates of the whole texts


def settings_text(text: CompressedText) -> str:
    """Settings as words: level 22, window log 27, long distance matching 1."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in text.settings.items())


def compressor_rates(specs: Specs, stored: Iterable[StoredResult]) -> list[CompressorRate]:
    """Rates under today's settings and texts, in order of text and of the compressors' list."""
    own = [e.result for e in current_results(specs, stored) if e.result.model == CLASSICAL.id]
    return [rate for r in own if r.revision == CLASSICAL.revision for rate in _rates(r)]


def _rates(result: Result) -> list[CompressorRate]:
    assert result.classical is not None  # a classical record that counts has it
    sizes = [document.bytes for document in result.classical.documents]
    raw = sum(sizes)
    rates = []
    for text in result.classical.compressed:
        bits = [8 * n for n in text.document_bytes]
        rates.append(
            CompressorRate(
                corpus=result.name,
                text=text,
                whole=8 * text.whole_bytes / raw,
                alone=sum(bits) / raw,
                interval=rate_interval(bits, sizes),
                bytes=raw,
                documents=len(sizes),
                record=result.file,
            )
        )
    return rates


def compressor_rows(
    rates: Sequence[CompressorRate], corpora: Sequence[str]
) -> tuple[CompressorRow, ...]:
    """One row a compressor that has a rate of any of the texts, best average first."""
    held: dict[str, dict[str, CompressorRate]] = {}
    for rate in rates:
        if rate.corpus in corpora:
            held.setdefault(rate.text.name, {})[rate.corpus] = rate
    rows = [CompressorRow(name, own, _average(own, corpora)) for name, own in held.items()]
    return tuple(sorted(rows, key=lambda row: (row.average is None, row.average or 0, row.name)))


def _average(rates: dict[str, CompressorRate], corpora: Sequence[str]) -> float | None:
    if set(rates) < set(corpora):
        return None
    return fsum(rate.whole for rate in rates.values()) / len(rates)
