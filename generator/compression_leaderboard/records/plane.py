"""The hidden states in a record: information about a text, and about people's preferences."""

from typing import Annotated, Literal

from pydantic import Field

from compression_leaderboard.records.base import Amount, Count, Fraction, Positive, Record
from compression_leaderboard.records.corpora import JACKKNIFE_GROUPS, PreferenceProtocol

Side = Literal["input", "output"]
Unit = Literal["token", "byte"]
# In units of ln(bins); estimates may fall below 0 by rounding, and corrected ones by chance.
Information = Annotated[float, Field(ge=-1, le=1.001)]
Scale = Annotated[float, Field(gt=0, le=1)]  # ε of the soft assignment


class LabelSet(Record):
    """The n-grams of tokens or bytes that end at (input) or follow (output) the positions."""

    unit: Unit
    side: Side
    order: Positive  # units in a label
    distinct: Positive
    singleton_mass: Fraction  # share of positions whose label occurs once


class LayerInformation(Record):
    """I(labels; Z) of one layer, in units of ln(bins); one number per anchor seed."""

    unit: Unit
    side: Side
    order: Positive
    plug_in: tuple[Information, ...]
    null: tuple[Information, ...]
    null_deviation: tuple[Fraction, ...]  # standard deviation of the shuffle distribution
    null_error: tuple[Fraction, ...]  # Monte Carlo standard error of the null
    # Of the corrected mean over seeds, by jackknife over documents.
    standard_error: Fraction | None = None


class Layer(Record):
    """One layer's soft entropy and its information about labels. Layer 0 is the embedding."""

    layer: Count
    entropy: tuple[Information, ...]  # H(Z), one per anchor seed
    ceiling: tuple[
        Information, ...
    ]  # H(Z) − mean H(A): the information of labels that are all unique
    effective_rank: Amount  # exp of the entropy of the eigenvalues of the covariance of ẑ
    information: tuple[LayerInformation, ...]


class Replicates(Record):
    """Corrected information, mean over layers 1…L and seeds, without each group of documents."""

    unit: Unit
    side: Side
    order: Positive
    corrected: tuple[Information, ...]


class Share(Record):
    """Mean over layers 1…L and seeds of an estimate from a part of the positions."""

    positions: Positive
    unit: Unit
    side: Side
    order: Positive
    plug_in: Information
    null: Information


class Lossy(Record):
    """The information plane of a model on a text."""

    positions: Positive
    documents: Positive
    group_positions: tuple[Positive, ...]  # of the jackknife's groups; empty: too few documents
    scale: Scale
    labels: tuple[LabelSet, ...]
    layers: tuple[Layer, ...]
    replicates: tuple[Replicates, ...]
    convergence: tuple[Share, ...]


class PreferenceLayer(Record):
    """I(Z; preferred or rejected) of one layer, in units of ln(bins); one number per anchor seed.

    Layer 0 is the embedding: its value is the information of the words alone.
    """

    layer: Count
    plug_in: tuple[Information, ...]
    null: tuple[Information, ...]  # mean over swaps of the labels within pairs
    null_deviation: tuple[Fraction, ...]  # standard deviation of the swaps
    # plug_in − null, mean over seeds, without one group of pairs; the same groups in every layer
    replicates: tuple[Information, ...] = Field(
        min_length=JACKKNIFE_GROUPS, max_length=JACKKNIFE_GROUPS
    )


class Preference(Record):
    """The information of the hidden states at completion tokens about people's preference."""

    sha256: str  # of the file; of a dataset on the Hub: of the drawn pairs as JSON lines
    revision: str | None = None  # commit of a dataset on the Hub
    protocol: PreferenceProtocol
    pairs: Positive
    left_out: Count  # pairs that are too long, or of the Hub unusable
    completion_tokens: Positive  # of both sides of all pairs
    scale: Scale
    layers: tuple[PreferenceLayer, ...] = Field(min_length=2)  # the embedding and those above
