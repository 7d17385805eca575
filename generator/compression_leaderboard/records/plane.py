"""The hidden states in a record: information about a text, and about people's preferences."""

from typing import Literal

from pydantic import Field

from compression_leaderboard.records.base import Record
from compression_leaderboard.records.corpora import JACKKNIFE_GROUPS, PreferenceProtocol

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
    # Of the corrected mean over seeds, by jackknife over documents.
    standard_error: float | None = None


class Layer(Record):
    """One layer's soft entropy and its information about labels. Layer 0 is the embedding."""

    layer: int
    entropy: tuple[float, ...]  # H(Z), one per anchor seed
    ceiling: tuple[float, ...]  # H(Z) − mean H(A): the information of labels that are all unique
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


class PreferenceLayer(Record):
    """I(Z; preferred or rejected) of one layer, in units of ln(bins); one number per anchor seed.

    Layer 0 is the embedding: its value is the information of the words alone.
    """

    layer: int
    plug_in: tuple[float, ...]
    null: tuple[float, ...]  # mean over swaps of the labels within pairs
    null_deviation: tuple[float, ...]  # standard deviation of the swaps
    # plug_in − null, mean over seeds, without one group of pairs; the same groups in every layer
    replicates: tuple[float, ...] = Field(min_length=JACKKNIFE_GROUPS, max_length=JACKKNIFE_GROUPS)


class Preference(Record):
    """The information of the hidden states at completion tokens about people's preference."""

    sha256: str  # of the file; of a dataset on the Hub: of the drawn pairs as JSON lines
    revision: str | None = None  # commit of a dataset on the Hub
    protocol: PreferenceProtocol
    pairs: int
    left_out: int  # pairs that are too long, or of the Hub unusable
    completion_tokens: int  # of both sides of all pairs
    scale: float  # ε of the soft assignment
    layers: tuple[PreferenceLayer, ...] = Field(min_length=2)  # the embedding and those above
