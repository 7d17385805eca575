"""Result files of lm-eval: what is kept, what is skipped, and which file is refused."""

import json
import math
from datetime import UTC, datetime

import pytest
from compression_leaderboard.exchange.lm_eval import (
    LEFT_OUT,
    NO_VALUE,
    NOT_FINITE,
    NOT_RUN,
    PLACEHOLDER,
    SAME_METRIC,
    UNREADABLE_NAME,
    ZERO_ERROR,
    identify_model,
    import_lm_eval,
    parse_model_args,
    shown_value,
)
from compression_leaderboard.exchange.strict_json import (
    LARGEST_BYTES,
    REPEATED,
    IntakeError,
    moment,
    parse_json,
)
from compression_leaderboard.records.imported import Imported
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.result_files import encoded, new_file, old_file


def imported(document, **options):
    return import_lm_eval("run.json", encoded(document), **options)


def only_task(**entries):
    """The task and what was skipped of a file with one task that holds these entries."""
    record = imported(old_file(results={"sums": {"acc": 0.5, **entries}}))
    return record.tasks[0], [
        (s.place.removeprefix("results.sums."), s.reason) for s in record.skipped
    ]


def test_a_file_of_version_0_3():
    record = imported(old_file())
    (task,) = record.tasks
    assert (task.task, task.version, task.few_shot) == ("arc_easy", "0", 5)
    acc, norm = task.scores
    assert (acc.metric, acc.filter, acc.value, acc.stderr) == ("acc", "none", 0.5, 0.01)
    assert (norm.metric, norm.value, norm.stderr) == ("acc_norm", 0.45, None)
    assert (acc.n, acc.higher_is_better, acc.unit) == (None, None, None)
    assert (record.date, record.harness.version, record.chat_template) == (None, None, None)
    model = record.model
    assert (model.name, model.revision, model.commit) == ("org/small", "step3000", None)
    assert (model.args, model.backend) == (
        {"revision": "step3000", "dtype": "float16"},
        "hf-causal",
    )
    assert record.file == f"org__small/{record.source.sha256[:12]}.json"


def test_a_file_of_version_0_4_13():
    record = imported(new_file())
    task, group = record.tasks
    assert (task.task, task.alias, task.version, task.few_shot) == ("sums_easy", "easy", "2.0", 8)
    assert (task.dataset, task.dataset_config) == ("org/sums", "easy")
    assert task.dataset_revision == "d" * 40
    strict, flexible = task.scores
    assert (strict.filter, strict.value, strict.stderr) == ("strict-match", 0.25, 0.07)
    assert (flexible.filter, flexible.value, flexible.stderr) == ("flexible-extract", 0.5, 0.08)
    assert (strict.n, strict.higher_is_better) == (40, True)
    assert (group.task, group.alias, group.members) == ("sums", "Sums", ("sums_easy",))
    assert (group.version, group.few_shot) == (None, None)
    (acc,) = group.scores
    assert (acc.value, acc.stderr, acc.n) == (0.75, None, 39)
    assert record.date == datetime(2026, 2, 19, 16, 12, 37, 500000, UTC)
    assert (record.harness.version, record.harness.git_hash) == ("0.4.13", "abc1234")
    assert (record.model.commit, record.model.revision) == ("c" * 40, "main")
    assert (record.chat_template, record.chat_template_sha256) == (True, "e" * 64)
    assert (record.limit, record.skipped, record.notes) == (40, (), ())
    assert "machine's own affairs" not in json.dumps(record.content)


