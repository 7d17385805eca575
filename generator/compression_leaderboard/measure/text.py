"""Score texts under a model: bits per byte, and the information plane, in one forward pass.

Every token is new in exactly one window; there it is scored, and there its hidden states are
taken. Logits are made for some rows at a time, so that those of a vocabulary of 262,144 words
are never in memory for a whole window. Where memory runs out, the batch is halved.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from compression_leaderboard.measure.checkpoint import is_out_of_memory
from compression_leaderboard.measure.classify import classify_bytes, divide_bits
from compression_leaderboard.measure.documents import (
    Document,
    Encoded,
    IntArray,
    Window,
    cut_documents,
    encode_documents,
)
from compression_leaderboard.measure.machine import MeasureError, Report
from compression_leaderboard.measure.plane import LayerFiles, draw_positions, estimate_layers
from compression_leaderboard.measure.weights import Loaded, device_of
from compression_leaderboard.records.byte_classes import BYTE_CLASSES
from compression_leaderboard.records.corpora import Protocol
from compression_leaderboard.records.plane import Lossy
from compression_leaderboard.records.results import DocumentBits, Lossless, Stretch

FIRST_STRETCH_BYTES = 64
LOGIT_ELEMENTS = 8_000_000  # at most this many logits exist at once,
LOGIT_ROWS = 32  # or those of this many rows
PRECISE_ELEMENTS = 500_000  # of them in float32: few enough for a processor's cache
BATCH_TOKENS = 4096  # inputs per forward pass, padding included


@dataclass(frozen=True)
class Pass:
    """What the forward pass leaves beside the layers' files."""

    nats: list[NDArray[np.float64]]  # per document, (targets,)
    rows: IntArray  # (N, 2): document and input index, in the order of the files


def score_text(
    loaded: Loaded, documents: Sequence[Document], protocol: Protocol, report: Report
) -> tuple[Lossless, Lossy | None]:
    """Measure both sides of the compression score. `report(stage, done, total)` shows progress.

    The lossy side is None for a text with fewer eligible positions than the protocol asks for.
    Raises MeasureError as `score_documents` does.
    """
    encoded, windows = encode_windows(loaded, documents, *protocol.window)
    advance = partial(report, "tokens")
    if (masks := draw_positions(encoded, protocol)) is None:
        passed = run_forward(loaded, encoded, windows, report=advance)
        return sum_bits(encoded, passed), None
    with closing(LayerFiles(loaded.subject, protocol, protocol.positions)) as files:
        passed = run_forward(loaded, encoded, windows, masks, files, advance)
        lossy = estimate_layers(encoded, passed.rows, files, protocol, report)
    return sum_bits(encoded, passed), lossy


def score_documents(
    loaded: Loaded, documents: Sequence[Document], window: int, stride: int
) -> Lossless:
    """Score documents without loss, in windows of so many tokens.

    Raises MeasureError for a context shorter than the window, text of which the tokenizer makes
    no token, and output that is not finite.
    """
    encoded, windows = encode_windows(loaded, documents, window, stride)
    return sum_bits(encoded, run_forward(loaded, encoded, windows))


def encode_windows(
    loaded: Loaded, documents: Sequence[Document], window: int, stride: int
) -> tuple[list[Encoded], list[Window]]:
    """Tokenize documents and cut them into windows that the model can read."""
    check_window(loaded, window)
    encoded = encode_documents(documents, loaded)
    return encoded, cut_documents(encoded, window, stride)


def check_window(loaded: Loaded, window: int) -> None:
    """Refuse a window that is longer than the model's context."""
    if (context := loaded.window(window)) < window:
        wrong = f"the model reads {context} tokens, the window has {window}"
        raise MeasureError("context", f"{wrong}; use a window of at most {context}")


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


def sum_bits(encoded: Sequence[Encoded], passed: Pass) -> Lossless:
    """Sum the bits of each document, and of all of them per byte of raw text."""
    totals = [
        math.fsum([document.header_bits * math.log(2), document.free_nats, *nats])
        for document, nats in zip(encoded, passed.nats, strict=True)
    ]
    divided = [
        _divide(document, costs, total / math.log(2))
        for document, costs, total in zip(encoded, passed.nats, totals, strict=True)
    ]
    classes = _classes_of(divided)
    documents = [
        DocumentBits(
            document=document.document.name,
            bytes=len(document.document.text.encode()),
            tokens=len(document.tokens),
            bits=total / math.log(2),
            lossless=document.lossless,
            class_bytes=None if parts is None else tuple(parts[0][classes].astype(int).tolist()),
            class_bits=None if parts is None else tuple(parts[1][classes].tolist()),
        )
        for document, total, parts in zip(encoded, totals, divided, strict=True)
    ]
    return Lossless(
        bits_per_byte=bits_per_byte(totals, sum(d.bytes for d in documents)),
        failing_bytes=sum(d.bytes for d in documents if not d.lossless),
        documents=tuple(documents),
        stretches=_stretches(encoded, passed),
        classes=tuple(BYTE_CLASSES[place] for place in classes) or None,
    )


