"""Pull requests as folders: the good ones pass, the bad ones are told everything at once."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from generator.cli import app
from generator.records.base import UserError
from tests.pull_requests import BAD, COMMIT, GOOD, MODEL, NEW, PullRequest, make_base, write
from tests.tiny import save_tiny


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    make_base(folder)
    return folder


@pytest.fixture
def head(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "head", symlinks=True))


def validate(base: Path, head: Path, *options: str):
    result = CliRunner().invoke(
        app, ["validate", "--base", str(base), "--head", str(head), *options]
    )
    if result.exception and not isinstance(result.exception, SystemExit | UserError):
        raise result.exception
    return result


def lines_of(result) -> list[str]:
    return result.exception.problems if isinstance(result.exception, UserError) else []


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_a_good_pull_request_passes(base, head, case: PullRequest):
    case.change(head)
    result = validate(base, head, "--no-hub")
    assert (lines_of(result), result.exit_code) == ([], 0)


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_a_bad_pull_request_is_told_all_of_it(base, head, case: PullRequest):
    case.change(head)
    began = time.monotonic()
    result = validate(base, head, "--no-hub")
    assert result.exit_code == 1
    assert lines_of(result) == list(case.verdict)
    assert time.monotonic() - began < 60
