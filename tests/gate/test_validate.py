"""Pull requests as folders: the good ones pass, the bad ones are told everything at once."""

import errno
import shutil
import sys
import time
from pathlib import Path

import pytest
from compression_leaderboard.cli.app import main
from compression_leaderboard.records.base import UserError
from compression_leaderboard.repository.git import compare_trees

from tests.cases import one_in
from tests.commands import run
from tests.markdown import without_code
from tests.pull_requests import (
    BAD,
    GOOD,
    MODEL,
    NEW,
    SMOL,
    PullRequest,
    make_base,
    record_path,
    retract,
    write,
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    make_base(folder)
    return folder


@pytest.fixture
def head(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "head", symlinks=True))


def validate(base: Path, head: Path, *options: str):
    return run("validate", "--base", str(base), "--head", str(head), *options)


def lines_of(result) -> list[str]:
    return result.exception.problems if isinstance(result.exception, UserError) else []


@pytest.mark.parametrize("case", one_in(4, GOOD), ids=lambda case: case.name)
def test_a_good_pull_request_passes(base, head, case: PullRequest):
    case.change(head)
    result = validate(base, head, "--no-hub", *case.options)
    assert (lines_of(result), result.exit_code) == ([], 0)
    assert case.name == "nothing" or compare_trees(base, head)


@pytest.mark.parametrize("case", one_in(4, BAD), ids=lambda case: case.name)
def test_a_bad_pull_request_is_told_all_of_it(base, head, case: PullRequest):
    case.change(head)
    began = time.monotonic()
    result = validate(base, head, "--no-hub", *case.options)
    assert result.exit_code == 1
    assert lines_of(result) == list(case.verdict)
    assert time.monotonic() - began < 60


def test_annotations_stand_on_their_line_and_nothing_in_them_is_obeyed(base, head):
    write(head, NEW, MODEL.replace('"Small"', '"::set-output name=a,b::100%"'))
    write(head, "runs/models/org/a\n::error::x,y:z%.toml", "")
    shown = validate(base, head, "--no-hub", "--annotations").stdout.splitlines()
    assert all(line.startswith("::error file=runs/models/org/") for line in shown)
    assert [line.partition("::error ")[2].partition("::")[0] for line in shown] == [
        f"file={path},line={line},title={path}"
        for path, line in (
            ("runs/models/org/a%0A%3A%3Aerror%3A%3Ax%2Cy%3Az%25.toml", 1),
            (NEW, 2),
        )
    ]


def test_the_summary_says_what_is_known_and_holds_no_markup_of_strangers(base, head, tmp_path):
    family = 'family = "SmolLM2"'
    write(head, NEW, MODEL.replace('family = "Small"', family))
    write(head, "runs/models/org/<img src=x>|`@all`.toml", "")
    file = tmp_path / "summary.md"
    validate(base, head, "--no-hub", "--summary", str(file))
    text = file.read_text()
    outside = "\n".join(without_code(line) for line in text.splitlines())
    assert not set(outside) & set("<`@|")
    assert "### `org/small`" in text
    for line in ("Can it run: `could not be", "Time: ", "Same weights under", "Place: "):
        assert f"- {line}" in text


@pytest.mark.parametrize("filled", one_in(2, [True, False]))
def test_an_empty_folder_in_the_base_is_no_trouble(base, head, tmp_path, filled):
    """git keeps none, but a checkout may hold one where a model stood."""
    own = Path(shutil.copytree(base, tmp_path / "own"))
    (own / NEW).parent.mkdir()
    if filled:
        write(head, NEW, MODEL)
    assert lines_of(validate(own, head, "--no-hub")) == []


def test_a_folder_that_becomes_a_file_and_a_file_that_becomes_a_folder_are_told(
    base, head, tmp_path
):
    own = Path(shutil.copytree(base, tmp_path / "own"))
    write(own, f"{NEW}/inner.toml", "")
    write(head, NEW, MODEL)
    removed = "a model of the board is removed or renamed; "
    removed += "restore the file, and add a new file for a new name"
    assert lines_of(validate(own, head, "--no-hub")) == [f"{NEW}/inner.toml: {removed}"]
    assert lines_of(validate(head, own, "--no-hub")) == [
        f"{NEW}: {removed}",
        f"{NEW}/inner.toml: is in the wrong folder or of the wrong kind; "
        "expected runs/models/<org>/<model>.toml",
    ]


def test_the_summary_lists_what_is_retracted_by_model(base, head, tmp_path):
    retract(head)
    file = tmp_path / "summary.md"
    result = validate(base, head, "--no-hub", "--label", "retraction", "--summary", str(file))
    assert lines_of(result) == []
    id_of = Path(record_path(head)).stem
    assert file.read_text().partition("### ")[2].splitlines() == [
        "Retracts 1 record of 1 model",
        "",
        f"- `{SMOL}`: 1 record",
        f"  - `corpus sotu-128 {id_of}: wrong tokenizer`",
    ]


def test_a_full_disk_is_one_line_and_no_fault_of_the_pull_request(base, head, monkeypatch, capsys):
    """The kernel's error, wherever it comes up."""
    write(head, NEW, MODEL)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/copy")

    monkeypatch.setattr(shutil, "copytree", refuse)
    options = ["--base", str(base), "--head", str(head), "--no-hub"]
    monkeypatch.setattr(sys, "argv", ["leaderboard", "validate", *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "/tmp/copy: cannot be written: No space left on device; fix that and run the command again"
    )
