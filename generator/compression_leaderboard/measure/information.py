"""Estimate soft entropy, and plug-in information between labels and soft assignments.

A vector is assigned softly to `bins` random anchors; the entropy of the mean assignment, divided
by ln(bins), estimates how much of the space the vectors use. Shapes: N vectors, D dimensions,
S anchor seeds, B bins.

`plug_in` is H(Z) − Σ count/N · H(mean A of a label), in units of ln(B). It is computed for one
anchor seed at a time, from assignments A of shape (N positions, B bins), together with what it
would be without each group of documents (for the jackknife): the sums of a label without a group
are its sums less one piece, so that all G leave-outs cost about as much as the estimate itself.
null.py estimates its finite-sample bias.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq
from torch import Tensor

from compression_leaderboard.measure.labels import Labels
from compression_leaderboard.measure.tokens import IntArray

FloatArray = NDArray[np.float64]
SMALLEST_WIDTH = 8  # below this the bound that the scale solves collapses
BAG_ROWS = 128  # summed one after the other
CHUNK_ROWS = 4096  # of sums whose logarithms exist at once


def round_stored(values: Iterable[float]) -> tuple[float, ...]:
    """Round to nine significant digits: more than float32 has, and shorter records."""
    return tuple(float(f"{value:.9g}") for value in values)


def solve_scale(width: int, bins: int) -> float:
    """The temperature ε of the soft assignment for vectors of `width` dimensions.

    κ = 1/ε is where the information bound of a von Mises–Fisher cap on the sphere equals
    ln(bins). Raises ValueError below 8 dimensions, where the equation has no such root.
    """
    if width < SMALLEST_WIDTH:
        raise ValueError(f"soft entropy needs at least {SMALLEST_WIDTH} dimensions, found {width}")
    nu = width / 2 - 1

    def excess(scale: float) -> float:
        kappa = 1 / scale
        mean_length = kappa**2 / (width / 2 + math.sqrt(kappa**2 + width**2 / 4))
        root = math.sqrt(kappa**2 + nu**2)
        normaliser = root - nu + nu * math.log(2 * nu / (nu + root))
        return mean_length - normaliser - math.log(bins)

    return float(brentq(excess, 1e-5, 1.0, xtol=1e-15, rtol=1e-14))


def draw_anchors(seeds: Sequence[int], bins: int, width: int) -> Tensor:
    """Unit anchors, (S · B, D) float64: drawn by numpy, so equal on every device."""
    drawn = [np.random.default_rng(seed).standard_normal((bins, width)) for seed in seeds]
    rows = np.concatenate(drawn)
    return torch.from_numpy(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def normalise(vectors: Tensor) -> Tensor:
    """ẑ = z/‖z‖, (N, D); a zero vector stays zero and is assigned evenly to all anchors."""
    lengths = vectors.norm(dim=-1, keepdim=True)
    return torch.where(lengths > 0, vectors / lengths, torch.zeros_like(vectors))


def assign(directions: Tensor, anchors: Tensor, scale: float, bins: int) -> Tensor:
    """Soft assignments A = softmax(ẑ Wᵀ / ε) over each seed's bins, (N, S, B).

    One matrix product serves all seeds.
    """
    logits: Tensor = directions @ anchors.T.to(directions.dtype) / scale  # (N, S · B)
    assignments: Tensor = logits.view(len(directions), -1, bins).softmax(dim=-1)
    return assignments


def normalised_entropy(distributions: Tensor) -> Tensor:
    """−Σ p ln p / ln B over the last axis, in [0, 1]."""
    entropy: Tensor = torch.special.entr(distributions).sum(dim=-1)
    return entropy / math.log(distributions.shape[-1])


@dataclass(frozen=True)
class Parts:
    """Positions by group and by stage; a part of the text leaves out a group or ends at a stage.

    groups: G groups of documents for the jackknife, 0 for a text of too few documents.
    stages: T nested shares of the positions, the last one all of them.
    """

    group: IntArray  # (N,) 0…G−1
    stage: IntArray  # (N,) the first stage that a position belongs to
    groups: int
    stages: int


@dataclass(frozen=True)
class Moments:
    """First and second moments of assignments in every part, float64.

    Parts: all positions, then each group left out, then each stage but the last.

    H(Z) − mean H(A) is the ceiling of the information: what labels that are all unique would give.
    `quadratic` is its second-order part, Σ_b Var(A_b) / (2 P_b ln B).
    """

    positions: IntArray  # (parts,)
    mean: FloatArray  # (parts, B): P
    entropy: FloatArray  # (parts,): H(Z)
    ceiling: FloatArray  # (parts,)
    quadratic: FloatArray  # (parts,)


def row_entropies(assignments: Tensor) -> Tensor:
    """H(A) of every position in units of ln(B), (N,)."""
    return entropies(assignments, torch.ones(len(assignments)))


def entropies(sums: Tensor, counts: Tensor) -> Tensor:
    """Entropy of the distributions sums/counts, each row summing to its count; (rows,) float64."""
    found = [
        torch.linalg.vecdot(rows, rows.clamp_min(torch.finfo(rows.dtype).tiny).log())
        for rows in torch.split(sums, CHUNK_ROWS)
    ]
    inner = torch.cat(found).double() if found else torch.zeros(0, dtype=torch.float64)
    counts = counts.double()
    return (counts.log() - inner / counts) / math.log(sums.shape[-1])


def measure_moments(assignments: Tensor, rows: Tensor, parts: Parts) -> Moments:
    """Moments of all positions, of all but each group, and of each stage.

    rows: H(A) of every position, (N,).
    """
    bins = assignments.shape[-1]
    cell = parts.group + max(parts.groups, 1) * parts.stage
    shape = (parts.stages, max(parts.groups, 1), -1)
    order = np.argsort(cell, kind="stable")
    sizes = np.bincount(cell, minlength=shape[0] * shape[1])
    squares = assignments**2
    first = _sum_bags(assignments, order, _starts(sizes)).double().numpy().reshape(shape)
    second = _sum_bags(squares, order, _starts(sizes)).double().numpy().reshape(shape)
    own = np.bincount(cell, rows.double().numpy(), len(sizes)).astype(np.float64).reshape(shape)
    n = _by_part(sizes.reshape(shape).astype(np.float64), parts)
    mean = _by_part(first, parts) / n
    variance = _by_part(second, parts) / n - mean**2
    safe = np.maximum(mean, np.finfo(float).tiny)
    entropy = -(mean * np.log(safe)).sum(axis=1) / math.log(bins)
    return Moments(
        positions=n[:, 0].astype(np.int64),
        mean=mean,
        entropy=entropy,
        ceiling=entropy - (_by_part(own, parts) / n)[:, 0],
        quadratic=(variance / safe).sum(axis=1) / (2 * math.log(bins)),
    )


def _by_part(cells: FloatArray, parts: Parts) -> FloatArray:
    """Sums by stage and group, (T, G, C), as sums by part, (parts, C)."""
    whole: FloatArray = cells.sum(axis=(0, 1))[None]
    without = whole - cells.sum(axis=0) if parts.groups else whole[:0]
    stages = cells.sum(axis=1).cumsum(axis=0)[:-1]
    return np.concatenate([whole, without, stages])


def plug_in(
    assignments: Tensor, rows: Tensor, labels: Labels, moments: Moments, groups: int, first: int = 0
) -> FloatArray:
    """Plug-in information of all positions and without each of the groups, (1 + G,).

    rows: H(A) of every position, (N,). groups: G, 0 for no leave-outs. first: the part of the
    positions that the labels are of.
    """
    total = moments.positions[first]
    sums = _sum_bags(assignments, labels.rows, labels.piece_starts)  # (pieces, B)
    whole = _sum_bags(sums, np.arange(len(sums)), labels.label_starts)
    counts = labels.repeated_counts
    of_label = counts * entropies(whole, torch.from_numpy(counts)).numpy()
    single = rows[torch.from_numpy(labels.singletons)].double().numpy()
    spent = of_label.sum() + single.sum()  # N · H(Z | label)
    found: FloatArray = moments.entropy[first : first + 1] - spent / total
    if groups == 0:
        return found
    left = counts[labels.piece_label] - labels.piece_counts  # of each label without a group
    kept = np.flatnonzero(left)
    change = -of_label[labels.piece_label]
    change[kept] += left[kept] * _entropies_of_rest(sums, whole, labels.piece_label, kept, left)
    without = spent + np.bincount(labels.piece_group, change, groups)
    without -= np.bincount(labels.singleton_group, single, groups)
    part = slice(1, 1 + groups)
    return np.concatenate([found, moments.entropy[part] - without / moments.positions[part]])


def _entropies_of_rest(
    sums: Tensor, whole: Tensor, label: IntArray, kept: IntArray, left: IntArray
) -> FloatArray:
    """Entropy of a label's mean without one of its pieces, for the pieces kept."""
    found = []
    for begin in range(0, len(kept), CHUNK_ROWS):
        piece = kept[begin : begin + CHUNK_ROWS]
        rest = whole[torch.from_numpy(label[piece])] - sums[torch.from_numpy(piece)]
        found.append(entropies(rest, torch.from_numpy(left[piece])).numpy())
    return np.concatenate(found) if found else np.zeros(0)


def _sum_bags(values: Tensor, rows: IntArray, starts: IntArray) -> Tensor:
    """Sums of the given rows of values (N, B), a bag from each start to the next: (bags, B).

    embedding_bag gathers and adds in one go, without a copy of the rows. Bags of many rows are
    summed in two steps, so that float32 loses nothing that counts.
    """
    if len(starts) == 0:
        return values.new_zeros((0, values.shape[1]))
    sizes = np.diff(np.append(starts, len(rows)))
    pieces = -(-sizes // BAG_ROWS)
    if pieces.max() > 1:
        within = np.arange(pieces.sum()) - np.repeat(_starts(pieces), pieces)
        cuts = np.repeat(starts, pieces) + within * BAG_ROWS
        values = _sum_bags(values, rows, cuts)
        rows, starts = np.arange(len(values)), _starts(pieces)
    return torch.nn.functional.embedding_bag(
        torch.from_numpy(rows), values, torch.from_numpy(starts), mode="sum"
    )


def _starts(sizes: IntArray) -> IntArray:
    return np.concatenate([[0], np.cumsum(sizes)[:-1]])
