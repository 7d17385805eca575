"""What there is to choose from: the cohorts as plain values, the same that the page reads."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.fits.study import counted
from generator.records.results import Result
from generator.tables.cohorts import Cohort, Column
from generator.tables.measured import current_results

NORMAL_95 = 1.959964
Row = Mapping[Any, Any]  # of a cohort, by column


@dataclass(frozen=True)
class Figure:
    """A figure of a model: a score, or bits of a text."""

    value: float
    error: float | None  # standard error; None: not known
    evidence: str  # "measured", "published" or "predicted"


@dataclass(frozen=True)
class Option:
    """One model that can be chosen."""

    id: str
    name: str
    page: str
    family: str
    licence: str  # "": not known
    parameters: float | None  # of all weights; None: not known
    layers: int | None  # None: not known, estimated from the parameters
    width: int | None
    figures: Mapping[str, Figure]


@dataclass(frozen=True)
class Criterion:
    """A benchmark or a text that a wish can weigh."""

    name: str
    label: str
    unit: str
    higher_is_better: bool


@dataclass(frozen=True)
class Menu:
    """One cohort to choose from."""

    name: str
    title: str
    criteria: tuple[Criterion, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Speed:
    """How fast models of the records read text, as seconds a token for each parameter."""

    seconds: float  # geometric mean over models
    factor: float | None  # largest ratio to what the other models say; None: one model alone
    models: int
    largest_parameters: float
    machine: str


def make_menus(cohorts: Sequence[Cohort], results: Iterable[Result]) -> tuple[Menu, ...]:
    """A menu for each cohort. results: current ones, for the shapes of measured models."""
    shapes = {
        r.model: (r.subject.layers, r.subject.width) for r in results if r.subject is not None
    }
    return tuple(_menu(cohort, shapes) for cohort in cohorts)


def _menu(cohort: Cohort, shapes: Mapping[str, tuple[int, int]]) -> Menu:
    columns = [*cohort.scores, *cohort.compression]
    options = []
    for row in cohort.rows.to_dict("records"):
        found = {c.name: _figure(cohort, c, row) for c in columns}
        layers, width = shapes.get(str(row["model"]), (None, None))
        size = None if row["model"] in cohort.mixtures else _number(row["parameters"])
        options.append(
            Option(
                id=_option_id(row),
                name=_title(row),
                page=str(row["page"]),
                family=str(row["family"]),
                licence=_text(row.get("licence")),
                parameters=size,
                layers=layers,
                width=width,
                figures={name: figure for name, figure in found.items() if figure is not None},
            )
        )
    criteria = [Criterion(c.name, c.label, c.unit, c.higher_is_better) for c in columns]
    return Menu(cohort.name, cohort.title, tuple(criteria), tuple(options))


def _option_id(row: Row) -> str:
    """A model has a row for each number format it was measured in."""
    dtype = _text(row.get("dtype"))
    return f"{row['model']} {dtype}" if dtype else str(row["model"])


def _title(row: Row) -> str:
    marks = [text for key in ("quantization", "dtype") if (text := _text(row.get(key)))]
    return f"{row['name']} ({', '.join(marks)})" if marks else str(row["name"])


def _figure(cohort: Cohort, column: Column, row: Row) -> Figure | None:
    value = _number(row[column.name])
    if value is None:
        return None
    error = _number(row.get(f"{column.name}_stderr"))
    low, high = (_number(row.get(f"{column.name}_{end}")) for end in ("low", "high"))
    if low is not None and high is not None:
        error = (high - low) / (2 * NORMAL_95)
    return Figure(value, error, cohort.provenance)


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def measure_speed(specs: Specs, stored: Iterable[StoredResult]) -> Speed | None:
    """Seconds a token and parameter, over the final weights of every model with a scored text.

    Both sides of the score are in the time, so it is an upper bound for reading alone. None where
    no text has been scored.
    """
    ratios: dict[str, list[float]] = {}
    sizes: dict[str, float] = {}
    machines: set[str] = set()
    for result in (entry.result for entry in current_results(specs, stored)):
        model = specs.models.get(result.model)
        if model is None or result.lossless is None or result.revision != model.weights.revision:
            continue
        tokens = sum(document.tokens for document in result.lossless.documents)
        seconds = result.environment.wall_seconds / tokens
        ratios.setdefault(model.id, []).append(seconds / model.parameters)
        sizes[model.id] = model.parameters
        threads = counted(result.environment.threads, "thread")
        machines.add(f"{result.environment.processor}, {threads}")
    if not ratios:
        return None
    logs = [math.log(median(own)) for own in ratios.values()]
    mean = math.fsum(logs) / len(logs)
    return Speed(
        seconds=math.exp(mean),
        factor=_left_out_factor(logs),
        models=len(logs),
        largest_parameters=max(sizes.values()),
        machine="; ".join(sorted(machines)),
    )


def _left_out_factor(logs: Sequence[float]) -> float | None:
    """Largest ratio, either way, of a model to the geometric mean of the others."""
    if len(logs) < 2:
        return None
    total = math.fsum(logs)
    return math.exp(max(abs(own - (total - own) / (len(logs) - 1)) for own in logs))
