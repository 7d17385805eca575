"""One forward pass that feeds both sides, and the temporary files that hold every layer.

Of each position either its direction ẑ or its soft assignments to all seeds' anchors is kept,
whichever is smaller, as float16 (this moves the information by less than 1e-6), with ordinary
writes: a memory map would keep its pages resident. A sample of the directions serves the
effective rank.

Every token is new in exactly one window; there it is scored, and there its hidden states are
taken. Logits are made for some rows at a time, so that those of a vocabulary of 262,144 words
never stand in memory for a whole window. Where memory runs out, the batch is halved.
"""

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from compression_leaderboard.measure.information import assign, normalise
from compression_leaderboard.measure.record import MeasureError
from compression_leaderboard.measure.tokens import Encoded, IntArray, Window

SAMPLE_POSITIONS = 2048  # for the effective rank, at most
CHUNK_POSITIONS = 4096
BYTES_PER_NUMBER = 2  # float16


class LayerFiles:
    """Rows of `layers` layers for `positions` positions in the order in which they are appended.

    anchors: (S · B, D), float32; bins: B. Raises MeasureError("disk") when the folder lacks space.
    """

    def __init__(
        self, folder: Path, layers: int, positions: int, anchors: Tensor, bins: int, scale: float
    ):
        self.layers, self.positions, self.bins, self.scale = layers, positions, bins, scale
        self.anchors = anchors
        self.width = anchors.shape[1]
        self.keeps_directions = self.width <= len(anchors)
        self.columns = min(self.width, len(anchors))
        self.step = -(-positions // SAMPLE_POSITIONS)
        self._check_space(folder)
        self._rows = [folder / f"layer-{k}.f16" for k in range(layers)]
        self._sample = [folder / f"sample-{k}.f16" for k in range(layers)]
        self._open: list[tuple[BinaryIO, BinaryIO]] = []
        self._appended = 0

    @property
    def bytes(self) -> int:
        """Room that all files take when every position is appended."""
        rows = self.positions * self.columns + len(range(0, self.positions, self.step)) * self.width
        return BYTES_PER_NUMBER * self.layers * rows

    def _check_space(self, folder: Path) -> None:
        free = shutil.disk_usage(folder).free
        if self.bytes > free:
            wrong = f"hidden states need {self.bytes / 1e9:.1f} GB of temporary files"
            repair = f"{folder.parent} has {free / 1e9:.1f} GB; set TMPDIR to a larger disk"
            raise MeasureError("disk", f"{wrong}; {repair}")

    def __enter__(self) -> "LayerFiles":
        self._open = [
            (rows.open("wb"), sample.open("wb"))
            for rows, sample in zip(self._rows, self._sample, strict=True)
        ]
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """No more rows follow; what is there can be read."""
        for files in self._open:
            for file in files:
                file.close()

    def append(self, states: list[Tensor]) -> None:
        """Keep hidden states of some positions: for each layer (positions, D)."""
        sampled = torch.arange(-self._appended % self.step, len(states[0]), self.step)
        for (rows, sample), layer in zip(self._open, states, strict=True):
            directions = normalise(layer.float())
            kept = directions if self.keeps_directions else self._assign(directions)
            rows.write(_bytes_of(kept.flatten(1)))
            sample.write(_bytes_of(directions[sampled.to(directions.device)]))
        self._appended += len(states[0])

    def _assign(self, directions: Tensor) -> Tensor:
        anchors = self.anchors.to(directions.device)
        return assign(directions, anchors, self.scale, self.bins)

    def read_assignments(self, layer: int) -> Tensor:
        """Soft assignments of one layer, (S, N, B) float16."""
        seeds = len(self.anchors) // self.bins
        found = torch.empty((seeds, self.positions, self.bins), dtype=torch.float16)
        with self._rows[layer].open("rb") as file:
            for begin in range(0, self.positions, CHUNK_POSITIONS):
                count = min(CHUNK_POSITIONS, self.positions - begin)
                read = np.fromfile(file, np.float16, count * self.columns)
                rows = torch.from_numpy(read).view(count, self.columns)
                if self.keeps_directions:
                    rows = self._assign(rows.float())
                by_seed = rows.view(count, seeds, self.bins).transpose(0, 1)
                found[:, begin : begin + count] = by_seed
        return found

    def read_sample(self, layer: int) -> Tensor:
        """Directions of at most 2,048 positions spread over all of them, (n, D) float32."""
        read = np.fromfile(self._sample[layer], np.float16)
        return torch.from_numpy(read).view(-1, self.width).float()


def _bytes_of(rows: Tensor) -> bytes:
    kept: NDArray[np.float16] = rows.half().cpu().numpy()
    return kept.tobytes()


LOGIT_ELEMENTS = 8_000_000  # at most this many logits exist at once,
LOGIT_ROWS = 32  # or those of this many rows
BATCH_TOKENS = 4096  # inputs per forward pass, padding included


@dataclass(frozen=True)
class Pass:
    """What the forward pass leaves beside the layers' files."""

    nats: list[NDArray[np.float64]]  # per document, (targets,)
    rows: IntArray  # (N, 2): document and input index, in the order of the files


def run_forward(
    model: Any,
    documents: Sequence[Encoded],
    windows: Iterable[Window],
    chosen: Sequence[NDArray[np.bool_]],
    files: LayerFiles | None,
    report: Callable[[int], None],
    batch_divisor: int = 1,
) -> Pass:
    """Score every new token of every window; keep every layer's states at the chosen inputs.

    chosen: per document, (inputs,) mask. report: called with the number of tokens just scored.
    batch_divisor: batches begin at this fraction of their usual size.
    Raises MeasureError: "nan" when the model's output is not finite, "out_of_memory" when not even
    one window fits.
    """
    nats = [np.full(len(document.targets), np.nan) for document in documents]
    rows: list[tuple[int, int]] = []
    head = _Head(model)
    # Windows of like length together, longest first: little padding, and memory fails early.
    left = sorted(windows, key=lambda w: (w.begin - w.end, w.document, w.begin))
    largest = BATCH_TOKENS // batch_divisor
    while left:
        size = max(1, largest // (left[0].end - left[0].begin))
        batch = left[:size]
        try:
            scored = _score_batch(model, head, documents, batch, chosen)
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if len(batch) == 1:
                wrong = f"a window of {batch[0].end - batch[0].begin} tokens does not fit in memory"
                repair = "measure on a machine with more"
                raise MeasureError("out_of_memory", f"{wrong}; {repair}") from error
            largest //= 2
            continue
        left = left[size:]
        found, states = scored
        for window in batch:
            new = window.end - window.new
            nats[window.document][window.new : window.end], found = found[:new], found[new:]
            places = np.flatnonzero(chosen[window.document][window.new : window.end])
            rows += [(window.document, window.new + place) for place in places.tolist()]
            report(new)
        if files is not None:
            files.append(states)
        states.clear()  # the next batch needs the room
    for document, values in zip(documents, nats, strict=True):
        if not np.isfinite(values).all():
            wrong = f"{document.document.name}: the model's output is not a finite number"
            raise MeasureError("nan", f"{wrong}; the weights or the dtype are broken")
    return Pass(nats, np.array(rows, dtype=np.int64).reshape(-1, 2))


def is_out_of_memory(error: Exception) -> bool:
    """CUDA has an error of its own; that of a CPU is known by its words alone."""
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))


