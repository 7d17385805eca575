"""Figures: typed values from record to page, and the keys that name them.

A key never takes its quantity from a user, so a text, a task or a family may have any name: a text
called `score` and a task called `parameters` have keys of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from compression_leaderboard.intervals import LEVEL, Interval, normal_interval, stderr_of
from compression_leaderboard.repository.provenance import MeasuredBy

Quantity = Literal[
    "compression",  # of one text, in the column's unit
    "mean_compression",  # over the cohort's texts
    "complexity",
    "expressivity",
    "optimality",
    "preference",  # I(Z; preferred or rejected), layers 1 to L
    "lexical",  # the same of layer 0
    "score",  # of one benchmark
    "mean_score",  # over the cohort's benchmarks
    "parameters",
    "training_flop",
]
Provenance = Literal["measured", "published"]
BITS_PER_BYTE = "bits per byte"
LN_BINS = "ln(bins)"  # of information: the largest entropy that the measure allows


class Key(NamedTuple):
    """What a figure is of."""

    quantity: Quantity
    name: str = ""  # of the text, the preference pairs or the benchmark; "" for means and sizes
    protocol: str = ""  # window and stride of a text, the suite of a benchmark, or the source

    @property
    def id(self) -> str:
        """Its name on pages and in addresses, unique within a cohort: compression.sotu, score."""
        if self.name:
            return f"{self.quantity}.{self.name}"
        return self.quantity.removeprefix("mean_")


PARAMETERS = Key("parameters")
TRAINING_FLOP = Key("training_flop")


@dataclass(frozen=True, slots=True)
class Figure:
    """One value with all that must travel with it."""

    key: Key
    value: float
    unit: str
    provenance: Provenance
    source: str  # the record below results/measured, or the published source
    _: KW_ONLY
    interval: Interval | None = None  # at the board's level
    stderr: float | None = None  # same unit; None where only an interval is known, or nothing
    n: int | None = None  # documents, items or pairs behind the value
    measured_by: MeasuredBy | None = None  # None: not known, or published by others

    @property
    def low(self) -> float | None:
        return self.interval and self.interval.low

    @property
    def high(self) -> float | None:
        return self.interval and self.interval.high

    @property
    def level(self) -> float | None:
        return self.interval and LEVEL

    @property
    def error(self) -> float | None:
        """The standard error, from the interval where it is not known itself."""
        if self.stderr is None and self.interval is not None:
            return stderr_of(self.interval)
        return self.stderr


def score_figure(
    key: Key,
    value: float,
    stderr: float | None,
    provenance: Provenance,
    source: str,
    n: int | None = None,
) -> Figure:
    """Make the figure of a score, with the interval of its standard error."""
    interval = None if stderr is None else normal_interval(value, stderr)
    return Figure(key, value, "fraction", provenance, source, interval=interval, stderr=stderr, n=n)


@dataclass(frozen=True, slots=True)
class Column:
    """What a cohort knows of its models: a text's compression, a preference or a score."""

    key: Key
    label: str
    unit: str
    higher_is_better: bool
    chance: float | None = None  # scores only
    ceiling: float | None = None
    negative_control: bool = False  # a score that compression is expected to tell little about
    in_mean: bool = True  # a score that counts in the mean

    @property
    def name(self) -> str:
        return self.key.name

    @property
    def id(self) -> str:
        """Its name in files, which list preferences beside texts."""
        return f"{self.name}_preference" if self.key.quantity == "preference" else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model, in one number format, inside one cohort: its identity and its figures."""

    model: str  # id of a measured model, key of a published one
    name: str
    label: str  # the name as pages show it, unique in the cohort
    family: str  # the group that a fit leaves out together
    page: str  # below the site's root
    date: str
    kind: str | None = None  # "base" or "instruct"
    quantization: str | None = None
    dtype: str | None = None
    released: str | None = None
    licence: str | None = None
    revision: str | None = None
    parameters: float | None = None
    training_tokens: float | None = None
    training_flop: float | None = None
    context_tokens: int | None = None
    scored_bytes: int | None = None
    wall_seconds: float | None = None
    rank: tuple[int, int] | None = None  # best and worst rank by compression
    figures: Mapping[Key, Figure]

    @property
    def measured_by(self) -> MeasuredBy | None:
        """Whose measurements the figures are: the one that the board vouches for least."""
        return least_vouched(self.figures.values())

    def value(self, key: Key) -> float | None:
        """Return the figure's value, or the model's size; None where it is not known."""
        if key == PARAMETERS:
            return self.parameters
        if key == TRAINING_FLOP:
            return self.training_flop
        figure = self.figures.get(key)
        return None if figure is None else figure.value


def least_vouched(figures: Iterable[Figure]) -> MeasuredBy | None:
    """Return whose measurement the board vouches for least; None where one is not known.

    A contributor's record that was not measured again counts as such even beside unknown ones.
    """
    known = {figure.measured_by for figure in figures}
    if None in known and "contributor" not in known:
        return None
    return next((name for name in get_args(MeasuredBy) if name in known), None)


def benchmark_id(key: Key) -> str:
    """Return the name of a benchmark in files and commands; "score" is the mean over all."""
    if key.quantity == "mean_score":
        return "score"
    reserved = key.name == "score" or key.name.startswith("benchmark:")
    return f"benchmark:{key.name}" if reserved else key.name


def text_id(key: Key) -> str:
    """Return the name of a text in commands, where `parameters` and `training_flop` are sizes."""
    reserved = key.name in (PARAMETERS.id, TRAINING_FLOP.id) or key.name.startswith("text:")
    return f"text:{key.name}" if reserved else key.name


def values(rows: Sequence[Row], key: Key) -> NDArray[np.float64]:
    """Return one value per row; NaN where it is not known."""
    return np.array([row.value(key) for row in rows], dtype=np.float64)  # None becomes NaN


def errors(rows: Sequence[Row], key: Key) -> NDArray[np.float64]:
    """Return one standard error per row; NaN where it is not known."""
    figures = (row.figures.get(key) for row in rows)
    return np.array([figure and figure.error for figure in figures], dtype=np.float64)
