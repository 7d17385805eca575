"""The scores of a measured suite as a result file of lm-eval 0.4, so that its tools read them."""

from generator.export.board import Board
from generator.files.results import StoredResult
from generator.records.models import Model
from generator.records.results import Result, Score, TaskResult

Json = dict[str, object]


def lm_eval_results(board: Board, model: str) -> dict[str, Json]:
    """A file for each suite of the model's final weights, by the suite's name."""
    own = [e for e in board.suites if e.result.model == model and board.is_final(e.result)]
    return {entry.result.name: _file(board.specs.models[model], entry) for entry in own}


def _file(model: Model, entry: StoredResult) -> Json:
    result = entry.result
    tasks = result.tasks
    members = [(task, member) for task in tasks for member in task.subtasks]
    scores = {task.task.task: task.scores for task in tasks}
    scores |= {member.name: member.scores for _, member in members}
    groups = {t.task.task: [member.name for member in t.subtasks] for t in tasks if t.subtasks}
    versions = {task.task.task: task.version for task in tasks}
    versions |= {member.name: member.version for _, member in members}
    facts = {task.task.task: task for task in tasks} | {m.name: task for task, m in members}
    found: Json = {
        "results": {name: _metrics(name, own) for name, own in scores.items()},
        "group_subtasks": groups,
        "configs": {name: _config(name, task) for name, task in facts.items()},
        "versions": versions,
        "n-shot": {name: task.task.few_shot for name, task in facts.items()},
        "higher_is_better": {
            name: {_split(s.metric)[0]: s.higher_is_better for s in own}
            for name, own in scores.items()
        },
        "n-samples": {name: {"effective": own[0].n} for name, own in scores.items() if own},
        "config": _run(model, result),
        "git_hash": None,
        "date": result.started.timestamp(),
        "lm_eval_version": result.environment.packages.get("lm-eval"),
        "transformers_version": result.environment.packages.get("transformers"),
        "model_name": model.name,
        "total_evaluation_time_seconds": str(result.environment.wall_seconds),
    }
    if groups:
        found["groups"] = {name: _metrics(name, scores[name]) for name in groups}
    return found


def _run(model: Model, result: Result) -> Json:
    """lm-eval's own `config`, with the quantization that makes other weights of a model."""
    arguments: Json = {
        "pretrained": model.name,
        "revision": result.revision,
        "dtype": result.environment.dtype,
    }
    if model.weights.quantization is not None:
        arguments["quantization"] = model.weights.quantization
    limits = {task.task.limit for task in result.tasks}
    return {
        "model": "hf",
        "model_args": arguments,
        "device": result.environment.device,
        "limit": limits.pop() if len(limits) == 1 else None,
        "model_num_parameters": result.subject.parameters if result.subject else model.parameters,
        "model_revision": result.revision,
    }


def _metrics(name: str, scores: tuple[Score, ...]) -> Json:
    found: Json = {"alias": name}
    for score in scores:
        metric, kind = _split(score.metric)
        found[f"{metric},{kind}"] = score.value
        found[f"{metric}_stderr,{kind}"] = "N/A" if score.stderr is None else score.stderr
    return found


def _split(metric: str) -> tuple[str, str]:
    """Metric and filter; ours name the filter only where there is one."""
    name, _, kind = metric.partition(",")
    return name, kind or "none"


def _config(name: str, task: TaskResult) -> Json:
    metrics = [
        {"metric": _split(score.metric)[0], "higher_is_better": score.higher_is_better}
        for score in task.scores
    ]
    found: Json = {
        "task": name,
        "dataset_path": task.task.dataset.path,
        "num_fewshot": task.task.few_shot,
        "metric_list": metrics,
    }
    if task.task.dataset.revision:
        found["dataset_kwargs"] = {"revision": task.task.dataset.revision}
    return found
