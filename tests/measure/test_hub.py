"""The Hub, played by a server on loopback: pinning datasets, weights at a commit, no pickles."""

import shutil
import tomllib
from pathlib import Path

import pytest
import tomlkit
import torch
from compression_leaderboard.cli import app
from compression_leaderboard.measure import hub as asking
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.measure.weights import load_model
from compression_leaderboard.records.base import UserError
from compression_leaderboard.records.models import Weights
from compression_leaderboard.repository.results import read_records
from compression_leaderboard.repository.specs import read_specs
from safetensors.torch import save_file
from typer.testing import CliRunner

from tests import ROOT
from tests.commands import invoke
from tests.factory import make_model
from tests.hub import Hub
from tests.tiny import tiny_model
from tests.tiny_gguf import write_llama
from tests.workspace import MODEL

pytestmark = pytest.mark.slow

PINNED = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def core(tmp_path: Path) -> Path:
    """The suite `core` in a copy of this repository's runs/."""
    shutil.copytree(ROOT / "runs", tmp_path / "runs", ignore=shutil.ignore_patterns("tulu*"))
    return tmp_path / "runs/suites/core.toml"


def datasets_of(core: Path) -> list[str]:
    return sorted(set(datasets_in_order(core)))


def datasets_in_order(core: Path) -> list[str]:
    return [task["dataset"]["path"] for task in tomllib.loads(core.read_text())["tasks"]]


def serve_datasets(hub: Hub, folder: Path, names: list[str]) -> dict[str, str]:
    """Each dataset with a content of its own; their commits by name."""
    commits = {}
    for name in names:
        place = folder / "datasets" / name
        place.mkdir(parents=True)
        (place / "items.jsonl").write_text(f'{{"name": "{name}"}}\n')
        commits[name] = hub.add("datasets", name, place)
    return commits


def pin(core: Path):
    return CliRunner().invoke(app, ["plan", "--pin", "--root", str(core.parents[2])])


def test_every_empty_revision_is_filled_and_nothing_else_changes(core, hub, tmp_path):
    commits = serve_datasets(hub, tmp_path, datasets_of(core))
    text = "# A remark above.\n" + core.read_text().replace("chance = 0.25", "chance = 0.25  # 1/4")
    core.write_text(text)
    result = pin(core)
    assert result.exit_code == 0
    lines = [line for line in result.stderr.splitlines() if "→" in line]
    place = f"(from {hub.address}, not from the Hub)"
    assert lines == [f"core.toml: {name} → {commits[name]} {place}" for name in sorted(commits)]
    expected = []
    for line in text.splitlines():
        if line.startswith("path = "):
            name = line.split('"')[1]
        expected.append(f'revision = "{commits[name]}"' if line == 'revision = ""' else line)
    assert core.read_text().splitlines() == expected
    specs, problems = read_specs(core.parents[2])
    assert (specs.suites["core"].unpinned, problems) == ([], [])


def test_each_dataset_is_asked_for_once_and_a_pinned_one_never(core, hub, tmp_path):
    document = tomlkit.parse(core.read_text())
    document["tasks"][2]["dataset"]["revision"] = PINNED
    core.write_text(tomlkit.dumps(document))
    names = datasets_of(core)
    kept = document["tasks"][2]["dataset"]["path"]
    serve_datasets(hub, tmp_path, names)
    assert pin(core).exit_code == 0
    assert sorted(hub.requests) == [f"/api/datasets/{name}" for name in names if name != kept]
    assert tomllib.loads(core.read_text())["tasks"][2]["dataset"]["revision"] == PINNED
    hub.requests.clear()
    before = core.read_bytes()
    assert pin(core).exit_code == 0
    assert (core.read_bytes(), hub.requests) == (before, [])


def test_an_unknown_dataset_gives_one_line_and_the_file_stays(core, hub, tmp_path):
    missing = datasets_of(core)[-1]
    serve_datasets(hub, tmp_path, datasets_of(core)[:-1])
    before = core.read_bytes()
    result = pin(core)
    assert isinstance(result.exception, UserError)
    assert str(result.exception) == (
        f"{missing}: the Hub shows no such repository; check its name, or log in if it is private"
    )
    assert core.read_bytes() == before


def test_no_network_gives_one_line_and_the_file_stays(core, hub, monkeypatch):
    monkeypatch.setattr(asking, "WAITS", ())
    hub.answers = False
    before = core.read_bytes()
    result = pin(core)
    assert isinstance(result.exception, UserError)
    assert str(result.exception) == (
        f"{datasets_in_order(core)[0]}: no connection to the Hub (RemoteProtocolError); "
        "measure again when there is one: whole files are kept"
    )
    assert core.read_bytes() == before


def test_a_faulty_suite_is_told_before_anything_is_asked(core, hub):
    core.write_text(core.read_text().replace("chance = 0.25", 'chance = "1/4"', 1))
    result = pin(core)
    assert str(result.exception) == (
        'runs/suites/core.toml: tasks.1.chance: "1/4" is not a number; write one without quotes'
    )
    assert hub.requests == []


