"""Mutual information between labels and a layer's soft assignments, with its finite-sample bias.

`plug_in` is H(Z) − Σ count/N · H(mean A of a label). Labels seen few times make it too large:
with labels independent of Z it is far above 0, and with every label unique it reaches its ceiling
H(Z) − mean H(A). `null` is what independent labels with the same counts would give, so that
corrected = plug_in − null. Units: ln(B), as in the paper.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.measure.labels import IntArray, NestedLabels, merge_lengths
from generator.measure.soft_entropy import normalised_entropy

# Counts at which the bias of a label's mean is simulated; between them it is interpolated, above
# them the part beyond second order falls with the square of the count.
SIMULATED_COUNTS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64)
SHUFFLES = 2  # random orders of the positions that the simulation cuts into groups


@dataclass(frozen=True)
class Null:
    """H(Z) − H(mean of c rows drawn without replacement): its mean and variance by count c.

    To second order the mean is `quadratic` · (N − c)/(N − 1)/c; what is beyond that is simulated.
    The loss of c rows is `slope` times the mean of their own losses and a rest that their
    combination makes: the first part cancels over labels of one count, the rest does not.
    """

    positions: int
    counts: IntArray  # (C,) ascending, from 1
    beyond: Tensor  # (C, S): count² · (mean − its second-order value)
    slope: Tensor  # (C, S)
    rest: Tensor  # (C, S): count² · variance of the rest
    row_variance: Tensor  # (S,): of the loss of single rows
    quadratic: Tensor  # (S,)


def entropy_of_mean(assignments: Tensor) -> Tensor:
    """H(Z) of each seed, (S,) float64, from assignments (N, S, B)."""
    return normalised_entropy(assignments.mean(dim=0, dtype=torch.float64))


def plug_in(assignments: Tensor, labels: NestedLabels) -> Tensor:
    """Plug-in information of orders 1…K, (K, S) float64. Nested orders are summed once."""
    total = len(labels.order)
    entropy = entropy_of_mean(assignments)
    sums = assignments[torch.from_numpy(labels.order)].flatten(1)  # (N, S · B)
    lengths: IntArray = np.ones(total, dtype=np.int64)
    shape = assignments.shape[1:]
    found = []
    for counts in reversed(labels.counts):  # finest first
        sums = _segment_sums(sums, merge_lengths(lengths, counts))
        lengths = counts
        sizes = torch.from_numpy(counts)
        means = sums.view(-1, *shape) / sizes.view(-1, 1, 1).to(sums.dtype)
        weights = sizes.to(torch.float64) / total
        conditional = torch.einsum("l,ls->s", weights, normalised_entropy(means).double())
        found.append(entropy - conditional)
    return torch.stack(found[::-1])


def _segment_sums(rows: Tensor, lengths: IntArray) -> Tensor:
    if len(lengths) == len(rows):
        return rows
    summed: Tensor = torch.segment_reduce(rows, "sum", lengths=torch.from_numpy(lengths), axis=0)
    return summed


def simulate_null(assignments: Tensor, seed: int = 0) -> Null:
    """Tabulate the entropy that a label's mean loses under independence, for every anchor seed."""
    total, *shape = assignments.shape
    generator = torch.Generator().manual_seed(seed)
    mean = assignments.mean(dim=0, dtype=torch.float64)  # (S, B)
    counts = [1] + [c for c in SIMULATED_COUNTS if 2 * c <= total]
    quadratic = _quadratic_loss(assignments, mean).mean(dim=0)
    single = _losses(assignments, mean)[..., 0]  # (N, S)
    drawn: dict[int, list[Tensor]] = {count: [] for count in counts}
    for _ in range(SHUFFLES):
        order = torch.randperm(total, generator=generator)
        shuffled = assignments[order]
        for count in counts:
            whole = total // count * count
            means = shuffled[:whole].reshape(-1, count, *shape).mean(dim=1)
            own = single[order[:whole]].reshape(-1, count, shape[0]).mean(dim=1)
            drawn[count].append(torch.cat([_losses(means, mean), own.unsqueeze(-1)], dim=-1))
    beyond, slopes, rest = [], [], []
    for count in counts:
        loss, squares, own = torch.cat(drawn[count]).unbind(dim=-1)
        known = quadratic * (total - count) / max(total - 1, 1) / count
        controlled = loss.mean(dim=0) - _slope(loss, squares) * (squares.mean(dim=0) - known)
        beyond.append(count**2 * (controlled - known))
        slopes.append(_slope(loss, own))
        rest.append(count**2 * (loss - slopes[-1] * own).var(dim=0))
    return Null(
        positions=total,
        counts=np.array(counts),
        beyond=torch.stack(beyond),
        slope=torch.stack(slopes),
        rest=torch.stack(rest),
        row_variance=single.var(dim=0),
        quadratic=quadratic,
    )


def _slope(values: Tensor, control: Tensor) -> Tensor:
    """Least-squares slope of `values` on `control`, both (G, S), by seed."""
    centred = control - control.mean(dim=0)
    spread = (centred**2).sum(dim=0).clamp_min(torch.finfo(torch.float64).tiny)
    return (values * centred).sum(dim=0) / spread


def _losses(means: Tensor, mean: Tensor) -> Tensor:
    """H(P) − H(m) less its linear part, and its second-order part alone, (G, S, 2).

    Both linear and second-order parts have known means, so only the small rest is simulated:
    H(P) − H(m) = Σ δ ln P / ln B + Σ δ²/(2 P ln B) + …, δ = m − P.
    """
    bins = mean.shape[-1]
    logs = mean.clamp_min(torch.finfo(torch.float64).tiny).log()
    linear = torch.einsum("gsb,sb->gs", means.double() - mean, logs) / math.log(bins)
    loss = normalised_entropy(mean) - normalised_entropy(means).double() - linear
    return torch.stack([loss, _quadratic_loss(means, mean)], dim=-1)


def _quadratic_loss(means: Tensor, mean: Tensor) -> Tensor:
    """Σ_b (m_b − P_b)² / (2 P_b ln B), (G, S)."""
    bins = mean.shape[-1]
    weights = 1 / (2 * math.log(bins) * mean.clamp_min(torch.finfo(torch.float64).tiny))
    return torch.einsum("gsb,sb->gs", (means.double() - mean) ** 2, weights)


def expected_null(null: Null, counts: IntArray) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the plug-in information under independence, each (S,).

    counts: positions of every label. The spread is that of shuffles of the labels: the rests of
    the labels add up as independent, and rows change places between labels of unequal slope.
    """
    sizes, labels = np.unique(counts, return_counts=True)
    shares = sizes * labels / null.positions
    scale = sizes[:, None].astype(float)
    finite = (null.positions - scale) / max(null.positions - 1, 1)
    loss = null.quadratic.numpy() * finite / scale + _at(null, null.beyond, sizes) / scale**2
    rest = (labels * (sizes / null.positions) ** 2) @ (_at(null, null.rest, sizes) / scale**2)
    slopes = _at(null, null.slope, sizes)
    unequal = shares @ (slopes - shares @ slopes) ** 2
    moved = unequal * null.row_variance.numpy() / max(null.positions - 1, 1)
    return torch.from_numpy(shares @ loss), torch.from_numpy(np.sqrt(rest + moved))


def _at(null: Null, table: Tensor, sizes: IntArray) -> NDArray[np.float64]:
    """A table by count, read at the given counts, (C, S); constant beyond its last count."""
    known = np.log(null.counts)
    columns = [np.interp(np.log(sizes), known, column) for column in table.T.numpy()]
    return np.stack(columns, axis=1)
