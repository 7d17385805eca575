"""A model's scores for its page on the Hugging Face Hub: `.eval_results` and `model-index`.

`.eval_results/*.yaml` names benchmarks by their dataset on the Hub, so only tasks whose dataset a
commit pins can stand there. The older block `model-index` in a card's front matter takes any task
and the bits per byte as well.
"""

import re
from collections.abc import Iterator

import yaml

from generator.export.board import Board
from generator.files.results import StoredResult
from generator.records.models import Model
from generator.records.results import TaskResult
from generator.tables.derive import main_score

COMMIT = re.compile(r"[0-9a-f]{40}")
SOURCE = "LLM Compression Leaderboard"
Json = dict[str, object]


def eval_results_yaml(board: Board, model: str, site: str | None) -> str:
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


def model_index_yaml(board: Board, model: str, site: str | None) -> str:
    """The block `model-index` for the front matter of the model's card."""
    spec = board.specs.models[model]
    results = [*_text_results(board, spec), *_task_results(board, spec)]
    if source := _source(site, model):
        results = [result | {"source": source} for result in results]
    return _yaml({"model-index": [{"name": spec.title, "results": results}]})


def _text_results(board: Board, model: Model) -> Iterator[Json]:
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


def _task_results(board: Board, model: Model) -> Iterator[Json]:
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


def _suites(board: Board, model: str) -> list[StoredResult]:
    return [e for e in board.suites if e.result.model == model and board.is_final(e.result)]


def _source(site: str | None, model: str) -> Json | None:
    if site is None:
        return None
    return {"name": SOURCE, "url": f"{site.rstrip('/')}/models/{model}/"}


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
