"""Preference information of a model: what its hidden states at completion tokens tell apart.

Prompt, line end and completion are plain text, without chat template; prompt and completion are
tokenized apart, so that both sides of a pair share the prompt's tokens. Z is the state at the
position where a completion token is the input, the last token included.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.measure.corpora import Document
from generator.measure.failures import MeasureError
from generator.measure.forward import run_forward
from generator.measure.layer_files import LayerFiles
from generator.measure.pairs import DrawnPairs
from generator.measure.preference_information import Swaps, draw_swaps, estimate_preference
from generator.measure.soft_entropy import draw_anchors, solve_scale
from generator.measure.weights import Loaded
from generator.measure.windows import Encoded, Window, start_token
from generator.records.preferences import (
    JACKKNIFE_GROUPS,
    Pair,
    Preference,
    PreferenceLayer,
    PreferenceProtocol,
    PreferenceSet,
)

BLOCK_TOKENS = 16_384  # of completions whose states lie on disk at once


@dataclass(frozen=True)
class Completion:
    """A prompt with one of its completions, as the model reads it."""

    encoded: Encoded
    mask: NDArray[np.bool_]  # (inputs,): completion tokens


def measure_preference(
    loaded: Loaded,
    drawn: DrawnPairs,
    spec: PreferenceSet,
    report: Callable[[str, int, int], None],
) -> Preference:
    """Every layer's estimate. `report(stage, done, total)` shows progress.

    Raises MeasureError for a context shorter than the protocol's longest pair, and when fewer
    pairs than jackknife groups are left.
    """
    protocol = spec.protocol
    if loaded.subject.context_tokens < protocol.longest_tokens:
        raise MeasureError(
            "context",
            f"the model reads {loaded.subject.context_tokens} tokens, the protocol's pairs have "
            f"up to {protocol.longest_tokens}; choose pairs with a lower longest_tokens",
        )
    completions = encode_pairs(drawn.pairs, loaded, protocol.longest_tokens)
    pairs = len(completions) // 2
    if pairs < JACKKNIFE_GROUPS:
        wrong = f"{pairs} pairs are short enough, at least {JACKKNIFE_GROUPS} are needed"
        raise MeasureError("corpus", f"{wrong}; raise protocol.longest_tokens")
    sums, scale = sum_assignments(loaded, completions, protocol, report)
    tokens = torch.tensor([int(c.mask.sum()) for c in completions]).view(-1, 2)
    swaps = draw_swaps(pairs, protocol.swaps, JACKKNIFE_GROUPS, protocol.swap_seed)
    layers = []
    for index, layer in enumerate(sums):
        layers.append(_estimate_layer(index, layer, tokens, swaps))
        report("layers", index + 1, len(sums))
    return Preference(
        sha256=drawn.sha256,
        revision=spec.source.revision,
        protocol=protocol,
        pairs=pairs,
        left_out=drawn.unusable + len(drawn.pairs) - pairs,
        completion_tokens=int(tokens.sum()),
        scale=scale,
        layers=tuple(layers),
    )


def encode_pairs(pairs: Sequence[Pair], loaded: Loaded, longest: int) -> list[Completion]:
    """Chosen and rejected of every pair that fits, one after the other.

    longest: tokens of start token, prompt and completion; a pair with a longer side is left out.
    """
    start = start_token(loaded.tokenizer)[1]
    found = []
    for number, pair in enumerate(pairs, start=1):
        prompt = _tokens(loaded, f"{pair.prompt}\n", f"prompt of pair {number}")
        before = prompt if start is None else [start, *prompt]
        sides = []
        for side, text in (("chosen", pair.chosen), ("rejected", pair.rejected)):
            name = f"{side} of pair {number}"
            sides.append(_complete(Document(name, text), before, _tokens(loaded, text, name)))
        if max(len(side.mask) for side in sides) <= longest:
            found += sides
    return found


def _tokens(loaded: Loaded, text: str, name: str) -> list[int]:
    tokens: list[int] = loaded.tokenizer.encode(text, add_special_tokens=False)
    if not tokens:
        raise MeasureError("tokenizer", f"{name}: the tokenizer makes no token of it; remove it")
    if (largest := max(tokens)) >= loaded.subject.vocabulary:
        wrong = f"{name}: token {largest} is outside the softmax of {loaded.subject.vocabulary}"
        raise MeasureError("tokenizer", f"{wrong}; the tokenizer is not this model's")
    return tokens


def _complete(document: Document, before: list[int], completion: list[int]) -> Completion:
    inputs = np.array(before + completion, dtype=np.int64)
    encoded = Encoded(
        document=document,
        tokens=np.array(completion, dtype=np.int64),
        inputs=inputs,
        targets=np.append(inputs[1:], inputs[-1]),  # nobody reads what the last input predicts
        free_nats=0.0,
        lossless=True,
        ends=None,
    )
    return Completion(encoded, np.arange(len(inputs)) >= len(before))


def sum_assignments(
    loaded: Loaded,
    completions: Sequence[Completion],
    protocol: PreferenceProtocol,
    report: Callable[[str, int, int], None],
) -> tuple[list[Tensor], float]:
    """Per layer the soft assignments summed over each completion, (P, 2, S, B); and the scale.

    The states of one block of completions at a time go to disk and are summed there.
    """
    width, bins, seeds = loaded.subject.width, protocol.bins, protocol.anchor_seeds
    scale = solve_scale(width, bins)
    anchors = draw_anchors(seeds, bins, width).float()
    blocks: list[list[Tensor]] = []
    done = 0
    for block in _blocks(completions):
        encoded = [completion.encoded for completion in block]
        windows = [Window(i, 0, len(e.inputs), 0) for i, e in enumerate(encoded)]
        masks = [completion.mask for completion in block]
        positions, layers = sum(int(mask.sum()) for mask in masks), loaded.subject.layers + 1
        with (
            tempfile.TemporaryDirectory(prefix="leaderboard-") as folder,
            LayerFiles(Path(folder), layers, positions, anchors, bins, scale) as files,
        ):
            passed = run_forward(
                loaded.model, encoded, windows, masks, files, _silent, loaded.batch_divisor
            )
            files.close()
            owners = torch.from_numpy(passed.rows[:, 0])
            sums = torch.zeros(len(block), len(seeds), bins)
            blocks.append(
                [
                    sums.index_add(0, owners, files.read_assignments(k).transpose(0, 1).float())
                    for k in range(layers)
                ]
            )
        done += len(block)
        report("completions", done, len(completions))
    joined = [torch.cat(parts) for parts in zip(*blocks, strict=True)]
    return [layer.view(-1, 2, len(seeds), bins) for layer in joined], scale


def _blocks(completions: Sequence[Completion]) -> Iterator[list[Completion]]:
    block: list[Completion] = []
    tokens = 0
    for completion in completions:
        if block and tokens + len(completion.mask) > BLOCK_TOKENS:
            yield block
            block, tokens = [], 0
        block.append(completion)
        tokens += len(completion.mask)
    if block:
        yield block


def _estimate_layer(index: int, sums: Tensor, tokens: Tensor, swaps: Swaps) -> PreferenceLayer:
    found = estimate_preference(sums.double(), tokens, swaps)
    return PreferenceLayer(
        layer=index,
        plug_in=_stored(found.plug_in),
        null=_stored(found.null),
        null_deviation=_stored(found.null_deviation),
        replicates=_stored(found.replicates),
    )


def _stored(values: Tensor) -> tuple[float, ...]:
    """Nine significant digits: more than float32 holds, and shorter records."""
    return tuple(float(f"{value:.9g}") for value in values.tolist())


def _silent(tokens: int) -> None:
    """Progress is told by completions."""
