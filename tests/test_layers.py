"""A module imports only from the layers before it, and only the outer ones touch the world."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "generator"
BEFORE = {
    "jackknife": set(),
    "health": {"records"},
    "records": set(),
    "files": {"records"},
    "plan": {"records", "files"},
    "intake": {"records", "files", "plan"},
    "measure": {"jackknife", "records", "files", "plan", "intake"},
    "tables": {"jackknife", "records", "files", "plan"},
    "fits": {"records", "files", "plan", "tables"},
    "choice": {"records", "files", "plan", "tables", "fits"},
    "export": {"records", "files", "plan", "tables", "fits"},
    "publish": {"records", "files", "plan", "tables", "fits", "choice", "export"},
    "cli": {
        "records",
        "files",
        "plan",
        "intake",
        "measure",
        "tables",
        "fits",
        "choice",
        "export",
        "publish",
        "health",
    },
}
OUTER = {"files", "measure", "cli"}  # the only ones that touch disk, clock, network or terminal
WORLD_MODULES = {
    "asyncio",
    "getpass",
    "glob",
    "http",
    "importlib",  # would also hide an import from this test
    "multiprocessing",
    "os",
    "platform",
    "requests",
    "shutil",
    "signal",
    "socket",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
}
# Of pathlib and datetime the values are welcome everywhere, these calls are not.
WORLD_CALLS = {
    "exists",
    "glob",
    "input",
    "is_dir",
    "is_file",
    "iterdir",
    "mkdir",
    "now",
    "open",
    "print",
    "read_bytes",
    "read_csv",
    "read_text",
    "rglob",
    "rmdir",
    "today",
    "unlink",
    "utcnow",
    "write_bytes",
    "write_text",
}
MEASURING = {
    "accelerate",
    "datasets",
    "gguf",
    "huggingface_hub",
    "lm_eval",
    "safetensors",
    "torch",
    "transformers",
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(tree: ast.AST) -> Iterator[str]:
    """Full dotted names, of imports inside functions as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            yield from (f"{dots}{node.module or ''}.{alias.name}" for alias in node.names)


def calls_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.func.attr
            elif isinstance(node.func, ast.Name):
                yield node.func.id


def begins_with(name: str, modules: set[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def faults(source: str, layer: str) -> set[str]:
    """What a module of `layer` imports or calls that it may not."""
    tree = ast.parse(source)
    found = set()
    for name in imports_of(tree):
        if name.startswith("."):
            found.add(f"{name}: imports are absolute")
        elif name.split(".")[0] == "generator":
            if name.split(".")[1] not in BEFORE[layer] | {layer}:
                found.add(f"{name}: a later layer")
        elif begins_with(name, WORLD_MODULES) and layer not in OUTER:
            found.add(f"{name}: touches the world")
        elif begins_with(name, MEASURING) and layer != "measure":
            found.add(f"{name}: belongs to measure")
    if layer not in OUTER:
        found |= {f"{name}(): touches the world" for name in set(calls_of(tree)) & WORLD_CALLS}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_keeps_to_its_layer(path):
    if path == PACKAGE / "__init__.py":
        assert list(imports_of(ast.parse(path.read_text("utf-8")))) == []
    else:
        assert faults(path.read_text("utf-8"), layer_of(path)) == set()


def test_every_layer_is_there():
    assert {layer_of(path) for path in MODULES} == {*BEFORE, "__init__"}


def test_measure_and_the_build_side_never_import_each_other():
    build = {"tables", "fits", "choice", "export", "publish"}
    assert not BEFORE["measure"] & build
    assert [layer for layer, before in BEFORE.items() if "measure" in before] == ["cli"]


@pytest.mark.parametrize(
    ("layer", "source", "fault"),
    [
        ("records", "from compression_leaderboard.repository.specs import Specs", "a later layer"),
        ("files", "import generator.plan", "a later layer"),
        ("plan", "from generator import measure", "a later layer"),
        ("measure", "from compression_leaderboard.board.cohorts import Cohort", "a later layer"),
        ("fits", "def f():\n    from generator.measure import run", "a later layer"),
        ("tables", "from generator.publish import text", "a later layer"),
        ("export", "from generator.publish import text", "a later layer"),
        ("fits", "from compression_leaderboard.board.board import Board", "a later layer"),
        ("intake", "from compression_leaderboard.board.imported import relate", "a later layer"),
        ("intake", "from pathlib import Path\nPath('x').read_bytes()", "touches the world"),
        ("publish", "import torch.nn", "belongs to measure"),
        ("cli", "from transformers import AutoModel", "belongs to measure"),
        ("tables", "from os import path", "touches the world"),
        ("fits", "import importlib", "touches the world"),
        ("publish", "from datetime import datetime\ndatetime.now()", "touches the world"),
        ("plan", "from pathlib import Path\nPath('x').write_text('y')", "touches the world"),
        ("records", "open('x')", "touches the world"),
        ("publish", "from . import text", "imports are absolute"),
    ],
)
def test_a_module_that_breaks_its_layer_is_caught(layer, source, fault):
    (found,) = faults(source, layer)
    assert found.endswith(f": {fault}")


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("fits", "import numpy as np\nfrom compression_leaderboard.board.cohorts import Cohort"),
        ("measure", "import torch, time\nfrom generator.plan import Job"),
        ("cli", "import sys\nfrom compression_leaderboard.measure.run import record_job\nprint()"),
        ("publish", "from pathlib import PurePosixPath\nfrom urllib.parse import quote"),
    ],
)
def test_a_module_that_keeps_to_its_layer_is_let_through(layer, source):
    assert faults(source, layer) == set()


def test_modules_stay_small():
    """One of more than 300 lines does two things."""
    lengths = {str(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {name for name, length in lengths.items() if length > 300} == set()
