"""Files of records that cannot be used: every command names them, and none loses another record."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from compression_leaderboard.pages.reliability_page import render_reliability
from compression_leaderboard.records.results import Failure, Result
from compression_leaderboard.repository.results import record_text, write_record

from tests.commands import invoke
from tests.exported import renderer
from tests.factory import make_model, make_result, make_specs, store
from tests.miniature import write_miniature

PLACE = "results/measured/org__plain/{revision}/corpus-prose"


def fill(folder: Path) -> dict[str, str]:
    """Put files that are no records into a folder; return what is wrong with each, by name."""
    text = next(folder.glob("*.json")).read_text("utf-8")
    (folder / "cut.json").write_text(text[:200], "utf-8")
    (folder / "folder.json").mkdir()
    (folder / "nowhere.json").symlink_to("nothing")
    (folder / "round.json").symlink_to("round.json")
    (folder / "latin.json").write_bytes(b'{"model": "\xe9"}')
    with open(os.fsencode(folder) + b"/\xff.json", "w", encoding="utf-8") as file:
        file.write(text)
    impossible = Result.model_validate_json(text)
    impossible = impossible.model_copy(update={"started": impossible.started.replace(year=9998)})
    (folder / Path(impossible.file).name).write_text(record_text(impossible), "utf-8")
    return {
        "cut.json": "is not valid JSON",
        "folder.json": "cannot be read: Is a directory",
        "nowhere.json": "cannot be read: No such file or directory",
        "round.json": "cannot be read: Too many levels of symbolic links",
        "latin.json": "is not valid JSON",
        r"\udcff.json": "its content does not belong in this file",
        Path(impossible.file).name: "was started on 9998-",
    }


def commit(root: Path) -> None:
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *author, *arguments], cwd=root, check=True)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A repository with faulty files, and what is wrong with each, by path."""
    root = tmp_path_factory.mktemp("faulty")
    write_miniature(root)
    commit(root)
    folder = next(root.glob(PLACE.format(revision="*")))
    shown = folder.relative_to(root).as_posix()
    wrong = {f"{shown}/{name}": fault for name, fault in fill(folder).items()}
    (root / "empty").mkdir()
    return root, wrong


def names_each(lines: list[str], wrong: dict[str, str]) -> bool:
    return all(
        sum(f"{file}: {fault}" in line for line in lines) == 1 for file, fault in wrong.items()
    )


COMMANDS = [
    *(["plan"], ["plan", "--matrix"], ["drift"], ["collect", "empty"]),
    pytest.param(["measure", "--model", "org__plain"], marks=pytest.mark.slow),
    pytest.param(["export", "--out", "out"], marks=pytest.mark.slow),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_names_each_file_on_stderr_and_goes_on(faulty, monkeypatch, command):
    root, wrong = faulty
    monkeypatch.chdir(root)
    result = invoke(root, *command)
    assert result.exit_code == 0, result.exception
    lines = result.stderr.splitlines()
    assert names_each([line for line in lines if line.startswith("not read: ")], wrong)


def test_check_refuses_each_file(faulty):
    root, wrong = faulty
    result = invoke(root, "check")
    assert (result.exit_code, names_each(str(result.exception).splitlines(), wrong)) == (1, True)
    listed = json.loads(invoke(root, "check", "--json").stdout)
    assert {problem["wrong"].partition(":")[0] for problem in listed} >= {"cannot be read"}


def test_health_lists_each_file_as_text_and_as_markdown(faulty):
    root, wrong = faulty
    for options, start in (((), "left out: "), (("--markdown",), "- `left out: ")):
        lines = invoke(root, "health", *options).stdout.splitlines()
        assert names_each([line for line in lines if line.startswith(start)], wrong)


@pytest.mark.slow
def test_the_site_lists_each_file_and_copies_none(faulty):
    root, wrong = faulty
    result = invoke(root, "build", "--no-html")
    assert (result.exit_code, names_each(result.stderr.splitlines(), wrong)) == (0, True)
    page = (root / "build/docs/reliability.md").read_text("utf-8")
    assert f"<dt>Left out</dt><dd>{len(wrong)}</dd>" in page
    table = page.partition('id=\\"left-out-table\\"')[2].partition("</table>")[0]
    assert table.count("<tr>") - 1 == len(wrong)
    copied = {path.name for path in (root / "build/docs/records").rglob("*")}
    assert copied
    assert not copied & {Path(file).name for file in wrong}


def test_a_file_that_may_not_be_read_is_named(faulty, tmp_path, monkeypatch):
    """Whoever runs the tests as root may read everything, so the refusal is the system's."""
    root = Path(shutil.copytree(faulty[0], tmp_path / "copy", symlinks=True))
    closed = next(path for path in root.glob("results/measured/*/*/*/*.json") if path.is_file())
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    result = invoke(root, "plan")
    shown = closed.relative_to(root).as_posix()
    assert f"not read: {shown}: cannot be read: Permission denied" in result.stderr


def test_a_faulty_spec_costs_health_its_model_and_no_more(tmp_path):
    write_miniature(tmp_path)
    commit(tmp_path)
    (tmp_path / "runs/models/org/plain.toml").write_text("name = 5\n")
    result = invoke(tmp_path, "health")
    assert result.exit_code == 0
    assert "left out: runs/models/org/plain.toml: name: 5 is not text" in result.stdout


def test_a_failure_of_an_earlier_version_is_no_problem(tmp_path):
    """Its reason may be a word that no new record has."""
    write_miniature(tmp_path)
    before = str(invoke(tmp_path, "check").exception)
    failed = {"text": None, "lossless": None, "lossy": None}
    old = make_result(make_model(), error=Failure(reason="of_old", message="m"), **failed)
    write_record(tmp_path / "results/measured", tmp_path, old)
    assert str(invoke(tmp_path, "check").exception) == before
    table = render_reliability(renderer(), make_specs(), store(old), "2026-06-01T00:00:00+00:00")
    assert "of_old: m" in table
