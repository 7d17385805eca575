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
import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from compression_leaderboard.measure.documents import (
    Document,
    Encoded,
    IntArray,
    Window,
    cut_batches,
    put_start,
    spread_evenly,
    tokenize,
)
from compression_leaderboard.measure.information import round_stored, solve_scale
from compression_leaderboard.measure.machine import MeasureError, Report
from compression_leaderboard.measure.plane import LayerFiles
from compression_leaderboard.measure.text import run_forward
from compression_leaderboard.measure.weights import Loaded
from compression_leaderboard.records.corpora import (
    JACKKNIFE_GROUPS,
    Pair,
    PreferenceProtocol,
    PreferenceSet,
)
from compression_leaderboard.records.plane import Preference, PreferenceLayer
from compression_leaderboard.repository.specs import read_pairs
from compression_leaderboard.wording import counted

BLOCK_TOKENS = 16_384  # of completions whose states are on disk at once


@dataclass(frozen=True)
class DrawnPairs:
    """Pairs spread evenly over their source, before any is too long for a tokenizer."""

    pairs: list[Pair]
    sha256: str
    unusable: int  # drawn rows of a dataset with an empty completion, or with two equal ones


def draw_pairs(spec: PreferenceSet, root: Path) -> DrawnPairs:
    """Draw the same pairs for every model. Raises MeasureError when a byte or a line is wrong."""
    if spec.source.hub is not None:
        rows = load_rows(spec.source.hub, spec.source.split or "", spec.source.revision)
        return draw_rows(rows, spec)
    pairs, problems = read_pairs(root, spec)
    if problems:
        raise MeasureError("corpus", "\n".join(map(str, problems)))
    drawn = spread_evenly(pairs, spec.protocol.pairs, spec.source.path or "", "pairs")
    return DrawnPairs(drawn, spec.sha256 or "", 0)


def load_rows(dataset: str, split: str, revision: str | None) -> Sequence[dict[str, Any]]:
    """Load the rows of a dataset on the Hub, or in a local folder."""
    from datasets import load_dataset

    rows: Sequence[dict[str, Any]] = load_dataset(dataset, split=split, revision=revision)
    return rows


def draw_rows(rows: Sequence[dict[str, Any]], spec: PreferenceSet) -> DrawnPairs:
    """Draw pairs of a dataset's rows: prompt, chosen and rejected, texts or lists of messages."""
    drawn = spread_evenly(rows, spec.protocol.pairs, spec.source.hub or "", "pairs")
    pairs = [pair for row in drawn if (pair := _as_pair(row)) is not None]
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


def _as_pair(row: dict[str, Any]) -> Pair | None:
    """Make a pair; a conversation's last message is the completion, all before it the prompt."""
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
    """Draw swaps with numpy: equal on every device, the same for all layers and replicates."""
    generator = np.random.default_rng(seed)
    signs = np.ones((swaps + 1, pairs))
    signs[1:] = generator.choice([-1.0, 1.0], (swaps, pairs))
    return Swaps(torch.from_numpy(signs), generator.permutation(pairs) % groups)


def estimate_preference(sums: Tensor, tokens: Tensor, swaps: Swaps) -> PreferenceEstimate:
    """Return plug-in, null and jackknife replicates of one layer, each with its own null.

    sums: (P, 2, S, B) float64, assignments summed over the tokens of chosen and rejected.
    tokens: (P, 2), their numbers.
    """
    seeds, bins = sums.shape[2:]
    counts = tokens.to(sums.dtype)
    total = torch.cat([sums.sum(dim=1).flatten(1), counts.sum(dim=1, keepdim=True)], dim=1)
    difference = torch.cat([(sums[:, 0] - sums[:, 1]).flatten(1), counts[:, :1] - counts[:, 1:]], 1)
    grouped = []
    for group in range(int(swaps.groups.max()) + 1):
        members = torch.from_numpy(np.flatnonzero(swaps.groups == group))
        grouped.append((total[members].sum(dim=0), swaps.signs[:, members] @ difference[members]))
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
    """Return the plug-in information of a binary label for every row of signs, (K + 1, S).

    total: (S · B + 1,), sums of both labels and their tokens; signed: (K + 1, S · B + 1), those
    of the first label less those of the second.
    """
    information = _entropy_of_sums(total.unsqueeze(0), seeds, bins)
    for label in ((total + signed) / 2, (total - signed) / 2):
        share = label[:, -1:] / total[-1]
        information = information - share * _entropy_of_sums(label, seeds, bins)
    return information


def _entropy_of_sums(sums: Tensor, seeds: int, bins: int) -> Tensor:
    """Return H of the mean assignment, (rows, S), from sums (rows, S · B + 1), the count last.

    Differences of sums may fall below 0 by rounding; a label of no token has the weight 0.
    """
    means = sums[:, :-1].clamp_min(0) / sums[:, -1:].clamp_min(1)
    entropy: Tensor = torch.special.entr(means.view(len(sums), seeds, bins)).sum(dim=-1)
    return entropy / math.log(bins)