def _divide(
    document: Encoded, costs: NDArray[np.float64], total_bits: float
) -> NDArray[np.float64] | None:
    """Return bytes and bits of a document by class, (2, BYTE_CLASSES,).

    None where the tokens do not give the text back, or their bytes are not known.
    """
    if document.ends is None or not document.lossless:
        return None
    classes = classify_bytes(document.document.text, document.document.domain)
    free = [0.0] * (len(document.ends) - len(costs))  # a first token without context
    bits = np.concatenate([free, costs]) / math.log(2)
    start = document.header_bits + document.free_nats / math.log(2)
    divided = divide_bits(classes, document.ends, bits, start, total_bits)
    return np.stack([np.bincount(classes, minlength=len(divided)), divided])


def _classes_of(divided: Sequence[NDArray[np.float64] | None]) -> list[int]:
    """Return the places in BYTE_CLASSES of the classes that documents have."""
    known = [parts for parts in divided if parts is not None]
    return np.flatnonzero(np.any(known, axis=(0, 1))).tolist() if known else []


def _stretches(encoded: Sequence[Encoded], passed: Pass) -> tuple[Stretch, ...]:
    """Sum bits by where in its document a token begins: at bytes 0, 64, 128, 256, ….

    Those of the code's header are among the first.
    """
    edges = [0] + [FIRST_STRETCH_BYTES << k for k in range(30)]
    n_bytes, nats = np.zeros(len(edges)), np.zeros(len(edges))
    for document, costs in zip(encoded, passed.nats, strict=True):
        if document.ends is None:
            return ()
        starts = np.concatenate([[0], document.ends[:-1]])
        place = np.searchsorted(edges, starts, side="right") - 1
        free = [document.free_nats] * (len(starts) - len(costs))  # of a first token without context
        n_bytes += np.bincount(place, document.ends - starts, len(edges))
        nats += np.bincount(place, np.concatenate([free, costs]), len(edges))
        nats[0] += document.header_bits * math.log(2)
    return tuple(
        Stretch(from_byte=edge, bytes=int(size), bits=cost / math.log(2))
        for edge, size, cost in zip(edges, n_bytes, nats, strict=True)
        if size
    )


