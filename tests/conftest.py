"""What must be set before a library is imported, and fixtures that several tests share.

The Hub is the tests' own, so that no other is asked. Threads that wait give the processor away:
otherwise the tests take three times as long on a machine that has something else to do.
"""

import gc
import os
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.testing
from hypothesis import settings
from typer.main import get_command

from tests.hub import Hub

pytest_plugins = ["tests.in_browser", "tests.read_once"]

# A busy machine is no failure, and a change is checked by the same examples each time;
# `pytest --hypothesis-profile explore` looks for new ones.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("steady")

# The modules that are imported stay to the end: no garbage is looked for in them.
gc.disable()

# A command line with its options is made once, not at each call.
pytest.MonkeyPatch().setattr(typer.testing, "_get_command", cache(get_command))

HUB = Hub()
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["HF_ENDPOINT"] = HUB.address
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="hub-cache-")
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="user-cache-")  # score_text writes there
os.environ["HF_HUB_DISABLE_XET"] = "1"
for name in ("HF_HUB_OFFLINE", "HF_TOKEN"):
    os.environ.pop(name, None)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture
def hub() -> Iterator[Hub]:
    """An empty Hub that answers."""
    HUB.clear()
    yield HUB
    HUB.clear()


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A miniature repository to measure in; see tests/workspace.py."""
    from tests.workspace import write_board

    write_board(tmp_path)
    return tmp_path


@pytest.fixture
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights load in float32 on every machine: many choose bfloat16, which keeps three digits."""
    import torch

    for module in ("weights", "calibration"):
        name = f"compression_leaderboard.measure.{module}.suitable_dtype"
        monkeypatch.setattr(name, lambda: torch.float32)