def add_hub_model(root: Path, name: str, revision: str) -> None:
    """A model file whose weights are on the Hub, below a board that has a corpus and a suite."""
    text = MODEL.format(name=name, revision=revision)
    text = text.replace(f'path = "weights/{name}"', f'hub = "tiny/{name}"')
    (root / f"runs/models/tiny/{name}.toml").write_text(text)


def error_of(root: Path, name: str):
    """The error record of a model on the text."""
    (error,) = [
        entry.result.error
        for entry in read_records(root, "results/measured")[0]
        if entry.result.model == f"tiny__{name}"
    ]
    return error


def test_weights_on_the_hub_are_loaded_at_their_commit(board, hub, tmp_path):
    """The figures are those of the same weights in a folder, and only what is needed is fetched."""
    folder = tmp_path / "hub" / "B"
    shutil.copytree(board / "weights/A", folder)
    (folder / "modeling.py").write_text("raise SystemExit\n")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04")
    revision = hub.add("models", "tiny/B", folder)
    add_hub_model(board, "B", revision)
    result = invoke(board, "measure", "--corpus", "speeches")
    assert (result.exit_code, result.stdout.strip()) == (0, "3 measured, 0 failed")
    _, local, remote = (entry.result for entry in read_records(board, "results/measured")[0])
    assert (local.model, remote.model, remote.revision) == ("tiny__A", "tiny__B", revision)
    assert remote.lossless == local.lossless
    fetched = {path for path in hub.requests if "/resolve/" in path}
    assert f"/tiny/B/resolve/{revision}/model.safetensors" in fetched
    assert not [path for path in fetched if path.endswith((".py", ".bin"))]


def test_tables_of_ids_on_the_hub_are_no_parameters(hub, tmp_path):
    """As DeepSeek V4 has the experts of each token; the tensors beside them count."""
    folder = tmp_path / "hub" / "T"
    folder.mkdir(parents=True)
    tensors = {"experts.tid2eid": torch.ones(264, 2, dtype=torch.int64), "w": torch.ones(3, 5)}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    revision = hub.add("models", "tiny/T", folder)
    listing = asking.list_weights("tiny/T", revision, tmp_path / "cache")
    assert listing.parameters == {"F32": 15}


def test_a_repository_with_only_a_pickle_is_refused(board, hub, tmp_path):
    folder = tmp_path / "hub" / "P"
    shutil.copytree(board / "weights/A", folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04")
    add_hub_model(board, "P", hub.add("models", "tiny/P", folder))
    invoke(board, "measure", "--corpus", "speeches", "--model", "tiny__P")
    error = error_of(board, "P")
    assert (error.reason, error.message) == (
        "unsafe_weights",
        "tiny/P/pytorch_model.bin is a pickle, which can run code; "
        "convert the weights to safetensors",
    )
    assert not [path for path in hub.requests if path.endswith(".bin")]


def test_a_repository_without_weights_or_an_unknown_one_is_told(board, hub, tmp_path):
    folder = tmp_path / "hub" / "E"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    revision = hub.add("models", "tiny/E", folder)
    add_hub_model(board, "E", revision)
    add_hub_model(board, "U", PINNED)
    assert invoke(board, "measure", "--corpus", "speeches").exit_code == 1
    assert error_of(board, "E").message == (
        f"tiny/E at {revision} has no weights; expected *.safetensors"
    )
    unknown = error_of(board, "U")
    assert (unknown.reason, unknown.message) == (
        "weights",
        f"tiny/U at {PINNED}: the Hub shows no such repository; "
        "check its name, or log in if it is private",
    )


def test_one_of_several_gguf_files_on_the_hub_is_named(hub, tmp_path):
    served, root = tmp_path / "served", tmp_path / "board"
    served.mkdir()
    for name in ("small.gguf", "other.gguf"):
        write_llama(served / name, tiny_model(seed=len(name)))
    commit = hub.add("models", "tiny/M-GGUF", served)
    weights = {"hub": "tiny/M-GGUF", "revision": commit}
    unnamed = make_model(weights=Weights(**weights))
    with pytest.raises(MeasureError) as failure:
        load_model(unnamed, unnamed.revisions()[-1], root, torch.float32)
    assert failure.value.message == (
        f"tiny/M-GGUF at {commit} has 2 GGUF files; "
        "name one of them in weights.file, such as other.gguf"
    )
    absent = make_model(weights=Weights(**weights, file=("no.gguf",)))
    with pytest.raises(MeasureError, match=r"has no no\.gguf; correct weights\.file"):
        load_model(absent, absent.revisions()[-1], root, torch.float32)
    model = make_model(weights=Weights(**weights, file=("small.gguf",)))
    for _ in range(2):  # then from the cache
        loaded = load_model(model, model.revisions()[-1], root, torch.float32)
        head = loaded.model.get_output_embeddings().weight
        assert torch.equal(head, tiny_model(seed=len("small.gguf")).lm_head.weight)
        hub.answers = False