def run_forward(
    loaded: Loaded,
    documents: Sequence[Encoded],
    windows: Sequence[Window],
    chosen: Sequence[NDArray[np.bool_]] | None = None,
    files: LayerFiles | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Pass:
    """Score every new token of every window; keep every layer's states at the chosen inputs.

    chosen: per document, (inputs,) mask; None for no input. report: called with the tokens scored
    and all tokens. Raises MeasureError: "nan" when the model's output is not finite,
    "out_of_memory" when not even one window fits.
    """
    nats = [np.full(len(document.targets), np.nan) for document in documents]
    chosen = chosen or [np.zeros(len(document.inputs), dtype=bool) for document in documents]
    rows: list[tuple[int, int]] = []
    head = _Head(loaded.model)
    # Windows of like length together, longest first: little padding, and memory fails early.
    left = sorted(windows, key=lambda w: (w.begin - w.end, w.document, w.begin))
    largest = BATCH_TOKENS // loaded.batch_divisor
    done, total = 0, sum(window.end - window.new for window in windows)
    while left:
        batch = left[: max(1, largest // (left[0].end - left[0].begin))]
        try:
            costs, states = _score_batch(loaded.model, head, documents, batch, chosen)
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if len(batch) == 1:
                wrong = f"a window of {batch[0].end - batch[0].begin} tokens does not fit in memory"
                repair = "measure on a machine with more"
                raise MeasureError("out_of_memory", f"{wrong}; {repair}") from error
            largest //= 2
            continue
        left = left[len(batch) :]
        for window in batch:
            new = window.end - window.new
            nats[window.document][window.new : window.end], costs = costs[:new], costs[new:]
            places = np.flatnonzero(chosen[window.document][window.new : window.end])
            rows += [(window.document, window.new + place) for place in places.tolist()]
            done += new
        report(done, total)
        if files is not None:
            files.append(states)
        states.clear()  # the next batch needs the room
    for document, values in zip(documents, nats, strict=True):
        if not np.isfinite(values).all():
            wrong = f"{document.document.name}: the model's output is not a finite number"
            raise MeasureError("nan", f"{wrong}; the weights or the dtype are broken")
    return Pass(nats, np.array(rows, dtype=np.int64).reshape(-1, 2))


def _score_batch(
    model: Any,
    head: "_Head",
    documents: Sequence[Encoded],
    batch: Sequence[Window],
    chosen: Sequence[NDArray[np.bool_]],
) -> tuple[NDArray[np.float64], list[Tensor]]:
    """Return nats of the windows' new tokens, and every layer's states at the chosen ones."""
    longest = max(window.end - window.begin for window in batch)
    new: list[IntArray] = []  # of the batch's inputs, counted row by row
    kept: list[IntArray] = []
    targets: list[IntArray] = []
    for row, window in enumerate(batch):
        here = np.arange(window.new, window.end)
        place = row * longest + here - window.begin
        new.append(place)
        kept.append(place[chosen[window.document][here]])
        targets.append(documents[window.document].targets[here])
    with torch.inference_mode():
        states = _hidden_states(model, documents, batch)
        costs = head.nats(_take(states[-1], new), torch.from_numpy(np.concatenate(targets)))
        for index, layer in enumerate(states):
            states[index] = _take(layer, kept)  # layer by layer, so that few exist twice
        return costs, states


def _take(states: Tensor, places: list[IntArray]) -> Tensor:
    """Return rows of (windows, T, D) at places counted over windows · T."""
    index = torch.from_numpy(np.concatenate(places)).to(states.device)
    return states.flatten(0, 1)[index]


def _hidden_states(
    model: Any, documents: Sequence[Encoded], batch: Sequence[Window]
) -> list[Tensor]:
    """Return the embedding and every layer, (T, D) by window and padded on the right."""
    longest = max(window.end - window.begin for window in batch)
    ids = torch.zeros((len(batch), longest), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, window in enumerate(batch):
        length = window.end - window.begin
        document = documents[window.document]
        ids[row, :length] = torch.from_numpy(document.inputs[window.begin : window.end])
        if window.begin > 0 and document.restart is not None:
            ids[row, 0] = document.restart
        mask[row, :length] = 1
    output = model(
        input_ids=ids.to(device_of(model)),
        attention_mask=mask.to(device_of(model)),
        output_hidden_states=True,
        use_cache=False,
        logits_to_keep=1,
    )
    return list(output.hidden_states)


class _Head:
    """From last hidden states to nats: the model's own output layer, a few rows at a time."""

    def __init__(self, model: Any):
        self.linear = model.get_output_embeddings()
        config = model.config.get_text_config()
        self.softcap = getattr(config, "final_logit_softcapping", None)
        self.vocabulary = self.linear.weight.shape[0]
        self.factor = self._find_factor(model, config)

    def transform(self, logits: Tensor, factor: float) -> Tensor:
        logits = logits.float()
        if factor != 1:
            logits = logits * factor
        if self.softcap:
            logits = torch.tanh(logits / self.softcap) * self.softcap
        return logits

    def nats(self, states: Tensor, targets: Tensor) -> NDArray[np.float64]:
        """Return −ln p of the targets under a full softmax in float32, (T,)."""
        step = max(LOGIT_ROWS, LOGIT_ELEMENTS // self.vocabulary)
        few = max(1, PRECISE_ELEMENTS // self.vocabulary)
        # Made beforehand: kept one by one they would lie between the logits and pin their memory.
        nats = torch.empty(len(states), device=states.device)
        for begin in range(0, len(states), step):
            logits = self.linear(states[begin : begin + step])
            wanted = targets[begin : begin + step].to(logits.device)
            nats[begin : begin + step] = torch.cat(
                [
                    torch.nn.functional.cross_entropy(
                        self.transform(rows, self.factor), right, reduction="none"
                    )
                    for rows, right in zip(
                        torch.split(logits, few), torch.split(wanted, few), strict=True
                    )
                ]
            )
        return nats.double().cpu().numpy()

    def _find_factor(self, model: Any, config: Any) -> float:
        """Find what the model multiplies its logits by: of the possible factors the best fit.

        Refuses a model that changes its logits after the output layer in another way.
        """
        ids = torch.arange(1, 9, device=device_of(model)).unsqueeze(0) % self.vocabulary
        with torch.inference_mode():
            output = model(input_ids=ids, output_hidden_states=True, use_cache=False)
            theirs = output.logits[0].float().log_softmax(dim=-1)
            if not torch.isfinite(theirs).all():
                return 1.0  # reported with the document's name when the text is scored
            logits = self.linear(output.hidden_states[-1][0])
            errors = {}
            for factor in _factors(config):
                ours = self.transform(logits, factor).log_softmax(dim=-1)
                errors[factor] = float((ours - theirs).abs().max())
        best = min(errors, key=lambda factor: errors[factor])
        if errors[best] > 0.1:
            name = type(model).__name__
            wrong = f"{name} transforms its logits in a way that the scorer does not know"
            raise MeasureError("architecture", f"{wrong}; report it, so that it can be added")
        return best


def _factors(config: Any) -> list[float]:
    """Return the factors of the logits that a configuration may mean.

    Families differ in the name, and multiply (Cohere, Falcon H1) or divide by it (Granite).
    """
    factors = [1.0]
    for name in ("logit_scale", "logits_scaling", "lm_head_multiplier"):
        if value := getattr(config, name, None):
            factors += [float(value), 1 / float(value)]
    return factors
