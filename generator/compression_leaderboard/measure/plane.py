"""Estimate the information plane of a text: each layer's soft entropy and label information.

Of each position either its direction ẑ or its soft assignments to all seeds' anchors is kept in a
temporary file, whichever is smaller, as float16 (this moves the information by less than 1e-6),
with ordinary writes: a memory map would keep its pages resident.

Labels are n-grams of tokens or bytes: those that end at a position (input) and those that follow
it (output). They, their sort orders and the weights of their null depend on the text alone and are
made once. One layer is in memory at a time, and of it one anchor seed in full precision.
"""

import math
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from compression_leaderboard.intervals import jackknife_error
from compression_leaderboard.measure import information
from compression_leaderboard.measure.documents import Encoded, IntArray
from compression_leaderboard.measure.information import FloatArray, Labels, Moments, Null, Parts
from compression_leaderboard.measure.machine import MeasureError, Report
from compression_leaderboard.records.corpora import JACKKNIFE_GROUPS, PreferenceProtocol, Protocol
from compression_leaderboard.records.plane import (
    LabelSet,
    Layer,
    LayerInformation,
    Lossy,
    Replicates,
    Share,
    Unit,
)
from compression_leaderboard.records.results import Subject

SAMPLE_POSITIONS = 2048  # for the effective rank, at most
CHUNK_POSITIONS = 4096
BYTES_PER_NUMBER = 2  # float16
STAGES = 4  # shares of the positions for the convergence: 1/8, 1/4, 1/2 and all
SMALLEST = 1e-12  # of an assignment, so that its logarithm exists


