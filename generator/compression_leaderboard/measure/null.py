"""The information that labels would have if they were independent of Z: the plug-in's bias.
Labels seen few times make the plug-in too large. `null` is its expectation for labels of the same
counts dealt at random, so that corrected = plug_in − null. A label of c positions loses
H(Z) − H(mean of c rows drawn without replacement):
    (N − c)/(N − 1) · quadratic/c  +  beyond(c)/c²,
the first part known exactly, the second simulated on the layer's own assignments at a few counts,
interpolated between them and constant above. A single row loses the ceiling, exactly.

For a part of the positions (one group left out, or a share of the text) all is taken anew but the
simulated part, which is scaled by the exact one of single rows.
Known gap: `deviation` treats the losses of labels as independent but for their exact sum over rows.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from compression_leaderboard.measure.information import FloatArray, Moments, entropies
from compression_leaderboard.measure.labels import Labels
from compression_leaderboard.measure.tokens import IntArray

SIMULATED_COUNTS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64)
SHUFFLES = 2
SIMULATED_ROWS = 20_000  # of a shuffle, at most


@dataclass(frozen=True)
class Null:
    """What the mean of c rows loses beyond second order, by count c; one anchor seed."""

    beyond: FloatArray  # (C,): c² · mean
    error: FloatArray  # (C,): c² · its Monte Carlo standard error
    slope: FloatArray  # (C,): of the loss of c rows on the mean loss of the single rows
    rest: FloatArray  # (C,): c² · variance of the loss about that line
    row_variance: float  # of the loss of single rows


@dataclass(frozen=True)
class Weights:
    """How a set of labels weighs the losses by count: the null is linear in them."""

    inverse: FloatArray  # (parts,): weight of `quadratic`
    beyond: FloatArray  # (parts, C)
    rest: FloatArray  # (C,), all positions
    slope: FloatArray  # (C, C): quadratic form, all positions


def simulated_counts(positions: int) -> IntArray:
    """The counts c at which losses are known; 2c ≤ N, so that draws differ."""
    return np.array([1] + [c for c in SIMULATED_COUNTS if 2 * c <= positions])


def simulate_null(assignments: Tensor, rows: Tensor, moments: Moments, seed: int = 0) -> Null:
    """Tabulate the losses of one seed's assignments (N, B); rows: H(A) of each, (N,).

    The second-order loss is known, so it serves as a control variate of the simulated one.
    """
    total, bins = assignments.shape
    counts = simulated_counts(total)
    mean = torch.from_numpy(moments.mean[0])
    logs = mean.clamp_min(torch.finfo(torch.float64).tiny).log() / math.log(bins)
    inverse = 1 / mean.clamp_min(torch.finfo(torch.float64).tiny)
    entropy, quadratic = moments.entropy[0], moments.quadratic[0]
    linear = (assignments @ logs.to(assignments.dtype)).double() + entropy
    single = entropy - rows.double() - linear
    generator = torch.Generator().manual_seed(seed)
    kept = min(total, SIMULATED_ROWS)
    orders = [torch.randperm(total, generator=generator)[:kept] for _ in range(SHUFFLES)]
    table = [(moments.ceiling[0] - quadratic, 0.0, 1.0, 0.0)]
    for count in map(int, counts[1:]):
        bags = torch.cat([order[: kept // count * count].view(-1, count) for order in orders])
        sums = torch.nn.functional.embedding_bag(bags, assignments, mode="sum")
        own = single[bags].mean(dim=1)
        tilt = linear[bags].mean(dim=1)
        loss = entropy - entropies(sums, torch.full((len(bags),), count)) - tilt
        weight = inverse.to(sums.dtype) / count**2
        square = ((sums**2 @ weight).double() - 1) / (2 * math.log(bins))
        expected = quadratic * (total - count) / max(total - 1, 1) / count
        slope = _slope(loss, square)
        controlled = loss - slope * (square - expected)
        along = _slope(loss, own)
        table.append(
            (
                count**2 * float(controlled.mean() - expected),
                count**2 * float(controlled.std()) / math.sqrt(len(bags)),
                along,
                count**2 * float((loss - along * own).var()),
            )
        )
    beyond, error, slopes, rest = np.array(table).T
    return Null(beyond, error, slopes, rest, row_variance=float(single.var()))


def _slope(values: Tensor, control: Tensor) -> float:
    """Least-squares slope of `values` on `control`, both (draws,)."""
    centred = control - control.mean()
    return float((values * centred).sum() / (centred**2).sum().clamp_min(1e-300))


def weigh_counts(labels: Labels, groups: int, knots: IntArray) -> Weights:
    """The weights of a label set: of its positions, and with each of the groups left out.

    They depend on the labels alone: one computation serves all layers and anchor seeds.
    """
    counts = labels.counts
    total = int(counts.sum())
    parts = [_inverse_and_beyond(counts, knots)]
    repeated = labels.repeated_counts
    singletons = np.bincount(labels.singleton_group, minlength=groups)
    for group in range(groups):
        here = labels.piece_group == group
        left = repeated.copy()
        left[labels.piece_label[here]] -= labels.piece_counts[here]
        alone = np.ones(len(labels.singletons) - singletons[group], dtype=np.int64)
        parts.append(_inverse_and_beyond(np.concatenate([alone, left[left > 0]]), knots))
    sizes, number = np.unique(counts, return_counts=True)
    share = sizes * number / total
    table = _interpolation(sizes, knots)
    middle = share @ table
    return Weights(
        inverse=np.array([inverse for inverse, _ in parts]),
        beyond=np.stack([beyond for _, beyond in parts]),
        rest=(number / total**2) @ table,
        slope=(table.T * share) @ table - np.outer(middle, middle),
    )


def _inverse_and_beyond(counts: IntArray, knots: IntArray) -> tuple[float, FloatArray]:
    sizes, number = np.unique(counts, return_counts=True)
    total = int(counts.sum())
    share = sizes * number / total
    inverse = float(share @ ((total - sizes) / (max(total - 1, 1) * sizes)))
    return inverse, (share / sizes**2) @ _interpolation(sizes, knots)


def _interpolation(sizes: IntArray, knots: IntArray) -> FloatArray:
    """Rows that read a table by count at the given sizes, (sizes, C): linear in ln c."""
    identity = np.eye(len(knots))
    columns = [np.interp(np.log(sizes), np.log(knots), column) for column in identity]
    return np.stack(columns, axis=1)


def expected_information(
    null: Null, weights: Weights, moments: Moments, first: int = 0
) -> FloatArray:
    """The null of all positions and without each group, (1 + G,), in units of ln(B).

    first: the part of the positions that the labels are of.
    """
    part = slice(first, first + len(weights.inverse))
    beyond = moments.ceiling[part] - moments.quadratic[part]
    simulated = null.beyond[0]  # that of single rows, of all positions
    scale = beyond / simulated if simulated != 0 else np.ones_like(beyond)
    return weights.inverse * moments.quadratic[part] + scale * (weights.beyond @ null.beyond)


def shuffle_deviation(null: Null, weights: Weights, positions: int) -> float:
    """Standard deviation of the plug-in over shuffles of the labels."""
    moved = null.slope @ weights.slope @ null.slope * null.row_variance / max(positions - 1, 1)
    return math.sqrt(max(0.0, float(weights.rest @ null.rest + moved)))


def null_error(null: Null, weights: Weights) -> float:
    """Monte Carlo standard error of the null."""
    return float(np.linalg.norm(weights.beyond[0] * null.error))
