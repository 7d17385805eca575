"""The adapter to lm-eval: groups with their subtasks, pinned datasets, limits, few-shot counts."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from compression_leaderboard.measure import hub as asking
from compression_leaderboard.measure.harness import run_suite
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.records.models import Dataset, Suite, Task
from compression_leaderboard.records.results import TaskResult
from pydantic import TypeAdapter

from tests.hub import Hub
from tests.tiny import load_tiny

pytestmark = pytest.mark.slow

GROUP = """
group: grammar
task: [grammar_is, grammar_are]
aggregate_metric_list: [{metric: acc, aggregation: mean, weight_by_size: false}]
metadata: {version: 2.0}
"""
TASK = """
task: NAME
dataset_path: DATASET
dataset_kwargs: {data_files: {test: NAME.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: ""
doc_to_choice: "{{[good, bad]}}"
doc_to_target: 0
num_fewshot: 0
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
metadata: {version: 1.0}
"""
SUBTASKS = {"grammar_is": 5, "grammar_are": 3}  # items: the two differ, so means can be told apart
TASK_RESULT = TypeAdapter(TaskResult)
NOWHERE = "0" * 40
NOUNS = ("cat", "dog", "tree", "house", "river")


def pairs(good: str, bad: str, n: int) -> list[dict[str, str]]:
    return [{"good": f"The {noun}{good}", "bad": f"The {noun}{bad}"} for noun in NOUNS[:n]]


def write_items(file: Path, items: list[dict[str, str]]) -> None:
    file.write_text("".join(json.dumps(item) + "\n" for item in items))


def write_tasks(folder: Path, dataset: str = "json") -> None:
    (folder / "grammar.yaml").write_text(GROUP)
    for name, n in SUBTASKS.items():
        text = TASK.replace("NAME", name).replace("DATASET", dataset)
        if dataset != "json":
            text = "\n".join(line for line in text.splitlines() if "dataset_kwargs" not in line)
        (folder / f"{name}.yaml").write_text(text)
        verb, other = ("is", "are") if name == "grammar_is" else ("are", "is")
        plural = "" if verb == "is" else "s"
        write_items(folder / f"{name}.jsonl", pairs(f"{plural} {verb}", f"{plural} {other}", n))


def serve_items(hub: Hub, folder: Path, n: int = 4) -> str:
    """Tasks that read org/grammar, and that dataset on the Hub; its commit."""
    write_tasks(folder, dataset="org/grammar")
    served = folder / "served"
    served.mkdir(exist_ok=True)
    items = [item | {"test": folder.name} for item in pairs(" is", " are", n)]
    write_items(served / "test.jsonl", items)  # of no other test: what is cached is not asked for
    return hub.add("datasets", "org/grammar", served)


def refusal(folder: Path, revision: str = "", **changes: Any) -> tuple[str, str]:
    """Reason and message of a task that is not run."""
    with pytest.raises(MeasureError) as failure:
        run(folder, revision, **changes)
    return failure.value.reason, failure.value.message


def suite_of(task: Task) -> Suite:
    """A suite of one task, whose files lie in the root folder, where write_tasks puts them."""
    suite = Suite(
        name="own",
        title="Own",
        description="Pairs.",
        public=False,
        tasks_folder="runs/tasks",
        tasks=(task,),
    )
    return suite.model_copy(update={"tasks_folder": "."})


def run(folder: Path, revision: str = "", loaded: Any = None, **changes: Any) -> TaskResult:
    fields: dict[str, object] = {
        "task": "grammar",
        "label": "Grammar",
        "category": "grammar",
        "chance": 0.5,
        "dataset": Dataset(path="org/grammar", revision=revision),
    }
    suite = suite_of(Task(**(fields | changes)))
    (result,) = run_suite(loaded or load_tiny(), suite, folder)
    return result


def right(log_likelihoods: tuple[float, ...]) -> bool:
    return log_likelihoods[0] > log_likelihoods[1]


def test_a_group_has_the_mean_of_its_subtasks_and_keeps_their_items(tmp_path):
    write_tasks(tmp_path)
    result = run(tmp_path)
    assert (result.version, result.responses) == ("2.0", ())
    assert {s.name: len(s.responses) for s in result.subtasks} == SUBTASKS
    shares, errors = [], []
    for subtask in result.subtasks:
        (score,) = subtask.scores
        hits = [right(response.log_likelihoods) for response in subtask.responses]
        assert (score.task, score.n) == (subtask.name, len(hits))
        assert score.value == sum(hits) / len(hits)
        shares.append(score.value)
        errors.append(score.stderr)
    (score,) = result.scores
    assert (score.task, score.metric, score.n) == ("grammar", "acc", 8)
    assert score.higher_is_better
    assert score.value == pytest.approx(sum(shares) / 2)
    assert score.stderr == pytest.approx(math.hypot(*errors) / 2)
    assert TASK_RESULT.validate_json(TASK_RESULT.dump_json(result)) == result


def test_a_task_of_a_group_alone_has_items_and_no_subtasks(tmp_path):
    write_tasks(tmp_path)
    result = run(tmp_path, task="grammar_are")
    assert (len(result.responses), result.subtasks) == (3, ())
    assert "subtasks" not in TASK_RESULT.dump_python(result, mode="json")


def test_a_limit_holds_for_each_subtask(tmp_path):
    write_tasks(tmp_path)
    result = run(tmp_path, limit=2)
    assert [len(subtask.responses) for subtask in result.subtasks] == [2, 2]
    assert result.scores[0].n == 4


@pytest.mark.parametrize("task", ["grammar", "grammar_is"])
def test_a_dataset_of_the_hub_is_read_at_its_pinned_commit(tmp_path, hub: Hub, task):
    commit = serve_items(hub, tmp_path)
    result = run(tmp_path, revision=commit, task=task)
    assert result.scores[0].n == (4 if task == "grammar_is" else 8)
    assert result.task.dataset.revision == commit
    files = {path for path in hub.requests if "/resolve/" in path}
    assert files
    assert all(f"/resolve/{commit}/" in path for path in files)
    assert refusal(tmp_path, NOWHERE) == (
        "weights",
        f"org/grammar at {NOWHERE}: the Hub has no such revision; "
        "pin a commit that its Files page shows",
    )


def test_a_members_own_options_of_its_data_are_kept(tmp_path, hub: Hub):
    """The commit joins them: one member reads another file of the same dataset."""
    serve_items(hub, tmp_path)
    write_items(tmp_path / "served/other.jsonl", pairs(" is", " are", 2))
    commit = hub.add("datasets", "org/grammar", tmp_path / "served")
    member = tmp_path / "grammar_are.yaml"
    member.write_text(member.read_text() + "\ndataset_kwargs: {data_files: {test: other.jsonl}}\n")
    result = run(tmp_path, revision=commit)
    assert {s.name: len(s.responses) for s in result.subtasks} == {
        "grammar_is": 4,
        "grammar_are": 2,
    }


def test_a_member_of_another_dataset_than_the_pinned_is_refused(tmp_path, hub: Hub):
    commit = serve_items(hub, tmp_path)
    member = tmp_path / "grammar_are.yaml"
    member.write_text(member.read_text().replace("org/grammar", "org/other"))
    assert refusal(tmp_path, commit)[1] == (
        "grammar: grammar_are reads org/other, the suite pins org/grammar; fix dataset.path"
    )


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_dataset_is_told(tmp_path, hub: Hub, status):
    commit = serve_items(hub, tmp_path)
    hub.gated["datasets/org/grammar"] = status
    assert refusal(tmp_path, commit, task="grammar_is") == (
        "gated",
        "org/grammar: gated on the Hub; accept its terms on its page there and log in with "
        "`hf auth login`",
    )


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "headers": {"Retry-After": "1"}},
        {"status": 500},
        {"cut_after": 20},
        {"status": 500, "method": "HEAD"},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
def test_documents_come_through_a_fault_that_passes(tmp_path, hub: Hub, monkeypatch, fault):
    monkeypatch.setattr(asking, "WAITS", tuple(0.0 for _ in asking.WAITS))
    commit = serve_items(hub, tmp_path, n=5)
    hub.fail("/test.jsonl", times=2, **fault)
    result = run(tmp_path, revision=commit, task="grammar_is")
    assert len(result.responses) == 5
    assert hub.faults[0].times == 0


def test_another_revision_in_the_cache_is_never_taken_for_the_pinned_one(
    tmp_path, hub: Hub, monkeypatch
):
    """`datasets` falls back to any revision that it has where the Hub gives no file."""
    monkeypatch.setattr(asking, "WAITS", ())
    assert len(run(tmp_path, serve_items(hub, tmp_path, n=3), task="grammar_is").responses) == 3
    commit = serve_items(hub, tmp_path, n=5)
    hub.fail("/resolve/", status=500)
    hub.fail("/resolve/", method="HEAD", status=500)
    reason, message = refusal(tmp_path, commit, task="grammar_is")
    assert reason == "network"
    assert message == (
        f"org/grammar at {commit}: the Hub fell silent, the cache has another one; "
        "measure again later"
    )


def test_a_dataset_with_a_loader_script_is_refused(tmp_path, hub: Hub):
    serve_items(hub, tmp_path)
    (tmp_path / "served/grammar.py").write_text("raise SystemExit\n")
    commit = hub.add("datasets", "org/grammar", tmp_path / "served")
    assert refusal(tmp_path, commit) == (
        "harness",
        f"org/grammar at {commit}: grammar.py is a loader script, which is never run; "
        "choose a revision with plain files, such as its parquet branch",
    )
    assert not [path for path in hub.requests if path.endswith(".py")]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("unsafe_code: true", "it runs code that the model writes (unsafe_code)"),
        (
            "custom_dataset: load",
            "it is a program instead of a description (class or custom_dataset)",
        ),
        (
            "dataset_kwargs: {trust_remote_code: true}",
            "its dataset has a loader script (trust_remote_code)",
        ),
        (
            "dataset_kwargs: {token: secret}",
            "dataset_kwargs.token is not one of data_dir, data_files, features, name, revision, "
            "split, streaming",
        ),
        ("metric_list: [{metric: code_eval}]", "its metric code_eval is a script of the Hub"),
        (
            "metric_list: [{metric: acc, hf_evaluate: true}]",
            "its metric acc is a script of the Hub",
        ),
        (
            "doc_to_text: !function own.text",
            "grammar_is.yaml names code (could not determine a constructor for the tag "
            "'!function')",
        ),
        ("include: other_yaml", "grammar_is.yaml includes another file"),
    ],
)
@pytest.mark.parametrize("task", ["grammar", "grammar_is"])
def test_a_task_that_would_run_code_is_refused_before_it_does(tmp_path, line, wrong, task):
    """Of a group every member is looked at, and no Python file is imported."""
    write_tasks(tmp_path)
    (tmp_path / "own.py").write_text("raise SystemExit\n")
    (tmp_path / "other_yaml").write_text("repeats: 1\n")
    file = tmp_path / "grammar_is.yaml"
    kept = [t for t in file.read_text().splitlines() if t.split(":")[0] != line.split(":")[0]]
    file.write_text("\n".join([*kept, line, ""]))
    assert refusal(tmp_path, task=task) == (
        "harness",
        f"{task}: {wrong}, which is refused; choose a task without code",
    )


def test_a_tag_or_a_member_without_a_file_is_refused(tmp_path):
    write_tasks(tmp_path)
    tagged = tmp_path / "grammar_is.yaml"
    tagged.write_text(tagged.read_text() + "tag: verbs\n")
    assert refusal(tmp_path, task="verbs")[1] == (
        "verbs: a tag of lm-eval; name its tasks one by one"
    )
    (tmp_path / "grammar.yaml").write_text(GROUP.replace("grammar_are]", "{task: inside}]"))
    assert refusal(tmp_path)[1] == (
        "grammar: its member inside has no file; name its tasks one by one"
    )


def test_a_few_shot_count_that_lm_eval_does_not_follow_is_no_result(tmp_path):
    write_tasks(tmp_path)
    with pytest.raises(MeasureError) as failure:
        run(tmp_path, few_shot=2, task="grammar_is")
    assert failure.value.message == (
        "grammar_is: lm-eval ran it 0-shot, the suite asks for 2; "
        "write few_shot = 0: lm-eval does not change it for this task"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "f1"}, "grammar: no metric f1; use acc"),
        ({"task": "spelling"}, "spelling: lm-eval has no such task; see `lm-eval ls`"),
    ],
)
def test_a_metric_or_task_that_is_not_there_is_told(tmp_path, changes, message):
    write_tasks(tmp_path)
    with pytest.raises(MeasureError) as failure:
        run(tmp_path, **changes)
    assert failure.value.message.startswith(message)
