"""Options of a cohort: every model with its figures and the terms of its memory.
docs/data/choose.json holds the same values, so the page Choose only adds and multiplies.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import Column, Row
from compression_leaderboard.records.results import Result

# Bytes per parameter. int8 and int4 include a 16-bit scale per block of 32 weights, as GGUF does.
PRECISIONS = {"float32": 4.0, "bfloat16": 2.0, "int8": 1.0625, "int4": 0.5625}
CACHE_NUMBER_BYTES = 2.0  # a number in the cache, in bfloat16
WIDTH_PER_LAYER = 100.0  # of a typical decoder; used where the shape is unknown
RUNTIME_BYTES = 5e8  # the process without a model; measured by examples/bench/memory.py on a CPU
CONTEXT_TOKENS = 2048.0  # default length of the context


@dataclass(frozen=True)
class Figure:
    """A score of a benchmark, or the bits of a text."""

    value: float
    stderr: float | None  # same unit; None: unknown
    provenance: str  # "measured" or "published", as its cohort


@dataclass(frozen=True)
class Criterion:
    """A benchmark or a text that can be weighted."""

    name: str
    label: str
    unit: str
    higher_is_better: bool
    default_weight: float


@dataclass(frozen=True)
class Option:
    """One model to choose from."""

    model: str
    name: str
    page: str
    licence: str | None  # None: unknown
    parameters: float | None  # all weights; None: unknown
    weights_bytes: Mapping[str, float] | None  # by precision; None: unknown
    cache_bytes_per_token: float | None
    figures: tuple[Figure | None, ...]  # one per criterion of the cohort; None: unknown


@dataclass(frozen=True)
class CohortOptions:
    """The models of one cohort, and the criteria that they can be weighted by."""

    name: str
    title: str
    criteria: tuple[Criterion, ...]
    options: tuple[Option, ...]

    @property
    def default_weights(self) -> tuple[float, ...]:
        return tuple(criterion.default_weight for criterion in self.criteria)


def make_options(cohorts: Sequence[Cohort], results: Iterable[Result]) -> tuple[CohortOptions, ...]:
    """The options of each cohort that has models and figures.

    results: current ones; they give the layers and the width of measured models.
    """
    shapes = {
        r.model: (r.subject.layers, r.subject.width) for r in results if r.subject is not None
    }
    made = [_cohort_options(cohort, shapes) for cohort in cohorts]
    return tuple(cohort for cohort in made if cohort.criteria and cohort.options)


def default_cohort(cohorts: Sequence[CohortOptions]) -> CohortOptions:
    """The cohort with the largest model."""
    return max(cohorts, key=lambda one: max(option.parameters or 0 for option in one.options))


def memory_bytes(option: Option, precision: str, context_tokens: float) -> float | None:
    """Memory to serve one context: weights, key-value cache and runtime. None: unknown."""
    if option.weights_bytes is None or option.cache_bytes_per_token is None:
        return None
    cache = option.cache_bytes_per_token * context_tokens
    return option.weights_bytes[precision] + cache + RUNTIME_BYTES


def weights_bytes(parameters: float) -> dict[str, float]:
    """Bytes of the weights by precision."""
    return {name: parameters * size for name, size in PRECISIONS.items()}


def cache_bytes_per_token(
    parameters: float,
    shape: tuple[int, int] | None,
    number_bytes: float = CACHE_NUMBER_BYTES,
) -> float:
    """Bytes of the key-value cache per token of context: 2 · layers · width · bytes of a number.

    shape: layers and width. An unknown one follows from parameters = 12 · layers · width² and
    width = WIDTH_PER_LAYER · layers. An upper bound where attention heads share keys and values.
    """
    if shape is not None:
        layers, width = map(float, shape)
    else:
        layers = (parameters / (12 * WIDTH_PER_LAYER**2)) ** (1 / 3)
        width = WIDTH_PER_LAYER * layers
    return 2 * layers * width * number_bytes


def _cohort_options(cohort: Cohort, shapes: Mapping[str, tuple[int, int]]) -> CohortOptions:
    columns = [*cohort.scores, *cohort.compression]
    times = Counter([column.name for column in columns] + [column.key.id for column in columns])
    criteria = [
        Criterion(
            name=c.name if times[c.name] == 1 else c.key.id,
            label=c.label,
            unit=c.unit,
            higher_is_better=c.higher_is_better,
            default_weight=float(c.unit == columns[0].unit),
        )
        for c in columns
    ]
    options = [_option(cohort, columns, row, shapes) for row in cohort.rows]
    return CohortOptions(cohort.name, cohort.title, tuple(criteria), tuple(options))


def _option(
    cohort: Cohort, columns: Sequence[Column], row: Row, shapes: Mapping[str, tuple[int, int]]
) -> Option:
    """A mixture's published size may not count all weights, so its size is unknown here."""
    parameters = None if row.model in cohort.mixtures else row.parameters
    return Option(
        model=row.model,
        name=row.label,
        page=row.page,
        licence=row.licence,
        parameters=parameters,
        weights_bytes=None if parameters is None else weights_bytes(parameters),
        cache_bytes_per_token=(
            None if parameters is None else cache_bytes_per_token(parameters, shapes.get(row.model))
        ),
        figures=tuple(_figure(column, row) for column in columns),
    )


def _figure(column: Column, row: Row) -> Figure | None:
    figure = row.figures.get(column.key)
    if figure is None:
        return None
    return Figure(figure.value, figure.error, figure.provenance)
