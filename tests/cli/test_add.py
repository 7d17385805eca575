"""`leaderboard add` over a Hub on loopback: what it tells is filled in, the rest is named."""

import json
import shutil
import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import torch
from compression_leaderboard.gate.new_model import HUB_BEGAN, draft_model
from compression_leaderboard.measure import hub as asking
from compression_leaderboard.measure.checkpoint import hash_weights
from compression_leaderboard.plan.hub_weights import HubListing
from compression_leaderboard.records.base import UserError
from compression_leaderboard.repository.specs import read_specs
from safetensors.torch import load_file, save_file

from tests import ROOT
from tests.cases import one_in
from tests.commands import invoke
from tests.hub import Hub
from tests.tiny import save_tiny
from tests.workspace import add_model_file

FILE = "runs/models/tiny/M.toml"
LISTING = HubListing(
    repository="tiny/M",
    revision="a" * 40,
    sizes={"model.safetensors": 4},
    parameters={"F32": 1},
    code=(),
    licence="mit",
    gated=False,
    readable=True,
    created=date(2025, 3, 4),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The suites and texts of this repository, without a model."""
    for folder in ("suites", "corpora", "tasks"):
        shutil.copytree(ROOT / "runs" / folder, tmp_path / "board/runs" / folder)
    return tmp_path / "board"


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """A folder with a tiny model and its card, to be served."""
    save_tiny(tmp_path / "served")
    (tmp_path / "served/README.md").write_text("---\nlicense: apache-2.0\n---\n")
    return tmp_path / "served"


def parameters_of(folder: Path) -> int:
    return sum(tensor.numel() for tensor in load_file(folder / "model.safetensors").values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.bool])
def test_masks_are_no_parameters_and_may_have_any_format(root, hub: Hub, served, dtype):
    """As GPT-2, GPT-NeoX and Pythia have them among their weights."""
    file = served / "model.safetensors"
    parameters = parameters_of(served)
    masks = {f"h.{k}.attn.bias": torch.ones(1, 1, 64, 64).tril().to(dtype) for k in range(2)}
    save_file(load_file(file) | masks, file, metadata={"format": "pt"})
    hub.add("models", "tiny/M", served)
    assert invoke(root, "add", "tiny/M", "--family", "Tiny", "--kind", "base").exit_code == 0
    specs, problems = read_specs(root)
    assert problems == []
    assert specs.models["tiny__M"].parameters == parameters


def lines_of(result) -> list[str]:
    assert isinstance(result.exception, UserError)
    return result.exception.problems


def test_what_the_hub_tells_is_filled_in_and_the_file_is_in_order(root, hub: Hub, served):
    commit = hub.add("models", "tiny/M", served)
    result = invoke(root, "add", "tiny/M", "--family", "Tiny", "--kind", "base")
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            f"{FILE}: written",
            f"{FILE}: training_tokens: not known, left out; tokens seen in training, if known",
            f"{FILE}: released: 2025-03-04, when the repository was made; "
            "correct it if the weights were released on another day",
        ],
    )
    specs, problems = read_specs(root)
    assert problems == []
    model = specs.models["tiny__M"]
    assert (model.weights.hub, model.weights.revision) == ("tiny/M", commit)
    assert (model.parameters, model.training_tokens) == (parameters_of(served), None)
    assert (model.released, model.licence) == (date(2025, 3, 4), "apache-2.0")
    assert (model.family, model.kind, model.file) == ("Tiny", "base", FILE)
    partly = {path for path, _ in hub.ranges}
    whole = {path for path in hub.requests if path.endswith(".safetensors")} - partly
    assert (len(partly), whole) == (1, set())  # of the weights only the header is read


def test_what_is_not_known_is_left_out_and_check_asks_for_it(root, hub: Hub, served):
    (served / "README.md").unlink()
    hub.add("models", "tiny/M", served)
    result = invoke(root, "add", "tiny/M")
    left_out = {line.split(": ")[1] for line in result.stdout.splitlines() if "left out" in line}
    assert left_out == {"family", "kind", "training_tokens", "licence"}
    text = (root / FILE).read_text()
    assert set(tomllib.loads(text)) == {"name", "parameters", "released", "weights"}
    assert "# kind: not known, left out; fill it in: base or instruct" in text.splitlines()
    asked_for = {problem.field for problem in read_specs(root)[1]}
    assert asked_for == {"family", "kind", "licence"}


@pytest.mark.parametrize("licence", ["other", None])
def test_a_licence_that_the_hub_does_not_name_is_left_out(licence):
    draft = draft_model("tiny/M", replace(LISTING, licence=licence), "Tiny", "base")
    assert "licence" not in tomllib.loads(draft.text)


def test_the_day_on_which_the_hub_began_to_keep_dates_is_no_date_of_release():
    draft = draft_model("tiny/M", replace(LISTING, created=HUB_BEGAN), "Tiny", "base")
    assert "released" not in tomllib.loads(draft.text)


def test_a_model_that_is_too_large_for_the_runners_is_added_and_waits():
    draft = draft_model("tiny/M", replace(LISTING, parameters={"BF16": 10**12}), "Tiny", "base")
    (line,) = [note for note in draft.notes if note.startswith("waits: ")]
    assert line.endswith("are free; measure on a larger machine")


@pytest.mark.parametrize("given", one_in(3, ["main", None, "commit"]))
def test_a_branch_becomes_its_commit(root, hub: Hub, served, given):
    commit = hub.add("models", "tiny/M", served)
    options = ["--revision", commit if given == "commit" else given] if given else []
    assert invoke(root, "add", "tiny/M", *options).exit_code == 0
    assert tomllib.loads((root / FILE).read_text())["weights"]["revision"] == commit


def test_every_reason_against_a_model_is_told_and_nothing_is_written(root, hub: Hub, served):
    config = json.loads((served / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "modeling.Own"}
    (served / "config.json").write_text(json.dumps(config))
    tensors = load_file(served / "model.safetensors")
    save_file({k: v.mul(9).char() for k, v in tensors.items()}, served / "model.safetensors")
    (served / "README.md").write_text('---\nlicense: "{{ x }}"\n---\n')
    add_folder_model(root, "A", hash_weights([served / "model.safetensors"]))
    commit = hub.add("models", "tiny/M", served)
    assert lines_of(invoke(root, "add", "tiny/M")) == [
        f"{FILE}: weights: tiny/M/config.json names code of the repository (auto_map); "
        "it is never run; measure a revision that transformers loads without it",
        f"{FILE}: weights: tiny/M at {commit} has I8, not only F64, F32, F16, BF16; "
        "name the repository of the weights before quantization",
        f"{FILE}: weights.revision: these are the weights of tiny__A; keep that model's file only",
        f'{FILE}: licence: has "{{{{", the mark of a template; write it without such braces',
    ]
    assert not (root / FILE).exists()


def add_folder_model(root: Path, name: str, revision: str) -> None:
    (root / "runs/models/tiny").mkdir(parents=True)
    add_model_file(root, name, revision)
    path = root / f"runs/models/tiny/{name}.toml"
    path.write_text(path.read_text().replace('["arithmetic"]', "[]").replace('["speeches"]', "[]"))


def test_pickles_and_gated_models_are_refused(root, hub: Hub, served):
    (served / "model.safetensors").rename(served / "pytorch_model.bin")
    hub.add("models", "tiny/M", served)
    hub.gated["models/tiny/M"] = 401
    assert lines_of(invoke(root, "add", "tiny/M")) == [
        f"{FILE}: weights: tiny/M/pytorch_model.bin is a pickle, which can run code; "
        "convert the weights to safetensors",
        f"{FILE}: weights: tiny/M: gated on the Hub; "
        "accept its terms on its page there and log in with `hf auth login`",
    ]


def test_a_model_on_the_board_is_refused_before_the_hub_is_asked(root, hub: Hub):
    add_folder_model(root, "A", "sha256-" + "a" * 40)
    for name in ("tiny/A", "Tiny/a"):
        assert lines_of(invoke(root, "add", name)) == [
            f"runs/models/{name}.toml: is on the board already; "
            "edit its file, or choose another model"
        ]
    assert hub.requests == []


def test_a_name_that_climbs_out_is_refused_before_the_hub_is_asked(root, hub: Hub):
    for name in ("../x", "org/../x", "org", "org/mo del"):
        assert lines_of(invoke(root, "add", name)) == [
            f"{name}: is not of the form org/model; use letters, digits, . _ - only"
        ]
    assert hub.requests == []


def test_what_the_hub_does_not_have_or_say_is_told(root, hub: Hub, served, monkeypatch):
    missing = "check its name, or log in if it is private"
    assert lines_of(invoke(root, "add", "tiny/M")) == [
        f"{FILE}: weights: tiny/M: the Hub shows no such repository; {missing}"
    ]
    hub.add("models", "tiny/M", served)
    assert lines_of(invoke(root, "add", "tiny/M", "--revision", "v9")) == [
        f"{FILE}: weights: tiny/M at v9: the Hub has no such revision; "
        "pin a commit that its Files page shows"
    ]
    (served / "config.json").write_text("{")
    hub.add("models", "tiny/M", served)
    assert lines_of(invoke(root, "add", "tiny/M")) == [
        f"{FILE}: weights: tiny/M: config.json is not a JSON object; "
        "fix it there, and pin the new commit"
    ]
    hub.answers = False
    monkeypatch.setattr(asking, "WAITS", ())
    (line,) = lines_of(invoke(root, "add", "tiny/M"))
    assert line.startswith(f"{FILE}: weights: tiny/M: no connection to the Hub (")
    assert not (root / FILE).exists()
