"""Preference information of a model: what its hidden states at completion tokens tell apart.

All tokens of a completion share its label and much else (topic, style), so the null cannot
shuffle tokens: it swaps the two labels of a pair at random, whole completions at a time. Swapping
pair i turns the sign of the difference of its sums, so that all swaps are one matrix product.
Shapes: P pairs, K swaps, S anchor seeds, B bins, G groups of pairs. Units: ln(B).

Prompt, line end and completion are plain text, without chat template; prompt and completion are
tokenized apart, so that both sides of a pair share the prompt's tokens. Z is the state at the
position where a completion token is the input, the last token included.
"""

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from compression_leaderboard.measure.corpora import Document
from compression_leaderboard.measure.forward import LayerFiles, run_forward
from compression_leaderboard.measure.information import (
    draw_anchors,
    normalised_entropy,
    round_stored,
    solve_scale,
)
from compression_leaderboard.measure.record import MeasureError, Report
from compression_leaderboard.measure.tokens import (
    Encoded,
    IntArray,
    Window,
    cut_batches,
    start_token,
)
from compression_leaderboard.measure.weights import Loaded
from compression_leaderboard.records.corpora import (
    JACKKNIFE_GROUPS,
    Pair,
    PreferenceProtocol,
    PreferenceSet,
)
from compression_leaderboard.records.plane import Preference, PreferenceLayer
from compression_leaderboard.repository.specs import read_pairs

T = TypeVar("T")
BLOCK_TOKENS = 16_384  # of completions whose states are on disk at once


@dataclass(frozen=True)
class DrawnPairs:
    """Pairs spread evenly over their source, before any is found too long for a tokenizer."""

    pairs: list[Pair]
    sha256: str
    unusable: int  # drawn rows of a dataset with an empty completion, or with two equal ones


def draw_pairs(spec: PreferenceSet, root: Path) -> DrawnPairs:
    """The same pairs for every model. Raises MeasureError when a byte or a line is wrong."""
    if spec.source.path is not None:
        pairs, problems = read_pairs(root, spec)
        if problems:
            raise MeasureError("corpus", "\n".join(map(str, problems)))
        return DrawnPairs(_spread(pairs, spec), spec.sha256 or "", 0)
    rows = load_rows(spec.source.hub or "", spec.source.split or "", spec.source.revision)
    return draw_rows(rows, spec)


def load_rows(dataset: str, split: str, revision: str | None) -> Sequence[dict[str, Any]]:
    """Rows of a dataset on the Hub, or in a local folder."""
    from datasets import load_dataset

    rows: Sequence[dict[str, Any]] = load_dataset(dataset, split=split, revision=revision)
    return rows


def draw_rows(rows: Sequence[dict[str, Any]], spec: PreferenceSet) -> DrawnPairs:
    """Pairs of a dataset's rows: prompt, chosen and rejected as texts or as lists of messages."""
    drawn = [_as_pair(row) for row in _spread(rows, spec)]
    pairs = [pair for pair in drawn if pair is not None]
    lines = "".join(
        json.dumps(pair.model_dump(), ensure_ascii=False, sort_keys=True) + "\n" for pair in pairs
    )
    digest = hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()
    if spec.sha256 not in (None, digest):
        raise MeasureError(
            "corpus",
            f"runs/corpora/{spec.name}.toml: sha256: the drawn pairs have the hash {digest}, the "
            f"file says {spec.sha256}; check source.revision, or write the new hash",
        )
    return DrawnPairs(pairs, digest, len(drawn) - len(pairs))


