"""The adapter to lm-eval: groups with their subtasks, pinned datasets, limits, few-shot counts."""

import json
import math
from pathlib import Path

import pytest

from generator.measure.failures import MeasureError
from generator.measure.harness import run_suite
from generator.records.results import TaskResult
from generator.records.suites import Dataset, Suite, Task
from tests.hub import Hub
from tests.tiny import load_tiny

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
NOUNS = ("cat", "dog", "tree", "house", "river")


def pairs(good: str, bad: str, n: int) -> list[dict[str, str]]:
    return [{"good": f"The {noun}{good}", "bad": f"The {noun}{bad}"} for noun in NOUNS[:n]]


def write_items(file: Path, items: list[dict[str, str]]) -> None:
    file.write_text("".join(json.dumps(item) + "\n" for item in items))


def write_tasks(folder: Path, dataset: str = "json") -> None:
    (folder / "group.yaml").write_text(GROUP)
    for name, n in SUBTASKS.items():
        text = TASK.replace("NAME", name).replace("DATASET", dataset)
        if dataset != "json":
            text = "\n".join(line for line in text.splitlines() if "dataset_kwargs" not in line)
        (folder / f"{name}.yaml").write_text(text)
        verb, other = ("is", "are") if name == "grammar_is" else ("are", "is")
        plural = "" if verb == "is" else "s"
        write_items(folder / f"{name}.jsonl", pairs(f"{plural} {verb}", f"{plural} {other}", n))


def run(folder: Path, revision: str = "", **changes: object) -> TaskResult:
    fields: dict[str, object] = {
        "task": "grammar",
        "label": "Grammar",
        "category": "grammar",
        "chance": 0.5,
        "dataset": Dataset(path="org/grammar", revision=revision),
    }
    suite = Suite(
        name="own",
        title="Own",
        description="Pairs.",
        public=False,
        tasks_folder=".",
        tasks=(Task(**(fields | changes)),),
    )
    (result,) = run_suite(load_tiny(), suite, folder)
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
    assert TaskResult.model_validate_json(result.model_dump_json()) == result


def test_a_task_of_a_group_alone_has_items_and_no_subtasks(tmp_path):
    write_tasks(tmp_path)
    result = run(tmp_path, task="grammar_are")
    assert (len(result.responses), result.subtasks) == (3, ())
    assert "subtasks" not in result.model_dump(mode="json")


def test_a_limit_holds_for_each_subtask(tmp_path):
    write_tasks(tmp_path)
    result = run(tmp_path, limit=2)
    assert [len(subtask.responses) for subtask in result.subtasks] == [2, 2]
    assert result.scores[0].n == 4


@pytest.mark.parametrize("task", ["grammar", "grammar_is"])
def test_a_dataset_of_the_hub_is_read_at_its_pinned_commit(tmp_path, hub: Hub, task):
    served = tmp_path / "served"
    served.mkdir()
    write_tasks(tmp_path, dataset="org/grammar")
    write_items(served / "test.jsonl", pairs(" is", " are", 4))
    commit = hub.add("datasets", "org/grammar", served)
    result = run(tmp_path, revision=commit, task=task)
    assert result.scores[0].n == (4 if task == "grammar_is" else 8)
    files = {path for path in hub.requests if "/resolve/" in path}
    assert files
    assert all(f"/resolve/{commit}/" in path for path in files)
    with pytest.raises(MeasureError, match="0000000000000000000000000000000000000000"):
        run(tmp_path, revision="0" * 40, task=task)


def test_a_few_shot_count_that_lm_eval_does_not_follow_is_no_result(tmp_path):
    write_tasks(tmp_path)
    with pytest.raises(MeasureError) as failure:
        run(tmp_path, few_shot=2, task="grammar_is")
    assert failure.value.message == (
        "grammar_is: lm-eval ran it with 0 examples, the suite asks for 2; "
        "lm-eval does not change a task that is made for 0"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "f1"}, "grammar: no metric f1; it has acc"),
        ({"task": "spelling"}, "spelling: KeyError: "),
    ],
)
def test_a_metric_or_task_that_is_not_there_is_told(tmp_path, changes, message):
    write_tasks(tmp_path)
    with pytest.raises(MeasureError) as failure:
        run(tmp_path, **changes)
    assert failure.value.message.startswith(message)
