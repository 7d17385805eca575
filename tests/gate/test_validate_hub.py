"""What `leaderboard validate` learns of a new model from a Hub on loopback, weights unfetched."""

import json
import shutil
from pathlib import Path

import pytest
from compression_leaderboard.measure import hub as asking
from compression_leaderboard.measure.checkpoint import hash_weights
from safetensors.torch import load_file, save_file

from tests.gate.test_validate import lines_of, validate
from tests.hub import Hub
from tests.markdown import code_of, without_code
from tests.tiny import save_tiny

FILE = "runs/models/tiny/M.toml"
SIZE = 37536  # parameters of tests/tiny.py's model
MODEL = """name = "tiny/{name}"
family = "Tiny"
kind = "base"
parameters = {parameters}
released = 2025-03-04
licence = "Apache-2.0"
suites = []
corpora = []

[weights]
hub = "tiny/{name}"
revision = "{revision}"
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "base/runs/models/tiny").mkdir(parents=True)
    return tmp_path / "base"


@pytest.fixture
def head(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "head"))


@pytest.fixture
def served(tmp_path: Path) -> Path:
    save_tiny(tmp_path / "served")
    (tmp_path / "served/README.md").write_text("---\nlicense: apache-2.0\n---\n")
    return tmp_path / "served"


def write_model(root: Path, name: str, revision: str, parameters: int = SIZE) -> None:
    text = MODEL.format(name=name, revision=revision, parameters=parameters)
    (root / f"runs/models/tiny/{name}.toml").write_text(text)


def write_folder_model(root: Path, revision: str) -> None:
    text = MODEL.format(name="Folder", revision=revision, parameters=SIZE)
    text = text.replace('hub = "tiny/Folder"', 'path = "weights/Folder"')
    (root / "runs/models/tiny/Folder.toml").write_text(text)


def judged(base: Path, head: Path) -> tuple[list[str], list[str]]:
    """Lines of the verdict, and what the summary says of the model."""
    file = head.parent / "summary.md"
    result = validate(base, head, "--summary", str(file))
    told = file.read_text().rpartition("### ")[2].splitlines()
    facts = [(line.partition("`")[0], code_of(line)) for line in told if line.startswith("- ")]
    return lines_of(result), [label + fact for label, (fact,) in facts]


def fetched(hub: Hub) -> list[str]:
    """Weights that were asked for whole; of safetensors the header is read, which is a part."""
    parts = {path for path, _ in hub.ranges}
    kinds = (".safetensors", ".bin", ".py")
    return [path for path in hub.requests if path.endswith(kinds) and path not in parts]


def test_what_the_hub_tells_of_a_good_model_stands_in_the_summary(base, head, hub: Hub, served):
    write_model(head, "M", hub.add("models", "tiny/M", served))
    problems, told = judged(base, head)
    assert problems == []
    assert told[:3] == [
        "- Can it run: safetensors: model.safetensors",
        "- Can it run: licence on the Hub: apache-2.0",
        "- Can it run: gated: no",
    ]
    assert "- Same weights under another name: none found (by hash of the weights)" in told
    assert fetched(hub) == []


@pytest.mark.slow
@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_model_waits_and_is_not_refused(base, head, hub: Hub, served, status):
    write_model(head, "M", hub.add("models", "tiny/M", served))
    hub.gated["models/tiny/M"] = status
    problems, told = judged(base, head)
    assert problems == []
    assert "- Can it run: gated: yes" in told
    (waits,) = [line for line in told if "waits: " in line]
    assert "gated on the Hub; accept its terms" in waits
    assert fetched(hub) == []


def test_a_model_of_pickles_with_code_of_its_own_is_refused(base, head, hub: Hub, served):
    (served / "model.safetensors").rename(served / "pytorch_model.bin")
    config = json.loads((served / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "modeling.Own"}
    (served / "config.json").write_text(json.dumps(config))
    (served / "modeling.py").write_text("raise SystemExit\n")
    (served / "README.md").write_text("---\nlicense: mit\n---\n")
    commit = hub.add("models", "tiny/M", served)
    write_model(head, "M", commit)
    problems, told = judged(base, head)
    assert problems == [
        f'{FILE}: weights: tiny/M at {commit}: the Hub gives the licence "mit", '
        'the model file "Apache-2.0"; fix licence',
        f"{FILE}: weights: tiny/M/config.json names code of the repository (auto_map); "
        "it is never run; measure a revision that transformers loads without it",
        f"{FILE}: weights: tiny/M/pytorch_model.bin is a pickle, which can run code; "
        "convert the weights to safetensors",
    ]
    assert "- Can it run: safetensors: none" in told
    assert [path for path in hub.requests if path.endswith((".bin", ".py"))] == []


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [SIZE, 27])
def test_weights_that_are_on_the_board_under_another_name_are_told_by_their_hash(
    base, head, hub: Hub, served, tmp_path, parameters
):
    """Whatever the new file says of their number; another commit and card change nothing."""
    held = sum(tensor.numel() for tensor in load_file(served / "model.safetensors").values())
    other = Path(shutil.copytree(served, tmp_path / "other"))
    (other / "README.md").write_text("---\nlicense: apache-2.0\n---\nAnother card.\n")
    for root in (base, head):
        write_model(root, "Original", hub.add("models", "tiny/Original", other), held + 1)
    commit = hub.add("models", "tiny/M", served)
    write_model(head, "M", commit, parameters)
    problems, told = judged(base, head)
    wrong = f"{FILE}: parameters: {parameters} are not the {SIZE} on the Hub; write {SIZE}"
    assert problems == [
        *([wrong] if parameters != SIZE else []),
        f"{FILE}: weights.revision: these are the weights of tiny__Original; "
        "keep that model's file only",
    ]
    (same,) = [line for line in told if "Same weights" in line]
    assert same.endswith("(by hash of the weights)")
    assert "none found" not in same


@pytest.mark.slow
def test_weights_that_are_on_the_board_from_a_folder_are_told(base, head, hub: Hub, served):
    revision = hash_weights([served / "model.safetensors"])
    for root in (base, head):
        write_folder_model(root, revision)
    write_model(head, "M", hub.add("models", "tiny/M", served))
    problems, _ = judged(base, head)
    assert [line for line in problems if line.startswith(FILE)] == [
        f"{FILE}: weights.revision: these are the weights of tiny__Folder; "
        "keep that model's file only"
    ]


@pytest.mark.slow
def test_other_weights_of_the_same_size_are_no_twins(base, head, hub: Hub, served, tmp_path):
    shutil.copytree(served, tmp_path / "other")
    tensors = load_file(served / "model.safetensors")
    held = sum(tensor.numel() for tensor in tensors.values())
    save_file({k: v + 1 for k, v in tensors.items()}, tmp_path / "other/model.safetensors")
    for root in (base, head):
        write_model(root, "Other", hub.add("models", "tiny/Other", tmp_path / "other"), held)
    write_model(head, "M", hub.add("models", "tiny/M", served))
    problems, told = judged(base, head)
    assert problems == []
    assert "- Same weights under another name: none found (by hash of the weights)" in told


def test_a_silent_hub_refuses_nothing_and_the_summary_says_so(
    base, head, hub: Hub, served, monkeypatch
):
    monkeypatch.setattr(asking, "WAITS", ())
    write_model(head, "M", hub.add("models", "tiny/M", served))
    hub.answers = False
    problems, told = judged(base, head)
    assert problems == []
    assert told[0].startswith("- Can it run: could not be checked: ")
    assert "no connection to the Hub" in told[0]
    assert "- Same weights under another name: none found (by pinned revision only)" in told


@pytest.mark.slow
def test_a_busy_hub_refuses_nothing(base, head, hub: Hub, served, monkeypatch):
    monkeypatch.setattr(asking, "WAITS", (0.0, 0.0))
    write_model(head, "M", hub.add("models", "tiny/M", served))
    hub.fail("/api/models/tiny/M", status=503)
    problems, told = judged(base, head)
    assert problems == []
    assert "HTTP 503" in told[0]


def test_a_repository_or_a_commit_that_is_not_there_is_refused(base, head, hub: Hub, served):
    hub.add("models", "tiny/M", served)
    write_model(head, "M", "0" * 40)
    assert judged(base, head)[0] == [
        f"{FILE}: weights: tiny/M at {'0' * 40}: the Hub has no such revision; "
        "pin a commit that its Files page shows"
    ]
    hub.clear()
    assert judged(base, head)[0] == [
        f"{FILE}: weights: tiny/M at {'0' * 40}: the Hub shows no such repository; "
        "check its name, or log in if it is private"
    ]


@pytest.mark.parametrize("content", [b"[" * 100_000, b"5", b'["auto_map"]', b"\xff", b""])
def test_a_configuration_that_is_no_object_is_refused(base, head, hub: Hub, served, content):
    (served / "config.json").write_bytes(content)
    write_model(head, "M", hub.add("models", "tiny/M", served))
    assert judged(base, head)[0] == [
        f"{FILE}: weights: tiny/M: config.json is not a JSON object; "
        "fix it there, and pin the new commit"
    ]


@pytest.mark.parametrize(
    "header",
    [b"[]", b"5", b'{"a": 5}', b'{"a": {"dtype": "F32", "shape": "x", "data_offsets": [0, 1]}}'],
)
def test_headers_that_are_none_leave_the_number_of_parameters_open(
    base, head, hub: Hub, served, header
):
    (served / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    write_model(head, "M", hub.add("models", "tiny/M", served))
    problems, told = judged(base, head)
    assert problems == []
    assert any("unknown parameters" in line for line in told)


def test_text_of_the_hub_is_no_markup_in_the_summary(base, head, hub: Hub, served):
    (served / "README.md").write_text('---\nlicense: "<img src=x> `@all`"\n---\n')
    write_model(head, "M", hub.add("models", "tiny/M", served))
    problems, _ = judged(base, head)
    assert len(problems) == 1
    lines = (head.parent / "summary.md").read_text().splitlines()
    assert not set("".join(map(without_code, lines))) & set("<`@")
