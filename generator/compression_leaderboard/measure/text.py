"""Score texts under a model: bits per byte, and the information plane, in one forward pass.

Every token is new in exactly one window; there it is scored, and there its hidden states are
taken. Logits are made for some rows at a time, so that those of a vocabulary of 262,144 words
are never in memory for a whole window. Where memory runs out, the batch is halved.

A batch holds windows of one length. Padding would change the scores of models that choose which
tokens to attend to (DeepSeek-V3.2), and a batch of like lengths instead saves at most one forward
pass for each length.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from accelerate.utils import align_module_device, has_offloaded_params
from numpy.typing import NDArray
from torch import Tensor

from compression_leaderboard.measure.checkpoint import is_out_of_memory, name_error
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
from compression_leaderboard.measure.plane import (
    LayerFiles,
    PlaneError,
    draw_positions,
    estimate_layers,
)
from compression_leaderboard.measure.weights import Loaded, device_of
from compression_leaderboard.plan.estimates import BATCH_TOKENS, PROBED_TOKENS
from compression_leaderboard.records.byte_classes import BYTE_CLASSES
from compression_leaderboard.records.corpora import Protocol
from compression_leaderboard.records.plane import Lossy
from compression_leaderboard.records.results import DocumentBits, Lossless, Stretch

FIRST_STRETCH_BYTES = 64
LOGIT_ELEMENTS = 8_000_000  # at most this many logits exist at once,
LOGIT_ROWS = 32  # or those of this many rows
PRECISE_ELEMENTS = 500_000  # of them in float32: few enough for a processor's cache
GUARD_NATS = 1e-3  # by which our logits may differ from the model's own, besides rounding
# What the code of a model raises on a text that it cannot compute.
FORWARD_FAULTS = (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)
SOFTCAPS = ("final_logit_softcapping", "logits_soft_cap", "output_logit_soft_cap")


@dataclass(frozen=True)
class Pass:
    """What the forward pass leaves beside the layers' files."""

    nats: list[NDArray[np.float64]]  # per document, (targets,)
    rows: IntArray  # (N, 2): document and input index, in the order of the files


