"""All measured scores as records of Every Eval Ever, schema 0.3.0: one file a measured record.
| theirs | ours |
|---|---|
| `evaluation_name` | the task, or the text |
| `metric_config.metric_name` | the metric, such as acc; for texts bits_per_byte |
| `score_details.uncertainty` | standard error and items; for texts the document bootstrap |
| `evaluation_result_id` | run id of our record, task and metric |
| `source_metadata.evaluator_relationship` | first party for the models trained in this repository |

Left out: published figures, which are not ours to report, the information plane, for which the
schema has no place, and texts that a tokenizer does not give back.
"""

import re
from uuid import NAMESPACE_URL, uuid5

from compression_leaderboard import TITLE
from compression_leaderboard.board.current import record_of
from compression_leaderboard.board.derived import bits_interval
from compression_leaderboard.exchange.strict_json import as_json
from compression_leaderboard.fits.studied_board import StudiedBoard
from compression_leaderboard.intervals import BOOTSTRAP_DRAWS
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.results import Lossless, Result, Score, TaskResult
from compression_leaderboard.records.suites import Dataset
from compression_leaderboard.repository.results import StoredResult

SCHEMA_VERSION = "0.3.0"
COMMIT = re.compile(r"[0-9a-f]{40}")
Json = dict[str, object]


def export_every_eval_ever(board: StudiedBoard) -> dict[str, bytes]:
    """Files by path, laid out as the datastore of Every Eval Ever wants them."""
    files = {}
    for entry in board.current:
        model, result = board.specs.models[entry.result.model], entry.result
        if results := _results(result, _run_id(entry), board):
            organisation, _, name = model.name.partition("/")
            stem = uuid5(NAMESPACE_URL, record_of(entry))
            path = f"data/{result.name}/{organisation}/{name}/{stem}.json"
            files[path] = as_json(_record(model, result, results))
    return files


def _run_id(entry: StoredResult) -> str:
    return entry.file.rpartition("/")[2].removesuffix(".json")


def _record(model: Model, result: Result, results: list[Json]) -> Json:
    seconds = str(int(result.started.timestamp()))
    packages = result.environment.packages
    harness, version = "lm_eval", packages.get("lm-eval", "unknown")
    if result.kind != "suite":
        harness, version = "llm-compression-leaderboard", f"record format {result.format}"
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{result.name}/{model.name}/{seconds}",
        "evaluation_timestamp": result.started.isoformat(),
        "retrieved_timestamp": seconds,
        "source_metadata": {
            "source_name": TITLE,
            "source_type": "evaluation_run",
            "source_organization_name": f"The {TITLE} maintainers",
            "evaluator_relationship": "first_party" if model.weights.path else "third_party",
            "additional_details": {"licence": "CC-BY-4.0"},
        },
        "eval_library": {"name": harness, "version": version, "additional_details": packages},
        "model_info": _model_info(model, result),
        "evaluation_results": results,
    }


def _model_info(model: Model, result: Result) -> Json:
    details = {
        "deployment_type": "self_deployed",
        "model_availability": "open_weights",  # the board measures no others
        "board_id": model.id,
        "revision": result.revision,
        "quantization": model.weights.quantization,
        "dtype": result.environment.dtype,
        "tokens_seen": result.tokens_seen,
        "parameters": model.parameters,
        "licence": model.licence,
        "device": result.environment.device,
    }
    return {
        "name": model.title,
        "id": model.name,
        "developer": model.name.partition("/")[0],
        "inference_engine": {
            "name": "transformers",
            "version": result.environment.packages.get("transformers", "unknown"),
        },
        "additional_details": {k: str(v) for k, v in details.items() if v is not None},
    }


def _results(result: Result, run_id: str, board: StudiedBoard) -> list[Json]:
    if result.kind == "suite":
        return [one for task in result.tasks for one in _task_results(task, run_id)]
    if result.lossless is None or result.lossless.failing_bytes:
        return []
    return [_text_result(result, result.lossless, run_id, board)]


def _task_results(task: TaskResult, run_id: str) -> list[Json]:
    """Every metric of a task, and those of a group's members."""
    found = [_score_result(task.task.task, score, task, run_id) for score in task.scores]
    for member in task.subtasks:
        found += [_score_result(member.name, score, task, run_id) for score in member.scores]
    return found


def _score_result(name: str, score: Score, task: TaskResult, run_id: str) -> Json:
    uncertainty: Json = {"num_samples": score.n}
    if score.stderr is not None:
        uncertainty["standard_error"] = {"value": score.stderr, "method": "as lm-eval gives it"}
    details = {
        "num_fewshot": str(task.task.few_shot),
        "chat_template": str(task.task.chat_template).lower(),
        "task_version": task.version,
    }
    if task.task.limit is not None:
        details["limit"] = str(task.task.limit)
    return {
        "evaluation_result_id": f"{run_id}/{name}/{score.metric}",
        "evaluation_name": name,
        "source_data": _source_data(task.task.dataset),
        "metric_config": {
            "metric_name": score.metric,
            "metric_kind": "accuracy" if score.metric.startswith("acc") else score.metric,
            "metric_unit": "proportion",
            "lower_is_better": not score.higher_is_better,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0,
        },
        "score_details": {"score": score.value, "uncertainty": uncertainty},
        "generation_config": {"additional_details": details},
    }


def _source_data(dataset: Dataset) -> Json:
    """A dataset of the Hub where a commit pins it; else a file of this repository by its hash."""
    known = {"revision": dataset.revision} if dataset.revision else {}
    if COMMIT.fullmatch(dataset.revision):
        return {
            "dataset_name": dataset.path,
            "source_type": "hf_dataset",
            "hf_repo": dataset.path,
            "additional_details": known,
        }
    return {"dataset_name": dataset.path, "source_type": "other", "additional_details": known}


def _text_result(result: Result, lossless: Lossless, run_id: str, board: StudiedBoard) -> Json:
    corpus = board.specs.corpora[result.name]
    uncertainty: Json = {"num_samples": len(lossless.documents)}
    if interval := bits_interval(lossless):
        uncertainty |= {
            "confidence_interval": {
                "lower": interval.low,
                "upper": interval.high,
                "confidence_level": 0.95,
                "method": "bootstrap over documents",
            },
            "num_bootstrap_samples": BOOTSTRAP_DRAWS,
        }
    protocol = corpus.protocol
    details = {
        "window_tokens": str(protocol.window_tokens),
        "stride_tokens": str(protocol.stride_tokens),
        "start_token": lossless.start_token,
        "bytes": str(corpus.bytes),
    }
    known = {"sha256": corpus.sha256, "licence": corpus.licence}
    known["package" if corpus.source.package else "path"] = corpus.source.place
    return {
        "evaluation_result_id": f"{run_id}/{result.name}/bits_per_byte",
        "evaluation_name": result.name,
        "source_data": {
            "dataset_name": corpus.title,
            "source_type": "other",
            "additional_details": known,
        },
        "metric_config": {
            "metric_name": "bits_per_byte",
            "metric_kind": "bits_per_byte",
            "metric_unit": "bits per byte",
            "lower_is_better": True,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": "Infinity",
        },
        "score_details": {"score": lossless.bits_per_byte, "uncertainty": uncertainty},
        "generation_config": {"additional_details": details},
    }