def _spread(items: Sequence[T], spec: PreferenceSet) -> list[T]:
    wanted = spec.protocol.pairs
    if len(items) < wanted:
        source = spec.source.path or spec.source.hub
        wrong = f"{source} holds {len(items)} pairs, {wanted} are asked for"
        raise MeasureError("corpus", f"{wrong}; lower protocol.pairs")
    return [items[index * len(items) // wanted] for index in range(wanted)]


def _as_pair(row: dict[str, Any]) -> Pair | None:
    """Of a conversation, the last message is the completion and all before it the prompt."""
    chosen, rejected, prompt = row["chosen"], row["rejected"], row.get("prompt")
    if isinstance(chosen, list):
        prompt = "\n".join(message["content"] for message in chosen[:-1])
        chosen, rejected = chosen[-1]["content"], rejected[-1]["content"]
    try:
        return Pair.model_validate({"prompt": prompt, "chosen": chosen, "rejected": rejected})
    except ValidationError:
        return None


@dataclass(frozen=True)
class Swaps:
    """Random labels within pairs, and the groups that the jackknife leaves out one at a time."""

    signs: Tensor  # (K + 1, P): the first row is +1, the labels as they are; −1: swapped
    groups: IntArray  # (P,): of 0 … G − 1, in random order, sizes equal but for one


@dataclass(frozen=True)
class PreferenceEstimate:
    """One layer's estimate: one number per anchor seed, (S,); replicates (G,) over seeds."""

    plug_in: Tensor
    null: Tensor
    null_deviation: Tensor
    replicates: Tensor  # plug_in − null, mean over seeds, without one group of pairs


def draw_swaps(pairs: int, swaps: int, groups: int, seed: int) -> Swaps:
    """Drawn by numpy, so equal on every device; the same ones serve all layers and replicates."""
    generator = np.random.default_rng(seed)
    signs = np.ones((swaps + 1, pairs))
    signs[1:] = generator.choice([-1.0, 1.0], (swaps, pairs))
    return Swaps(torch.from_numpy(signs), generator.permutation(pairs) % groups)


def estimate_preference(sums: Tensor, tokens: Tensor, swaps: Swaps) -> PreferenceEstimate:
    """Plug-in, null and jackknife replicates of one layer; every replicate has a null of its own.

    sums: (P, 2, S, B) float64, assignments summed over the tokens of chosen and rejected.
    tokens: (P, 2), their numbers.
    """
    seeds, bins = sums.shape[2:]
    counts = tokens.to(sums.dtype)
    total = torch.cat([sums.sum(dim=1).flatten(1), counts.sum(dim=1, keepdim=True)], dim=1)
    difference = torch.cat([(sums[:, 0] - sums[:, 1]).flatten(1), counts[:, :1] - counts[:, 1:]], 1)
    grouped = []
    for group in range(int(swaps.groups.max()) + 1):
        own = torch.from_numpy(np.flatnonzero(swaps.groups == group))
        grouped.append((total[own].sum(dim=0), swaps.signs[:, own] @ difference[own]))
    totals, signed = (torch.stack(part) for part in zip(*grouped, strict=True))
    whole = _information(totals.sum(dim=0), signed.sum(dim=0), seeds, bins)
    replicates = []
    for group in range(len(totals)):
        rest_total = totals.sum(dim=0) - totals[group]
        rest = _information(rest_total, signed.sum(dim=0) - signed[group], seeds, bins)
        replicates.append((rest[0] - rest[1:].mean(dim=0)).mean())
    return PreferenceEstimate(
        plug_in=whole[0],
        null=whole[1:].mean(dim=0),
        null_deviation=whole[1:].std(dim=0),
        replicates=torch.stack(replicates),
    )


def _information(total: Tensor, signed: Tensor, seeds: int, bins: int) -> Tensor:
    """Plug-in information of a binary label for every row of signs, (K + 1, S).

    total: (S · B + 1,), sums of both labels and their tokens; signed: (K + 1, S · B + 1), those
    of the first label less those of the second.
    """
    found = _entropy_of_sums(total.unsqueeze(0), seeds, bins)
    for label in ((total + signed) / 2, (total - signed) / 2):
        share = label[:, -1:] / total[-1]
        found = found - share * _entropy_of_sums(label, seeds, bins)
    return found


def _entropy_of_sums(sums: Tensor, seeds: int, bins: int) -> Tensor:
    """H of the mean assignment, (rows, S), from sums (rows, S · B + 1) with the count last.

    Differences of sums may fall below 0 by rounding; a label of no token has the weight 0.
    """
    means = sums[:, :-1].clamp_min(0) / sums[:, -1:].clamp_min(1)
    return normalised_entropy(means.view(len(sums), seeds, bins))


@dataclass(frozen=True)
class Completion:
    """A prompt with one of its completions, as the model reads it."""

    encoded: Encoded
    mask: NDArray[np.bool_]  # (inputs,): completion tokens


def measure_preference(
    loaded: Loaded,
    drawn: DrawnPairs,
    spec: PreferenceSet,
    report: Report,
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
    report: Report,
) -> tuple[list[Tensor], float]:
    """Per layer the soft assignments summed over each completion, (P, 2, S, B); and the scale.

    The states of one block of completions at a time go to disk and are summed there.
    """
    width, bins, seeds = loaded.subject.width, protocol.bins, protocol.anchor_seeds
    scale = solve_scale(width, bins)
    anchors = draw_anchors(seeds, bins, width).float()
    blocks: list[list[Tensor]] = []
    done = 0
    for block in cut_batches(completions, lambda c: len(c.mask), BLOCK_TOKENS):
        encoded = [completion.encoded for completion in block]
        windows = [Window(i, 0, len(e.inputs), 0) for i, e in enumerate(encoded)]
        masks = [completion.mask for completion in block]
        positions, layers = sum(int(mask.sum()) for mask in masks), loaded.subject.layers + 1
        with (
            tempfile.TemporaryDirectory(prefix="leaderboard-") as folder,
            LayerFiles(Path(folder), layers, positions, anchors, bins, scale) as files,
        ):
            passed = run_forward(
                loaded.model, encoded, windows, masks, files, lambda _: None, loaded.batch_divisor
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


def _estimate_layer(index: int, sums: Tensor, tokens: Tensor, swaps: Swaps) -> PreferenceLayer:
    found = estimate_preference(sums.double(), tokens, swaps)
    return PreferenceLayer(
        layer=index,
        plug_in=round_stored(found.plug_in.tolist()),
        null=round_stored(found.null.tolist()),
        null_deviation=round_stored(found.null_deviation.tolist()),
        replicates=round_stored(found.replicates.tolist()),
    )