def score_text(
    loaded: Loaded, documents: Sequence[Document], protocol: Protocol, report: Report
) -> tuple[Lossless, Lossy | str]:
    """Measure both sides of the compression score. `report(stage, done, total)` shows progress.

    Instead of the lossy side, one line says why there is none: the text has fewer eligible
    positions than the protocol asks for, or the model has no single vector per layer and position.
    Raises MeasureError as `score_documents` does.
    """
    encoded, windows = encode_windows(loaded, documents, *protocol.window)
    advance = partial(report, "tokens")
    if (masks := draw_positions(encoded, protocol)) is None:
        passed = run_forward(loaded, encoded, windows, report=advance)
        wrong = f"the text has fewer positions than the {protocol.positions:,} of its protocol"
        return sum_bits(encoded, passed), wrong
    scored: Pass | None = None
    lossy: Lossy | str
    try:
        with closing(LayerFiles(loaded.subject, protocol, protocol.positions)) as files:
            scored = run_forward(loaded, encoded, windows, masks, files, advance)
            lossy = estimate_layers(encoded, scored.rows, files, protocol, report)
    except PlaneError as error:
        lossy = error.message
    passed = scored or run_forward(loaded, encoded, windows, report=advance)
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
    "out_of_memory" when not even one window fits; PlaneError, before anything is scored, when the
    states are not what the files keep.
    """
    nats = [np.full(len(document.targets), np.nan) for document in documents]
    chosen = chosen or [np.zeros(len(document.inputs), dtype=bool) for document in documents]
    rows: list[tuple[int, int]] = []
    head = Head(loaded.model)
    if files is not None:
        head.check_states(files.layers, files.width)
    # Longest first, so that memory fails early.
    left = sorted(windows, key=lambda w: (w.begin - w.end, w.document, w.begin))
    largest = BATCH_TOKENS // loaded.batch_divisor
    done, total = 0, sum(window.end - window.new for window in windows)
    while left:
        batch = next_batch(left, largest)
        try:
            costs, states = _score_batch(head, documents, batch, chosen, files is not None)
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if len(batch) == 1:
                length = batch[0].end - batch[0].begin
                wrong = f"a window of {length} tokens does not fit in memory"
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


def next_batch(windows: Sequence[Window], inputs: int) -> list[Window]:
    """Take the first window and those of its length after it, of so many inputs together."""
    length = windows[0].end - windows[0].begin
    return [w for w in windows[: max(1, inputs // length)] if w.end - w.begin == length]


def _score_batch(
    head: "Head",
    documents: Sequence[Encoded],
    batch: Sequence[Window],
    chosen: Sequence[NDArray[np.bool_]],
    keep_states: bool,
) -> tuple[NDArray[np.float64], list[Tensor]]:
    """Return nats of the windows' new tokens, and every layer's states at the chosen ones."""
    length = batch[0].end - batch[0].begin
    new: list[IntArray] = []  # of the batch's inputs, counted row by row
    kept: list[IntArray] = []
    targets: list[IntArray] = []
    for row, window in enumerate(batch):
        here = np.arange(window.new, window.end)
        place = row * length + here - window.begin
        new.append(place)
        kept.append(place[chosen[window.document][here]])
        targets.append(documents[window.document].targets[here])
    with torch.inference_mode():
        last, states = head.run(_inputs_of(documents, batch), keep_states)
        costs = head.nats(_take(last, new), torch.from_numpy(np.concatenate(targets)))
        for index, layer in enumerate(states):
            states[index] = _take(layer, kept)  # layer by layer, so that few exist twice
        return costs, states


def _take(states: Tensor, places: list[IntArray]) -> Tensor:
    """Return rows of (windows, T, D) at places counted over windows · T."""
    index = torch.from_numpy(np.concatenate(places)).to(states.device)
    return states.flatten(0, 1)[index]


def _inputs_of(documents: Sequence[Encoded], batch: Sequence[Window]) -> Tensor:
    """Return the tokens of windows of one length, (windows, T)."""
    rows = []
    for window in batch:
        document = documents[window.document]
        rows.append(document.inputs[window.begin : window.end])
        if window.begin > 0 and document.restart is not None:
            rows[-1] = np.concatenate([[document.restart], rows[-1][1:]])
    return torch.from_numpy(np.stack(rows))


class Head:
    """From tokens to nats: the model, and its own output layer for a few rows at a time.

    The output layer is given what the model itself gives it, which in some families is not the
    last hidden state. Raises MeasureError for a model that changes its logits in an unknown way.
    """

    def __init__(self, model: Any):
        self.model, self.linear = model, model.get_output_embeddings()
        if getattr(self.linear, "weight", None) is None:
            raise self._refusal("has no output layer that the scorer can use")
        config = model.config.get_text_config()
        caps = (getattr(config, name, None) for name in SOFTCAPS)
        self.softcap = next((cap for cap in caps if cap), None)
        self.vocabulary = self.linear.weight.shape[0]
        self.factor, self.probed = self._probe(config)

    def run(
        self, ids: Tensor, keep_states: bool, logits: list[Tensor] | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the inputs of the output layer, (windows, T, D), and the hidden states if kept.

        Of the model's own logits only the last of each window are made, unless a list is given to
        keep them in. The mask says that there is no padding: without it some models look for a
        padding token.
        """
        inputs: list[Tensor] = []

        def take(_: Any, arguments: tuple[Tensor, ...]) -> tuple[Tensor] | None:
            inputs.append(arguments[0])
            return (arguments[0][:, -1:],) if logits is None else None

        hook = self.linear.register_forward_pre_hook(take)
        try:
            output = self.model(
                input_ids=ids.to(device_of(self.model)),
                attention_mask=torch.ones_like(ids).to(device_of(self.model)),
                output_hidden_states=keep_states,
                use_cache=False,
            )
        except FORWARD_FAULTS as error:
            if is_out_of_memory(error):
                raise
            raise self._refusal(f"fails on a text ({name_error(error)})") from error
        finally:
            hook.remove()
        if len(inputs) != 1 or inputs[0].shape[:-1] != ids.shape:
            raise self._refusal("does not compute all logits at once from one vector each")
        if logits is not None:
            logits.append(output.logits)
        states = getattr(output, "hidden_states", None) if keep_states else None
        return inputs[0], list(states or ())

    def check_states(self, layers: int, width: int) -> None:
        """Refuse hidden states that are not so many layers of vectors. Raises PlaneError."""
        if len(self.probed) != layers:
            wrong = f"gives {len(self.probed)} hidden states for {layers - 1} layers"
            raise PlaneError("architecture", f"{type(self.model).__name__} {wrong}")
        for number, shape in enumerate(self.probed):
            if len(shape) != 3 or shape[-1] != width:
                shown = " × ".join(map(str, shape))
                wrong = f"the hidden states of layer {number} are {shown}, not one vector of"
                raise PlaneError(
                    "architecture", f"{type(self.model).__name__}: {wrong} {width} per position"
                )

    def _refusal(self, wrong: str) -> MeasureError:
        name = type(self.model).__name__
        repair = "report it, so that it can be added"
        return MeasureError("architecture", f"{name} {wrong}; {repair}")

    def transform(self, logits: Tensor, factor: float) -> Tensor:
        logits = logits.float()
        if factor != 1:
            logits = logits * factor
        if self.softcap:
            logits = torch.tanh(logits / self.softcap) * self.softcap
        return logits

    def nats(self, states: Tensor, targets: Tensor) -> NDArray[np.float64]:
        """Return −ln p of the targets under a full softmax in float32, (T,)."""
        # Made beforehand: kept one by one they would lie between the logits and pin their memory.
        nats = torch.empty(len(states), device=states.device)
        for rows, logits, wanted in self._slices(states, targets):
            nats[rows] = torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
        return nats.double().cpu().numpy()

    def answers(
        self, states: Tensor, targets: Tensor
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the nats of the targets, and whether each is the most probable token, (T,)."""
        nats = torch.empty(len(states), device=states.device)
        first = torch.empty(len(states), device=states.device, dtype=torch.bool)
        for rows, logits, wanted in self._slices(states, targets):
            nats[rows] = torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
            first[rows] = logits.argmax(dim=-1) == wanted
        return nats.double().cpu().numpy(), first.cpu().numpy()

    def _slices(self, states: Tensor, targets: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Yield some rows at a time with their logits in float32 and their targets."""
        step = max(LOGIT_ROWS, LOGIT_ELEMENTS // self.vocabulary)
        few = max(1, PRECISE_ELEMENTS // self.vocabulary)
        with self._whole_layer() as layer:
            for begin in range(0, len(states), step):
                logits = layer(states[begin : begin + step])
                wanted = targets[begin : begin + step].to(logits.device)
                for at in range(0, len(logits), few):
                    rows = slice(begin + at, min(begin + at + few, begin + len(logits)))
                    part = self.transform(logits[at : at + few], self.factor)
                    yield rows, part, wanted[at : at + few]

    @contextmanager
    def _whole_layer(self) -> Iterator[Callable[[Tensor], Tensor]]:
        """Give the output layer, whose weights on a disk are read once and not for every slice."""
        if not has_offloaded_params(self.linear):
            yield self.linear
            return
        device, plain = self.linear._hf_hook.execution_device, self.linear._old_forward
        with align_module_device(self.linear):
            yield lambda rows: plain(rows.to(device))

    @contextmanager
    def making_last_logits(self) -> Iterator[None]:
        """Have the model make logits of the last position alone, which generation needs."""
        hook = self.linear.register_forward_pre_hook(lambda _, given: (given[0][:, -1:],))
        try:
            yield
        finally:
            hook.remove()

    def _probe(self, config: Any) -> tuple[float, list[torch.Size]]:
        """Find what the model multiplies its logits by: of the possible factors the best fit.

        Returns the shapes of the hidden states as well. Refuses a model that changes its logits
        after the output layer in another way. Rounding of the logits in a fast format is allowed.
        """
        ids = torch.arange(1, 1 + PROBED_TOKENS).unsqueeze(0) % self.vocabulary
        kept: list[Tensor] = []
        with torch.inference_mode():
            last, states = self.run(ids, True, kept)
            shapes = [state.shape for state in states]
            theirs = kept[0][0].float()
            if not torch.isfinite(theirs).all():
                return 1.0, shapes  # reported with the document's name when the text is scored
            ours, errors = self.linear(last[0]), {}
            if theirs.shape != ours.shape:
                raise self._refusal("has logits of another shape than its output layer")
            for factor in _factors(config):
                difference = self.transform(ours, factor).log_softmax(-1) - theirs.log_softmax(-1)
                errors[factor] = float(difference.abs().max())
            rounding = 4 * torch.finfo(ours.dtype).eps * float(theirs.abs().max())
        best = min(errors, key=lambda factor: errors[factor])
        if errors[best] > GUARD_NATS + rounding:
            raise self._refusal("transforms its logits in a way that the scorer does not know")
        return best, shapes


def _factors(config: Any) -> list[float]:
    """Return the factors of the logits that a configuration may mean.

    Families differ in the name, and multiply (Cohere, Falcon H1) or divide by it (Granite).
    """
    factors = [1.0]
    for name in ("logit_scale", "logits_scaling", "lm_head_multiplier"):
        if value := getattr(config, name, None):
            factors += [float(value), 1 / float(value)]
    return factors
