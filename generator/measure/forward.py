"""One forward pass that feeds both sides: nats of every token, directions of chosen positions.

Every token is new in exactly one window; there it is scored, and there its hidden states are
taken. Logits are made for a few hundred rows at a time, so that a vocabulary of 262,144 words
never stands in memory for a whole window. Directions ẑ go to temporary files as float16 (this
moves the information by less than 1e-6) with ordinary writes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.measure.failures import MeasureError
from generator.measure.labels import IntArray
from generator.measure.soft_entropy import normalise
from generator.measure.windows import Encoded, Window

LOGIT_ELEMENTS = 16_000_000  # at most this many logits exist at once
BATCH_TOKENS = 4096  # inputs per forward pass, padding included


@dataclass(frozen=True)
class Pass:
    """What the forward pass leaves: nats per document, and where each analysed row came from."""

    nats: list[NDArray[np.float64]]  # per document, (targets,)
    rows: IntArray  # (N, 2): document and input index, in the order of the files
    layers: list[Path]  # per layer, N × D float16
    width: int


def run_forward(
    model: Any,
    documents: Sequence[Encoded],
    windows: Iterable[Window],
    chosen: Sequence[NDArray[np.bool_]],
    folder: Path,
    report: Callable[[int], None],
) -> Pass:
    """Score every new token of every window; keep ẑ of every layer at the chosen inputs.

    chosen: per document, (inputs,) mask. report: called with the number of tokens just scored.
    Raises MeasureError("nan") when the model's output is not finite.
    """
    nats = [np.full(len(document.targets), np.nan) for document in documents]
    rows: list[tuple[int, int]] = []
    head = _Head(model)
    files: list[Any] = []
    width = 0
    try:
        for batch in _batches(windows):
            with torch.inference_mode():
                states = _hidden_states(model, documents, batch)
                if not files:
                    names = [folder / f"layer-{k}.f16" for k in range(len(states))]
                    files = [name.open("wb") for name in names]
                    width = states[0].shape[-1]
                for row, window in enumerate(batch):
                    document = documents[window.document]
                    new = slice(window.new - window.begin, window.end - window.begin)
                    targets = torch.from_numpy(document.targets[window.new : window.end])
                    found = head.nats(states[-1][row, new], targets)
                    nats[window.document][window.new : window.end] = found
                    mask = chosen[window.document][window.new : window.end]
                    rows += [(window.document, int(i) + window.new) for i in np.flatnonzero(mask)]
                    _append(files, [layer[row, new] for layer in states], mask)
                    report(window.end - window.new)
    finally:
        for file in files:
            file.close()
    for document, values in zip(documents, nats, strict=True):
        if not np.isfinite(values).all():
            wrong = f"{document.document.name}: the model's output is not a finite number"
            raise MeasureError("nan", f"{wrong}; the weights or the dtype are broken")
    places = np.array(rows, dtype=np.int64).reshape(-1, 2)
    return Pass(nats, places, [Path(file.name) for file in files], width)


def _batches(windows: Iterable[Window]) -> Iterator[list[Window]]:
    """Windows of like length together, longest first."""
    batch: list[Window] = []
    for window in sorted(windows, key=lambda w: (w.begin - w.end, w.document, w.begin)):
        longest = batch[0].end - batch[0].begin if batch else 0
        if batch and longest * (len(batch) + 1) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


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


def _append(files: list[Any], layers: list[Tensor], mask: NDArray[np.bool_]) -> None:
    if not mask.any():
        return
    keep = torch.from_numpy(np.flatnonzero(mask))
    for file, layer in zip(files, layers, strict=True):
        directions = normalise(layer[keep.to(layer.device)].float())
        file.write(directions.half().cpu().numpy().tobytes())


class _Head:
    """From last hidden states to nats: the model's own output layer, a few rows at a time."""

    def __init__(self, model: Any):
        self.linear = model.get_output_embeddings()
        config = model.config.get_text_config()
        self.softcap = getattr(config, "final_logit_softcapping", None)
        self.vocabulary = self.linear.weight.shape[0]
        self._compare_with(model)

    def logits(self, states: Tensor) -> Tensor:
        logits: Tensor = self.linear(states).float()
        if self.softcap:
            logits = torch.tanh(logits / self.softcap) * self.softcap
        return logits

    def nats(self, states: Tensor, targets: Tensor) -> NDArray[np.float64]:
        """−ln p of the targets under a full softmax in float32, (T,)."""
        step = max(1, LOGIT_ELEMENTS // self.vocabulary)
        found = []
        for begin in range(0, len(states), step):
            logits = self.logits(states[begin : begin + step])
            wanted = targets[begin : begin + step].to(logits.device)
            found.append(torch.nn.functional.cross_entropy(logits, wanted, reduction="none"))
        return torch.cat(found).double().cpu().numpy()

    def _compare_with(self, model: Any) -> None:
        """Refuse a model that changes its logits after the output layer in a way not known here."""
        ids = torch.arange(1, 9, device=model.device).unsqueeze(0) % self.vocabulary
        with torch.inference_mode():
            output = model(input_ids=ids, output_hidden_states=True, use_cache=False)
            ours = self.logits(output.hidden_states[-1][0]).log_softmax(dim=-1)
            theirs = output.logits[0].float().log_softmax(dim=-1)
        if not torch.isfinite(theirs).all():
            return  # reported with the document's name when the text is scored
        if (ours - theirs).abs().max() > 0.1:
            name = type(model).__name__
            wrong = f"{name} transforms its logits in a way that the scorer does not know"
            raise MeasureError("architecture", f"{wrong}; report it, so that it can be added")
