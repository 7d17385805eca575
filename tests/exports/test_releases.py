"""Releases give the same bytes twice and never change; diff says what moved and what is noise."""

import gzip
import io
import json
import math
import subprocess
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from compression_leaderboard.exports.changes import (
    LISTED,
    changes_markdown,
    changes_text,
    compare_boards,
)
from compression_leaderboard.records.base import UserError
from compression_leaderboard.repository.results import write_record

from tests.commands import invoke
from tests.exported import read_board
from tests.factory import STDERR, make_model, make_result
from tests.miniature import models, write_miniature, write_toml

LATER = datetime(2026, 2, 1, tzinfo=UTC)


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    command = ["git", "-C", str(root), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(root: Path, day: str) -> str:
    git(root, "add", "-A")
    date = f"{day}T12:00:00+00:00"
    command = ["commit", "-q", "--allow-empty", "-m", "Records", "--date", date]
    environment = {"GIT_COMMITTER_DATE": date, "PATH": "/usr/bin:/bin:/usr/local/bin"}
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(root), *identity, *command], check=True, env=environment)
    return git(root, "rev-parse", "HEAD")


def add_changes(root: Path) -> None:
    """A new model, one text measured anew with fewer bits, and one suite within its noise."""
    model = make_model("org/newcomer")
    write_toml(root / model.file, model)
    write_record(root / "results/measured", root, make_result(model))
    rival = models()[3]
    lossless = make_result(rival).lossless
    cheaper = tuple(
        replace(
            document,
            bits=document.bits - 0.5 * document.bytes,
            class_bits=tuple(
                bits - 0.5 * size
                for bits, size in zip(document.class_bits, document.class_bytes, strict=True)
            ),
        )
        for document in lossless.documents
    )
    stretches = tuple(replace(s, bits=s.bits - 0.5 * s.bytes) for s in lossless.stretches)
    parts = {"documents": cheaper, "bits_per_byte": 180 / 300, "stretches": stretches}
    better = lossless.model_copy(update=parts)
    write_record(
        root / "results/measured", root, make_result(rival, started=LATER, lossless=better)
    )
    plain = models()[1]
    task = make_result(plain, "suite").tasks[0]
    right = replace(task.responses[1], target=0, metrics={"acc": 1.0})
    responses = (task.responses[0], right, *task.responses[2:])
    score = replace(task.scores[0], value=0.75, stderr=0.25)
    again = replace(task, scores=(score,), responses=responses)
    write_record(
        root / "results/measured", root, make_result(plain, "suite", started=LATER, tasks=(again,))
    )


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """Two commits: the miniature board, tagged as a release, and the same with changes."""
    root = tmp_path_factory.mktemp("repository")
    write_miniature(root)
    git(root, "init", "-q")
    commit(root, "2026-01-15")
    git(root, "tag", "data-2026-01-15")
    add_changes(root)
    commit(root, "2026-02-15")
    return root


def test_diff_says_what_is_new_what_moved_and_what_is_noise(repository):
    shown = json.loads(invoke(repository, "diff", "data-2026-01-15", "HEAD", "--json").stdout)
    assert shown["new_models"] == ["org__newcomer"]
    assert shown["removed_models"] == []
    (moved,) = shown["moved"]
    assert (moved["model"], moved["figure"]) == ("org__rival", "prose")
    assert moved["after"] - moved["before"] == pytest.approx(-0.5)
    assert moved["noise"] < 0.01
    (noise,) = shown["within_noise"]
    assert (noise["model"], noise["before"], noise["after"]) == ("org__plain", 0.5, 0.75)
    assert noise["noise"] == pytest.approx(1.96 * math.hypot(STDERR, 0.25), rel=1e-4)
    assert [one["model"] for one in shown["new"]] == ["org__newcomer"]


@pytest.mark.slow
def test_diff_the_other_way_round_calls_the_new_removed(repository):
    shown = json.loads(invoke(repository, "diff", "HEAD", "data-2026-01-15", "--json").stdout)
    assert shown["removed_models"] == ["org__newcomer"]
    assert shown["new"] == []


def test_diff_reads_well_as_text(repository):
    text = invoke(repository, "diff", "data-2026-01-15").stdout
    assert "model + org__newcomer\n" in text
    assert "moved   org__rival @aaaaaaaa prose: 1.1 → 0.6 bits/byte (-0.5, noise ±" in text
    assert "noise   org__plain @aaaaaaaa sums: 0.5 → 0.75 fraction (+0.25, noise ±0.75)" in text


@pytest.mark.slow
def test_diff_reads_well_as_markdown_and_tells_where_nothing_changed(repository):
    page = invoke(repository, "diff", "data-2026-01-15", "--markdown").stdout
    assert "**New models** (1)\n\n- `org__newcomer`\n" in page
    assert "nothing changed" in invoke(repository, "diff", "HEAD", "HEAD").stdout


