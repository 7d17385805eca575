"""Write a model's scores as lm-eval results and as metadata for its page on the Hub.

`.eval_results/*.yaml` names benchmarks by their dataset on the Hub, so it takes only tasks whose
dataset a commit pins. The older block `model-index` in a card's front matter takes any task and
the bits per byte as well.
"""

from collections.abc import Iterator

import yaml

from compression_leaderboard import TITLE
from compression_leaderboard.board.derived import main_score
from compression_leaderboard.fits.study import StudiedBoard
from compression_leaderboard.records.base import COMMIT
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.results import Result, Score, TaskResult
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.wording import counted

Json = dict[str, object]


def lm_eval_results(board: StudiedBoard, model: str) -> dict[str, Json]:
    """Write lm-eval's result file of each suite of the final weights, by the suite's name."""
    spec = board.specs.models[model]
    return {entry.result.name: _file(spec, entry.result) for entry in _suites(board, model)}


def _file(model: Model, result: Result) -> Json:
    groups = {t.task.task: [m.name for m in t.subtasks] for t in result.tasks if t.subtasks}
    # Name, task, scores and version of each task and of each member of a group.
    parts = [(task.task.task, task, task.scores, task.version) for task in result.tasks]
    parts += [(m.name, task, m.scores, m.version) for task in result.tasks for m in task.subtasks]
    metrics = {name: _metrics(name, scores) for name, _, scores, _ in parts}
    file: Json = {
        "results": metrics,
        "group_subtasks": groups,
        "configs": {name: _config(name, task) for name, task, _, _ in parts},
        "versions": {name: version for name, _, _, version in parts},
        "n-shot": {name: task.task.few_shot for name, task, _, _ in parts},
        "higher_is_better": {
            name: {_split(score.metric)[0]: score.higher_is_better for score in scores}
            for name, _, scores, _ in parts
        },
        "n-samples": {name: {"effective": s[0].n} for name, _, s, _ in parts if s},
        "config": _run(model, result),
        "git_hash": None,
        "date": result.started.timestamp(),
        "lm_eval_version": result.environment.packages.get("lm-eval"),
        "transformers_version": result.environment.packages.get("transformers"),
        "model_name": model.name,
        "total_evaluation_time_seconds": str(result.environment.wall_seconds),
    }
    return file | ({"groups": {name: metrics[name] for name in groups}} if groups else {})


def _run(model: Model, result: Result) -> Json:
    """lm-eval's `config`, with the quantization, which makes another model of the same name."""
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
    metrics: Json = {"alias": name}
    for score in scores:
        metric, kind = _split(score.metric)
        metrics[f"{metric},{kind}"] = score.value
        metrics[f"{metric}_stderr,{kind}"] = "N/A" if score.stderr is None else score.stderr
    return metrics


def _split(metric: str) -> tuple[str, str]:
    """Split a metric from its filter, which our names leave out if there is none."""
    name, _, kind = metric.partition(",")
    return name, kind or "none"


def _config(name: str, task: TaskResult) -> Json:
    dataset = task.task.dataset
    config: Json = {
        "task": name,
        "dataset_path": dataset.path,
        "num_fewshot": task.task.few_shot,
        "metric_list": [
            {"metric": _split(score.metric)[0], "higher_is_better": score.higher_is_better}
            for score in task.scores
        ],
    }
    if dataset.revision:
        config["dataset_kwargs"] = {"revision": dataset.revision}
    return config


def eval_results_yaml(board: StudiedBoard, model: str, site: str | None) -> str:
    """Write `.eval_results/llm-compression-leaderboard.yaml`; "[]" if no task fits.

    site: address of the board, for links back.
    """
    entries = [
        _entry(entry.result, task, site)
        for entry in _suites(board, model)
        for task in entry.result.tasks
        if COMMIT.fullmatch(task.task.dataset.revision)
    ]
    return _yaml(entries)


def _entry(result: Result, task: TaskResult, site: str | None) -> Json:
    dataset = task.task.dataset
    value, stderr, n = main_score(task)
    error = "" if stderr is None else f", standard error {stderr:.4f}"
    return {
        "dataset": {"id": dataset.path, "task_id": task.task.task, "revision": dataset.revision},
        "value": value,
        "date": result.started.isoformat(),
        **_source(site, result.model),
        "notes": f"{task.task.metric}, {task.task.few_shot}-shot, {counted(n, 'item')}{error}",
    }


def model_index_yaml(board: StudiedBoard, model: str, site: str | None) -> str:
    """Write the block `model-index` for the front matter of the model's card."""
    results = [*_text_results(board, model), *_task_results(board, model)]
    results = [result | _source(site, model) for result in results]
    name = board.specs.models[model].title
    return _yaml({"model-index": [{"name": name, "results": results}]})


def _text_results(board: StudiedBoard, model: str) -> Iterator[Json]:
    for result in (entry.result for entry in board.texts):
        lossless = result.lossless
        if result.model != model or not board.is_final(result):
            continue
        if lossless is not None and not lossless.failing_bytes:
            title, value = board.specs.corpora[result.name].title, lossless.bits_per_byte
            yield {
                "task": {"type": "text-generation", "name": "Lossless compression"},
                "dataset": {"name": title, "type": result.name},
                "metrics": [{"type": "bits_per_byte", "name": "Bits per byte", "value": value}],
            }


def _task_results(board: StudiedBoard, model: str) -> Iterator[Json]:
    for entry in _suites(board, model):
        for task in entry.result.tasks:
            spec, value = task.task, main_score(task)[0]
            dataset = {"name": spec.label, "type": spec.dataset.path}
            if spec.dataset.revision:
                dataset["revision"] = spec.dataset.revision
            yield {
                "task": {"type": "text-generation", "name": spec.category},
                "dataset": dataset | {"args": {"num_few_shot": spec.few_shot}},
                "metrics": [{"type": spec.metric, "name": spec.metric, "value": value}],
            }


def _suites(board: StudiedBoard, model: str) -> list[StoredResult]:
    final = (e for e in board.current if e.result.model == model and board.is_final(e.result))
    return [entry for entry in final if entry.result.kind == "suite"]


def _source(site: str | None, model: str) -> Json:
    """Link back to the board, if its address is known."""
    if site is None:
        return {}
    return {"source": {"name": TITLE, "url": f"{site.rstrip('/')}/models/{model}/"}}


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
