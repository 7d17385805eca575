"""All measured scores as records of Every Eval Ever, schema 0.3.0: one file per measured record.

| theirs | ours |
|---|---|
| `evaluation_name` | the task, or the text |
| `metric_config.metric_name` | the metric, such as acc; for texts bits_per_byte |
| `score_details.uncertainty` | standard error and items; for texts the document bootstrap |
| `evaluation_result_id` | run id of our record, task and metric |
| `source_metadata.evaluator_relationship` | first party for the models trained in this repository |

Left out: published figures, which are not ours to report, the information plane, for which the
schema has no place, and texts that a tokenizer does not reproduce.
"""

from pathlib import PurePosixPath
from uuid import NAMESPACE_URL, uuid5

from compression_leaderboard import TITLE
from compression_leaderboard.board.current import record_of
from compression_leaderboard.board.derived import bits_interval
from compression_leaderboard.exchange.strict_json import as_json
from compression_leaderboard.fits.studied_board import StudiedBoard
from compression_leaderboard.intervals import BOOTSTRAP_DRAWS
from compression_leaderboard.records.base import COMMIT
from compression_leaderboard.records.corpora import Corpus
from compression_leaderboard.records.models import Dataset, Model
from compression_leaderboard.records.results import Lossless, Result, Score, TaskResult

SCHEMA_VERSION = "0.3.0"
Json = dict[str, object]


def export_every_eval_ever(board: StudiedBoard) -> dict[str, bytes]:
    """Files by path, in the layout of Every Eval Ever's datastore."""
    files = {}
    for entry in board.current:
        model, result = board.specs.models[entry.result.model], entry.result
        if results := _results(result, PurePosixPath(entry.file).stem, board):
            stem = uuid5(NAMESPACE_URL, record_of(entry))
            path = f"data/{result.name}/{model.name}/{stem}.json"
            files[path] = as_json(_record(model, result, results))
    return files


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
    version = result.environment.packages.get("transformers", "unknown")
    return {
        "name": model.title,
        "id": model.name,
        "developer": model.name.partition("/")[0],
        "inference_engine": {"name": "transformers", "version": version},
        "additional_details": {k: str(v) for k, v in details.items() if v is not None},
    }


def _results(result: Result, run_id: str, board: StudiedBoard) -> list[Json]:
    """Every metric of every task and of a group's members, or the rate of a text."""
    if result.kind != "suite":
        if result.lossless is None or result.lossless.failing_bytes:
            return []
        return [_text_result(board.specs.corpora[result.name], result.lossless, run_id)]
    results = []
    for task in result.tasks:
        scores = [(task.task.task, score) for score in task.scores]
        scores += [(member.name, score) for member in task.subtasks for score in member.scores]
        results += [_score_result(name, score, task, run_id) for name, score in scores]
    return results


def _score_result(name: str, score: Score, task: TaskResult, run_id: str) -> Json:
    uncertainty: Json = {"num_samples": score.n}
    if score.stderr is not None:
        uncertainty["standard_error"] = {"value": score.stderr, "method": "as lm-eval gives it"}
    details: Json = {
        "num_fewshot": str(task.task.few_shot),
        "chat_template": str(task.task.chat_template).lower(),
        "task_version": task.version,
    }
    if task.task.limit is not None:
        details["limit"] = str(task.task.limit)
    kind = "accuracy" if score.metric.startswith("acc") else score.metric
    metric = _metric(score.metric, kind, "proportion", not score.higher_is_better, 1.0)
    source = _source_data(task.task.dataset)
    return _result(run_id, name, source, metric, (score.value, uncertainty), details)


def _source_data(dataset: Dataset) -> Json:
    """A dataset of the Hub if a commit pins it; else a file of this repository by its hash."""
    is_pinned = COMMIT.fullmatch(dataset.revision)
    origin = {"source_type": "hf_dataset", "hf_repo": dataset.path}
    return {
        "dataset_name": dataset.path,
        **(origin if is_pinned else {"source_type": "other"}),
        "additional_details": {"revision": dataset.revision} if dataset.revision else {},
    }


def _text_result(corpus: Corpus, lossless: Lossless, run_id: str) -> Json:
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
    details: Json = {
        "window_tokens": str(corpus.protocol.window_tokens),
        "stride_tokens": str(corpus.protocol.stride_tokens),
        "start_token": lossless.start_token,
        "bytes": str(corpus.bytes),
    }
    metric = _metric("bits_per_byte", "bits_per_byte", "bits per byte", True, "Infinity")
    origin = {"sha256": corpus.sha256, "licence": corpus.licence}
    origin["package" if corpus.source.package else "path"] = corpus.source.place
    source: Json = {
        "dataset_name": corpus.title,
        "source_type": "other",
        "additional_details": origin,
    }
    rate = (lossless.bits_per_byte, uncertainty)
    return _result(run_id, corpus.name, source, metric, rate, details)


def _metric(name: str, kind: str, unit: str, lower_is_better: bool, largest: object) -> Json:
    return {
        "metric_name": name,
        "metric_kind": kind,
        "metric_unit": unit,
        "lower_is_better": lower_is_better,
        "score_type": "continuous",
        "min_score": 0.0,
        "max_score": largest,
    }


def _result(
    run_id: str, name: str, source: Json, metric: Json, score: tuple[float, Json], details: Json
) -> Json:
    """Make a result of the schema. score: the value with its uncertainty."""
    return {
        "evaluation_result_id": f"{run_id}/{name}/{metric['metric_name']}",
        "evaluation_name": name,
        "source_data": source,
        "metric_config": metric,
        "score_details": {"score": score[0], "uncertainty": score[1]},
        "generation_config": {"additional_details": details},
    }
