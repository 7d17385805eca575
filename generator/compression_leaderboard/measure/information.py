"""Estimate soft entropy, and what labels tell about soft assignments, with its null.

A vector is assigned softly to `bins` random anchors; the entropy of the mean assignment, divided
by ln(bins), estimates how much of the space the vectors use. Shapes: N vectors, D dimensions,
S anchor seeds, B bins.

`plug_in` is H(Z) − Σ count/N · H(mean A of a label), in units of ln(B), from the assignments A of
one anchor seed, (N positions, B bins). The sums of a label without a group of documents are its
sums less one piece, so that all G leave-outs of the jackknife cost about as much as the estimate.

Labels seen few times make the plug-in too large. The null is its expectation for labels of the same
counts dealt at random, so that corrected = plug_in − null. A label of c positions loses
H(Z) − H(mean of c rows drawn without replacement):
    (N − c)/(N − 1) · quadratic/c  +  beyond(c)/c².
The first part is known exactly. The second is simulated on the layer's own assignments at the
powers of 2, where the mean of 2c rows is that of two means of c, and constant above the last of
them; a cubic spline in ln c between them is within 0.03 % of the null of a layer of SmolLM2. A
single row loses the ceiling, exactly.

For a part of the positions (one group left out, or a share of the text) all is computed anew but
the simulated part, which is scaled by the exact one of single rows. Known gap: `shuffle_deviation`
treats the losses of labels as independent but for their exact sum over rows.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline
from scipy.optimize import brentq
from torch import Tensor

from compression_leaderboard.measure.documents import IntArray

FloatArray = NDArray[np.float64]
SMALLEST_WIDTH = 8  # below this the bound that the scale solves collapses
BAG_ROWS = 128  # summed one after the other
CHUNK_ROWS = 2048  # of sums whose logarithms exist at once
SIMULATED_DOUBLINGS = 6  # of the rows in a mean: up to 64
SHUFFLES = 3
SIMULATED_ROWS = 20_000  # of a shuffle, at most
NOISE = 1e-6  # of a mean of entropies in float32


def round_stored(values: Iterable[float]) -> tuple[float, ...]:
    """Round to nine significant digits: more than float32 has, and shorter records."""
    return tuple(float(f"{value:.9g}") for value in values)


def solve_scale(width: int, bins: int) -> float:
    """Return the temperature ε of the soft assignment for vectors of `width` dimensions.

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
    """Draw unit anchors, (S, B, D) float64, with numpy: equal on every device."""
    drawn = [np.random.default_rng(seed).standard_normal((bins, width)) for seed in seeds]
    rows = np.stack(drawn)
    return torch.from_numpy(rows / np.linalg.norm(rows, axis=-1, keepdims=True))


def assign(states: Tensor, anchors: Tensor, scale: float) -> Iterator[Tensor]:
    """Yield soft assignments A = softmax(ẑ Wᵀ / ε) for each seed's anchors (B, D) in turn, (N, B).

    states: z, (N, D), of any length. Their products with anchors are in their own number format,
    all else is in float32 or better. In bfloat16 the plug-in of SmolLM2 moves by at most 0.06 of
    its standard error over documents.
    """
    precise = torch.promote_types(states.dtype, torch.float32)
    lengths = torch.linalg.vector_norm(states, dim=-1, keepdim=True, dtype=precise)
    factors = torch.where(lengths > 0, 1 / (lengths * scale), 0)
    for seed in anchors.to(states.dtype):
        yield (states @ seed.T).to(precise).mul_(factors).softmax(dim=-1)


@dataclass(frozen=True)
class Parts:
    """Parts of N positions: all of them, then each group left out, then each stage but the last.

    Groups are of documents, for the jackknife. Stages are nested shares, the last one everything.
    """

    group: IntArray  # (N,) 0…G−1
    stage: IntArray  # (N,) the first stage that a position belongs to, 0…T−1

    @property
    def groups(self) -> int:
        """G; 0 where all positions are in one group, so that none can be left out."""
        last = int(self.group.max())
        return last + 1 if last else 0

    @property
    def stages(self) -> int:
        return int(self.stage.max()) + 1


