"""Programs of examples/ import only what exists: some of them no fast test runs."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

from tests import ROOT

PROGRAMS = sorted((ROOT / "examples").rglob("*.py"))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_what_a_program_imports_exists(path: Path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        if node.module.partition(".")[0] in ("compression_leaderboard", "tests"):
            module = import_module(node.module)
            for name in (alias.name for alias in node.names):
                if not hasattr(module, name):
                    import_module(f"{node.module}.{name}")
