"""Records of Every Eval Ever: valid ones are read, and what does not fit is refused or skipped."""

import importlib.util
import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
from compression_leaderboard.board.imported import find_conflicts
from compression_leaderboard.exchange.every_eval_ever import (
    DEVIATION,
    NO_METRIC,
    NO_NAME,
    NO_SCORE,
    UNKNOWN_LEVEL,
    import_every_eval_ever,
)
from compression_leaderboard.exchange.lm_eval import ZERO_ERROR, import_lm_eval
from compression_leaderboard.exchange.strict_json import REPEATED, IntakeError

from tests.result_files import encoded, exchange_file, new_file


def imported(document, **options):
    return import_every_eval_ever("record.json", encoded(document), **options)


def with_result(**changes):
    """The record with its first result changed; None takes a field out."""
    document = exchange_file()
    result = document["evaluation_results"][0] | changes
    kept = {key: value for key, value in result.items() if value is not None}
    return document | {"evaluation_results": [kept, document["evaluation_results"][1]]}


def with_model(**changes):
    document = exchange_file()
    return document | {"model_info": document["model_info"] | changes}


def with_details(**changes):
    details = exchange_file()["model_info"]["additional_details"] | changes
    return with_model(additional_details=details)


VALID = {
    "plain": exchange_file(),
    "adapter": with_details(model_args="pretrained=org/small,peft=org/adapter"),
    "no commit": with_details(sha="unknown"),
    "printed arguments": with_details(model_args="{'pretrained': 'org/small', 'n': None}"),
    "no library version": exchange_file(eval_library={"name": "helm", "version": "unknown"}),
    "unknown level": with_result(
        metric_config={
            "metric_name": "rank",
            "lower_is_better": True,
            "score_type": "levels",
            "level_names": ["low", "high"],
            "has_unknown_level": True,
        },
        score_details={"score": -1},
    ),
    "web source": with_result(
        source_data={"dataset_name": "sums", "source_type": "url", "url": ["https://example.org"]}
    ),
    "samples": exchange_file(
        detailed_evaluation_results={
            "format": "jsonl",
            "file_path": "data/a/b/c/01234567-89ab-4def-8123-0123456789ab_samples.jsonl",
            "total_rows": 40,
        }
    ),
}


@pytest.mark.parametrize("name", VALID)
def test_the_examples_are_valid_and_read(name):
    """The examples of these tests are records as their schema has them."""
    assert imported(VALID[name]).kept >= 1
    jsonschema = pytest.importorskip("jsonschema")
    if (package := importlib.util.find_spec("every_eval_ever")) is None or not package.origin:
        pytest.skip("every-eval-ever is not installed")
    schema = Path(package.origin).parent / "schemas" / "eval.schema.json"
    jsonschema.Draft7Validator(json.loads(schema.read_text("utf-8"))).validate(VALID[name])


def test_every_field_finds_its_place():
    record = imported(exchange_file())
    sums, prose = record.tasks
    assert (sums.task, sums.dataset, sums.few_shot) == ("sums", "org/sums", 8)
    (score,) = sums.scores
    assert (score.metric, score.filter) == ("exact_match", "strict-match")
    assert (score.value, score.stderr, score.n) == (0.25, 0.07, 40)
    assert (score.higher_is_better, score.unit) == (True, None)
    assert (score.bounds.low, score.bounds.high) == (0.0, 1.0)
    assert (prose.task, prose.dataset, prose.few_shot) == ("prose", "prose", None)
    (bits,) = prose.scores
    assert (bits.metric, bits.filter, bits.value, bits.unit) == (
        "bits_per_byte",
        "none",
        1.25,
        "bits/byte",
    )
    assert (bits.higher_is_better, bits.stderr, bits.n) == (False, None, None)
    assert (bits.interval.low, bits.interval.high, bits.interval.level) == (1.2, 1.3, 0.95)
    assert (bits.bounds.low, bits.bounds.high) == (0.0, None)
    assert (record.harness.name, record.harness.version) == ("lm-eval", "0.4.13")
    assert record.reported_by == "An Institute, third party, evaluation run"
    assert record.date == datetime(2026, 2, 19, 16, 12, 37, tzinfo=UTC)
    model = record.model
    assert (model.name, model.revision, model.commit) == ("org/small", "main", "c" * 40)
    assert (model.backend, model.args["dtype"], model.adapter) == ("transformers", "float16", None)
    assert record.file == f"org__small/{record.source.sha256[:12]}.json"
    assert record.skipped == ()