@dataclass(frozen=True)
class Labels:
    """A label for each of N positions, in groups of documents; and anew for each smaller share.

    A copy is a set of labels that are summed together: the first is of all positions, the others,
    if asked for, of each stage but the last. A label that occurs once needs no sum: it is kept
    apart. The others are cut into pieces, one for each label and group, so that a group can be
    taken out of every label of the first copy.
    """

    parts: Parts
    copies: int
    counts: IntArray  # (labels,) positions of each label, by copy
    copy: IntArray  # (labels,) the copy of each
    singletons: IntArray  # positions whose label occurs once, of all copies
    singleton_copy: IntArray
    singleton_group: IntArray  # 0 in all copies but the first, as for pieces
    rows: IntArray  # the other positions, sorted by copy, label and group
    piece_starts: IntArray  # (pieces,) first row of each piece
    piece_counts: IntArray  # (pieces,) rows of each piece
    piece_group: IntArray  # (pieces,)
    piece_label: IntArray  # (pieces,) index into the labels that are not singletons
    label_starts: IntArray  # (labels − singletons,) first piece of each

    @property
    def places(self) -> slice:
        """The places in Parts of all positions, of their leave-outs, and of the other copies."""
        return slice(self.parts.groups + self.copies)

    @property
    def whole_counts(self) -> IntArray:
        """Positions of each label of the first copy."""
        counts: IntArray = self.counts[self.copy == 0]
        return counts

    @property
    def singleton_mass(self) -> float:
        """Share of positions whose label occurs once; near 1, plug-in estimates are all bias."""
        return int((self.whole_counts == 1).sum()) / int(self.whole_counts.sum())

    @cached_property
    def repeated(self) -> IntArray:
        """Labels that are not singletons."""
        return np.flatnonzero(self.counts > 1)

    @cached_property
    def whole_pieces(self) -> slice:
        """The pieces of the first copy."""
        return slice(int((self.copy[self.repeated[self.piece_label]] == 0).sum()))

    @cached_property
    def weights(self) -> "Weights":
        """How the null depends on these labels, for all layers and anchor seeds."""
        return weigh_counts(self, simulated_counts(len(self.parts.group)))


def number_labels(grams: NDArray[np.integer]) -> IntArray:
    """Assign numbers to n-grams of orders 1…K, (K, N) from (N, K) with the unit nearest to Z first.

    Numbers count from 0 without gaps; a label of order k + 1 has one label of order k.
    """
    positions, orders = grams.shape
    order = np.lexsort(grams.T[::-1])  # the last key given is the first that is compared
    ordered = grams[order]
    changes = np.zeros(positions, dtype=bool)
    numbers = np.empty((orders, positions), dtype=np.int64)
    for k in range(orders):
        changes[1:] |= ordered[1:, k] != ordered[:-1, k]
        numbers[k, order] = np.cumsum(changes)
    return numbers


def sort_labels(numbers: IntArray, parts: Parts, shares: bool = False) -> Labels:
    """Sort the numbered labels of N positions by label and group; and those of smaller shares."""
    copies = parts.stages if shares else 1
    kept = [np.arange(len(numbers)), *(np.flatnonzero(parts.stage < k) for k in range(1, copies))]
    copy = np.repeat(np.arange(copies), [len(positions) for positions in kept])
    positions = np.concatenate(kept)
    groups = np.where(copy == 0, parts.group[positions], 0)
    span = int(numbers.max()) + 1
    keys, dense, counts = np.unique(
        copy * span + numbers[positions], return_inverse=True, return_counts=True
    )
    single = counts[dense] == 1
    order = np.lexsort((groups, dense))
    order = order[~single[order]]
    label, group = dense[order], groups[order]
    piece_starts = np.flatnonzero(_changes(label) | _changes(group))
    firsts = _changes(label[piece_starts])
    return Labels(
        parts=parts,
        copies=copies,
        counts=counts,
        copy=keys // span,
        singletons=positions[single],
        singleton_copy=copy[single],
        singleton_group=groups[single],
        rows=positions[order],
        piece_starts=piece_starts,
        piece_counts=np.diff(np.append(piece_starts, len(order))),
        piece_group=group[piece_starts],
        piece_label=np.cumsum(firsts) - 1,
        label_starts=np.flatnonzero(firsts),
    )