def test_markdown_lists_a_page_and_counts_the_rest(miniature_board, tmp_path):
    changes = compare_boards(("nothing", read_board(tmp_path)), ("all", miniature_board))
    many = changes.new * (LISTED + 1)
    page = changes_markdown(replace(changes, new=many))
    assert f"- … and {len(many) - LISTED} more" in page
    assert changes_text(changes).count("\nnew ") == len(changes.new)
    for line in page.splitlines():
        assert "<script" not in line or line.count("`") == 2


def test_a_changed_protocol_is_a_change_of_method(miniature_board, tmp_path):
    write_miniature(tmp_path)
    path = tmp_path / "runs/corpora/prose.toml"
    text = path.read_text()
    assert "window_tokens = 16" in text
    path.write_text(text.replace("window_tokens = 16", "window_tokens = 32", 1))
    shown = compare_boards(("a", miniature_board), ("b", read_board(tmp_path)))
    assert shown.methods == ("text prose: its protocol changed",)
    assert len(shown.removed) > 0


def test_an_unknown_commit_is_told(repository):
    told = invoke(repository, "diff", "no-such-tag").exception
    assert str(told) == (
        "no-such-tag: is neither a commit nor a folder; give a commit or tag of this repository, "
        "or the folder of a release"
    )
    assert isinstance(invoke(repository, "diff", "--", "--output=x").exception, UserError)


@pytest.mark.slow
def test_two_runs_over_the_same_commit_give_the_same_bytes(repository, tmp_path):
    """From two clones, of which one holds further files that are in no commit."""
    archives = []
    for name in ("one", "two"):
        clone = tmp_path / name
        subprocess.run(["git", "clone", "-q", str(repository), str(clone)], check=True)
        if name == "two":
            write_record(clone / "results/measured", clone, make_result(models()[0], started=LATER))
        shown = invoke(clone, "release", "--out", str(tmp_path / f"releases-{name}"))
        assert shown.exit_code == 0, shown.exception
        archives.append((tmp_path / f"releases-{name}/data-2026-02-15.tar.gz").read_bytes())
    assert archives[0] == archives[1]


@pytest.fixture(scope="module")
def released(repository, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("releases")
    assert invoke(repository, "release", "--out", str(out)).exit_code == 0
    return out / "data-2026-02-15"


def test_a_release_holds_tables_records_dictionary_and_what_changed(released):
    for name in (
        "README.md", "CHANGES.md", "changes.json", "LICENCE.txt", "CITATION.cff", "citation.bib",
        ".zenodo.json", "SHA256SUMS", "data/dictionary.json", "data/datapackage.json",
        "data/scores.parquet", "runs/suites/starter.toml", "results/published/paper/table.csv",
    ):  # fmt: skip
        assert (released / name).is_file(), name
    changes = (released / "CHANGES.md").read_text()
    assert "`data-2026-01-15` → `data-2026-02-15`" in changes
    assert "org__newcomer" in changes
    assert json.loads((released / ".zenodo.json").read_text())["publication_date"] == "2026-02-15"
    command = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    done = subprocess.run(command, cwd=released, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    stored = {p.relative_to(released).as_posix() for p in released.rglob("*") if p.is_file()}
    listed = (released / "SHA256SUMS").read_text().splitlines()
    assert {line.split("  ", 1)[1] for line in listed} == stored - {"SHA256SUMS"}


def test_the_archive_holds_the_folder_and_nothing_of_the_machine(released):
    content = released.with_name(f"{released.name}.tar.gz").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = archive.getmembers()
        for member in members:
            path = released / member.name.removeprefix(f"{released.name}/")
            assert archive.extractfile(member).read() == path.read_bytes()
    assert [m.name for m in members] == sorted(m.name for m in members)
    assert {(m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, "", 0o644)}
    expected = datetime(2026, 2, 15, 12, tzinfo=UTC).timestamp()
    assert {m.mtime for m in members} == {expected}
    assert gzip.decompress(content)


@pytest.mark.slow
def test_a_release_never_changes(repository, released):
    again = invoke(repository, "release", "--out", str(released.parent))
    assert "unchanged" in again.stdout
    told = invoke(repository, "release", "--out", str(released.parent), "--since", "HEAD").exception
    assert "exists already, with other content; releases never change" in str(told)


@pytest.mark.slow
def test_a_release_can_be_compared_with_a_commit(repository, released):
    shown = json.loads(invoke(repository, "diff", str(released), "HEAD", "--json").stdout)
    assert shown["moved"] == shown["new"] == shown["removed"] == []
    earlier = json.loads(
        invoke(repository, "diff", "data-2026-01-15", str(released), "--json").stdout
    )
    assert earlier["new_models"] == ["org__newcomer"]


@pytest.mark.slow
def test_the_first_release_says_so(repository, tmp_path):
    assert invoke(repository, "release", "HEAD~1", "--out", str(tmp_path)).exit_code == 0
    assert (tmp_path / "data-2026-01-15/CHANGES.md").read_text() == "The first release.\n"
