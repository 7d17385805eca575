"""The information plane in a record: what a model's hidden states keep of a text."""

from typing import Literal

from compression_leaderboard.records.base import Record

Side = Literal["input", "output"]
Unit = Literal["token", "byte"]


class LabelSet(Record):
    """The n-grams of tokens or bytes that end at (input) or follow (output) the positions."""

    unit: Unit
    side: Side
    order: int  # units in a label
    distinct: int
    singleton_mass: float  # share of positions whose label occurs once


class LayerInformation(Record):
    """I(labels; Z) of one layer, in units of ln(bins); one number per anchor seed."""

    unit: Unit
    side: Side
    order: int
    plug_in: tuple[float, ...]
    null: tuple[float, ...]
    null_deviation: tuple[float, ...]  # standard deviation of the shuffle distribution
    null_error: tuple[float, ...]  # Monte Carlo standard error of the null
    standard_error: float | None = (
        None  # of the corrected mean over seeds, by jackknife over documents
    )


class Layer(Record):
    """One layer's soft entropy and what it tells about the labels. Layer 0 is the embedding."""

    layer: int
    entropy: tuple[float, ...]  # H(Z), one per anchor seed
    ceiling: tuple[float, ...]  # H(Z) − mean H(A): what labels that are all unique would give
    effective_rank: float  # exp of the entropy of the eigenvalues of the covariance of ẑ
    information: tuple[LayerInformation, ...]


class Replicates(Record):
    """Corrected information, mean over layers 1…L and seeds, without each group of documents."""

    unit: Unit
    side: Side
    order: int
    corrected: tuple[float, ...]


class Share(Record):
    """Mean over layers 1…L and seeds of an estimate from a part of the positions."""

    positions: int
    unit: Unit
    side: Side
    order: int
    plug_in: float
    null: float


class Lossy(Record):
    """The information plane of a model on a text."""

    positions: int
    documents: int
    group_positions: tuple[int, ...]  # of the jackknife's groups; empty: too few documents
    scale: float  # ε of the soft assignment
    labels: tuple[LabelSet, ...]
    layers: tuple[Layer, ...]
    replicates: tuple[Replicates, ...]
    convergence: tuple[Share, ...]
