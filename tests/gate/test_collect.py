"""What shards wrote is verified, merged in any order, and complete; what is wrong is refused."""

import itertools
import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from compression_leaderboard.gate.collect import why_not_merged, why_refused
from compression_leaderboard.gate.impossible import Known
from compression_leaderboard.measure.checkpoint import hash_folder, hash_weights
from compression_leaderboard.records.results import Failure, Result, Subtask, TaskResult
from compression_leaderboard.repository.results import parse_shards, read_records, write_record
from compression_leaderboard.repository.specs import hash_task
from pydantic import ValidationError

from tests.commands import invoke
from tests.factory import make_classical, make_model, make_preference, make_result, make_specs
from tests.measure.test_harness import TASK as GRAMMAR
from tests.measure.test_harness import write_tasks
from tests.workspace import SUITE

pytestmark = pytest.mark.slow

MODEL = make_model()
SPECS = make_specs(MODEL, make_model("org/pairs", corpora=("pairs",)))
KNOWN = Known.of([], date(2026, 6, 2))
GROUP = """
[[tasks]]
task = "grammar"
label = "Grammar"
category = "grammar"
chance = 0.5
definition = "{grammar}"
[tasks.dataset]
path = "runs/tasks/grammar_is.jsonl"
revision = "{revision}"

[[tasks]]
task = "shots"
label = "With an example"
category = "grammar"
chance = 0.5
few_shot = 1
definition = "{shots}"
[tasks.dataset]
path = "runs/tasks/grammar_is.jsonl"
revision = "{revision}"
"""


@pytest.fixture
def shared(board: Path) -> Path:
    """The suite also has a group of two subtasks, and a task with an example in its prompt."""
    tasks = board / "runs/tasks"
    write_tasks(tasks)
    for file in tasks.glob("grammar_*.yaml"):
        file.write_text(file.read_text().replace("test: grammar", "test: runs/tasks/grammar"))
    shots = GRAMMAR.replace("test: NAME.jsonl", "test: runs/tasks/grammar_is.jsonl")
    shots = shots.replace("NAME", "shots").replace("DATASET", "json")
    shots = shots.replace("num_fewshot: 0", "num_fewshot: 1\nfewshot_split: test")
    (tasks / "shots.yaml").write_text(shots)
    revision = hash_weights([tasks / "items.jsonl"])
    definition = hash_task(tasks, "tiny_arithmetic")
    pins = {"revision": hash_weights([tasks / "grammar_is.jsonl"])}
    pins |= {name: hash_task(tasks, name) for name in ("grammar", "shots")}
    suite = SUITE.format(revision=revision, definition=definition) + GROUP.format(**pins)
    (board / "runs/suites/arithmetic.toml").write_text(suite)
    return board


def shard(board: Path, name: str, *jobs: tuple[str | int, ...]) -> str:
    """A shard as the matrix has it. jobs: (kind, name) or (kind, name, number, of) of tiny/A."""
    revision = hash_folder(board / "weights/A")
    listed = []
    for kind, of_what, *part in jobs:
        entry: dict[str, Any] = {"model": "tiny__A", "revision": revision}
        entry |= {"kind": kind, "name": of_what}
        if part:
            entry["part"] = {"number": part[0], "of": part[1]}
        listed.append(entry)
    return json.dumps({"name": name, "jobs": listed})


def records(board: Path) -> list[Result]:
    stored, problems = read_records(board, "results/measured")
    assert problems == []
    return [entry.result for entry in stored]


