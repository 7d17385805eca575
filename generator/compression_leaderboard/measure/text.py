"""Score a corpus under a model: bits per byte, and the information plane, in one pass."""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from compression_leaderboard.measure.corpora import Document
from compression_leaderboard.measure.forward import LayerFiles, Pass, run_forward
from compression_leaderboard.measure.information import draw_anchors, solve_scale
from compression_leaderboard.measure.labels import draw_positions
from compression_leaderboard.measure.plane import estimate_layers
from compression_leaderboard.measure.record import MeasureError, Report
from compression_leaderboard.measure.tokens import (
    Encoded,
    Start,
    cut_windows,
    encode_documents,
    start_token,
)
from compression_leaderboard.measure.weights import Loaded
from compression_leaderboard.records.corpora import Protocol
from compression_leaderboard.records.plane import Lossy
from compression_leaderboard.records.results import DocumentBits, Lossless, Stretch

FIRST_STRETCH_BYTES = 64


def score_text(
    loaded: Loaded,
    documents: Sequence[Document],
    protocol: Protocol,
    report: Report,
) -> tuple[Lossless, Lossy | None]:
    """Both sides of the compression score. `report(stage, done, total)` shows progress.

    The lossy side is None for a text with fewer eligible positions than the protocol asks for.
    Raises MeasureError for a context shorter than the protocol's window.
    """
    if loaded.subject.context_tokens < protocol.window_tokens:
        raise MeasureError(
            "context",
            f"the model reads {loaded.subject.context_tokens} tokens, the protocol's window has "
            f"{protocol.window_tokens}; choose a corpus with a shorter window",
        )
    encoded = encode_documents(documents, loaded.tokenizer, loaded.subject.vocabulary)
    lengths = [len(document.inputs) for document in encoded]
    windows = cut_windows(lengths, protocol.window_tokens, protocol.stride_tokens)
    masks = draw_positions(
        encoded,
        protocol.positions,
        protocol.max_order,
        max(protocol.byte_orders, default=0),
        protocol.position_seed,
    )
    done = 0

    def advance(tokens: int) -> None:
        nonlocal done
        done += tokens
        report("tokens", done, sum(lengths))

    start, divisor = start_token(loaded.tokenizer)[0], loaded.batch_divisor
    if masks is None:
        nowhere = [np.zeros(length, dtype=bool) for length in lengths]
        passed = run_forward(loaded.model, encoded, windows, nowhere, None, advance, divisor)
        return sum_bits(encoded, passed, start), None
    with (
        tempfile.TemporaryDirectory(prefix="leaderboard-") as folder,
        open_layer_files(loaded, protocol, Path(folder)) as files,
    ):
        passed = run_forward(loaded.model, encoded, windows, masks, files, advance, divisor)
        files.close()
        lossy = estimate_layers(encoded, passed.rows, files, protocol, report)
    return sum_bits(encoded, passed, start), lossy


def open_layer_files(loaded: Loaded, protocol: Protocol, folder: Path) -> LayerFiles:
    """Files for the embedding and every layer of the model, under the protocol's anchors."""
    width = loaded.subject.width
    return LayerFiles(
        folder,
        layers=loaded.subject.layers + 1,
        positions=protocol.positions,
        anchors=draw_anchors(protocol.anchor_seeds, protocol.bins, width).float(),
        bins=protocol.bins,
        scale=solve_scale(width, protocol.bins),
    )


def bits_per_byte(nats: Sequence[float], n_bytes: int) -> float:
    """Compression rate of a text under a model, in bits per UTF-8 byte (lower is better).

    nats: −ln p(token | context) of every token of the text, each exactly once.
    n_bytes: UTF-8 length of the raw text; special tokens are no part of it.

    Comparable across tokenizers, unlike perplexity (Gao et al. 2020).
    Raises ValueError for an empty text.
    """
    if n_bytes == 0:
        raise ValueError("bits_per_byte: the text has 0 bytes")
    return math.fsum(nats) / (math.log(2) * n_bytes)


def sum_bits(encoded: Sequence[Encoded], passed: Pass, start: Start) -> Lossless:
    """Bits of each document, and of all of them per byte of raw text."""
    documents = []
    totals = []
    for document, nats in zip(encoded, passed.nats, strict=True):
        total = document.free_nats + math.fsum(nats)
        totals.append(total)
        documents.append(
            DocumentBits(
                document=document.document.name,
                bytes=len(document.document.text.encode()),
                tokens=len(document.tokens),
                bits=total / math.log(2),
                lossless=document.lossless,
            )
        )
    return Lossless(
        bits_per_byte=bits_per_byte(totals, sum(d.bytes for d in documents)),
        start_token=start,
        failing_bytes=sum(d.bytes for d in documents if not d.lossless),
        documents=tuple(documents),
        stretches=_stretches(encoded, passed),
    )


def _stretches(encoded: Sequence[Encoded], passed: Pass) -> tuple[Stretch, ...]:
    """Bits by where in its document a token begins: bytes 0, 64, 128, 256, … on."""
    edges = [0] + [FIRST_STRETCH_BYTES << k for k in range(30)]
    n_bytes, nats = np.zeros(len(edges)), np.zeros(len(edges))
    for document, costs in zip(encoded, passed.nats, strict=True):
        if document.ends is None:
            return ()
        starts = np.concatenate([[0], document.ends[:-1]])
        place = np.searchsorted(edges, starts, side="right") - 1
        free = [document.free_nats] * (len(starts) - len(costs))  # of a first token uniform start
        n_bytes += np.bincount(place, document.ends - starts, len(edges))
        nats += np.bincount(place, np.concatenate([free, costs]), len(edges))
    return tuple(
        Stretch(from_byte=edge, bytes=int(size), bits=cost / math.log(2))
        for edge, size, cost in zip(edges, n_bytes, nats, strict=True)
        if size
    )
