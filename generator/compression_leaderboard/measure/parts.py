"""Merge the parts of a suite into one record, by lm-eval's own aggregation."""

import contextlib
import io
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lm_eval.evaluator_utils import _process_results

from compression_leaderboard.measure.harness import BOOTSTRAPS, read_output
from compression_leaderboard.measure.hub import ask
from compression_leaderboard.measure.record import MeasureError, silence_libraries
from compression_leaderboard.measure.tasks import build_task, pinned_commit, read_tasks
from compression_leaderboard.records.models import Suite, Task
from compression_leaderboard.records.results import Environment, Response, Result, TaskResult


def merge_parts(parts: Sequence[Result], suite: Suite, root: Path) -> Result:
    """The record of a suite from the records of all its parts, in order. Raises MeasureError.

    It depends on the parts alone, so that merging them again gives the same record.
    """
    silence_libraries()
    manager = read_tasks(suite, root)
    tasks = tuple(
        _merge_task(task, [part.tasks[k] for part in parts], manager, root)
        for k, task in enumerate(suite.tasks)
    )
    first = min(parts, key=lambda part: (part.started, part.run_id))
    changes = {
        "tasks": tasks,
        "environment": _environment(parts),
        "part": None,
        "parts": tuple(part.run_id for part in parts),
    }
    fields = {name: getattr(first, name) for name in Result.model_fields}
    return Result.model_validate(fields | changes)


def _environment(parts: Sequence[Result]) -> Environment:
    """That of the first part, with the time of all and the largest peak."""
    found = [part.environment for part in parts]
    costs = {
        "wall_seconds": round(math.fsum(e.wall_seconds for e in found), 3),
        "peak_memory_bytes": max(e.peak_memory_bytes for e in found),
    }
    return found[0].model_copy(update=costs)


def _merge_task(task: Task, found: Sequence[TaskResult], manager: Any, root: Path) -> TaskResult:
    """One task or group: lm-eval's objects aggregate, our records bring the items."""
    commit, place = pinned_commit(task, root), f"{task.task}: {task.dataset.path}"
    try:
        with contextlib.chdir(root), contextlib.redirect_stdout(io.StringIO()):
            built = manager.load([ask(place, lambda: build_task(task, manager, commit))])
    except MeasureError:
        raise
    except Exception as error:
        raise MeasureError("harness", f"{task.task}: {type(error).__name__}: {error}") from error
    items = {name: _gather(name, task, found) for name in built["tasks"]}
    accumulated = {
        name: {
            "task": lm_task,
            "raw_metrics": {
                (metric, "none"): [response.metrics[metric] for response in items[name]]
                for metric in items[name][0].metrics
            },
            "logged_samples": [],
        }
        for name, lm_task in built["tasks"].items()
    }
    done = _process_results(accumulated, built["groups"], BOOTSTRAPS)
    output = done._to_eval_results(samples={name: [] for name in items})
    output["n-shot"] = dict.fromkeys(items, task.few_shot)  # seen when the parts were made
    merged = read_output(output, task)
    if not merged.subtasks:
        return replace(merged, responses=items[task.task])
    subtasks = [s.model_copy(update={"responses": items[s.name]}) for s in merged.subtasks]
    return replace(merged, subtasks=tuple(subtasks))


def _gather(name: str, task: Task, found: Sequence[TaskResult]) -> tuple[Response, ...]:
    """The items of a task or subtask from all parts; each exactly once."""
    responses: list[Response] = []
    for result in found:
        own = {subtask.name: subtask.responses for subtask in result.subtasks}
        responses += own.get(name, ()) if result.subtasks else result.responses
    if not responses or [response.item for response in responses] != list(range(len(responses))):
        wrong = f"{name}: the parts of {task.task} do not hold every item once, in order"
        raise MeasureError("harness", f"{wrong}; measure them again")
    return tuple(responses)