def test_parts_of_a_suite_give_exactly_the_whole_score_in_any_order_and_twice(shared):
    """Two parts, each measured by itself, then merged: the scores, the standard errors and the
    items' metrics are those of the whole run, to the last bit."""
    shards = [
        shard(shared, "shard-001", ("suite", "arithmetic", 1, 2), ("corpus", "speeches")),
        shard(shared, "shard-002", ("suite", "arithmetic", 2, 2)),
    ]
    folders = [str(shared / "out" / f"shard-{k}") for k in (1, 2)]
    for given, folder in zip(shards, folders, strict=True):
        assert invoke(shared, "measure", "--shard", given, "--to", folder).exit_code == 0
    again = invoke(shared, "measure", "--shard", shards[0], "--to", folders[0])
    assert "nothing to do" in again.stdout
    outcomes = []
    for order in itertools.permutations(folders):
        shutil.rmtree(shared / "results", ignore_errors=True)
        first = invoke(shared, "collect", *order)
        assert (first.exit_code, first.stdout) == (
            0,
            "2 new, 0 already there, 0 refused, 0 missing\n",
        )
        second = invoke(shared, "collect", *order)
        assert (second.exit_code, second.stdout) == (
            0,
            "0 new, 2 already there, 0 refused, 0 missing\n",
        )
        outcomes.append(sorted(r.file for r in records(shared)))
    assert outcomes[0] == outcomes[1]
    assert "nothing to do" in invoke(shared, "measure", "--model", "tiny__A").stdout
    (merged,) = [result for result in records(shared) if result.kind == "suite"]
    assert len(merged.parts) == 2
    invoke(shared, "measure", "--model", "tiny__A", "--suite", "arithmetic", "--local")
    (entry,) = read_records(shared, "results/local")[0]
    for ours, theirs in zip(merged.tasks, entry.result.tasks, strict=True):
        assert ours.scores == theirs.scores
        assert ours.version == theirs.version
        assert [s.scores for s in ours.subtasks] == [s.scores for s in theirs.subtasks]
        own: tuple[TaskResult | Subtask, ...] = (ours, *ours.subtasks)
        whole: tuple[TaskResult | Subtask, ...] = (theirs, *theirs.subtasks)
        for left, right in zip(own, whole, strict=True):
            assert [r.metrics for r in left.responses] == [r.metrics for r in right.responses]
            assert [r.item for r in left.responses] == [r.item for r in right.responses]
    assert [task.scores[0].n for task in merged.tasks] == [2, 8, 5]


def test_what_is_missing_is_told_and_what_is_wrong_is_refused_with_one_line(board):
    """One part of two, an edited record, a cut record, a job that nobody asked for."""
    matrix = board / "matrix.json"
    given = shard(board, "shard-001", ("suite", "arithmetic", 1, 2), ("corpus", "speeches"))
    other = shard(board, "shard-002", ("suite", "arithmetic", 2, 2))
    include = [json.loads(given), json.loads(other)]
    matrix.write_text(json.dumps({"include": include}) + "\n")
    folder = board / "out"
    assert invoke(board, "measure", "--shard", given, "--to", str(folder)).exit_code == 0
    (corpus,) = folder.rglob("corpus-speeches/*.json")
    text = corpus.read_text()
    corpus.write_text(text.replace('"threads": ', '"threads": 1'))
    (corpus.parent / "cut.json").write_text(text[:100])
    unasked = make_result(make_model("tiny/other"))
    write_record(folder, folder, unasked)
    result = invoke(board, "collect", str(folder), "--plan", str(matrix))
    assert result.exit_code == 1
    assert result.stdout == "0 new, 0 already there, 3 refused, 2 missing\n"
    refused = [line for line in result.stderr.splitlines() if not line.startswith("missing")]
    assert len(refused) == 3
    assert any("its content does not belong in this file" in line for line in refused)
    assert any("cut.json: is not valid JSON" in line for line in refused)
    assert any('model "tiny__other" is not in runs/models; it is left out' in x for x in refused)
    missing = [line for line in result.stderr.splitlines() if line.startswith("missing")]
    assert [line.rpartition(" suite ")[2].rpartition(" corpus ")[2] for line in missing] == [
        "speeches: no record",
        "arithmetic part 2 of 2: no record",
    ]
    assert records(board) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{}", "--shard: name: missing; add it"),
        ("{", "--shard: is not a shard; give one line that `leaderboard plan --matrix` printed"),
        (
            "nowhere.json",
            "nowhere.json: cannot be read: No such file or directory; "
            "give JSON or a file that `leaderboard plan --matrix` filled",
        ),
        (
            '{"name":"s","jobs":[{"model":"m","revision":"r","kind":"suite","name":"x"}]}',
            "--shard: m at r suite x: is not in runs/; plan again",
        ),
    ],
)
def test_a_shard_that_cannot_be_run_is_told(board, given, message):
    result = invoke(board, "measure", "--shard", given, "--to", str(board / "out"))
    assert str(result.exception).splitlines()[0].startswith(message)


