"""Estimate the information plane of a text: each layer's soft entropy and label information.

One layer is in memory at a time, and of it one anchor seed in full precision. Labels, their sort
orders and the weights of their null depend on the text alone and are made once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from compression_leaderboard.intervals import jackknife_error
from compression_leaderboard.measure.forward import LayerFiles
from compression_leaderboard.measure.information import (
    FloatArray,
    Moments,
    Parts,
    measure_moments,
    plug_in,
    round_stored,
    row_entropies,
)
from compression_leaderboard.measure.labels import (
    Labels,
    bytes_at,
    grams_at,
    number_labels,
    sort_labels,
)
from compression_leaderboard.measure.null import (
    Null,
    Weights,
    expected_information,
    null_error,
    shuffle_deviation,
    simulate_null,
    simulated_counts,
    weigh_counts,
)
from compression_leaderboard.measure.record import Report
from compression_leaderboard.measure.tokens import Encoded, IntArray
from compression_leaderboard.records.corpora import Protocol
from compression_leaderboard.records.plane import (
    LabelSet,
    Layer,
    LayerInformation,
    Lossy,
    Replicates,
    Share,
    Side,
    Unit,
)

GROUPS = 20  # of documents, for the jackknife
STAGES = 4  # shares of the positions for the convergence: 1/8, 1/4, 1/2 and all
SMALLEST = 1e-12  # of an assignment, so that its logarithm exists


@dataclass(frozen=True)
class LabelPlan:
    """One label set with all that its estimates need beside the assignments."""

    unit: Unit
    side: Side
    order: int
    labels: Labels
    weights: Weights
    stages: tuple[tuple[Labels, Weights], ...]  # of the shares but the last; empty for bytes


@dataclass(frozen=True)
class SeedEstimate:
    """One label set under one anchor seed: all positions first, then without each group."""

    plug_in: FloatArray  # (1 + G,)
    null: FloatArray  # (1 + G,)
    deviation: float
    error: float
    stages: FloatArray  # (T − 1, 2): plug-in and null of the shares


def estimate_layers(
    encoded: Sequence[Encoded],
    rows: IntArray,
    files: LayerFiles,
    protocol: Protocol,
    report: Report,
) -> Lossy:
    """All estimates of all layers. rows: (N, 2) document and input index of the files' rows."""
    parts = cut_parts(rows[:, 0], protocol.position_seed)
    plans = plan_labels(encoded, rows, protocol, parts)
    layers, corrected, shares = [], [], []
    for index in range(files.layers):
        layer, without, stages = estimate_layer(index, files, plans, parts)
        layers.append(layer)
        corrected.append(without)
        shares.append(stages)
        report("layers", index + 1, files.layers)
    return Lossy(
        positions=len(rows),
        documents=len(np.unique(rows[:, 0])),
        group_positions=tuple(np.bincount(parts.group).tolist()) if parts.groups else (),
        scale=files.scale,
        labels=tuple(
            LabelSet(
                unit=plan.unit,
                side=plan.side,
                order=plan.order,
                distinct=len(plan.labels.counts),
                singleton_mass=plan.labels.singleton_mass,
            )
            for plan in plans
        ),
        layers=tuple(layers),
        replicates=_replicates(plans, np.mean(corrected[1:], axis=0)) if parts.groups else (),
        convergence=_convergence(plans, parts, np.mean(shares[1:], axis=0)),
    )


def cut_parts(documents: IntArray, seed: int) -> Parts:
    """Deal documents to 20 groups and positions to nested shares of 1/8, 1/4, 1/2 and all.

    documents: (N,) document of each position. With fewer than 20 documents there is no jackknife.
    """
    generator = np.random.default_rng([seed, 1])
    present, number = np.unique(documents, return_inverse=True)
    groups = GROUPS if len(present) >= GROUPS else 0
    dealt = generator.permutation(len(present)) % max(groups, 1)
    rank = generator.permutation(len(documents))
    bounds = [len(documents) >> (STAGES - 1 - stage) for stage in range(STAGES - 1)]
    return Parts(dealt[number], np.searchsorted(bounds, rank, side="right"), groups, STAGES)


def plan_labels(
    encoded: Sequence[Encoded], rows: IntArray, protocol: Protocol, parts: Parts
) -> list[LabelPlan]:
    """Label sets of tokens and of bytes, both sides, all orders."""
    sides: tuple[Side, Side] = ("input", "output")
    orders = range(1, protocol.max_order + 1)
    plans = []
    for side, grams in zip(sides, grams_at(encoded, rows, protocol.max_order), strict=True):
        numbers = number_labels(grams)
        plans += [_plan("token", side, k, numbers[k - 1], parts) for k in orders]
    longest = max(protocol.byte_orders, default=0)
    if longest and (spelled := bytes_at(encoded, rows, longest)):
        for side, content in zip(sides, spelled, strict=True):
            numbers = number_labels(content)
            plans += [_plan("byte", side, k, numbers[k - 1], parts) for k in protocol.byte_orders]
    return plans


