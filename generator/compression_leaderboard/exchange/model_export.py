"""Write a model's scores as lm-eval results and as metadata for its page on the Hub.

`.eval_results/*.yaml` names benchmarks by their dataset on the Hub, so only tasks whose dataset a
commit pins can stand there. The older block `model-index` in a card's front matter takes any task
and the bits per byte as well.
"""

import re
from collections.abc import Iterator

import yaml

from compression_leaderboard.board.derived import main_score
from compression_leaderboard.fits.studied_board import StudiedBoard
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.results import Result, Score, TaskResult
from compression_leaderboard.repository.results import StoredResult

Json = dict[str, object]


def lm_eval_results(board: StudiedBoard, model: str) -> dict[str, Json]:
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


COMMIT = re.compile(r"[0-9a-f]{40}")
SOURCE = "LLM Compression Leaderboard"


def eval_results_yaml(board: StudiedBoard, model: str, site: str | None) -> str:
    """The text of `.eval_results/llm-compression-leaderboard.yaml`; "[]" where no task fits.

    site: address of the board, for the links back; None: no links.
    """
    entries = []
    for entry in _suites(board, model):
        for task in entry.result.tasks:
            dataset = task.task.dataset
            if COMMIT.fullmatch(dataset.revision):
                entries.append(_entry(entry, task, _source(site, model)))
    return _yaml(entries)


def _entry(entry: StoredResult, task: TaskResult, source: Json | None) -> Json:
    dataset = task.task.dataset
    value, stderr, n = main_score(task)
    doubt = "" if stderr is None else f", standard error {stderr:.4f}"
    notes = f"{task.task.metric}, {task.task.few_shot}-shot, {n} items{doubt}"
    found: Json = {
        "dataset": {"id": dataset.path, "task_id": task.task.task, "revision": dataset.revision},
        "value": value,
        "date": entry.result.started.isoformat(),
    }
    if source is not None:
        found["source"] = source
    return found | {"notes": notes}


def model_index_yaml(board: StudiedBoard, model: str, site: str | None) -> str:
    """The block `model-index` for the front matter of the model's card."""
    spec = board.specs.models[model]
    results = [*_text_results(board, spec), *_task_results(board, spec)]
    if source := _source(site, model):
        results = [result | {"source": source} for result in results]
    return _yaml({"model-index": [{"name": spec.title, "results": results}]})


def _text_results(board: StudiedBoard, model: Model) -> Iterator[Json]:
    for entry in board.texts:
        result = entry.result
        if result.model == model.id and board.is_final(result) and result.lossless is not None:
            if result.lossless.failing_bytes:
                continue
            corpus = board.specs.corpora[result.name]
            value = result.lossless.bits_per_byte
            yield {
                "task": {"type": "text-generation", "name": "Lossless compression"},
                "dataset": {"name": corpus.title, "type": corpus.name},
                "metrics": [{"type": "bits_per_byte", "name": "Bits per byte", "value": value}],
            }


def _task_results(board: StudiedBoard, model: Model) -> Iterator[Json]:
    for entry in _suites(board, model.id):
        for task in entry.result.tasks:
            spec = task.task
            dataset: Json = {"name": spec.label, "type": spec.dataset.path}
            if spec.dataset.revision:
                dataset["revision"] = spec.dataset.revision
            arguments = {"num_few_shot": spec.few_shot}
            metric = {"type": spec.metric, "name": spec.metric, "value": main_score(task)[0]}
            yield {
                "task": {"type": "text-generation", "name": spec.category},
                "dataset": dataset | {"args": arguments},
                "metrics": [metric],
            }


def _suites(board: StudiedBoard, model: str) -> list[StoredResult]:
    return [e for e in board.suites if e.result.model == model and board.is_final(e.result)]


def _source(site: str | None, model: str) -> Json | None:
    if site is None:
        return None
    return {"name": SOURCE, "url": f"{site.rstrip('/')}/models/{model}/"}


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
