"""I(Z; preferred or rejected) from sums of soft assignments over completions.

All tokens of a completion share its label and much else (topic, style), so the null cannot
shuffle tokens: it swaps the two labels of a pair at random, whole completions at a time. Swapping
pair i turns the sign of the difference of its sums, so that all swaps are one matrix product.
Shapes: P pairs, K swaps, S anchor seeds, B bins, G groups of pairs. Units: ln(B).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from generator.measure.labels import IntArray
from generator.measure.soft_entropy import normalised_entropy


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