def _plan(unit: Unit, side: Side, order: int, numbers: IntArray, parts: Parts) -> LabelPlan:
    knots = simulated_counts(len(numbers))
    labels = sort_labels(numbers, parts.group)
    stages = []
    for stage in range(parts.stages - 1 if unit == "token" else 0):
        kept = np.flatnonzero(parts.stage <= stage)
        share = sort_labels(numbers, np.zeros_like(parts.group), kept)
        stages.append((share, weigh_counts(share, 0, knots)))
    weights = weigh_counts(labels, parts.groups, knots)
    return LabelPlan(unit, side, order, labels, weights, tuple(stages))


def estimate_layer(
    index: int, files: LayerFiles, plans: Sequence[LabelPlan], parts: Parts
) -> tuple[Layer, FloatArray, FloatArray]:
    """One layer; its corrected replicates (plans, G) and shares (plans, T − 1, 2), seed means."""
    assignments = files.read_assignments(index)  # (S, N, B) float16
    entropy, ceiling = [], []
    by_plan: list[list[SeedEstimate]] = [[] for _ in plans]
    for seed in assignments:
        whole = seed.float().clamp_min_(SMALLEST)
        whole /= whole.sum(dim=1, keepdim=True)
        rows = row_entropies(whole)
        moments = measure_moments(whole, rows, parts)
        null = simulate_null(whole, rows, moments)
        for plan, found in zip(plans, by_plan, strict=True):
            found.append(estimate_labels(whole, rows, moments, null, plan, parts))
        entropy.append(moments.entropy[0])
        ceiling.append(moments.ceiling[0])
    sizes = np.bincount(parts.group)
    layer = Layer(
        layer=index,
        entropy=round_stored(entropy),
        ceiling=round_stored(ceiling),
        effective_rank=effective_rank(files.read_sample(index)),
        information=tuple(
            _layer_information(plan, found, sizes)
            for plan, found in zip(plans, by_plan, strict=True)
        ),
    )
    without = [np.mean([e.plug_in[1:] - e.null[1:] for e in found], axis=0) for found in by_plan]
    stages = [
        np.mean([e.stages for e in found], axis=0)
        for plan, found in zip(plans, by_plan, strict=True)
        if plan.stages
    ]
    return layer, np.array(without), np.array(stages)


def estimate_labels(
    assignments: Tensor, rows: Tensor, moments: Moments, null: Null, plan: LabelPlan, parts: Parts
) -> SeedEstimate:
    """One label set under one anchor seed. assignments: (N, B); rows: H(A) of each, (N,)."""
    stages = []
    for stage, (labels, weights) in enumerate(plan.stages):
        first = 1 + parts.groups + stage
        found = plug_in(assignments, rows, labels, moments, 0, first)
        expected = expected_information(null, weights, moments, first)
        stages.append((float(found[0]), float(expected[0])))
    return SeedEstimate(
        plug_in=plug_in(assignments, rows, plan.labels, moments, parts.groups),
        null=expected_information(null, plan.weights, moments),
        deviation=shuffle_deviation(null, plan.weights, len(assignments)),
        error=null_error(null, plan.weights),
        stages=np.array(stages),
    )


def _layer_information(
    plan: LabelPlan, found: Sequence[SeedEstimate], sizes: IntArray
) -> LayerInformation:
    corrected = np.mean([e.plug_in - e.null for e in found], axis=0)
    known = len(corrected) > 1
    return LayerInformation(
        unit=plan.unit,
        side=plan.side,
        order=plan.order,
        plug_in=round_stored([e.plug_in[0] for e in found]),
        null=round_stored([e.null[0] for e in found]),
        null_deviation=round_stored([e.deviation for e in found]),
        null_error=round_stored([e.error for e in found]),
        standard_error=jackknife_error(corrected[0], corrected[1:], sizes) if known else None,
    )


def effective_rank(directions: Tensor) -> float:
    """exp of the entropy of the normalised eigenvalues of the covariance of ẑ, from 1 to D.

    directions: (n, D). Of n < D directions the rank is at most n − 1. NaN-free: directions that
    are all equal have rank 1.
    """
    centred = directions - directions.mean(dim=0)
    gram = centred.T @ centred if len(centred) >= centred.shape[1] else centred @ centred.T
    values = torch.linalg.eigvalsh(gram.double()).clamp_min(0)
    if values.sum() == 0:
        return 1.0
    return math.exp(float(torch.special.entr(values / values.sum()).sum()))


def _replicates(plans: Sequence[LabelPlan], corrected: FloatArray) -> tuple[Replicates, ...]:
    return tuple(
        Replicates(
            unit=plan.unit, side=plan.side, order=plan.order, corrected=round_stored(without)
        )
        for plan, without in zip(plans, corrected, strict=True)
    )


def _convergence(plans: Sequence[LabelPlan], parts: Parts, shares: FloatArray) -> tuple[Share, ...]:
    """Estimates by share of the positions; the last share, all of them, is the layers' own."""
    positions = np.cumsum(np.bincount(parts.stage))
    return tuple(
        Share(
            positions=int(positions[stage]),
            unit=plan.unit,
            side=plan.side,
            order=plan.order,
            plug_in=float(f"{found:.9g}"),
            null=float(f"{null:.9g}"),
        )
        for plan, stages in zip([p for p in plans if p.stages], shares, strict=True)
        for stage, (found, null) in enumerate(stages)
    )