def test_results_as_a_list_of_tasks_and_prompts():
    """BigScience's fork: one entry a metric, several prompts to a task."""
    entries = [
        {"task_name": "copa", "prompt_name": "best", "acc": 0.5, "acc_stderr": 0.05},
        {"task_name": "copa", "prompt_name": "cause", "acc": 0.6, "dataset_path": "super_glue"},
        {"task_name": "afr", "prompt_name": None, "bits_per_byte": 2.5, "task_version": 1},
    ]
    record = imported(old_file(results=entries))
    found = [(t.task, t.prompt, t.scores[0].metric, t.scores[0].value) for t in record.tasks]
    assert found == [
        ("copa", "best", "acc", 0.5),
        ("copa", "cause", "acc", 0.6),
        ("afr", None, "bits_per_byte", 2.5),
    ]
    assert (record.tasks[1].dataset, record.tasks[2].version) == ("super_glue", "1")


@pytest.mark.parametrize(
    ("entries", "skipped"),
    [
        ({"acc_stderr": "N/A"}, []),
        ({"acc_stderr": None}, []),
        ({"acc_stderr": math.nan}, [("acc_stderr", NOT_FINITE)]),
        ({"acc_stderr": 0.0}, [("acc_stderr", ZERO_ERROR)]),
        ({"acc_stderr": -0.1}, [("acc_stderr", "is a negative standard error")]),
        ({"f1": math.nan}, [("f1", NOT_FINITE)]),
        ({"ppl": math.inf, "ppl_stderr": 2.0}, [("ppl", NOT_FINITE), ("ppl_stderr", NO_VALUE)]),
        ({"ppl": 10**400}, [("ppl", NOT_FINITE)]),
        ({"ppl": 1e308, "ppl_stderr": 1e308}, [("ppl", NOT_FINITE), ("ppl_stderr", NO_VALUE)]),
        ({"acc_stderr": 1e15}, [("acc_stderr", NOT_FINITE)]),
        ({"4096,none": -1, "8192,none": -1.0}, [("4096,none", NOT_RUN), ("8192,none", NOT_RUN)]),
        ({"f1_stderr": 0.1}, [("f1_stderr", NO_VALUE)]),
        ({"bypass": 999}, [("bypass", PLACEHOLDER)]),
        ({"details": [1, 2]}, [("details", "is a list of 2 items, not one number")]),
        ({"per_class": {"a": 1}}, [("per_class", "is an object, not one number")]),
        ({"done": True}, [("done", "is not a number")]),
        ({"f1": "0.5"}, [("f1", "is not a number")]),
        ({"acc,none": 0.4}, [("acc,none", SAME_METRIC)]),
        ({"f\n1": 0.5}, [("f?1", UNREADABLE_NAME)]),
        ({"alias": " - sums", "name": "sums", " ": " "}, []),
    ],
)
def test_each_entry_is_kept_or_skipped_with_its_reason(entries, skipped):
    task, found = only_task(**entries)
    assert found == skipped
    assert [(s.metric, s.value, s.stderr) for s in task.scores] == [("acc", 0.5, None)]


def test_numbers_stay_as_they_are():
    """A percentage, a perplexity and bits per byte are neither rescaled nor refused."""
    entries = {"exact_match": 67.69473210265646, "word_perplexity": 3.7e6, "bits_per_byte": 0.75}
    task, skipped = only_task(**entries)
    kept = {score.metric: score.value for score in task.scores}
    assert kept == {"acc": 0.5, **entries}
    assert skipped == []


def test_a_list_of_few_shot_counts_is_not_dealt_out():
    config = old_file()["config"] | {"num_fewshot": [2, 3]}
    record = imported(old_file(config=config))
    assert record.tasks[0].few_shot is None
    assert record.notes[0].startswith("num_fewshot is a list")
    same = imported(old_file(config=config | {"num_fewshot": [3, 3]}))
    assert (same.tasks[0].few_shot, same.notes) == (3, ())


@pytest.mark.parametrize("shots", [None, "5", True, -1, 2.5])
def test_a_few_shot_count_that_is_none_is_unknown(shots):
    record = imported(old_file(config=old_file()["config"] | {"num_fewshot": shots}))
    assert record.tasks[0].few_shot is None


