"""Imported figures: those about the board's models, and those that disagree.

Two readings are comparable when they name the same model (with its adapter and quantization),
harness, task, prompt, metric, filter and few-shot count, unless both state a commit, or both a
revision, and these differ. Few-shot counts that no file states are compared with each other.

They are in conflict beyond 5 combined standard errors, √(a² + b²). Where a file states no error,
that of a mean of n scores between 0 and 1 is at most 1/(2√n), and this bound is used in its place
for metrics that are such means; it makes a verdict only harder. Where neither helps, no verdict is
possible: a difference is reported with `standard_errors` None.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from compression_leaderboard.records.imported import Imported, ImportedScore, ImportedTask
from compression_leaderboard.records.models import Model
from compression_leaderboard.repository.results import StoredImport

THRESHOLD = 5.0  # combined standard errors
SAME = 1e-9  # relative difference that is rounding
# Metrics that are means over items of scores between 0 and 1.
FRACTIONS = {
    "acc",
    "acc_norm",
    "acc_bytes",
    "acc_mutual_info",
    "accuracy",
    "em",
    "exact_match",
    "exact",
    "mc1",
    "mc2",
    "pass@1",
    "pct_stereotype",
}


@dataclass(frozen=True)
class Reading:
    """One figure of one imported file."""

    imported: Imported
    task: ImportedTask
    score: ImportedScore


@dataclass(frozen=True)
class Conflict:
    """Figures of one model on one task that disagree, the lowest first."""

    readings: tuple[Reading, ...]
    standard_errors: float | None  # of the widest pair; None: no error is known, so no verdict
    differs: tuple[str, ...]  # what else the files state differently: a possible reason


def find_conflicts(imported: Iterable[Imported]) -> list[Conflict]:
    """Every disagreement, those with a verdict first, the widest first."""
    by_question: dict[tuple[object, ...], list[Reading]] = {}
    for record in imported:
        model = record.model
        whose = (model.name, model.adapter, model.quantization, record.harness.name)
        for task, score in record.readings():
            asked = (task.task, task.prompt, task.few_shot, score.metric, score.filter)
            by_question.setdefault((*whose, *asked), []).append(Reading(record, task, score))
    conflicts = [c for readings in by_question.values() if (c := _conflict(readings)) is not None]
    return sorted(conflicts, key=_order)


def _order(conflict: Conflict) -> tuple[object, ...]:
    first = conflict.readings[0]
    place = (first.imported.model.title, first.task.task, first.score.metric, first.score.filter)
    return (conflict.standard_errors is None, -(conflict.standard_errors or 0.0), place)


def _conflict(readings: Sequence[Reading]) -> Conflict | None:
    """Return the disagreement among readings of one thing, if there is one."""
    if len({reading.score.value for reading in readings}) < 2:
        return None
    ordered = sorted(readings, key=lambda r: (r.score.value, r.imported.source.sha256))
    values = np.array([r.score.value for r in ordered])
    errors = np.array([_largest_error(r.score) for r in ordered])  # NaN: unknown
    conflicting, unknown, widest = set[int](), set[int](), 0.0
    for index, reading in enumerate(ordered):
        apart = np.abs(values - values[index])
        apart[apart <= SAME * np.maximum(np.abs(values), abs(values[index]))] = 0.0
        apart *= np.array([_comparable(reading.imported, r.imported) for r in ordered])
        ratio = apart / np.hypot(errors, errors[index])
        if np.any(ratio > THRESHOLD):
            conflicting.add(index)
            widest = max(widest, float(np.nanmax(ratio)))
        if np.any(np.isnan(ratio) & (apart > 0)):
            unknown.add(index)
    chosen = [ordered[index] for index in sorted(conflicting or unknown)]
    if not chosen:
        return None
    return Conflict(tuple(chosen), widest if conflicting else None, _differences(chosen))


def _largest_error(score: ImportedScore) -> float:
    """Return the stated standard error, else the largest possible one, else NaN."""
    if score.stderr is not None:
        return score.stderr
    if score.metric in FRACTIONS and score.n and 0 <= score.value <= 1:
        return 0.5 / math.sqrt(score.n)
    return math.nan


def _comparable(imported: Imported, other: Imported) -> bool:
    for field in ("commit", "revision"):
        stated = getattr(imported.model, field), getattr(other.model, field)
        if None not in stated:
            return bool(stated[0] == stated[1])
    return True


def _differences(readings: Sequence[Reading]) -> tuple[str, ...]:
    """Return what the files state differently beside the figure itself."""
    stated: dict[str, list[object]] = {
        "harness version": [r.imported.harness.version for r in readings],
        "task version": [r.task.version for r in readings],
        "chat template": [r.imported.chat_template for r in readings],
        "limit": [r.imported.limit for r in readings],
        "items": [r.score.n for r in readings],
        "unit": [r.score.unit for r in readings],
        "number format": [r.imported.model.args.get("dtype") for r in readings],
        "backend": [r.imported.model.backend for r in readings],
    }
    return tuple(name for name, values in stated.items() if len(set(values)) > 1)


# How the weights that a file is about relate to those that the board measures.
Relation = Literal["these weights", "revision unknown", "another revision", "original weights"]


def relate(imported: Imported, model: Model) -> Relation | None:
    """How a file's model relates to one of the board; None where it is another model.

    The file must name the model's repository on the Hub. A commit decides, where the board too
    took the weights from the Hub; a branch or tag does not, since it moves. Quantised weights are
    another model than the original, which is said.
    """
    stated = imported.model
    if stated.adapter is not None or stated.name != (model.weights.hub or model.name):
        return None
    if stated.quantization != model.weights.quantization:
        return "original weights" if stated.quantization is None else None
    if stated.commit is None or model.weights.hub is None:
        return "revision unknown"
    return "these weights" if stated.commit == model.weights.revision else "another revision"


def imports_of(model: Model, stored: Iterable[StoredImport]) -> list[tuple[Relation, StoredImport]]:
    """Return the imported files about a model, with their relation to it, the latest run first."""
    imports = [(relation, entry) for entry in stored if (relation := relate(entry.imported, model))]
    dated = [item for item in imports if item[1].imported.date is not None]
    dated.sort(key=lambda item: (str(item[1].imported.date), item[1].file), reverse=True)
    return dated + [item for item in imports if item[1].imported.date is None]
