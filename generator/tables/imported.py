"""Imported figures as a table, and which of them are about a model of the board."""

from collections.abc import Iterable, Sequence
from typing import Literal

import pandas as pd

from generator.files.imported import StoredImport
from generator.records.imported import Imported, ImportedScore, ImportedTask
from generator.records.models import Model
from generator.tables.conflicts import Conflict

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
    """The imported files about a model, with their relation to it, the latest run first."""
    found = [(relation, entry) for entry in stored if (relation := relate(entry.imported, model))]
    dated = [item for item in found if item[1].imported.date is not None]
    dated.sort(key=lambda item: (str(item[1].imported.date), item[1].file), reverse=True)
    return dated + [item for item in found if item[1].imported.date is None]


def imported_rows(
    stored: Sequence[StoredImport], conflicts: Iterable[Conflict] = ()
) -> pd.DataFrame:
    """One row an imported figure. Columns: export/imported_table.py."""
    disputed = {
        _place(reading.imported, reading.task, reading.score): conflict.standard_errors
        for conflict in conflicts
        for reading in conflict.readings
    }
    rows = []
    for entry in stored:
        record, model = entry.imported, entry.imported.model
        for task, score in record.readings():
            place = _place(record, task, score)
            rows.append(
                {
                    "provenance": record.provenance,
                    "model": model.id,
                    "name": model.name,
                    "adapter": model.adapter,
                    "quantization": model.quantization,
                    "stated_revision": model.revision,
                    "commit": model.commit,
                    "task": task.task,
                    "prompt": task.prompt,
                    "few_shot": task.few_shot,
                    "metric": score.metric,
                    "filter": score.filter,
                    "value": score.value,
                    "unit": score.unit,
                    "stderr": score.stderr,
                    "items": score.n,
                    "higher_is_better": score.higher_is_better,
                    "disputed": place in disputed,
                    "apart": disputed.get(place),
                    "task_version": task.version,
                    "dataset": task.dataset,
                    "dataset_revision": task.dataset_revision,
                    "chat_template": record.chat_template,
                    "harness": record.harness.name,
                    "harness_version": record.harness.version,
                    "date": None if record.date is None else record.date.date(),
                    "source_file": record.source.name,
                    "source_sha256": record.source.sha256,
                    "record": f"imported/{record.file}",
                }
            )
    return pd.DataFrame(rows)


def _place(record: Imported, task: ImportedTask, score: ImportedScore) -> tuple[str | None, ...]:
    return (record.source.sha256, task.task, task.prompt, score.metric, score.filter)