def test_a_shard_may_be_spread_over_lines_as_github_does(board):
    """toJSON(matrix) of a workflow; an empty matrix holds nothing."""
    one = parse_shards(shard(board, "one", ("corpus", "speeches")), "--shard")
    spread = json.dumps(one[0].model_dump(mode="json", exclude_none=True), indent=2)
    assert parse_shards(f"{spread}\n{spread}\n", "--shard") == one * 2
    assert parse_shards('{"include":[]}\n', "matrix.json") == []


def test_a_shard_needs_a_folder(board):
    result = invoke(board, "measure", "--shard", "{}")
    assert str(result.exception) == "--shard and --to belong together; give both or neither"


def suite_with(**changes: Any) -> Result:
    result = make_result(MODEL, "suite")
    (task,) = result.tasks
    return result.model_copy(update={"tasks": (replace(task, **changes),)})


def corpus_with(**changes: Any) -> Result:
    result = make_result(MODEL)
    lossless = result.lossless.model_copy(update=changes)
    return result.model_copy(update={"lossless": lossless})


GOOD_TASK = make_result(MODEL, "suite").tasks[0]
WRONG_TEXT = make_result(MODEL).text.model_copy(update={"sha256": "0" * 64})


@pytest.mark.parametrize(
    ("result", "wrong"),
    [
        (make_result(make_model("org/other")), 'model "org__other" is not in runs/models'),
        (
            make_result(MODEL, revision="sha256-" + "9" * 40),
            f"revision sha256-{'9' * 40} is not in the model's file",
        ),
        (make_result(MODEL, name="poems"), "the model's file does not ask for corpus poems"),
        (
            make_result(MODEL, text=WRONG_TEXT),
            "was measured for another spec (the corpus text changed)",
        ),
        (suite_with(scores=()), "sums: has no acc"),
        (suite_with(responses=GOOD_TASK.responses[:1] * 4), "sums: has an item twice"),
        (suite_with(scores=(replace(GOOD_TASK.scores[0], n=5),)), "sums: scores 5 items, has 4"),
        (corpus_with(bits_per_byte=0.5), "has 0.5 bits per byte, its documents 1.1"),
        (
            corpus_with(documents=make_result(MODEL).lossless.documents[:1]),
            "has 1 document, the protocol 3",
        ),
    ],
)
def test_a_record_that_cannot_be_is_refused_with_what_is_wrong(result, wrong):
    assert why_refused(result, SPECS, KNOWN) == wrong


def test_a_record_is_refused_while_the_file_of_its_text_has_a_problem():
    corpora = {name: corpus for name, corpus in SPECS.corpora.items() if name != "prose"}
    assert why_refused(make_result(MODEL), replace(SPECS, corpora=corpora), KNOWN) == (
        "the file of corpus prose has a problem"
    )


@pytest.mark.parametrize(
    ("part", "change"),
    [
        (GOOD_TASK.responses[0], {"log_likelihoods": (0.5, -1.0)}),
        (GOOD_TASK.scores[0], {"stderr": -0.1}),
        (make_result(MODEL).lossless.documents[0], {"bits": -1.0}),
    ],
)
def test_no_field_takes_a_figure_out_of_its_bounds(part, change):
    with pytest.raises(ValidationError):
        replace(part, **change)


@pytest.mark.parametrize(
    "result",
    [
        make_result(MODEL),
        make_result(MODEL, "suite"),
        make_classical(),
        make_preference(make_model("org/pairs")),
        make_result(MODEL, "suite", tasks=(), error=Failure(reason="nan", message="m")),
    ],
)
def test_a_record_that_was_asked_for_is_taken(result):
    assert why_refused(result, SPECS, KNOWN) is None


def test_what_is_no_folder_is_told(board):
    result = invoke(board, "collect", "nowhere")
    assert str(result.exception) == (
        "nowhere: is not a folder; give folders that `leaderboard measure --shard … --to` wrote"
    )


def test_parts_measured_with_other_software_are_not_merged():
    one = make_result(MODEL, "suite")
    newer = one.environment.model_copy(update={"packages": {"torch": "3.0"}})
    other = one.model_copy(update={"environment": newer})
    assert why_not_merged([one, one]) is None
    assert why_not_merged([one, other]) == (
        "parts differ in packages; measure them again with the same software"
    )