def test_a_group_that_contradicts_the_results_is_reported():
    group = new_file()["groups"]["sums"] | {"acc,none": 0.7, "f1,none": 0.1}
    record = imported(new_file(groups={"sums": group}))
    assert [s.place for s in record.skipped] == ["groups.sums.acc,none", "groups.sums.f1,none"]
    assert record.tasks[1].scores[0].value == 0.75


@pytest.mark.parametrize(
    "results",
    [
        {"sums": {"acc": 0.5}, "sums ": {"acc": 0.6}},
        [{"task_name": "sums", "acc": 0.5}, {"task_name": "sums", "acc": 0.6}],
    ],
)
def test_a_task_that_is_listed_twice_counts_once(results):
    """The first entry is kept, and the other one is listed as skipped."""
    record = imported(old_file(results=results))
    assert [score.value for _, score in record.readings()] == [0.5]
    assert [(s.place, s.reason) for s in record.skipped] == [("results.sums.acc,none", REPEATED)]
    twice = record.tasks * 2
    with pytest.raises(ValidationError, match="sums has a figure twice"):
        Imported.model_validate(dict(record) | {"tasks": twice})


def test_answers_to_single_items_are_mentioned():
    record = imported(new_file(samples={"sums_easy": [{"doc_id": 0}, {"doc_id": 1}]}))
    assert record.notes == ("2 answers to single items stay in the file: only scores are imported",)


@pytest.mark.parametrize("version", ["Yaml", "N/A", None, "", " "])
def test_a_version_that_says_nothing_is_unknown(version):
    assert imported(old_file(versions={"arc_easy": version})).tasks[0].version is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (1771517557.5, datetime(2026, 2, 19, 16, 12, 37, 500000, UTC)),
        ("1771517557", datetime(2026, 2, 19, 16, 12, 37, tzinfo=UTC)),
        ("2026-02-19T16:12:37Z", datetime(2026, 2, 19, 16, 12, 37, tzinfo=UTC)),
        (0, None),
        (1e300, None),
        (True, None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_dates(given, expected):
    assert moment(given) == expected


# Models


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("pretrained=a/b,dtype=float16", {"pretrained": "a/b", "dtype": "float16"}),
        (
            "pretrained=a/b,memory={0:1,1:2},x=1",
            {"pretrained": "a/b", "memory": "{0:1,1:2}", "x": "1"},
        ),
        ('{"pretrained": "a/b"}', {"pretrained": "a/b"}),
        ("{'pretrained': 'a/b', 'n': None}", {"pretrained": "a/b", "n": None}),
        ("{'pretrained': __import__('os')}", {}),
        ({"model": "m"}, {"model": "m"}),
        ("a/b", {}),
        ("", {}),
        (None, {}),
        (7, {}),
    ],
)
def test_model_args_of_every_kind(given, expected):
    assert parse_model_args(given) == expected


def model_of(args, **config):
    return identify_model(parse_model_args(args), config)


def test_a_path_or_an_api_name_is_no_name_of_the_hub():
    plain = model_of("pretrained=EleutherAI/pythia-14m")
    local = model_of("pretrained=/data/EleutherAI/pythia-14m")
    api = model_of("model=gpt-4")
    assert plain.id == "EleutherAI__pythia-14m"
    assert local.id.startswith("data_EleutherAI_pythia-14m-")
    assert api.id.startswith("gpt-4-")
    assert len({plain.id, local.id, api.id}) == 3


@pytest.mark.parametrize("key", ["peft", "delta", "lora_local_path", "steer_path", "csv_path"])
def test_an_adapter_makes_another_model(key):
    model = model_of(f"pretrained=org/small,{key}=../runs/one", model_sha="c" * 40)
    assert (model.name, model.adapter, model.commit) == ("org/small", "../runs/one", "c" * 40)
    assert model.id != "org__small"
    assert model.id != model_of(f"pretrained=org/small,{key}=../runs/two").id