def _changes(values: IntArray) -> NDArray[np.bool_]:
    """Mark each value that differs from the one before it, and the first."""
    changes: NDArray[np.bool_] = np.diff(values, prepend=-1) != 0
    return changes


@dataclass(frozen=True)
class Moments:
    """Soft assignments under one anchor seed, and their moments in every part, float64.

    H(Z) − mean H(A) is the ceiling of the information: what labels that are all unique would give.
    `quadratic` is its second-order part, Σ_b Var(A_b) / (2 P_b ln B).
    """

    assignments: Tensor  # (N, B): A
    rows: Tensor  # (N,): H(A) of each position
    positions: IntArray  # (parts,)
    mean: FloatArray  # (parts, B): P
    entropy: FloatArray  # (parts,): H(Z)
    ceiling: FloatArray  # (parts,)
    quadratic: FloatArray  # (parts,)


def entropies(sums: Tensor, counts: Tensor) -> Tensor:
    """Return the entropy of positive sums/counts, rows summing to their counts; (rows,) float64."""
    products = [torch.linalg.vecdot(rows, rows.log()) for rows in torch.split(sums, CHUNK_ROWS)]
    inner = torch.cat(products).double() if products else torch.zeros(0, dtype=torch.float64)
    counts = counts.double()
    return (counts.log() - inner / counts) / math.log(sums.shape[-1])


def measure_moments(assignments: Tensor, parts: Parts) -> Moments:
    """Return the moments of assignments (N, B) in every part."""
    bins, rows = assignments.shape[-1], entropies(assignments, torch.ones(len(assignments)))
    cell = parts.group + max(parts.groups, 1) * parts.stage
    shape = (parts.stages, max(parts.groups, 1), -1)
    order = np.argsort(cell, kind="stable")
    sizes = np.bincount(cell, minlength=shape[0] * shape[1])
    n = _by_part(sizes.astype(np.float64).reshape(shape), parts)

    def means(cells: NDArray[Any]) -> FloatArray:
        return _by_part(cells.astype(np.float64).reshape(shape), parts) / n

    mean = means(_sum_bags(assignments, order, _starts(sizes)).numpy())
    variance = means(_sum_bags(assignments**2, order, _starts(sizes)).numpy()) - mean**2
    safe = np.maximum(mean, np.finfo(float).tiny)
    entropy = -(mean * np.log(safe)).sum(axis=1) / math.log(bins)
    return Moments(
        assignments=assignments,
        rows=rows,
        positions=n[:, 0].astype(np.int64),
        mean=mean,
        entropy=entropy,
        ceiling=entropy - means(np.bincount(cell, rows.numpy(), len(sizes)))[:, 0],
        quadratic=(variance / safe).sum(axis=1) / (2 * math.log(bins)),
    )


def _by_part(cells: FloatArray, parts: Parts) -> FloatArray:
    """Turn sums by stage and group, (T, G, C), into sums by part, (parts, C)."""
    whole: FloatArray = cells.sum(axis=(0, 1))[None]
    without = whole - cells.sum(axis=0) if parts.groups else whole[:0]
    stages = cells.sum(axis=1).cumsum(axis=0)[:-1]
    return np.concatenate([whole, without, stages])


