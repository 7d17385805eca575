"""What must be true of a repository that the gate accepts: it becomes a board, files and pages."""

import csv
import io
import json
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch
from xml.etree import ElementTree

import jinja2
import pyarrow as pa
import yaml
from compression_leaderboard.exports.changes import changes_markdown, compare_boards
from compression_leaderboard.exports.formats import format_table
from compression_leaderboard.exports.tables import Table
from compression_leaderboard.fits.study import derive_board
from compression_leaderboard.gate.collect import why_refused
from compression_leaderboard.gate.impossible import Known, without_impossible
from compression_leaderboard.gate.pull_request import find_twins
from compression_leaderboard.pages.site import render_site
from compression_leaderboard.plan.jobs import plan_jobs
from compression_leaderboard.records.base import Problem
from compression_leaderboard.repository.contents import Contents, read_contents

from tests.commands import run
from tests.exported import COMMIT, site_sources
from tests.fuzz.repositories import Repository
from tests.fuzz.values import LATEST, NOT_A_NUMBER
from tests.miniature import write_miniature

RECORDS = ("results/measured/", "results/imported/")


class Compiled(jinja2.BytecodeCache):
    """Compiled templates for all boards: they take longer than everything else of a small one."""

    def __init__(self) -> None:
        self.codes: dict[str, Any] = {}

    def load_bytecode(self, bucket: Any) -> None:
        bucket.code = self.codes.get(bucket.key + bucket.checksum)

    def dump_bytecode(self, bucket: Any) -> None:
        self.codes[bucket.key + bucket.checksum] = bucket.code


class Formatted:
    """Files of tables that were formatted before: most tables of a small board have no rows."""

    def __init__(self) -> None:
        self.known: dict[str, list[tuple[pa.Table, Any, dict[str, bytes]]]] = {}

    def __call__(self, table: Table, rows: pa.Table, metadata: Any) -> dict[str, bytes]:
        known = self.known.setdefault(table.name, [])
        for before, described, files in known:
            if described == metadata and before.equals(rows):
                return files
        known[:] = [*known[-7:], (rows, metadata, format_table(table, rows, metadata))]
        return known[-1][2]


PACKAGE = "compression_leaderboard"
FORMAT = Formatted()
ENVIRONMENT = partial(jinja2.Environment, bytecode_cache=Compiled())


@dataclass(frozen=True)
class Outcome:
    """What became of a repository."""

    records: int  # measured ones that were accepted
    problems: list[Problem]
    files: int  # of the site; 0 if the build refuses the repository
    fits: int = 0  # benchmarks for which a form was chosen


def try_to_build(repository: Repository) -> Outcome:
    """Read a repository as `leaderboard check` does; build what `leaderboard build` would.

    Raises whatever a command would show as a traceback, AssertionError for what no file may hold,
    and RuntimeWarning for arithmetic without a value.
    """
    with tempfile.TemporaryDirectory(prefix="fuzzed-") as folder:
        repository.write(Path(folder))
        contents, problems = read_contents(Path(folder))
    latest = date.fromisoformat(LATEST)
    judge(contents, Known.of(contents.stored, latest))
    stored, impossible = without_impossible(contents.stored, latest)
    contents, problems = replace(contents, stored=stored), [*problems, *impossible]
    assert all(str(problem).isprintable() for problem in problems)
    if any(not problem.file.startswith(RECORDS) for problem in problems):
        return Outcome(len(stored), problems, 0)
    plan_jobs(contents.specs, contents.stored)
    sources = replace(site_sources(), changelog="- A line")
    with (
        warnings.catch_warnings(),
        patch(f"{PACKAGE}.pages.rendering.Environment", ENVIRONMENT),
        patch(f"{PACKAGE}.exports.descriptions.format_table", FORMAT),
    ):
        warnings.simplefilter("error", RuntimeWarning)
        board = derive_board(contents, COMMIT)
        files = render_site(board, sources)
        changes_markdown(compare_boards(("before", board), ("after", board)))
    for path, content in files.items():
        for wrong in faults_of(path, content):
            raise AssertionError(f"{path}: {wrong}")
    studies = [study for cohort in board.studies.values() for study in cohort.benchmarks]
    return Outcome(
        len(stored), problems, len(files), sum(study.fit is not None for study in studies)
    )


def judge(contents: Contents, known: Known) -> None:
    """Judge every record as validate and collect do."""
    for entry in contents.stored:
        why_refused(entry.result, contents.specs, known)
    find_twins(contents.stored)


def faults_of(path: str, content: bytes) -> Iterator[str]:
    """What no file of the site may hold: a number that is none, or what cannot be read."""
    if path.endswith(".json"):
        json.loads(content, parse_constant=_refuse)
    elif path.endswith(".csv"):
        for row in csv.reader(io.StringIO(content.decode(), newline="")):
            if wrong := [cell for cell in row if NOT_A_NUMBER.fullmatch(cell)]:
                yield f"{wrong[0]} in a cell"
    elif path.endswith(".xml"):
        ElementTree.fromstring(content)
    elif path.endswith(".md") and content.startswith(b"---\n"):
        matter = content.decode().removeprefix("---\n").partition("\n---\n")[0]
        html = yaml.load(matter, yaml.CSafeLoader).get("html", "")
        for match in NOT_A_NUMBER.finditer(html):
            yield f"{match[0]!r} in {html[max(0, match.start() - 60) : match.start() + 60]!r}"


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} in JSON")


def validate_bytes(base: Path, changed: Mapping[str, bytes | None]) -> list[str]:
    """Validate a pull request as the workflow does; return the annotations.

    changed: new content by path, None where the file is removed.
    """
    with tempfile.TemporaryDirectory(prefix="fuzzed-") as folder:
        head = Path(folder) / "head"
        shutil.copytree(base, head)
        for path, content in changed.items():
            (head / path).parent.mkdir(parents=True, exist_ok=True)
            (head / path).write_bytes(content or b"")
            if content is None:
                (head / path).unlink()
        options = ("--no-hub", "--annotations", "--summary", f"{folder}/summary.md")
        result = run("validate", "--base", str(base), "--head", str(head), *options)
    lines = result.stdout.splitlines()
    assert all(line.startswith("::error ") and line.isprintable() for line in lines)
    assert not [line for line in lines if "report it as a bug" in line], lines
    return lines


def make_base(root: Path) -> None:
    """The base of pull requests: runs/ and results/ of the miniature repository."""
    write_miniature(root)
    shutil.rmtree(root / "site")
    (root / "CHANGELOG.md").write_text("# Changelog\n", "utf-8")


def files_of(root: Path) -> dict[str, bytes]:
    """Every file by its path."""
    paths = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
