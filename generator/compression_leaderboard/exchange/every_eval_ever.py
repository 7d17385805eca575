"""Read records of Every Eval Ever (schema 0.3), the exchange format for results of any harness.

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
"""

import re
from collections.abc import Mapping
from typing import Any

from compression_leaderboard.exchange.lm_eval import error_fault
from compression_leaderboard.exchange.model_args import identify_model, parse_model_args, unnamed
from compression_leaderboard.exchange.strict_json import (
    IntakeError,
    make_record,
    moment,
    number,
    parse_json,
    table,
    text_of,
    whole,
)
from compression_leaderboard.records.imported import (
    Bounds,
    Harness,
    Imported,
    ImportedModel,
    ImportedScore,
    ImportedTask,
    Skipped,
)

SCHEMA = "0.3."
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
    if (subject := _model(table(document["model_info"]), model)) is None:
        raise unnamed()
    tasks, skipped = _tasks(results)
    notes = []
    if rows := whole(table(document.get("detailed_evaluation_results")).get("total_rows")):
        notes.append(f"{rows} answers to single items are in a file beside it: not imported")
    stamps = [table(part).get("evaluation_timestamp") for part in (document, *results)]
    fields = {
        "harness": _harness(table(document["eval_library"])),
        "reported_by": _reporter(table(document["source_metadata"])),
        "model": subject,
        "date": next(filter(None, map(moment, stamps)), None),
        "tasks": tuple(tasks),
        "skipped": tuple(skipped),
        "notes": tuple(notes),
    }
    return make_record("every-eval-ever", name, content, fields)


def _model(info: Mapping[str, Any], name: str | None) -> ImportedModel | None:
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
    """Least and greatest possible value; "Infinity" is no bound."""
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
