"""Documents from a local mirror: known by their hash, marked, and never ranked with the Hub's."""

import json
from pathlib import Path

import pytest
from compression_leaderboard.board.cohorts import make_cohorts
from compression_leaderboard.board.derived import DerivedResult
from compression_leaderboard.measure.harness import hash_mirrored
from compression_leaderboard.pages.model_page import render_model
from compression_leaderboard.repository.results import read_records
from compression_leaderboard.repository.specs import hash_task, read_specs

from tests import ROOT
from tests.commands import invoke
from tests.exported import renderer
from tests.hub import Hub
from tests.workspace import SUITE

pytestmark = pytest.mark.slow

TASK = """
task: mirrored_arithmetic
dataset_path: org/arithmetic
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
metadata: {version: 1.0}
"""
MIRRORED = """source = "local mirror"
origin = "written for this test"
"""


@pytest.fixture
def mirrored(board: Path, hub: Hub) -> Path:
    """The board with a second suite, whose two items are on the Hub that stands in for a mirror."""
    served = board / "served"
    served.mkdir()
    items = [
        {"question": f"{n} + 1 =", "choices": [" 2", " 3"], "answer": n - 1, "board": str(board)}
        for n in (1, 2)
    ]
    (served / "test.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    (served / "README.md").write_text("---\nlicense: mit\n---\n")
    hub.add("datasets", "org/arithmetic", served)
    (board / "runs/tasks/mirrored_arithmetic.yaml").write_text(TASK)
    text = SUITE.replace("tiny_arithmetic", "mirrored_arithmetic")
    text = text.format(
        revision="", definition=hash_task(board / "runs/tasks", "mirrored_arithmetic")
    )
    text = text.replace("runs/tasks/items.jsonl", "org/arithmetic")
    text = text.replace('name = "arithmetic"', 'name = "mirrored"')
    (board / "runs/suites/mirrored.toml").write_text(text + MIRRORED)
    model = board / "runs/models/tiny/A.toml"
    model.write_text(model.read_text().replace('["arithmetic"]', '["arithmetic", "mirrored"]'))
    assert invoke(board, "plan", "--pin").exit_code == 0
    return board


def test_the_record_says_that_its_documents_are_a_mirrors_and_which(mirrored, hub):
    _, found = hash_mirrored("org/arithmetic")
    assert invoke(mirrored, "measure", "--suite", "mirrored").exit_code == 0
    (record,) = [e.result for e in read_records(mirrored, "results/measured")[0]]
    (task,) = record.content["tasks"]
    assert task["task"]["dataset"] == {
        "path": "org/arithmetic",
        "revision": found,
        "source": "local mirror",
        "origin": "written for this test",
    }
    assert [response["item"] for response in task["responses"]] == [0, 1]


def test_other_documents_than_the_pinned_are_refused(mirrored, hub):
    pinned = read_specs(mirrored)[0].suites["mirrored"].tasks[0].dataset.revision
    served = mirrored / "served/test.jsonl"
    served.write_text(served.read_text().replace("1 + 1", "1 + 2"))
    hub.add("datasets", "org/arithmetic", mirrored / "served")
    assert invoke(mirrored, "measure", "--suite", "mirrored").exit_code == 1
    (entry,) = read_records(mirrored, "results/measured")[0]
    assert entry.result.error is not None
    assert entry.result.error.reason == "harness"
    found = hash_mirrored("org/arithmetic")[1]
    assert entry.result.error.message == (
        f"mirrored_arithmetic: the mirror's org/arithmetic is {found}, the "
        f"suite pins {pinned}; serve the documents of its origin, or pin the new revision"
    )


def test_the_hash_is_that_of_sha256sum_and_the_readme_is_no_document(mirrored, hub):
    before = hash_mirrored("org/arithmetic")[1]
    (mirrored / "served/README.md").write_text("---\nlicense: other\n---\n")
    hub.add("datasets", "org/arithmetic", mirrored / "served")
    assert hash_mirrored("org/arithmetic")[1] == before
    (mirrored / "served/b.jsonl").write_text("{}\n")
    hub.add("datasets", "org/arithmetic", mirrored / "served")
    assert hash_mirrored("org/arithmetic")[1] != before


def test_without_a_mirror_the_plan_says_what_is_needed(mirrored, monkeypatch):
    for address in ("", "https://huggingface.co"):
        monkeypatch.setenv("HF_ENDPOINT", address)
        lines = invoke(mirrored, "plan", "--suite", "mirrored").stdout.splitlines()
        assert lines[0].endswith(
            "blocked: needs a local mirror of org/arithmetic; set HF_ENDPOINT to its address"
        )
        result = invoke(mirrored, "measure", "--suite", "mirrored")
        assert (result.exit_code, read_records(mirrored, "results/measured")[0]) == (0, [])


def test_a_mirrored_suite_has_a_table_of_its_own_and_is_marked(mirrored, hub):
    for suite in ("arithmetic", "mirrored"):
        invoke(mirrored, "measure", "--suite", suite)
    specs = read_specs(mirrored)[0]
    stored = [DerivedResult.of(entry) for entry in read_records(mirrored, "results/measured")[0]]
    cohorts = [c for c in make_cohorts(specs, stored, []) if c.scores]
    assert [[column.name for column in cohort.scores] for cohort in cohorts] == [
        ["tiny_arithmetic"],
        ["mirrored_arithmetic"],
    ]
    pages = {
        e.result.name: render_model(
            renderer(), specs.models[e.result.model], [e], specs, [], [], "0" * 40
        )
        for e in stored
    }
    fold = "<summary>Documents: local mirror, not the Hub</summary>"
    assert fold in pages["mirrored"]
    assert fold not in pages["arithmetic"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            'revision = "sha256-',
            f'revision = "{"0" * 40}"  # "',
            f'tasks.1.dataset.revision: "{"0" * 40}" is a commit, which a local mirror cannot '
            'vouch for; write "" and run `leaderboard plan --pin`',
        ),
        (
            'origin = "written for this test"\n',
            "",
            "tasks.1.dataset.origin: missing; add where the mirrored documents come from",
        ),
        (
            'source = "local mirror"\n',
            "",
            'tasks.1.dataset.origin: is given without source = "local mirror"; remove it',
        ),
        (
            "chance = 0.5\n",
            "chance = 0.5\nfew_shot = 2\n",
            "tasks.1.few_shot: a local mirror has only the items that are asked; write 0",
        ),
    ],
)
def test_a_mirrored_dataset_that_says_too_little_is_refused(mirrored, old, new, problem):
    file = mirrored / "runs/suites/mirrored.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    assert [str(p) for p in read_specs(mirrored)[1]] == [f"runs/suites/mirrored.toml: {problem}"]


def test_core_and_core_subset_share_no_table():
    """Stock tasks keep their names in both suites; it is the suite that keeps them apart."""
    suites = read_specs(ROOT)[0].suites
    subset, core = suites["core-subset"], suites["core"]
    assert all(task.dataset.mirrored and task.limit for task in subset.tasks)
    assert not any(task.dataset.mirrored or task.limit for task in core.tasks)
    assert "local mirror" in subset.title
    renamed = {t.task for t in subset.tasks} - {t.task for t in core.tasks}
    assert renamed == {"hellaswag_subset", "sciq_subset"}