def test_an_adapter_hidden_in_the_arguments_makes_another_model():
    """Their lm-eval converter names the base model of an adapter as the model."""
    model = imported(VALID["adapter"]).model
    assert (model.name, model.adapter) == ("org/small", "org/adapter")
    assert imported(with_details(quantization="Q4_1")).model.id == "org__small@Q4_1"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"evaluation_name": None}, NO_NAME),
        ({"metric_config": {"lower_is_better": True}}, NO_METRIC),
        ({"score_details": {"score": "0.5"}}, NO_SCORE),
        ({"score_details": {"score": math.nan}}, NO_SCORE),
        ({"score_details": None}, NO_SCORE),
    ],
)
def test_a_result_that_does_not_fit_is_skipped(changes, reason):
    record = imported(with_result(**changes))
    assert [task.task for task in record.tasks] == ["prose"]
    assert record.reasons() == {reason: 1}


def test_a_score_that_stands_for_unknown_is_skipped():
    assert imported(VALID["unknown level"]).reasons() == {UNKNOWN_LEVEL: 1}


def test_errors_that_are_none_and_deviations_are_skipped():
    doubt = {"standard_error": {"value": 0}, "standard_deviation": 0.4, "num_samples": 40}
    record = imported(with_result(score_details={"score": 0.25, "uncertainty": doubt}))
    score = record.tasks[0].scores[0]
    assert (score.value, score.stderr, score.n) == (0.25, None, 40)
    assert record.reasons() == {DEVIATION: 1, ZERO_ERROR: 1}


def test_answers_in_a_file_beside_it_are_mentioned():
    (note,) = imported(VALID["samples"]).notes
    assert note == "40 answers to single items are in a file beside it: not imported"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            new_file(),
            "is not an Every Eval Ever record (no schema_version); leave out --every-eval-ever",
        ),
        ({"a": 1}, "is not an Every Eval Ever record (no schema_version); give such a record"),
        (
            exchange_file(schema_version="0.1.0"),
            "is of schema 0.1.0, and 0.3.x is read; convert it with every-eval-ever 0.3",
        ),
        (
            exchange_file(schema_version=None),
            "is of schema something else, and 0.3.x is read; convert it with every-eval-ever 0.3",
        ),
        (exchange_file(model_info="org/small"), "is missing or not an object; convert it again"),
        (exchange_file(evaluation_results={}), "is missing or not a list; convert it again"),
        (
            exchange_file(evaluation_results=[]),
            "has no score that can be kept (it has no entry); give a file of results",
        ),
        (
            with_model(name="", id="", additional_details={}),
            "does not say which model it is about; give its name with --model",
        ),
    ],
)
def test_a_record_that_does_not_fit_is_refused_in_one_line(document, message):
    with pytest.raises(IntakeError) as refused:
        imported(document)
    assert str(refused.value) == message


def test_a_run_and_its_conversion_do_not_disagree():
    """The same figure by both ways is one figure; a changed one is a conflict."""
    run = import_lm_eval(
        "run.json",
        encoded(
            new_file(
                results={
                    "sums": {
                        "exact_match,strict-match": 0.25,
                        "exact_match_stderr,strict-match": 0.07,
                    }
                },
                **{"n-shot": {"sums": 8}},
            )
        ),
    )
    assert find_conflicts([run, imported(exchange_file())]) == []
    score = {"score": 0.9, "uncertainty": {"standard_error": {"value": 0.07}}}
    (found,) = find_conflicts([run, imported(with_result(score_details=score))])
    assert found.standard_errors == pytest.approx(0.65 / math.hypot(0.07, 0.07))


def test_a_result_that_is_listed_twice_counts_once_unless_it_was_asked_otherwise():
    document = exchange_file()
    first, *others = document["evaluation_results"]
    config = {"additional_details": {"num_fewshot": "3"}}
    asked_otherwise = first | {"generation_config": config}
    record = imported(document | {"evaluation_results": [first, first, asked_otherwise, *others]})
    plain = imported(document)
    assert record.kept == plain.kept + 1
    assert [s.reason for s in record.skipped] == [*(s.reason for s in plain.skipped), REPEATED]