@pytest.mark.parametrize(
    ("args", "quantization"),
    [
        ("load_in_4bit=True", "load_in_4bit"),
        ("load_in_8bit=False", None),
        ("quantization=awq", "awq"),
        ("quantization=None", None),
        ("gguf_file=small.Q4_K_M.gguf", "small.Q4_K_M.gguf"),
        ("autogptq=model.safetensors", "autogptq"),
        ("dtype=float16", None),
    ],
)
def test_a_quantization_makes_another_model(args, quantization):
    model = model_of(f"pretrained=org/small,{args}")
    assert model.quantization == quantization
    assert model.id == ("org__small" if quantization is None else f"org__small@{quantization}")


@pytest.mark.parametrize(
    ("args", "config", "revision", "commit"),
    [
        ("pretrained=a/b", {}, None, None),
        ("pretrained=a/b,revision=step3", {"model_revision": "main"}, "step3", None),
        ("pretrained=a/b", {"model_revision": "main", "model_sha": ""}, "main", None),
        (f"pretrained=a/b,revision={'f' * 40}", {}, "f" * 40, "f" * 40),
        ("load=/ckpts/1B,iteration=71500", {}, None, None),
    ],
)
def test_revisions_are_what_the_file_states(args, config, revision, commit):
    model = model_of(args, **config)
    assert (model.revision, model.commit) == (revision, commit)


def test_a_checkpoint_of_gpt_neox_is_named_by_its_iteration():
    assert model_of({"load": "/ckpts/1B", "iteration": 71500}).revision == "iteration 71500"


def test_a_folder_of_a_repository_has_other_weights():
    """Such as a checkpoint: at the same commit it is another model."""
    whole = model_of({"pretrained": "org/small"}, model_sha="a" * 40)
    part = model_of({"pretrained": "org/small", "subfolder": "step-500"}, model_sha="a" * 40)
    assert (whole.name, part.name) == ("org/small", "org/small/step-500")
    assert whole.id != part.id
    for nothing in ("None", "", ".", "./"):
        assert model_of({"pretrained": "org/small", "subfolder": nothing}).name == "org/small"
    same = model_of({"pretrained": "org/small", "subfolder": "./step-500/"})
    assert same.name == part.name


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("api_key", "abc"),
        ("token", "hf_abcdefghijklmnop"),
        ("token", "abc"),
        ("mask_token", "abc"),
        ("api_key", "<hf_abcdefghijklmnop> abc"),
        ("use_auth_token", "abc"),
        ("header", {"Authorization": "abc"}),
        ("base_url", "https://me:word@host/v1"),
        ("extra", "Bearer abc"),
        ("anything", "sk-abcdefghijklmnop"),
    ],
)
def test_secrets_stay_out_of_the_record(key, value):
    assert shown_value(key, value) == LEFT_OUT
    config = {"model": "api", "model_args": {"model": "m", key: value}}
    written = json.dumps(imported(old_file(config=config)).content)
    assert "abc" not in written
    assert "word" not in written


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tokenizer", "org/small"),
        ("add_special_tokens", "False"),
        ("use_auth_token", True),
        ("max_gen_toks", 256),
        ("base_url", "http://127.0.0.1:8000/v1"),
        ("think_end_token", "</think>"),
        ("bos_token", "<s>"),
        ("prefix_token", "<|startoftext|>"),
        ("mask_token", "<mask>"),
        ("sep_token", "[SEP]"),
        ("reasoning_token", "<|reason|>"),
        ("eot_token", 200008),
    ],
)
def test_what_is_no_secret_is_kept(key, value):
    assert shown_value(key, value) != LEFT_OUT


def test_a_file_that_names_no_model_needs_the_importer_to():
    document = {"results": {"piqa": {"acc": 0.75}}}
    with pytest.raises(IntakeError, match="does not say which model it is about; give its name"):
        imported(document)
    record = imported(document, model="org/small")
    assert (record.model.name, record.model.named_by) == ("org/small", "importer")
    named = imported(old_file(), model="org/other")
    assert (named.model.name, named.model.named_by) == ("org/small", "file")