def plug_in(moments: Moments, labels: Labels) -> FloatArray:
    """Return the plug-in information of the labels in each of their places, (places,)."""
    sums = _sum_bags(moments.assignments, labels.rows, labels.piece_starts)  # (pieces, B)
    whole = _sum_bags(sums, np.arange(len(sums)), labels.label_starts)
    counts, groups = labels.counts[labels.repeated], labels.parts.groups
    of_label = counts * entropies(whole, torch.from_numpy(counts)).numpy()
    single = moments.rows[torch.from_numpy(labels.singletons)].numpy()
    spent = np.bincount(  # N · H(Z | label)
        np.concatenate([labels.singleton_copy, labels.copy[labels.repeated]]),
        np.concatenate([single, of_label]),
    )
    without = np.full(groups, spent[0])
    if groups:
        label, group = labels.piece_label[labels.whole_pieces], labels.piece_group
        left = counts[label] - labels.piece_counts[labels.whole_pieces]  # of a label, less a group
        kept = np.flatnonzero(left)
        change = -of_label[label]
        change[kept] += left[kept] * _entropies_of_rest(sums, whole, label, kept, left)
        without += np.bincount(group[labels.whole_pieces], change, groups)
        first = labels.singleton_copy == 0
        without -= np.bincount(labels.singleton_group[first], single[first], groups)
    spent = np.concatenate([spent[:1], without, spent[1:]])
    values: FloatArray = moments.entropy[labels.places] - spent / moments.positions[labels.places]
    return values


def _entropies_of_rest(
    sums: Tensor, whole: Tensor, label: IntArray, kept: IntArray, left: IntArray
) -> FloatArray:
    """Entropy of a label's mean without one of its pieces, for the pieces kept."""
    pieces = []
    for begin in range(0, len(kept), CHUNK_ROWS):
        piece = kept[begin : begin + CHUNK_ROWS]
        rest = whole[torch.from_numpy(label[piece])].sub_(sums[torch.from_numpy(piece)])
        rest.clamp_min_(torch.finfo(rest.dtype).tiny)
        pieces.append(entropies(rest, torch.from_numpy(left[piece])).numpy())
    return np.concatenate(pieces) if pieces else np.zeros(0)


def _sum_bags(values: Tensor, rows: IntArray, starts: IntArray) -> Tensor:
    """Sum the given rows of values (N, B), a bag from each start to the next: (bags, B).

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

    inverse: FloatArray  # (places,): weight of `quadratic`
    beyond: FloatArray  # (places, C)
    rest: FloatArray  # (C,), all positions
    slope: FloatArray  # (C, C): quadratic form, all positions


def simulated_counts(positions: int) -> IntArray:
    """Return the counts c at which losses are known; 2c ≤ N, so that draws differ."""
    doublings = min(SIMULATED_DOUBLINGS, positions.bit_length() - 2)
    return 2 ** np.arange(max(doublings, 0) + 1)


def simulate_null(moments: Moments, seed: int = 0) -> Null:
    """Tabulate the losses of one seed's assignments, the rows in random order.

    The loss of a mean is its divergence from P, but for a part that is linear in the rows and
    therefore the same in every shuffle. The second-order loss is known, so it serves as a control
    variate of the simulated one.
    """
    (total, bins), dtype = moments.assignments.shape, moments.assignments.dtype
    mean = torch.from_numpy(moments.mean[0]).clamp_min(torch.finfo(torch.float64).tiny)
    quadratic = moments.quadratic[0]
    inverse = (1 / mean).to(dtype)
    cross = (moments.assignments @ (mean.log() / -math.log(bins)).to(dtype)).double()
    generator = torch.Generator().manual_seed(seed)
    largest = int(simulated_counts(total)[-1])
    kept = min(total, SIMULATED_ROWS) // largest * largest
    order = torch.cat([torch.randperm(total, generator=generator)[:kept] for _ in range(SHUFFLES)])
    # Of `count` rows each: their sum, their cross entropy with P, and their own divergences.
    sums, cross = moments.assignments[order], cross[order]
    single = cross - moments.rows[order]
    table = [(moments.ceiling[0] - quadratic, 0.0, 1.0, 0.0)]
    variance = float(single.var())
    for count in map(int, simulated_counts(total)[1:]):
        sums, cross, single = (v[0::2] + v[1::2] for v in (sums, cross, single))
        loss = cross / count - entropies(sums, torch.full((len(sums),), count))
        square = ((sums.square() @ inverse).double() / count**2 - 1) / (2 * math.log(bins))
        expected = quadratic * (total - count) / max(total - 1, 1) / count
        controlled = loss - _slope(loss, square) * (square - expected)
        along = _slope(loss, single / count)
        table.append(
            (
                count**2 * float(controlled.mean() - expected),
                count**2 * float(controlled.std()) / math.sqrt(len(sums)),
                along,
                count**2 * float((loss - along * single / count).var()),
            )
        )
    beyond, error, slopes, rest = np.array(table).T
    return Null(beyond, error, slopes, rest, row_variance=variance)


def _slope(values: Tensor, control: Tensor) -> float:
    """Return the least-squares slope of `values` on `control`, both (draws,)."""
    centred = control - control.mean()
    square = float((centred**2).mean())
    return float((values * centred).mean()) / square if square > NOISE**2 else 0.0


def weigh_counts(labels: Labels, knots: IntArray) -> Weights:
    """Return the weights of a label set in each of its places.

    knots: the counts of the null's table.
    """
    counts, pieces = labels.whole_counts, labels.whole_pieces
    repeated = counts[counts > 1]
    first = labels.singleton_copy == 0
    singletons = np.bincount(labels.singleton_group[first], minlength=labels.parts.groups)
    weights = [_inverse_and_beyond(counts, knots)]
    for group in range(labels.parts.groups):
        here = np.flatnonzero(labels.piece_group[pieces] == group)
        left = repeated.copy()
        left[labels.piece_label[here]] -= labels.piece_counts[here]
        alone = np.ones(first.sum() - singletons[group], dtype=np.int64)
        weights.append(_inverse_and_beyond(np.concatenate([alone, left[left > 0]]), knots))
    for copy in range(1, labels.copies):
        weights.append(_inverse_and_beyond(labels.counts[labels.copy == copy], knots))
    sizes, number, share = _shares(counts)
    table = _interpolation(sizes, knots)
    middle = share @ table
    inverse, beyond = zip(*weights, strict=True)
    return Weights(
        inverse=np.array(inverse),
        beyond=np.stack(beyond),
        rest=(number / int(counts.sum()) ** 2) @ table,
        slope=(table.T * share) @ table - np.outer(middle, middle),
    )


def _shares(counts: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Return the sizes of labels, the number of labels of each, and their share of positions."""
    sizes, number = np.unique(counts, return_counts=True)
    return sizes, number, sizes * number / int(counts.sum())


