"""Our records hold what `lm-eval run` itself gives, on the same documents and with the same seeds.

lm-eval runs as a user would run it, in a process of its own, with the same server as its Hub.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from compression_leaderboard.measure.harness import SEED, hash_mirrored, run_suite
from compression_leaderboard.measure.machine import describe_environment
from compression_leaderboard.measure.weights import load_folder
from compression_leaderboard.records.models import Dataset, Task
from compression_leaderboard.records.results import Score, TaskResult
from compression_leaderboard.repository.results import read_records
from compression_leaderboard.repository.specs import read_specs

from tests import ROOT
from tests.hub import Hub
from tests.mirror import serve_mirror
from tests.tiny import save_tiny

DOCUMENTS = ROOT.parent / "shared/data/bench"
SUITE = read_specs(ROOT)[0].suites["core-subset"]
pytestmark = pytest.mark.slow

# Documents in the tasks' own form, written for this test.
PIQA = [
    {
        "goal": f"To warm {thing}",
        "sol1": "put it in the oven.",
        "sol2": "put it in the snow.",
        "label": 0,
    }
    for thing in ("bread", "a pie", "yesterday's soup", "a plate", "some beans")
]
COPA = [
    {
        "premise": f"The {thing} fell.",
        "choice1": "It broke.",
        "choice2": "It sang.",
        "question": "effect",
        "idx": index,
        "label": index % 2,
    }
    for index, thing in enumerate(("glass", "vase", "old lamp", "cup", "window of the house"))
]
MADE = {"baber/piqa": ("default", PIQA), "aps/super_glue": ("copa", COPA)}


def lm_eval_run(weights: Path, task: Task, folder: Path) -> dict[str, Any]:
    """What lm-eval's own command writes about one task."""
    command = [sys.executable, "-m", "lm_eval", "run", "--model", "hf", "--tasks", task.task]
    command += ["--model_args", f"pretrained={weights},dtype=float32"]
    command += ["--num_fewshot", str(task.few_shot), "--batch_size", "16"]
    command += ["--limit", str(task.limit), "--seed", str(SEED), "--device", "cpu"]
    command += ["--include_path", str(ROOT / "runs/tasks"), "--output_path", str(folder)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    (file,) = folder.rglob("results_*.json")
    content: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return content


def assert_equal(ours: TaskResult, theirs: dict[str, Any]) -> None:
    """Every metric of the task, or of the group and each member: value, standard error, items."""
    assert len(theirs["results"]) == 1 + len(ours.subtasks)
    for scores in (ours.scores, *(subtask.scores for subtask in ours.subtasks)):
        for score in scores:
            assert_same(score, theirs["results"][score.task])


def assert_same(ours: Score, theirs: dict[str, Any]) -> None:
    metric = f"{ours.metric},none"
    assert (ours.value, ours.n) == (theirs[metric], theirs["sample_len"])
    assert ours.stderr == theirs[metric.replace(",", "_stderr,")]


def made_task(name: str, dataset: str, **fields: Any) -> Task:
    revision = hash_mirrored(dataset)[1]
    source = Dataset(path=dataset, revision=revision, source="local mirror", origin="this test")
    return Task(task=name, label=name, category="test", chance=0.5, dataset=source, **fields)


@pytest.mark.usefixtures("in_float32")  # as lm_eval_run asks for
@pytest.mark.parametrize(("name", "dataset"), [("piqa", "baber/piqa"), ("copa", "aps/super_glue")])
def test_a_stock_task_gives_what_lm_eval_itself_gives(hub: Hub, tmp_path, name, dataset):
    configuration, items = MADE[dataset]
    place = tmp_path / "served"
    place.mkdir()
    (place / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    splits = "".join(f"  - split: {s}\n    path: items.jsonl\n" for s in ("train", "validation"))
    head = f"---\nconfigs:\n- config_name: {configuration}\n  data_files:\n{splits}---\n"
    (place / "README.md").write_text(head)
    hub.add("datasets", dataset, place)
    save_tiny(tmp_path / "weights")
    task = made_task(name, dataset, limit=4)
    suite = SUITE.model_copy(update={"tasks": (task,), "tasks_folder": None})
    (ours,) = run_suite(load_folder(tmp_path / "weights"), suite, tmp_path)
    assert [response.item for response in ours.responses] == [0, 1, 2, 3]
    assert_equal(ours, lm_eval_run(tmp_path / "weights", task, tmp_path / "out"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["copa", "openbookqa"])
def test_the_committed_record_is_what_lm_eval_itself_gives(hub: Hub, tmp_path, name):
    """Two tasks of core-subset, with the real weights, where its documents are at hand.

    The others take an hour. On another processor than the record's, which sums in another order,
    one item of a task may fall otherwise.
    """
    if not DOCUMENTS.is_dir():
        pytest.skip("the documents of core-subset are not here")
    stored = [
        e.result for e in read_records(ROOT, "results/measured")[0] if e.result.name == SUITE.name
    ]
    (record,) = [
        result for result in stored if result.counts and result.environment.dtype == "float32"
    ]
    weights = ROOT / "build/cache/weights" / record.revision
    if not weights.is_dir():
        pytest.skip("measure a text with the model first: that unpacks its weights")
    serve_mirror(hub, DOCUMENTS, tmp_path / "served")
    (ours,) = [result for result in record.tasks if result.task.task == name]
    theirs = lm_eval_run(weights, ours.task, tmp_path / "out")
    if describe_environment("cpu", None, 1, [], 0).processor == record.environment.processor:
        assert_equal(ours, theirs)
    for score in ours.scores:
        found = theirs["results"][name][f"{score.metric},none"]
        assert abs(score.value - found) * score.n <= 1 + 1e-9