# Refusals


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; give a file of results"),
        (b"  \n", "is empty; give a file of results"),
        (b"\xff\xfe{\x00}\x00", "is not UTF-8 text; save it as UTF-8"),
        (b"[]", "holds a list, not an object; give a file of results"),
        (b"3.5", "holds a single value, not an object; give a file of results"),
        (encoded(new_file())[:-200], "ends in the middle: it is truncated; fetch it again"),
        (b'{"results": {"a": {"acc": 0.5', "ends in the middle: it is truncated; fetch it again"),
        (
            b'{"results": {"a" "acc"}}',
            "is not JSON: Expecting ':' delimiter (line 1, column 18); fix it or fetch it again",
        ),
        (
            b'{"results": {"a": {"acc": 0.5, "acc": 0.6}}}',
            'the key "acc" occurs twice in one object; remove one of the two',
        ),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "is nested too deeply; give a file of results"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "is nested too deeply; give a file of results"),
        (
            b'{"a": ' + b"9" * 5000 + b"}",
            "has a number of thousands of digits; give a file of results",
        ),
        (b'{"a": "\\ud800"}', "has half a character (a lone surrogate); correct the text"),
        (
            b'{"doc_id": 0, "acc": 1.0}\n{"doc_id": 1, "acc": 0.0}\n',
            "is a file of samples, one item per line, not of results; "
            "give the results_….json in the same folder",
        ),
        (
            encoded(old_file()) + b"\n" + encoded(old_file()),
            "has more than one JSON document (the second begins in line 2); "
            "save each document as a file",
        ),
        (b'{"a": 1, "b": 2}', "has no results (its keys: a, b); give a result file of lm-eval"),
        (b'{"results": 3}', "is neither an object nor a list; give a result file of lm-eval"),
        (b'{"results": {}}', "is empty; give a file of a run that finished"),
        (
            b'{"schema_version": "0.3.0", "evaluation_results": []}',
            "is an Every Eval Ever record; add --every-eval-ever",
        ),
        (
            b'{"config_general": {}, "results": {"all": {"acc": 0.5}}}',
            "is a result of lighteval, not of lm-eval; give a result file of lm-eval",
        ),
        (
            encoded(old_file(results={"t": {"bypass,none": 999, "bypass_stderr,none": "N/A"}})),
            "has no score that can be kept (1 × is lm-eval's placeholder for a task that is not "
            "scored (bypass)); give a file of results",
        ),
        (
            encoded(old_file(results={"t": 0.5})),
            "has no score that can be kept (1 × is not a task with its metrics); "
            "give a file of results",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(content, message):
    with pytest.raises(IntakeError) as refused:
        import_lm_eval("run.json", content)
    assert str(refused.value) == message


def test_a_file_of_100_megabytes_is_refused_unread():
    with pytest.raises(
        IntakeError, match=r"is at least 64 MiB: only smaller files are read; write"
    ):
        parse_json(b" " * (100 * 2**20))
    assert LARGEST_BYTES == 64 * 2**20


def test_nan_infinity_and_a_byte_order_mark_are_read():
    text = '\ufeff{"results": {"t": {"acc": 0.5, "a": NaN, "b": -Infinity}}}'
    record = import_lm_eval("run.json", text.encode(), model="org/small")
    assert record.reasons() == {NOT_FINITE: 2}


STRANGE = [
    "",
    "a,b",
    "N/A",
    "a\n",
    "\u202e",
    "\x00",
    "\ud800",
    "{",
    None,
    True,
    0,
    -1,
    2.5,
    10**400,
]
STRANGE += [
    math.nan,
    math.inf,
    [],
    {},
    [[]],
    [{}],
    [1, "a"],
    {"a": 1},
    {"": {}},
    {"a": {"a": None}},
]
STRANGE += [{"sums_easy": value} for value in STRANGE]
JSON = st.sampled_from(STRANGE)
KEYS = st.sampled_from([*new_file(), "samples", "schema_version"])


def check_read_or_refused(document):
    """No file makes the importer fail in another way, whichever part of it is nonsense."""
    try:
        record = imported(document)
    except IntakeError as error:
        refused = str(error)
        assert "\n" not in refused
    else:
        assert record.kept > 0
        assert Imported.model_validate_json(json.dumps(record.content)) == record


@settings(max_examples=150)
@given(st.dictionaries(KEYS, JSON, max_size=4), st.booleans())
def test_whatever_stands_in_a_file_it_is_read_or_refused(changes, is_new):
    check_read_or_refused((new_file if is_new else old_file)() | changes)


@settings(max_examples=150)
@given(st.data())
def test_whatever_stands_deep_in_a_file_it_is_read_or_refused(data):
    document = new_file()
    place = document
    while isinstance(place, dict) and place:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            break
        place = place[key]
    check_read_or_refused(document)


def test_a_benchmark_of_evalchemy_has_its_mean_with_the_error_and_no_counts():
    runs = [{"repetition": 1, "num_total": 30, "num_solved": 5, "accuracy": 0.1667}]
    entries = {"num_total": 30, "solved_avg": 4.9, "num_repeat": 10, "run_stats": runs}
    entries |= {"accuracy_avg": 0.1633, "accuracy_std_err": 0.0173}
    record = imported(old_file(results={"AIME24": entries}))
    (score,) = record.tasks[0].scores
    assert (score.metric, score.value, score.stderr, score.n) == (
        *("accuracy_avg", 0.1633),
        *(0.0173, 30),
    )
    assert record.reasons() == {"is a list of 1 item, not one number": 1}


def test_counts_of_other_benchmarks_of_evalchemy_are_no_scores():
    """MATH500 is run once; LiveCodeBench has a mean for each difficulty, of unknown counts."""
    means = {"accuracy_avg": 0.3, "accuracy_easy_avg": 0.6, "accuracy_std_err": 0.02}
    results = {
        "MATH500": {"num_total": 500, "num_solved": 400, "accuracy": 0.8},
        "LiveCodeBench": means | {"accuracy_easy_std_err": 0.03, "num_total": 100},
        "CodeForces": {"total_correct": 5, "total_finish": 10, "accuracy": 0.5},
        "other": {"acc": 0.5, "acc_std_err": 0.1, "total_correct": 0.25},
    }
    found = {
        (task.task, score.metric): (score.value, score.stderr, score.n)
        for task in imported(old_file(results=results)).tasks
        for score in task.scores
    }
    assert found == {
        ("MATH500", "accuracy"): (0.8, None, 500),
        ("LiveCodeBench", "accuracy_avg"): (0.3, 0.02, 100),
        ("LiveCodeBench", "accuracy_easy_avg"): (0.6, 0.03, None),
        ("CodeForces", "accuracy"): (0.5, None, 10),
        ("other", "acc"): (0.5, 0.1, None),
        ("other", "total_correct"): (0.25, None, None),
    }


def test_numbers_beyond_what_can_be_measured_cost_no_other():
    """Each is skipped or unknown, and the record that is left is valid."""
    results = {
        "huge": {"acc": 1e308, "f1": 0.5},
        "counts": {"acc": 0.5, "samples": -3},
        "many": {"acc": 0.5, "samples": 10**16},
        "below": {"em": -1e15},
        "right": {"loss": -2.5, "acc": 10**14},
    }
    document = old_file(results=results)
    document["config"] |= {"limit": 10**20, "num_fewshot": 10**18}
    record = imported(document)
    kept = {(task.task, s.metric): s.n for task in record.tasks for s in task.scores}
    assert kept == {
        ("huge", "f1"): None,
        ("counts", "acc"): None,
        ("many", "acc"): None,
        ("right", "loss"): None,
        ("right", "acc"): None,
    }
    assert record.reasons() == {NOT_FINITE: 2}
    assert (record.limit, record.tasks[0].few_shot) == (None, None)
    assert Imported.model_validate_json(record.model_dump_json()) == record
