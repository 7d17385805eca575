"""What goes wrong with the Hub, done for real on loopback: each fault ends as a typed reason."""

import json
import shutil
import time
from pathlib import Path

import pytest
import torch
from compression_leaderboard.measure import hub as asking
from compression_leaderboard.measure.hub import download_weights
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.plan.hub_weights import Room
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from tests.commands import invoke
from tests.hub import Hub
from tests.measure.test_hub import PINNED, add_hub_model, error_of
from tests.tiny import save_tiny

pytestmark = pytest.mark.slow

ROOM = Room(disk_bytes=10**12, memory_bytes=10**12, bytes_per_parameter=4)
WEIGHTS = "/model.safetensors"
GATED = "gated on the Hub; accept its terms on its page there and log in with `hf auth login`"


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """A folder with a tiny model, to be served."""
    save_tiny(tmp_path / "served")
    return tmp_path / "served"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many attempts as ever, without the pauses between them."""
    monkeypatch.setattr(asking, "WAITS", tuple(0.0 for _ in asking.WAITS))


def fetch(commit: str, cache: Path, licence: str = "Apache-2.0") -> Path:
    return download_weights("tiny/M", commit, licence, cache, ROOM)


def refusal(commit: str, cache: Path) -> tuple[str, str]:
    with pytest.raises(MeasureError) as failure:
        fetch(commit, cache)
    return failure.value.reason, failure.value.message


def fetched(hub: Hub) -> list[str]:
    """Requests for weights, of which those for their header ask for a part."""
    return [path for path in hub.requests if "/resolve/" in path and WEIGHTS in path]


@pytest.mark.parametrize("status", [401, 403])
def test_gated_weights_are_told_before_any_is_fetched(hub, served, tmp_path, status):
    commit = hub.add("models", "tiny/M", served)
    hub.gated["models/tiny/M"] = status
    assert refusal(commit, tmp_path) == ("gated", f"tiny/M: {GATED}")
    assert fetched(hub) == []


def test_a_gated_model_becomes_a_record_with_its_reason(board, hub, served):
    add_hub_model(board, "M", hub.add("models", "tiny/M", served))
    hub.gated["models/tiny/M"] = 403
    assert invoke(board, "measure", "--corpus", "speeches", "--model", "tiny__M").exit_code == 1
    error = error_of(board, "M")
    assert (error.reason, error.message) == ("gated", f"tiny/M: {GATED}")


def test_a_commit_that_is_not_there_is_told(hub, served, tmp_path):
    hub.add("models", "tiny/M", served)
    assert refusal(PINNED, tmp_path) == (
        "weights",
        f"tiny/M at {PINNED}: the Hub has no such revision; pin a commit that its Files page shows",
    )


@pytest.mark.parametrize("path", ["/api/models/", WEIGHTS])
def test_a_rate_limit_is_waited_out_as_long_as_it_asks(hub, served, tmp_path, monkeypatch, path):
    monkeypatch.setattr(asking, "WAITS", (0.0, 0.0))
    commit = hub.add("models", "tiny/M", served)
    hub.fail(path, status=429, headers={"Retry-After": "2"}, times=1)
    started = time.monotonic()
    assert (fetch(commit, tmp_path) / "model.safetensors").is_file()
    assert time.monotonic() - started >= 2


def test_a_hub_that_stays_busy_is_asked_five_times(hub, served, tmp_path, impatient):
    commit = hub.add("models", "tiny/M", served)
    hub.fail("/api/models/", status=429, headers={"Retry-After": "0"})
    assert refusal(commit, tmp_path) == (
        "network",
        f"tiny/M at {commit}: the Hub is busy (HTTP 429, asked 5 times); measure again later",
    )
    assert len(hub.requests) == 5


def test_a_hub_that_wants_an_hour_is_left_alone(hub, served, tmp_path):
    commit = hub.add("models", "tiny/M", served)
    hub.fail("/api/models/", status=429, headers={"Retry-After": "3600"})
    assert refusal(commit, tmp_path)[0] == "network"
    assert len(hub.requests) == 1


@pytest.mark.parametrize(
    ("path", "download"), [("/api/", False), (WEIGHTS, False), (WEIGHTS, True)]
)
def test_a_broken_hub_is_asked_again(hub, served, tmp_path, impatient, path, download):
    commit = hub.add("models", "tiny/M", served)
    hub.fail(path, status=500, download=download, times=2)
    assert (fetch(commit, tmp_path) / "model.safetensors").is_file()


def test_a_hub_that_stays_broken_is_a_network_error_and_no_half_file(
    hub, served, tmp_path, impatient
):
    commit = hub.add("models", "tiny/M", served)
    hub.fail(WEIGHTS, status=503, download=True)
    assert refusal(commit, tmp_path) == (
        "network",
        f"tiny/M at {commit}: the Hub is busy (HTTP 503, asked 5 times); measure again later",
    )
    assert not list(tmp_path.rglob("*.incomplete"))


@pytest.fixture
def large(served: Path) -> Path:
    """Weights of 24 MB, which huggingface_hub writes in pieces of 10 MiB."""
    save_file({"weight": torch.arange(6_000_000, dtype=torch.float32)}, served / WEIGHTS[1:])
    return served


def resumed(hub: Hub) -> list[str]:
    """Ranges with a beginning and no end: those of a download that goes on."""
    return [wanted for _, wanted in hub.ranges if wanted.endswith("-")]


def test_a_download_cut_off_goes_on_where_it_broke(hub, large, tmp_path):
    """Cut off twice, it begins again at the last whole piece, and no byte is wrong."""
    commit = hub.add("models", "tiny/M", large)
    hub.fail(WEIGHTS, cut_after=15_000_000, download=True, times=1)
    hub.fail(WEIGHTS, cut_after=12_000_000, download=True, times=1)
    folder = fetch(commit, tmp_path)
    assert (folder / WEIGHTS[1:]).read_bytes() == (large / WEIGHTS[1:]).read_bytes()
    assert resumed(hub) == [f"bytes={10 * 2**20}-", f"bytes={20 * 2**20}-"]


def test_a_download_that_stalls_goes_on(hub, large, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
    commit = hub.add("models", "tiny/M", large)
    hub.fail(WEIGHTS, stall=3.0, download=True, times=1)
    folder = fetch(commit, tmp_path)
    assert (folder / WEIGHTS[1:]).read_bytes() == (large / WEIGHTS[1:]).read_bytes()
    assert resumed(hub) == [f"bytes={10 * 2**20}-"]


def test_without_a_connection_the_next_run_fetches_only_what_is_missing(
    hub, served, tmp_path, impatient
):
    commit = hub.add("models", "tiny/M", served)
    hub.fail(WEIGHTS, status=503, download=True)
    refusal(commit, tmp_path)
    hub.faults.clear()
    hub.requests.clear()
    fetch(commit, tmp_path)
    assert {path.rpartition("/")[2] for path in hub.requests if "/resolve/" in path} <= {
        "config.json",  # asked whether it is still the same
        "model.safetensors",
    }


def test_no_connection_at_all_is_a_network_error(hub, served, tmp_path, impatient):
    commit = hub.add("models", "tiny/M", served)
    hub.answers = False
    assert refusal(commit, tmp_path) == (
        "network",
        f"tiny/M at {commit}: no connection to the Hub (RemoteProtocolError); "
        "measure again when there is one: whole files are kept",
    )


def test_every_reason_against_weights_comes_in_one_message(hub, served, tmp_path):
    """Quantised weights with code of their own, under another licence: nothing large is fetched."""
    config = json.loads((served / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "modeling.Own"}
    (served / "config.json").write_text(json.dumps(config))
    tensors = load_file(served / "model.safetensors")
    save_file({k: v.mul(9).char() for k, v in tensors.items()}, served / "model.safetensors")
    (served / "README.md").write_text("---\nlicense: mit\n---\n")
    commit = hub.add("models", "tiny/M", served)
    reason, message = refusal(commit, tmp_path)
    place = f"tiny/M at {commit}"
    assert (reason, message.splitlines()) == (
        "unsafe_weights",
        [
            "tiny/M/config.json names code of the repository (auto_map); it is never run; "
            "measure a revision that transformers loads without it",
            f"{place} has I8, not only F64, F32, F16, BF16; "
            "name the repository of the weights before quantization",
            f'{place}: the Hub gives the licence "mit", the model file "Apache-2.0"; fix licence',
        ],
    )
    assert not list((tmp_path / "hub").rglob("*.safetensors"))


def test_weights_larger_than_the_machine_are_told_before_they_are_fetched(hub, served, tmp_path):
    commit = hub.add("models", "tiny/M", served)
    small = Room(disk_bytes=1000, memory_bytes=1000, bytes_per_parameter=4)
    with pytest.raises(MeasureError) as failure:
        download_weights("tiny/M", commit, "Apache-2.0", tmp_path, small)
    assert failure.value.reason == "too_large"
    assert len(failure.value.message.splitlines()) == 2
    fetch(commit, tmp_path)
    roomy = Room(disk_bytes=0, memory_bytes=10**12, bytes_per_parameter=4)
    download_weights("tiny/M", commit, "Apache-2.0", tmp_path, roomy)  # they are there already


def test_only_the_weights_that_are_read_are_fetched(hub, served, tmp_path):
    for name in ("consolidated.safetensors", "onnx/model.safetensors", "pytorch_model.bin"):
        (served / name).parent.mkdir(exist_ok=True)
        shutil.copy(served / "model.safetensors", served / name)
    folder = fetch(hub.add("models", "tiny/M", served), tmp_path)
    held = {path.name for path in folder.iterdir()}
    assert "model.safetensors" in held
    assert not held & {"consolidated.safetensors", "onnx", "pytorch_model.bin"}