def _inverse_and_beyond(counts: IntArray, knots: IntArray) -> tuple[float, FloatArray]:
    sizes, _, share = _shares(counts)
    total = int(counts.sum())
    inverse = float(share @ ((total - sizes) / (max(total - 1, 1) * sizes)))
    return inverse, (share / sizes**2) @ _interpolation(sizes, knots)


def _interpolation(sizes: IntArray, knots: IntArray) -> FloatArray:
    """Return rows that read a table by count at the given sizes, (sizes, C): cubic in ln c."""
    degree = min(3, len(knots) - 1)
    spline = make_interp_spline(np.log(knots), np.eye(len(knots)), degree)
    rows: FloatArray = spline(np.log(np.minimum(sizes, knots[-1])))
    return rows


def expected_information(null: Null, moments: Moments, labels: Labels) -> FloatArray:
    """Return the null of the labels in each of their places, (places,), in units of ln(B).

    The simulated part is scaled by what single rows lose beyond second order in each part.
    """
    quadratic = moments.quadratic[labels.places]
    beyond = moments.ceiling[labels.places] - quadratic
    simulated = null.beyond[0]  # that of single rows, of all positions
    # Equal vectors lose nothing: both are rounding errors, and so would be their ratio.
    scale = beyond / simulated if abs(simulated) > NOISE else np.ones_like(beyond)
    weights = labels.weights
    return weights.inverse * quadratic + scale * (weights.beyond @ null.beyond)


def shuffle_deviation(null: Null, labels: Labels) -> float:
    """Return the standard deviation of the plug-in over shuffles of the labels."""
    weights, others = labels.weights, max(int(labels.whole_counts.sum()) - 1, 1)
    moved = null.slope @ weights.slope @ null.slope * null.row_variance / others
    return math.sqrt(max(0.0, float(weights.rest @ null.rest + moved)))


def null_error(null: Null, labels: Labels) -> float:
    """Return the Monte Carlo standard error of the null."""
    return float(np.linalg.norm(labels.weights.beyond[0] * null.error))