class LayerFiles:
    """States of the embedding and every layer at some positions, in the order of appending.

    The files are temporary: nothing is left of them when they are closed or the process is killed.
    Raises MeasureError("disk") when there is too little space for them.
    """

    def __init__(
        self, subject: Subject, protocol: Protocol | PreferenceProtocol, positions: int
    ) -> None:
        self.layers, self.width = subject.layers + 1, subject.width
        self.positions, self.bins = positions, protocol.bins
        self.scale = information.solve_scale(self.width, self.bins)
        # (S · B, D)
        self.anchors = information.draw_anchors(
            protocol.anchor_seeds, self.bins, self.width
        ).float()
        self.keeps_directions = self.width <= len(self.anchors)
        self.columns = min(self.width, len(self.anchors))
        self.step = -(-positions // SAMPLE_POSITIONS)
        self._check_space()
        self._stack = ExitStack()
        self.rows = [self._open() for _ in range(self.layers)]
        self.samples = [self._open() for _ in range(self.layers)]
        self._appended = 0

    @property
    def size_bytes(self) -> int:
        """Room that all files take when every position is appended."""
        rows = self.positions * self.columns + len(range(0, self.positions, self.step)) * self.width
        return BYTES_PER_NUMBER * self.layers * rows

    def _check_space(self) -> None:
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
        if self.size_bytes > free:
            wrong = f"hidden states need {self.size_bytes / 1e9:.1f} GB of temporary files"
            repair = f"{folder} has {free / 1e9:.1f} GB; set TMPDIR to a larger disk"
            raise MeasureError("disk", f"{wrong}; {repair}")

    def _open(self) -> IO[bytes]:
        return self._stack.enter_context(tempfile.TemporaryFile())

    def close(self) -> None:
        """Close the files, which deletes them."""
        self._stack.close()

    def append(self, states: list[Tensor]) -> None:
        """Keep hidden states of some positions: for each layer (positions, D)."""
        sampled = torch.arange(-self._appended % self.step, len(states[0]), self.step)
        for rows, sample, layer in zip(self.rows, self.samples, states, strict=True):
            directions = information.normalise(layer.float())
            kept = directions if self.keeps_directions else self._assign(directions)
            rows.write(_bytes_of(kept.flatten(1)))
            sample.write(_bytes_of(directions[sampled.to(directions.device)]))
        self._appended += len(states[0])

    def _assign(self, directions: Tensor) -> Tensor:
        return information.assign(
            directions, self.anchors.to(directions.device), self.scale, self.bins
        )

    def read_assignments(self, layer: int) -> Tensor:
        """Read the soft assignments of one layer, (S, N, B) float16."""
        seeds = len(self.anchors) // self.bins
        assignments = torch.empty((seeds, self.positions, self.bins), dtype=torch.float16)
        file = self.rows[layer]
        file.seek(0)
        for begin in range(0, self.positions, CHUNK_POSITIONS):
            count = min(CHUNK_POSITIONS, self.positions - begin)
            read = np.fromfile(file, np.float16, count * self.columns)
            rows = torch.from_numpy(read).view(count, self.columns)
            if self.keeps_directions:
                rows = self._assign(rows.float())
            by_seed = rows.view(count, seeds, self.bins).transpose(0, 1)
            assignments[:, begin : begin + count] = by_seed
        return assignments

    def read_sample(self, layer: int) -> Tensor:
        """Read directions of at most 2,048 positions spread over all of them, (n, D) float32."""
        self.samples[layer].seek(0)
        read = np.fromfile(self.samples[layer], np.float16)
        return torch.from_numpy(read).view(-1, self.width).float()


def _bytes_of(rows: Tensor) -> bytes:
    kept: NDArray[np.float16] = rows.half().cpu().numpy()
    return kept.tobytes()


def draw_positions(
    documents: Sequence[Encoded], protocol: Protocol
) -> list[NDArray[np.bool_]] | None:
    """Mask the protocol's number of positions in the documents' inputs; None if there are fewer.

    Stratified: each document gives its share (largest remainders), drawn without replacement.
    """
    longest = max(protocol.byte_orders, default=0)
    eligible = [eligible_tokens(document, protocol.max_order, longest) for document in documents]
    sizes = np.array([len(tokens) for tokens in eligible])
    if sizes.sum() < protocol.positions:
        return None
    shares = sizes * protocol.positions / sizes.sum()
    quota = np.floor(shares).astype(np.int64)
    missing = protocol.positions - quota.sum()
    quota[np.argsort(quota - shares, kind="stable")[:missing]] += 1
    masks = []
    for index, (document, tokens) in enumerate(zip(documents, eligible, strict=True)):
        generator = np.random.default_rng([protocol.position_seed, index])
        drawn = generator.choice(tokens, size=quota[index], replace=False)
        mask = np.zeros(len(document.inputs), dtype=bool)
        mask[drawn + document.offset] = True
        masks.append(mask)
    return masks


def eligible_tokens(document: Encoded, max_order: int, longest_bytes: int) -> IntArray:
    """Return the indices of tokens with room for every label on both sides.

    `max_order` tokens up to and including them and as many after; and as many bytes before their
    end and after it as the longest label of bytes has, where the bytes of tokens are known.
    """
    tokens = np.arange(max_order - 1, len(document.tokens) - max_order, dtype=np.int64)
    if document.ends is None:
        return tokens
    ends = document.ends[tokens]
    roomy: IntArray = tokens[(ends >= longest_bytes) & (document.ends[-1] - ends >= longest_bytes)]
    return roomy


@dataclass(frozen=True)
class LabelPlan:
    """One label set: unit, side and order as records name them, and its labels by share."""

    key: dict[str, Any]
    labels: tuple[Labels, ...]  # of all positions, then of the smaller shares


def estimate_layers(
    encoded: Sequence[Encoded],
    rows: IntArray,
    files: LayerFiles,
    protocol: Protocol,
    report: Report,
) -> Lossy:
    """Return all estimates of all layers.

    rows: (N, 2) document and input index of the files' rows.
    """
    parts = cut_parts(rows[:, 0], protocol.position_seed)
    plans = plan_labels(encoded, rows, protocol, parts)
    layers, by_layer = [], []
    for index in range(files.layers):
        layer, estimates = estimate_layer(index, files, plans, parts)
        layers.append(layer)
        by_layer.append(estimates)
        report("layers", index + 1, files.layers)
    replicates, convergence = _mean_layers(plans, by_layer[1:], parts)
    return Lossy(
        positions=len(rows),
        documents=len(np.unique(rows[:, 0])),
        group_positions=tuple(np.bincount(parts.group).tolist()) if parts.groups else (),
        scale=files.scale,
        labels=tuple(
            LabelSet(
                distinct=len(plan.labels[0].counts),
                singleton_mass=plan.labels[0].singleton_mass,
                **plan.key,
            )
            for plan in plans
        ),
        layers=tuple(layers),
        replicates=replicates,
        convergence=convergence,
    )


def cut_parts(documents: IntArray, seed: int) -> Parts:
    """Deal documents to 20 groups and positions to nested shares of 1/8, 1/4, 1/2 and all.

    documents: (N,) document of each position. With fewer than 20 documents there is no jackknife.
    """
    generator = np.random.default_rng([seed, 1])
    present, number = np.unique(documents, return_inverse=True)
    groups = JACKKNIFE_GROUPS if len(present) >= JACKKNIFE_GROUPS else 0
    dealt = generator.permutation(len(present)) % max(groups, 1)
    rank = generator.permutation(len(documents))
    bounds = [len(documents) >> (STAGES - 1 - stage) for stage in range(STAGES - 1)]
    return Parts(dealt[number], np.searchsorted(bounds, rank, side="right"))


def plan_labels(
    encoded: Sequence[Encoded], rows: IntArray, protocol: Protocol, parts: Parts
) -> list[LabelPlan]:
    """Return the label sets of tokens and of bytes, both sides, all orders.

    Those of bytes are missing where the bytes of tokens are not known; they have no shares.
    """
    units: dict[Unit, Sequence[int]] = {"token": range(1, protocol.max_order + 1)}
    if protocol.byte_orders and all(document.ends is not None for document in encoded):
        units["byte"] = protocol.byte_orders
    plans = []
    for unit, orders in units.items():
        stages = [None, *range(parts.stages - 1)] if unit == "token" else [None]
        grams = grams_at(encoded, rows, unit, max(orders))
        for side, side_grams in zip(("input", "output"), grams, strict=True):
            numbers = information.number_labels(side_grams)
            for order in orders:
                labels = (
                    information.sort_labels(numbers[order - 1], parts, stage) for stage in stages
                )
                key = {"unit": unit, "side": side, "order": order}
                plans.append(LabelPlan(key, tuple(labels)))
    return plans


def grams_at(
    documents: Sequence[Encoded], rows: IntArray, unit: Unit, longest: int
) -> tuple[IntArray, IntArray]:
    """Return the units before and after the end of each row's token, (N, K), the nearest first."""
    before = np.empty((len(rows), longest), dtype=np.int64)
    after = np.empty_like(before)
    for index, document in enumerate(documents):
        here = np.flatnonzero(rows[:, 0] == index)
        tokens = rows[here, 1] - document.offset
        content, ends = document.tokens, tokens + 1
        if unit == "byte" and document.ends is not None:
            content = np.frombuffer(document.document.text.encode(), dtype=np.uint8)
            ends = document.ends[tokens]
        for k in range(longest):
            before[here, k] = content[ends - 1 - k]
            after[here, k] = content[ends + k]
    return before, after


def estimate_layer(
    index: int, files: LayerFiles, plans: Sequence[LabelPlan], parts: Parts
) -> tuple[Layer, list[FloatArray]]:
    """Return one layer, and for each plan the estimates that it was made from.

    They are (S, 2, parts), plug-in and null by part: all positions, then without each group, then
    the smaller shares.
    """
    moments, nulls, estimates = [], [], []
    for seed in files.read_assignments(index):  # (S, N, B) float16
        whole = seed.float().clamp_min_(SMALLEST)
        whole /= whole.sum(dim=1, keepdim=True)
        moments.append(information.measure_moments(whole, parts))
        nulls.append(information.simulate_null(moments[-1]))
        estimates.append([estimate_labels(moments[-1], nulls[-1], plan) for plan in plans])
    by_plan = [np.stack(values) for values in zip(*estimates, strict=True)]
    layer = Layer(
        layer=index,
        entropy=information.round_stored(moment.entropy[0] for moment in moments),
        ceiling=information.round_stored(moment.ceiling[0] for moment in moments),
        effective_rank=effective_rank(files.read_sample(index)),
        information=tuple(
            _layer_information(plan, values, nulls, parts)
            for plan, values in zip(plans, by_plan, strict=True)
        ),
    )
    return layer, by_plan


def estimate_labels(moments: Moments, null: Null, plan: LabelPlan) -> FloatArray:
    """Return plug-in and null of one label set under one anchor seed, (2, parts)."""
    estimates = [
        [
            information.plug_in(moments, labels),
            information.expected_information(null, moments, labels),
        ]
        for labels in plan.labels
    ]
    return np.concatenate(estimates, axis=1)


def _layer_information(
    plan: LabelPlan, estimates: FloatArray, nulls: Sequence[Null], parts: Parts
) -> LayerInformation:
    labels, sizes = plan.labels[0], np.bincount(parts.group)
    deviations = [information.shuffle_deviation(null, labels) for null in nulls]
    errors = [information.null_error(null, labels) for null in nulls]
    corrected = (estimates[:, 0] - estimates[:, 1]).mean(axis=0)
    without = corrected[1 : 1 + parts.groups]
    return LayerInformation(
        plug_in=information.round_stored(estimates[:, 0, 0]),
        null=information.round_stored(estimates[:, 1, 0]),
        null_deviation=information.round_stored(deviations),
        null_error=information.round_stored(errors),
        standard_error=jackknife_error(corrected[0], without, sizes) if parts.groups else None,
        **plan.key,
    )


def effective_rank(directions: Tensor) -> float:
    """Return exp of the entropy of the normalised eigenvalues of the covariance of ẑ, 1 to D.

    directions: (n, D). Of n < D directions the rank is at most n − 1. Directions that are all
    equal have rank 1.
    """
    centred = directions - directions.mean(dim=0)
    gram = centred.T @ centred if len(centred) >= centred.shape[1] else centred @ centred.T
    values = torch.linalg.eigvalsh(gram.double()).clamp_min(0)
    if values.sum() == 0:
        return 1.0
    return math.exp(float(torch.special.entr(values / values.sum()).sum()))


def _mean_layers(
    plans: Sequence[LabelPlan], layers: Sequence[Sequence[FloatArray]], parts: Parts
) -> tuple[tuple[Replicates, ...], tuple[Share, ...]]:
    """Average the estimates of the leave-outs, and of the smaller shares, over layers and seeds."""
    positions = np.cumsum(np.bincount(parts.stage))
    replicates, shares = [], []
    for plan, values in zip(plans, zip(*layers, strict=True), strict=True):
        estimates = np.stack(values)  # (L, S, 2, parts)
        corrected = (estimates[:, :, 0] - estimates[:, :, 1]).mean(axis=1).mean(axis=0)
        if parts.groups:
            without = information.round_stored(corrected[1 : 1 + parts.groups])
            replicates.append(Replicates(corrected=without, **plan.key))
        means = estimates.mean(axis=1).mean(axis=0)[:, 1 + parts.groups :]
        for size, pair in zip(positions, means.T, strict=False):  # the last share is the layers'
            plug_in, null = information.round_stored(pair)
            shares.append(Share(positions=int(size), plug_in=plug_in, null=null, **plan.key))
    return tuple(replicates), tuple(shares)
