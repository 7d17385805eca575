"""Measuring end to end with a tiny random model: records, faults, and going on after them."""

import json
from datetime import date

import pytest
from compression_leaderboard.gate.impossible import Known, why_impossible
from compression_leaderboard.measure.checkpoint import hash_folder
from compression_leaderboard.measure.documents import first_bytes
from compression_leaderboard.records.base import UserError
from compression_leaderboard.repository.results import read_records

from tests.commands import invoke
from tests.tiny import save_tiny
from tests.workspace import add_model_file

pytestmark = pytest.mark.slow


def test_a_model_is_measured_once(board):
    """Both jobs give records that can be read back; a second run has nothing to do."""
    assert "2 measured, 0 failed" in invoke(board, "measure", "--model", "tiny__A").stdout
    stored, problems = read_records(board, "results/measured")
    assert problems == []
    corpus, suite = (entry.result for entry in stored)
    assert corpus.lossless.bits_per_byte == pytest.approx(
        sum(d.bits for d in corpus.lossless.documents) / corpus.text.bytes
    )
    assert corpus.lossy.positions == 400
    assert [layer.layer for layer in corpus.lossy.layers] == [0, 1, 2]
    for result, window in ((corpus, 32), (suite, 64)):
        assert result.calibration.window_tokens == window
        assert result.calibration.start.mode == result.calibration.start.fewest_bits
        assert len(result.calibration.start.modes) == 5
        assert result.environment.dtype == result.calibration.dtype
        assert why_impossible(result, Known.of(stored, date.max)) is None
    assert suite.backend == "hf"
    assert len(list((board / "build/cache/calibration").iterdir())) == 2
    task = suite.tasks[0]
    assert task.scores[0].n == 2
    right = [r.log_likelihoods.index(max(r.log_likelihoods)) == r.target for r in task.responses]
    assert task.scores[0].value == sum(right) / 2  # the score follows from the stored items
    assert "nothing to do" in invoke(board, "measure", "--model", "tiny__A").stdout
    assert invoke(board, "plan", "--model", "tiny__A", "--json").stdout.strip() == "[]"


def test_a_model_that_sees_later_tokens_is_a_failure_with_a_reason_of_its_own(board):
    save_tiny(board / "weights/Both")
    config = board / "weights/Both/config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"is_causal": False}))
    add_model_file(board, "Both", hash_folder(board / "weights/Both"))
    assert invoke(board, "measure", "--corpus", "speeches", "--model", "tiny__Both").exit_code == 1
    ((entry,), _) = read_records(board, "results/measured")
    assert entry.result.error.reason == "not_causal"


def test_the_same_weights_give_the_same_figures(board):
    chosen = ("measure", "--model", "tiny__A", "--corpus", "speeches")
    invoke(board, *chosen)
    invoke(board, *chosen, "--local", "--again")
    measured = read_records(board, "results/measured")[0][0].result
    local = read_records(board, "results/local")[0][0].result
    assert measured.lossless == local.lossless
    assert measured.lossy == local.lossy


def test_a_local_run_is_compared_with_the_record(board):
    invoke(board, "measure")
    shown = invoke(board, "measure", "--local", "--again").stdout
    assert "speeches: your machine: " in shown
    assert "difference +0.0000" in shown


def test_the_classical_compressors_are_measured_like_a_model(board):
    assert "classical corpus speeches: missing" in invoke(board, "plan").stdout
    assert "1 measured, 0 failed" in invoke(board, "measure", "--model", "classical").stdout
    (entry,) = read_records(board, "results/measured")[0]
    sizes = entry.result.classical
    assert sum(document.bytes for document in sizes.documents) == entry.result.text.bytes
    assert "nothing to do" in invoke(board, "measure", "--model", "classical").stdout
    again = invoke(board, "measure", "--model", "classical", "--local", "--again").stdout
    assert "the smallest), record" in again
    assert "difference +0.0000\n" in again


def test_long_documents_are_cut_at_a_line_end_or_between_characters():
    assert first_bytes(b"ab\ncdefgh", 6) == "ab\n"
    assert first_bytes("ääää".encode(), 5) == "ää"
    assert first_bytes(b"short", 10) == "short"


def test_an_unknown_name_lists_the_known_ones(board):
    result = invoke(board, "plan", "--corpus", "speech")
    assert isinstance(result.exception, UserError)
    assert str(result.exception) == '--corpus: unknown corpus "speech"; choose from speeches'
