"""Repositories that many tests read and none writes, read once for all of them."""

from pathlib import Path

import pytest
from compression_leaderboard.exports.release import export_files
from compression_leaderboard.fits.study import StudiedBoard as Board
from compression_leaderboard.records.base import Problem
from compression_leaderboard.repository.contents import Contents, read_contents

from tests import ROOT
from tests.exported import read_board
from tests.miniature import write_miniature


@pytest.fixture(scope="session")
def checked_repository() -> tuple[Contents, list[Problem]]:
    """What runs/ and results/ of this repository hold, and what is wrong in them."""
    return read_contents(ROOT)


@pytest.fixture(scope="session")
def repository(checked_repository: tuple[Contents, list[Problem]]) -> Contents:
    """What runs/ and results/ of this repository hold, in which nothing is wrong."""
    contents, problems = checked_repository
    assert problems == []
    return contents


@pytest.fixture(scope="session")
def miniature_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the miniature repository; see tests/miniature.py."""
    root = tmp_path_factory.mktemp("miniature")
    write_miniature(root)
    return root


@pytest.fixture(scope="session")
def miniature_board(miniature_root: Path) -> Board:
    return read_board(miniature_root)


@pytest.fixture(scope="session")
def miniature_files(miniature_board: Board) -> dict[str, bytes]:
    """What is exported from the miniature repository, by path."""
    return export_files(miniature_board)
