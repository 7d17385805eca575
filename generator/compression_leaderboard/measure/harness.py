"""The adapter to lm-eval 0.4.13: its dictionaries stop here.
Keys are read with [], so that a changed harness fails here with a clear message.
"""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM

from compression_leaderboard.measure.forward import is_out_of_memory
from compression_leaderboard.measure.hub import ask
from compression_leaderboard.measure.record import MeasureError, silence_libraries
from compression_leaderboard.measure.tasks import build_task, pinned_commit, read_tasks
from compression_leaderboard.measure.weights import Loaded
from compression_leaderboard.records.models import Suite, Task
from compression_leaderboard.records.results import (
    Part,
    Reason,
    Response,
    Score,
    Subtask,
    TaskResult,
)

BATCH = 16  # requests per forward pass
BOOTSTRAPS = 1000  # of standard errors that have no formula
SEED = 1234  # of few-shot samples and of every generator that lm-eval seeds


class _QuietModel(HFLM):  # type: ignore[misc]  # lm-eval has no types
    """lm-eval's model without its progress bars, which may answer for a part of the items only."""

    part: Part | None = None

    def loglikelihood(self, requests: Any, disable_tqdm: bool = True) -> Any:
        """Of other parts' items the answer is (0, False); they are left out of what is read.

        All requests are made, so that an item has the same prompt as in a whole run.
        """
        mine = requests if self.part is None else _requests_of(self.part, requests)
        answers = super().loglikelihood(mine, disable_tqdm=True) if mine else []
        known = {id(request): answer for request, answer in zip(mine, answers, strict=True)}
        return [known.get(id(request), (0.0, False)) for request in requests]

    def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = True) -> Any:
        return super().loglikelihood_rolling(requests, disable_tqdm=True)

    def generate_until(self, requests: Any, disable_tqdm: bool = True) -> Any:
        return super().generate_until(requests, disable_tqdm=True)


def _requests_of(part: Part, requests: Sequence[Any]) -> list[Any]:
    """The requests of a part's items; items of a task are numbered from 0."""
    totals: dict[str, int] = {}
    for request in requests:
        totals[request.task_name] = max(totals.get(request.task_name, 0), request.doc_id + 1)
    return [r for r in requests if r.doc_id in part.items_of(totals[r.task_name])]


def run_suite(
    loaded: Loaded, suite: Suite, root: Path, part: Part | None = None
) -> tuple[TaskResult, ...]:
    """Every task of a suite, with per-item log-likelihoods. Raises MeasureError.

    Of a part there are the part's items and no scores; merge_parts makes scores of all parts.
    """
    silence_libraries()
    manager = read_tasks(suite, root)
    batch = max(1, BATCH // loaded.batch_divisor)
    harness = _QuietModel(pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=batch)
    harness.part = part
    found = tuple(_run_task(harness, manager, task, root) for task in suite.tasks)
    return found if part is None else tuple(cut_part(result, part) for result in found)


def _run_task(harness: Any, manager: Any, task: Task, root: Path) -> TaskResult:
    commit, place = pinned_commit(task, root), f"{task.task}: {task.dataset.path}"
    try:
        with contextlib.chdir(root), contextlib.redirect_stdout(io.StringIO()):
            built = ask(place, lambda: build_task(task, manager, commit))
            output = simple_evaluate(
                model=harness,
                tasks=[built],
                task_manager=manager,
                num_fewshot=task.few_shot,
                limit=task.limit,
                apply_chat_template=task.chat_template,
                log_samples=True,
                bootstrap_iters=BOOTSTRAPS,
                random_seed=SEED,
                numpy_random_seed=SEED,
                torch_random_seed=SEED,
                fewshot_random_seed=SEED,
            )
        return read_output(output, task)
    except MeasureError:
        raise
    except Exception as error:
        reason: Reason = "out_of_memory" if is_out_of_memory(error) else "harness"
        raise MeasureError(reason, f"{task.task}: {type(error).__name__}: {error}") from error


def read_output(output: dict[str, Any], task: Task) -> TaskResult:
    """One task, or one group with its subtasks; lm-eval gives items of leaves only."""
    samples = output["samples"]
    for name in samples:
        if (shots := output["n-shot"][name]) != task.few_shot:
            wrong = f"{name}: lm-eval ran it with {shots} examples, the suite asks for"
            repair = "lm-eval does not change a task that is made for 0"
            raise MeasureError("harness", f"{wrong} {task.few_shot}; {repair}")
    scores = _read_scores(output, task.task)
    if task.metric not in {score.metric for score in scores}:
        found = ", ".join(score.metric for score in scores) or "none"
        raise MeasureError("harness", f"{task.task}: no metric {task.metric}; it has {found}")
    single = task.task in samples
    return TaskResult(
        task=task,
        version=str(output["versions"][task.task]),
        scores=scores,
        responses=_read_responses(samples[task.task]) if single else (),
        subtasks=() if single else tuple(_read_subtask(output, name) for name in samples),
    )


def cut_part(result: TaskResult, part: Part) -> TaskResult:
    """Of a task that was answered in part: the items of the part, without scores."""

    def cut(name: str, responses: tuple[Response, ...]) -> dict[str, Any]:
        if not responses:
            raise MeasureError("harness", f"{name}: its items are not kept, so it has no parts")
        items = part.items_of(len(responses))
        return {"scores": (), "responses": tuple(r for r in responses if r.item in items)}

    if not result.subtasks:
        return replace(result, **cut(result.task.task, result.responses))
    subtasks = [s.model_copy(update=cut(s.name, s.responses)) for s in result.subtasks]
    return replace(result, scores=(), subtasks=tuple(subtasks))


def _read_subtask(output: dict[str, Any], name: str) -> Subtask:
    return Subtask(
        name=name,
        version=str(output["versions"][name]),
        scores=_read_scores(output, name),
        responses=_read_responses(output["samples"][name]),
    )


def _read_scores(output: dict[str, Any], name: str) -> tuple[Score, ...]:
    """Every metric of a task or group; n of a group is the sum over its subtasks."""
    values = output["results"][name]
    directions = output["higher_is_better"].get(name, {})
    scores = []
    for key, value in values.items():
        metric, comma, kind = key.partition(",")
        if not comma or metric.endswith("_stderr") or not isinstance(value, int | float):
            continue
        stderr = values.get(f"{metric}_stderr,{kind}")
        scores.append(
            Score(
                task=name,
                metric=metric if kind == "none" else key,
                value=float(value),
                stderr=float(stderr) if isinstance(stderr, int | float) else None,
                n=int(values["sample_len"]),
                higher_is_better=bool(directions[metric]),
            )
        )
    return tuple(scores)


def _read_responses(samples: Sequence[dict[str, Any]]) -> tuple[Response, ...]:
    """Per item what is needed to derive its metrics again; nothing for generated answers."""
    responses = []
    for sample in sorted(samples, key=lambda s: s["doc_id"]):
        pairs = sample["filtered_resps"]
        if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
            return ()
        target = sample["target"]
        responses.append(
            Response(
                item=int(sample["doc_id"]),
                target=int(target) if str(target).isdigit() else str(target),
                log_likelihoods=tuple(float(f"{float(pair[0]):.7g}") for pair in pairs),
                metrics={name: float(sample[name]) for name in sample["metrics"]},
            )
        )
    return tuple(responses)
