"""Estimate the information plane of a text: each layer's soft entropy and label information.

Of each position either its state or its soft assignments to all seeds' anchors is kept in a
temporary file, whichever is smaller, with ordinary writes: a memory map would keep its pages
resident. A state in bfloat16 is kept as it is, another one as its direction ẑ in float16; this, and
assignments in float16, move the information by less than 1e-6.

Labels are n-grams of tokens or bytes: those that end at a position (input) and those that follow
it (output). They, their sort orders and the weights of their null depend on the text alone and are
made once. The states of one layer are in memory at a time, and the assignments of one anchor seed.
"""

import math
import shutil
import tempfile
from collections.abc import Iterator, Sequence
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
BYTES_PER_NUMBER = 2  # float16 and bfloat16
STAGES = 4  # shares of the positions for the convergence: 1/8, 1/4, 1/2 and all
SMALLEST = 1e-12  # of an assignment, so that its logarithm exists


class PlaneError(MeasureError):
    """The model has no information plane; its bits are not concerned."""


class LayerFiles:
    """States of the embedding and every layer at some positions, in the order of appending.

    The files are temporary: nothing is left of them when they are closed or the process is killed.
    Raises MeasureError("disk") when there is too little space for them, PlaneError for vectors that
    are too short.
    """

    def __init__(
        self, subject: Subject, protocol: Protocol | PreferenceProtocol, positions: int
    ) -> None:
        self.layers, self.width = subject.layers + 1, subject.width
        self.positions, self.bins = positions, protocol.bins
        if self.width < (least := information.SMALLEST_WIDTH):
            wrong = f"hidden states have {self.width} numbers; soft entropy needs {least}"
            raise PlaneError("architecture", wrong)
        self.scale = information.solve_scale(self.width, self.bins)
        seeds = protocol.anchor_seeds
        self.anchors = information.draw_anchors(seeds, self.bins, self.width).float()  # (S, B, D)
        assigned = len(seeds) * self.bins
        self.keeps_states = self.width <= assigned
        self.columns = min(self.width, assigned)
        self.dtype = torch.float16  # of the rows in the files
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
        sampled = slice(-self._appended % self.step, None, self.step)  # none of a small batch
        if self.keeps_states and states[0].dtype == torch.bfloat16:
            self.dtype = torch.bfloat16
        for file, sample, layer in zip(self.rows, self.samples, states, strict=True):
            if not self.keeps_states:
                anchors = self.anchors.to(layer.device)
                layers = information.assign(layer.float(), anchors, self.scale)
                file.write(_bytes_of(torch.cat(list(layers), dim=1).half()))
            elif self.dtype == torch.bfloat16:
                file.write(_bytes_of(layer))
            else:
                file.write(_bytes_of(normalise(layer.float()).half()))
            directions = normalise(layer[sampled].float())
            sample.write(_bytes_of(directions.half()))
        self._appended += len(states[0])

    def read_assignments(self, layer: int) -> Iterator[Tensor]:
        """Yield the soft assignments of one layer to each seed's anchors, (N, B) float32."""
        self.rows[layer].seek(0)
        read = torch.from_numpy(np.fromfile(self.rows[layer], np.int16))
        rows = read.view(self.dtype).view(-1, self.columns)
        if self.keeps_states:
            states = rows if self.dtype == torch.bfloat16 else rows.float()
            for assignments in information.assign(states, self.anchors, self.scale):
                yield assignments.clamp_min_(SMALLEST)
        else:
            for stored in torch.split(rows, self.bins, dim=1):
                assignments = stored.float().clamp_min_(SMALLEST)
                yield assignments / assignments.sum(dim=1, keepdim=True)

    def read_sample(self, layer: int) -> Tensor:
        """Read directions of at most 2,048 positions spread over all of them, (n, D) float32."""
        self.samples[layer].seek(0)
        read = np.fromfile(self.samples[layer], np.float16)
        return torch.from_numpy(read).view(-1, self.width).float()


def normalise(vectors: Tensor) -> Tensor:
    """Return ẑ = z/‖z‖, (N, D); a zero vector stays zero and is assigned evenly to all anchors."""
    lengths = vectors.norm(dim=-1, keepdim=True)
    return torch.where(lengths > 0, vectors / lengths, torch.zeros_like(vectors))


def _bytes_of(rows: Tensor) -> memoryview:
    """Return the bytes of rows in a number format of two bytes, without a copy."""
    kept: NDArray[np.int16] = rows.contiguous().view(torch.int16).cpu().numpy()
    return kept.data


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
    """One label set: unit, side and order as records name them, and its labels."""

    key: dict[str, Any]
    labels: Labels


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
                distinct=len(plan.labels.whole_counts),
                singleton_mass=plan.labels.singleton_mass,
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
        grams = grams_at(encoded, rows, unit, max(orders))
        for side, side_grams in zip(("input", "output"), grams, strict=True):
            numbers = information.number_labels(side_grams)
            for order in orders:
                labels = information.sort_labels(numbers[order - 1], parts, unit == "token")
                plans.append(LabelPlan({"unit": unit, "side": side, "order": order}, labels))
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
    for assignments in files.read_assignments(index):
        moments.append(information.measure_moments(assignments, parts))
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
    return np.stack(
        [
            information.plug_in(moments, plan.labels),
            information.expected_information(null, moments, plan.labels),
        ]
    )


def _layer_information(
    plan: LabelPlan, estimates: FloatArray, nulls: Sequence[Null], parts: Parts
) -> LayerInformation:
    labels, sizes = plan.labels, np.bincount(parts.group)
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
    values = torch.linalg.eigvalsh(gram).double().clamp_min(0)
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