def measure_preference(
    loaded: Loaded, drawn: DrawnPairs, spec: PreferenceSet, report: Report
) -> Preference:
    """Estimate every layer. `report(stage, done, total)` shows progress.

    Raises MeasureError for a context shorter than the protocol's longest pair, and when fewer
    pairs than jackknife groups are left.
    """
    protocol = spec.protocol
    if (context := loaded.window(protocol.longest_tokens)) < protocol.longest_tokens:
        raise MeasureError(
            "context",
            f"the model reads {context} tokens, the protocol's pairs have up to "
            f"{protocol.longest_tokens}; choose pairs with a lower longest_tokens",
        )
    completions = encode_pairs(drawn.pairs, loaded, protocol.longest_tokens)
    pairs = len(completions) // 2
    if pairs < JACKKNIFE_GROUPS:
        wrong = f"{counted(pairs, 'pair is', 'pairs are')} short enough"
        wrong += f", at least {JACKKNIFE_GROUPS} are needed"
        raise MeasureError("corpus", f"{wrong}; raise protocol.longest_tokens")
    sums = sum_assignments(loaded, completions, protocol, report)
    tokens = torch.tensor([len(completion.tokens) for completion in completions]).view(-1, 2)
    swaps = draw_swaps(pairs, protocol.swaps, JACKKNIFE_GROUPS, protocol.swap_seed)
    layers = []
    for index, layer in enumerate(sums):
        estimate = estimate_preference(layer.double(), tokens, swaps)
        rounded = {name: round_stored(values.tolist()) for name, values in vars(estimate).items()}
        layers.append(PreferenceLayer(layer=index, **rounded))
        report("layers", index + 1, len(sums))
    return Preference(
        sha256=drawn.sha256,
        revision=spec.source.revision,
        protocol=protocol,
        pairs=pairs,
        left_out=drawn.unusable + len(drawn.pairs) - pairs,
        completion_tokens=int(tokens.sum()),
        scale=solve_scale(loaded.subject.width, protocol.bins),
        layers=tuple(layers),
    )


def encode_pairs(pairs: Sequence[Pair], loaded: Loaded, longest: int) -> list[Encoded]:
    """Encode chosen and rejected of every pair that fits, one after the other.

    longest: tokens of start token, prompt and completion; a pair with a longer side is left out.
    """
    completions = []
    for number, pair in enumerate(pairs, start=1):
        prompt = tokenize(f"{pair.prompt}\n", f"prompt of pair {number}", loaded)
        sides = []
        for side, text in (("chosen", pair.chosen), ("rejected", pair.rejected)):
            document = Document(f"{side} of pair {number}", text)
            tokens = tokenize(text, document.name, loaded)
            # One more token at the end, so that the last one of the completion is an input too.
            whole = np.concatenate([prompt, tokens, tokens[-1:]])
            side_read = put_start(loaded.start, document, whole, loaded.subject.vocabulary)
            sides.append(replace(side_read, tokens=tokens))
        if max(len(side.inputs) for side in sides) <= longest:
            completions += sides
    return completions


def sum_assignments(
    loaded: Loaded, completions: Sequence[Encoded], protocol: PreferenceProtocol, report: Report
) -> list[Tensor]:
    """Sum each layer's soft assignments over each completion, (P, 2, S, B).

    The states of one block of completions at a time go to disk and are summed there.
    """
    seeds = len(protocol.anchor_seeds)
    blocks: list[list[Tensor]] = []
    done = 0
    for block in cut_batches(completions, lambda encoded: len(encoded.inputs), BLOCK_TOKENS):
        windows = [Window(i, 0, len(encoded.inputs), 0) for i, encoded in enumerate(block)]
        masks = [np.arange(len(e.inputs)) >= len(e.inputs) - len(e.tokens) for e in block]
        positions = sum(len(encoded.tokens) for encoded in block)
        with closing(LayerFiles(loaded.subject, protocol, positions)) as files:
            passed = run_forward(loaded, block, windows, masks, files)
            owners = torch.from_numpy(passed.rows[:, 0])
            none = torch.zeros(len(block), protocol.bins)
            blocks.append(
                [
                    torch.stack(
                        [none.index_add(0, owners, seed) for seed in files.read_assignments(k)],
                        dim=1,
                    )
                    for k in range(files.layers)
                ]
            )
        done += len(block)
        report("completions", done, len(completions))
    joined = [torch.cat(parts) for parts in zip(*blocks, strict=True)]
    return [layer.view(-1, 2, seeds, protocol.bins) for layer in joined]