def _score_batch(
    model: Any,
    head: "_Head",
    documents: Sequence[Encoded],
    batch: list[Window],
    chosen: Sequence[NDArray[np.bool_]],
) -> tuple[NDArray[np.float64], list[Tensor]]:
    """Nats of the windows' new tokens, and every layer's states at the chosen ones, in order."""
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
        scored = _take(states[-1], new)
        found = head.nats(scored, torch.from_numpy(np.concatenate(targets)))
        for index, layer in enumerate(states):
            states[index] = _take(layer, kept)  # layer by layer, so that few exist twice
        return found, states


def _take(states: Tensor, places: list[IntArray]) -> Tensor:
    """Rows of (windows, T, D) at places counted over windows · T."""
    index = torch.from_numpy(np.concatenate(places)).to(states.device)
    return states.flatten(0, 1)[index]


def _hidden_states(model: Any, documents: Sequence[Encoded], batch: list[Window]) -> list[Tensor]:
    """Embedding and every layer, (T, D) by window and padded on the right, float32 later."""
    longest = max(window.end - window.begin for window in batch)
    ids = torch.zeros((len(batch), longest), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, window in enumerate(batch):
        length = window.end - window.begin
        ids[row, :length] = torch.from_numpy(
            documents[window.document].inputs[window.begin : window.end]
        )
        mask[row, :length] = 1
    output = model(
        input_ids=ids.to(model.device),
        attention_mask=mask.to(model.device),
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

    def logits(self, states: Tensor, factor: float) -> Tensor:
        logits: Tensor = self.linear(states).float()
        if factor != 1:
            logits = logits * factor
        if self.softcap:
            logits = torch.tanh(logits / self.softcap) * self.softcap
        return logits

    def nats(self, states: Tensor, targets: Tensor) -> NDArray[np.float64]:
        """−ln p of the targets under a full softmax in float32, (T,)."""
        step = max(LOGIT_ROWS, LOGIT_ELEMENTS // self.vocabulary)
        # Made beforehand: kept one by one they would lie between the logits and pin their memory.
        found = torch.empty(len(states), device=states.device)
        for begin in range(0, len(states), step):
            logits = self.logits(states[begin : begin + step], self.factor)
            wanted = targets[begin : begin + step].to(logits.device)
            found[begin : begin + step] = torch.nn.functional.cross_entropy(
                logits, wanted, reduction="none"
            )
        return found.double().cpu().numpy()

    def _find_factor(self, model: Any, config: Any) -> float:
        """What the model multiplies its logits by: of those it may mean, the one that fits best.

        Refuses a model that changes its logits after the output layer in another way.
        """
        ids = torch.arange(1, 9, device=model.device).unsqueeze(0) % self.vocabulary
        with torch.inference_mode():
            output = model(input_ids=ids, output_hidden_states=True, use_cache=False)
            theirs = output.logits[0].float().log_softmax(dim=-1)
            if not torch.isfinite(theirs).all():
                return 1.0  # reported with the document's name when the text is scored
            errors = {}
            for factor in _factors(config):
                ours = self.logits(output.hidden_states[-1][0], factor).log_softmax(dim=-1)
                errors[factor] = float((ours - theirs).abs().max())
        best = min(errors, key=lambda factor: errors[factor])
        if errors[best] > 0.1:
            name = type(model).__name__
            wrong = f"{name} transforms its logits in a way that the scorer does not know"
            raise MeasureError("architecture", f"{wrong}; report it, so that it can be added")
        return best


def _factors(config: Any) -> list[float]:
    """Factors of the logits that a configuration may mean; families differ in what they call it,
    and whether they multiply (Cohere, Falcon H1) or divide by it (Granite)."""
    found = [1.0]
    for name in ("logit_scale", "logits_scaling", "lm_head_multiplier"):
        if value := getattr(config, name, None):
            found += [float(value), 1 / float(value)]
    return found
