"""Score a corpus under a model: bits per byte, and the information plane, in one pass."""

import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from generator.measure import information
from generator.measure.corpora import Document
from generator.measure.failures import MeasureError
from generator.measure.forward import Pass, run_forward
from generator.measure.labels import NestedLabels, nest_labels
from generator.measure.positions import draw_positions, grams_at
from generator.measure.soft_entropy import (
    assign,
    draw_anchors,
    normalised_entropy,
    solve_scale,
)
from generator.measure.weights import Loaded
from generator.measure.windows import Encoded, Start, cut_windows, encode_documents, start_token
from generator.records.corpora import Protocol
from generator.records.results import (
    DocumentBits,
    LabelSet,
    Layer,
    LayerInformation,
    Lossless,
    Lossy,
    Side,
)


def score_text(
    loaded: Loaded,
    documents: Sequence[Document],
    protocol: Protocol,
    report: Callable[[str, int, int], None],
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
    chosen = draw_positions(encoded, protocol.positions, protocol.max_order, protocol.position_seed)
    masks = chosen or [np.zeros(length, dtype=bool) for length in lengths]
    done = 0

    def advance(tokens: int) -> None:
        nonlocal done
        done += tokens
        report("tokens", done, sum(lengths))

    with tempfile.TemporaryDirectory(prefix="leaderboard-") as folder:
        passed = run_forward(loaded.model, encoded, windows, masks, Path(folder), advance)
        lossless = sum_bits(encoded, passed, start_token(loaded.tokenizer)[0])
        lossy = estimate_layers(encoded, passed, protocol, report) if chosen else None
    return lossless, lossy


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
    )


def estimate_layers(
    encoded: Sequence[Encoded],
    passed: Pass,
    protocol: Protocol,
    report: Callable[[str, int, int], None],
) -> Lossy:
    """Soft entropy and information of every layer, one layer in memory at a time."""
    before, after = grams_at(encoded, passed.rows, protocol.max_order)
    labels: dict[Side, NestedLabels] = {"input": nest_labels(before), "output": nest_labels(after)}
    scale = solve_scale(passed.width, protocol.bins)
    anchors = draw_anchors(protocol.anchor_seeds, protocol.bins, passed.width).float()
    layers = []
    for index, file in enumerate(passed.layers):
        flat = torch.from_numpy(np.fromfile(file, dtype=np.float16))
        directions = flat.view(-1, passed.width).float()
        assignments = assign(directions, anchors, scale, protocol.bins)
        layers.append(estimate_layer(index, assignments, labels))
        report("layers", index + 1, len(passed.layers))
    sets = [
        LabelSet(
            side=side,
            order=order,
            distinct=len(nested.counts[order - 1]),
            singleton_mass=nested.singleton_mass(order),
        )
        for side, nested in labels.items()
        for order in range(1, protocol.max_order + 1)
    ]
    return Lossy(
        positions=len(passed.rows),
        documents=len(np.unique(passed.rows[:, 0])),
        scale=scale,
        labels=tuple(sets),
        layers=tuple(layers),
    )


def estimate_layer(
    index: int, assignments: torch.Tensor, labels: dict[Side, NestedLabels]
) -> Layer:
    """All estimates of one layer, with the null of every order, from assignments (N, S, B)."""
    null = information.simulate_null(assignments)
    found = []
    for side, nested in labels.items():
        plug_in = information.plug_in(assignments, nested)
        for order, counts in enumerate(nested.counts, start=1):
            mean, deviation = information.expected_null(null, counts)
            found.append(
                LayerInformation(
                    side=side,
                    order=order,
                    plug_in=_stored(plug_in[order - 1]),
                    null=_stored(mean),
                    null_deviation=_stored(deviation),
                )
            )
    return Layer(
        layer=index,
        entropy=_stored(information.entropy_of_mean(assignments)),
        mean_entropy=_stored(normalised_entropy(assignments).mean(dim=0)),
        information=tuple(found),
    )


def _stored(values: torch.Tensor) -> tuple[float, ...]:
    """Nine significant digits: more than float32 holds, and shorter records."""
    return tuple(float(f"{value:.9g}") for value in values.tolist())
