"""Read and write records of Every Eval Ever (schema 0.3), a format for results of any harness.

| ours | theirs |
|---|---|
| `model.name` | `model_info.id`, else `.name` |
| `model.args` | `model_info.additional_details`, with `model_args` taken apart |
| `model.revision`, `.commit`, `.adapter`, `.quantization` | of these: `revision`, `sha`, … |
| `model.backend` | `model_info.inference_engine.name`, else `.inference_platform` |
| `harness` | `eval_library.name` (lm-eval under one name), `.version` unless "unknown" |
| `reported_by` | `source_metadata`: organisation, relationship, type |
| `date` | `evaluation_timestamp` of the run, else of its first result |
| `task` | `evaluation_name`, less the "/filter" that their lm-eval converter appends |
| `dataset` | `source_data.hf_repo`, else `.dataset_name` |
| `few_shot` | `generation_config.additional_details.num_fewshot` |
| `metric` | `metric_config.metric_name`, else `.metric_id`, else `.metric_kind` |
| `filter` | of `evaluation_result_id` where it reads "metric:filter" |
| `higher_is_better` | not `metric_config.lower_is_better` |
| `unit`, `bounds` | `metric_config.metric_unit`; `.min_score`, `.max_score` |
| `value` | `score_details.score` |
| `stderr` | `score_details.uncertainty.standard_error.value` |
| `interval`, `n` | `score_details.uncertainty`: `.confidence_interval`, `.num_samples` |

Not read: prompts, judges, level names, and the file of single answers that a record may point to.
Records of other schema versions are refused: their fields mean other things.

Our measured scores are written as one file per record. Left out are published figures, which are
not ours to report, the information plane, for which the schema has no place, and texts that a
tokenizer does not reproduce.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from compression_leaderboard import TITLE
from compression_leaderboard.board.derived import DerivedResult, ranked_text
from compression_leaderboard.exchange.lm_eval import error_fault, identify_model, parse_model_args
from compression_leaderboard.exchange.strict_json import (
    IntakeError,
    as_json,
    make_record,
    moment,
    number,
    parse_json,
    table,
    text_of,
    whole,
)
from compression_leaderboard.intervals import BOOTSTRAP_DRAWS, LEVEL
from compression_leaderboard.records.base import COMMIT
from compression_leaderboard.records.corpora import Corpus
from compression_leaderboard.records.imported import (
    Bounds,
    Harness,
    Imported,
    ImportedModel,
    ImportedScore,
    ImportedTask,
    Skipped,
)
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.results import Result, TaskResult
from compression_leaderboard.wording import counted

if TYPE_CHECKING:
    from compression_leaderboard.board.board import RecordBoard

SCHEMA = "0.3."  # any version of it is read; 0.3.0 is written
REQUIRED = ("source_metadata", "model_info", "eval_library", "evaluation_results")
LM_EVAL = {"lm_eval", "lm-evaluation-harness", "lm_evaluation_harness"}  # one harness, many names
NO_NAME = "names no evaluation"
NO_METRIC = "names no metric"
NO_SCORE = "has no score that is a finite number"
UNKNOWN_LEVEL = "is −1, which stands for unknown"
DEVIATION = "is a standard deviation of single scores: not kept"


def import_every_eval_ever(name: str, content: bytes, model: str | None = None) -> Imported:
    """Read a file as a record, or raise IntakeError.

    name: the file's, without folders. model: for files that do not name one.
    """
    document = parse_json(content)
    results = _results(document)
    tasks, skipped = _tasks(results)
    notes = []
    if rows := whole(table(document.get("detailed_evaluation_results")).get("total_rows")):
        answers = counted(rows, "answer to a single item is", "answers to single items are")
        notes.append(f"{answers} in a file beside it: not imported")
    stamps = [table(part).get("evaluation_timestamp") for part in (document, *results)]
    fields = {
        "harness": _harness(table(document["eval_library"])),
        "reported_by": _reporter(table(document["source_metadata"])),
        "model": _model(table(document["model_info"]), model),
        "date": next(filter(None, map(moment, stamps)), None),
        "tasks": tuple(tasks),
        "skipped": tuple(skipped),
        "notes": tuple(notes),
    }
    return make_record("every-eval-ever", name, content, fields)


def _model(info: Mapping[str, Any], name: str | None) -> ImportedModel:
    details = table(info.get("additional_details"))
    args = parse_model_args(details.get("model_args")) | details
    args.pop("model_args", None)
    if stated := text_of(info.get("id")) or text_of(info.get("name")):
        args["pretrained"] = stated
    engine = table(info.get("inference_engine")).get("name") or info.get("inference_platform")
    return identify_model(args, {"model": engine, "model_sha": details.get("sha")}, name)


def _results(document: Mapping[str, Any]) -> list[Any]:
    if "schema_version" not in document:
        repair = "leave out --every-eval-ever" if "results" in document else "give such a record"
        raise IntakeError("is not an Every Eval Ever record (no schema_version)", repair)
    version = document["schema_version"]
    if not isinstance(version, str) or not version.startswith(SCHEMA):
        shown = text_of(version) or "something else"
        wrong = f"is of schema {shown}, and {SCHEMA}x is read"
        raise IntakeError(wrong, "convert it with every-eval-ever 0.3", "schema_version")
    for field in REQUIRED:
        kind = list if field == "evaluation_results" else dict
        if not isinstance(document.get(field), kind):
            noun = "a list" if kind is list else "an object"
            raise IntakeError(f"is missing or not {noun}", "convert it again", field)
    results: list[Any] = document["evaluation_results"]
    return results


def _harness(library: Mapping[str, Any]) -> Harness:
    version = text_of(library.get("version"))
    name = text_of(library.get("name")) or "unknown"
    return Harness(
        name="lm-eval" if name in LM_EVAL else name,
        version=None if version == "unknown" else version,
    )


def _reporter(source: Mapping[str, Any]) -> str | None:
    keys = ("source_organization_name", "evaluator_relationship", "source_type")
    parts = [part for key in keys if (part := text_of(source.get(key)))]
    return ", ".join(part.replace("_", " ") for part in parts) or None


def _tasks(results: list[Any]) -> tuple[list[ImportedTask], list[Skipped]]:
    """Collect results of one evaluation under equal conditions as scores of one task."""
    by_task: dict[tuple[Any, ...], list[ImportedScore]] = {}
    skipped: list[Skipped] = []
    for index, result in enumerate(map(table, results), start=1):
        place = f"evaluation_results.{index}"
        task, metric, filter_name = _names(result)
        if task is None or metric is None:
            reason = NO_NAME if task is None else NO_METRIC
            skipped.append(Skipped(place=place, reason=reason))
        elif score := _score(result, metric, filter_name, place, skipped):
            source = table(result.get("source_data"))
            data = text_of(source.get("hf_repo")) or text_of(source.get("dataset_name"))
            by_task.setdefault((task, data, _few_shot(result)), []).append(score)
    tasks = [
        ImportedTask(task=task, dataset=data, few_shot=shots, scores=tuple(scores))
        for (task, data, shots), scores in by_task.items()
    ]
    return tasks, skipped


def _names(result: Mapping[str, Any]) -> tuple[str | None, str | None, str]:
    """Task, metric and filter of a result; None for those that it does not name."""
    metric_config = table(result.get("metric_config"))
    keys = ("metric_name", "metric_id", "metric_kind")
    metrics = [name for key in keys if (name := text_of(metric_config.get(key)))]
    task = text_of(result.get("evaluation_name"))
    metric = metrics[0] if metrics else None
    before, _, filter_name = (text_of(result.get("evaluation_result_id")) or "").partition(":")
    if not filter_name or before != metric:
        return task, metric, "none"
    return task.removesuffix(f"/{filter_name}") if task else None, metric, filter_name


def _score(
    result: Mapping[str, Any], metric: str, filter_name: str, place: str, skipped: list[Skipped]
) -> ImportedScore | None:
    config, details = table(result.get("metric_config")), table(result.get("score_details"))
    value = number(details.get("score"))
    if value is None or (config.get("has_unknown_level") is True and value == -1):
        reason = NO_SCORE if value is None else UNKNOWN_LEVEL
        skipped.append(Skipped(place=f"{place}.score_details.score", reason=reason))
        return None
    doubt = table(details.get("uncertainty"))
    lower = config.get("lower_is_better")
    return ImportedScore(
        metric=metric,
        filter=filter_name,
        value=value,
        stderr=_stderr(doubt, f"{place}.score_details.uncertainty", skipped),
        n=whole(doubt.get("num_samples")) or None,
        higher_is_better=not lower if isinstance(lower, bool) else None,
        unit=text_of(config.get("metric_unit")),
        bounds=_bounds(config.get("min_score"), config.get("max_score")),
        interval=_interval(table(doubt.get("confidence_interval"))),
    )


def _stderr(doubt: Mapping[str, Any], place: str, skipped: list[Skipped]) -> float | None:
    if number(doubt.get("standard_deviation")) is not None:
        skipped.append(Skipped(place=f"{place}.standard_deviation", reason=DEVIATION))
    error = table(doubt.get("standard_error")).get("value")
    if (fault := error_fault(error)) is not None:
        skipped.append(Skipped(place=f"{place}.standard_error", reason=fault))
    return None if fault else number(error)


def _bounds(low: Any, high: Any) -> Bounds | None:
    """Return the least and greatest possible value; "Infinity" is no bound."""
    ends = number(low), number(high)
    return None if ends == (None, None) else Bounds(low=ends[0], high=ends[1])


def _interval(stated: Mapping[str, Any]) -> Bounds | None:
    low, high = number(stated.get("lower")), number(stated.get("upper"))
    if low is None or high is None:
        return None
    return Bounds(low=low, high=high, level=number(stated.get("confidence_level")))


def _few_shot(result: Mapping[str, Any]) -> int | None:
    details = table(table(result.get("generation_config")).get("additional_details"))
    stated = text_of(details.get("num_fewshot"))
    return int(stated) if stated and re.fullmatch(r"[0-9]{1,4}", stated) else None


Json = dict[str, Any]


def export_every_eval_ever(board: "RecordBoard") -> dict[str, bytes]:
    """Write the current records, as files by path in the layout of Every Eval Ever's datastore."""
    files = {}
    for entry in board.current:
        model, result = board.specs.models[entry.result.model], entry.result
        if result.kind == "suite":
            scores = [score for task in result.tasks for score in _task_scores(task)]
        else:
            scores = list(_text_scores(board.specs.corpora.get(result.name), entry))
        if scores:
            run_id, stem = PurePosixPath(entry.file).stem, uuid5(NAMESPACE_URL, entry.record)
            path = f"data/{result.name}/{model.name}/{stem}.json"
            files[path] = as_json(_record(model, result, run_id, scores))
    return files


