"""The tests' own Hub: named before any library reads its address, so that no other is asked."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub import Hub

HUB = Hub()
os.environ["HF_ENDPOINT"] = HUB.address
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="hub-cache-")
os.environ["HF_HUB_DISABLE_XET"] = "1"
for name in ("HF_HUB_OFFLINE", "HF_TOKEN"):
    os.environ.pop(name, None)


@pytest.fixture
def hub() -> Iterator[Hub]:
    """An empty Hub that answers."""
    HUB.repositories.clear()
    HUB.requests.clear()
    yield HUB
    HUB.answers = True


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A miniature repository to measure in; see tests/board.py."""
    from tests.board import write_board

    write_board(tmp_path)
    return tmp_path