def _record(model: Model, result: Result, run_id: str, scores: list[Json]) -> Json:
    seconds = str(int(result.started.timestamp()))
    packages = result.environment.packages
    harness, version = "lm_eval", packages.get("lm-eval", "unknown")
    if result.kind != "suite":
        harness, version = "llm-compression-leaderboard", f"record format {result.format}"
    return {
        "schema_version": f"{SCHEMA}0",
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
        "evaluation_results": [
            {"evaluation_result_id": f"{run_id}/{name}/{metric['metric_name']}", **score}
            for score in scores
            for name, metric in [(score["evaluation_name"], score["metric_config"])]
        ],
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


def _task_scores(task: TaskResult) -> Iterator[Json]:
    """Describe every metric of a task and of a group's members."""
    details: Json = {
        "num_fewshot": str(task.task.few_shot),
        "chat_template": str(task.task.chat_template).lower(),
        "task_version": task.version,
    }
    if task.task.limit is not None:
        details["limit"] = str(task.task.limit)
    dataset = task.task.dataset
    source: Json = {
        "dataset_name": dataset.path,
        "source_type": "other",
        "additional_details": {"revision": dataset.revision} if dataset.revision else {},
    }
    if COMMIT.fullmatch(dataset.revision):  # else it is a file of this repository
        source |= {"source_type": "hf_dataset", "hf_repo": dataset.path}
    named = [(task.task.task, score) for score in task.scores]
    named += [(member.name, score) for member in task.subtasks for score in member.scores]
    for name, score in named:
        uncertainty: Json = {"num_samples": score.n}
        if score.stderr is not None:
            error = {"value": score.stderr, "method": "as lm-eval gives it"}
            uncertainty["standard_error"] = error
        metric = {
            "metric_name": score.metric,
            "metric_kind": "accuracy" if score.metric.startswith("acc") else score.metric,
            "metric_unit": "proportion",
            "lower_is_better": not score.higher_is_better,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0,
        }
        yield _score_of(name, source, metric, score.value, uncertainty, details)


def _text_scores(corpus: Corpus | None, entry: DerivedResult) -> Iterator[Json]:
    """Describe the bits per byte of a text that the tokenizer reproduces."""
    if corpus is None or (lossless := ranked_text(entry.result)) is None:
        return
    uncertainty: Json = {"num_samples": len(lossless.documents)}
    if interval := entry.interval:
        uncertainty |= {
            "confidence_interval": {
                "lower": interval.low,
                "upper": interval.high,
                "confidence_level": LEVEL,
                "method": "bootstrap over documents",
            },
            "num_bootstrap_samples": BOOTSTRAP_DRAWS,
        }
    details = {
        "window_tokens": str(corpus.protocol.window_tokens),
        "stride_tokens": str(corpus.protocol.stride_tokens),
        **_start_of(entry.result),
        "bytes": str(corpus.bytes),
    }
    origin = {"sha256": corpus.sha256, "licence": corpus.licence}
    origin["package" if corpus.source.package else "path"] = corpus.source.place
    source: Json = {
        "dataset_name": corpus.title,
        "source_type": "other",
        "additional_details": origin,
    }
    metric = {
        "metric_name": "bits_per_byte",
        "metric_kind": "bits_per_byte",
        "metric_unit": "bits per byte",
        "lower_is_better": True,
        "score_type": "continuous",
        "min_score": 0.0,
        "max_score": "Infinity",
    }
    yield _score_of(corpus.name, source, metric, lossless.bits_per_byte, uncertainty, details)


def _start_of(result: Result) -> dict[str, str]:
    """Say what stands before a window of the text."""
    if result.calibration is None:
        return {}
    start = result.calibration.start
    token = {} if start.token is None else {"start_token": start.token}
    return {"start_mode": start.mode, **token}


def _score_of(
    name: str,
    source: Json,
    metric: Mapping[str, object],
    value: float,
    uncertainty: Json,
    details: Mapping[str, object],
) -> Json:
    return {
        "evaluation_name": name,
        "source_data": source,
        "metric_config": metric,
        "score_details": {"score": value, "uncertainty": uncertainty},
        "generation_config": {"additional_details": details},
    }
