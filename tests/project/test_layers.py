"""A module imports only from the packages before its own, and only the outer ones touch the world.

The map is drawn in docs/architecture.md; a test there holds the two together.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ROOT

SOURCES = ROOT / "generator"
NAME = "compression_leaderboard"
PACKAGE = SOURCES / NAME
# Each package with those that it may import from. `intervals` and `wording` are modules; `public`
# is the API.
BEFORE: dict[str, set[str]] = {
    "intervals": set(),
    "wording": set(),
    "records": set(),
    "repository": {"records"},
    "plan": {"records", "repository"},
    "own_text": {"intervals", "records"},
    "measure": {"intervals", "records", "repository", "plan", "own_text"},
    "board": {"intervals", "records", "repository", "plan"},
    "fits": {"intervals", "records", "repository", "board"},
    "choose": {"intervals", "records", "board"},
    "exchange": {"intervals", "records", "repository", "board", "fits"},
    "exports": {"intervals", "records", "repository", "plan", "board", "fits", "exchange"},
    "operations": {"intervals", "records", "repository", "plan", "board"},
    "gate": {"records", "repository", "plan", "board"},
    "pages": {
        *("intervals", "records", "repository", "plan", "own_text", "board", "fits", "choose"),
        *("exchange", "exports", "operations"),
    },
    "public": {"intervals", "records", "repository", "measure", "board", "fits"},
}
BEFORE["cli"] = {*BEFORE} - {"public"}
EVERYWHERE = {"wording"}
OUTER = {"repository", "own_text", "measure", "cli", "public"}  # may touch disk, network, terminal
BUILD = {"board", "fits", "choose", "exchange", "exports", "pages"}
WORLD_MODULES = {
    *("asyncio", "getpass", "glob", "http", "multiprocessing", "os", "platform", "requests"),
    *("shutil", "signal", "socket", "subprocess", "sys", "tempfile", "threading", "time"),
    *("urllib.request", "gc", "weakref"),
    "importlib",  # would also hide an import from this test
}
# Of pathlib and datetime the values are welcome everywhere, these calls are not.
WORLD_CALLS = {
    *("exists", "glob", "input", "is_dir", "is_file", "iterdir", "mkdir", "now", "open", "print"),
    *("read_bytes", "read_csv", "read_text", "rglob", "rmdir", "today", "unlink", "utcnow"),
    *("write_bytes", "write_text"),
}
PROMISES = ("read_", "write_")
MEASURING = {
    *("accelerate", "datasets", "gguf", "huggingface_hub", "lm_eval", "safetensors", "torch"),
    "transformers",
}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def read_tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


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
    wrong = set()
    allowed = BEFORE[layer] | EVERYWHERE | {layer, "TITLE"}
    for name in imports_of(tree):
        if name.startswith("."):
            wrong.add(f"{name}: imports are absolute")
        elif name.split(".")[0] == "generator":
            wrong.add(f"{name}: generator is a folder, not a package")
        elif name.split(".")[0] == NAME:
            if name.split(".")[1] not in allowed:
                wrong.add(f"{name}: a later package")
        elif begins_with(name, WORLD_MODULES) and layer not in OUTER:
            wrong.add(f"{name}: touches the world")
        elif begins_with(name, MEASURING) and layer not in ("measure", "public"):
            wrong.add(f"{name}: belongs to measure")
    if layer not in OUTER:
        wrong |= {f"{name}(): touches the world" for name in set(calls_of(tree)) & WORLD_CALLS}
        defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        wrong |= {f"{name}(): promises IO" for name in defined if name.startswith(PROMISES)}
    return wrong


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_keeps_to_its_layer(path):
    assert faults(path.read_text("utf-8"), layer_of(path)) == set()


def test_every_package_is_on_the_map_and_comes_after_what_it_imports():
    assert {layer_of(path) for path in MODULES} == set(BEFORE)
    order = list(BEFORE)
    for layer, before in BEFORE.items():
        assert all(order.index(one) < order.index(layer) for one in before), layer


def test_measure_and_the_build_side_never_import_each_other():
    assert not BEFORE["measure"] & BUILD
    assert [layer for layer, before in BEFORE.items() if "measure" in before] == ["public", "cli"]


def test_nobody_imports_the_source_root():
    """`generator` is where the package lies; wheel users get no module of that name."""
    others = [*(SOURCES.parent / "tests").rglob("*.py"), *(SOURCES.parent / "examples").rglob("*")]
    for path in others:
        if path.suffix == ".py" and path != Path(__file__):
            names = {name.split(".")[0] for name in imports_of(read_tree(path))}
            assert "generator" not in names, path
    assert not (SOURCES / "__init__.py").exists()


def imported_modules() -> dict[str, set[str]]:
    """The modules that each module imports when it is imported itself."""
    names = {
        ".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__"): path
        for path in MODULES
    }
    graph = {}
    for name, path in names.items():
        imported = set()
        for node in read_tree(path).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names} & names.keys()
                imported |= inner or {node.module} & names.keys()
        graph[name] = imported - {name}
    return graph


def test_no_circle():
    graph = imported_modules()
    done: set[str] = set()
    while len(done) < len(graph):
        ready = {name for name, needed in graph.items() if name not in done and needed <= done}
        assert ready, f"a circle among {sorted(graph.keys() - done)}"
        done |= ready


@pytest.mark.parametrize(
    ("layer", "source", "fault"),
    [
        (
            "records",
            "from compression_leaderboard.repository.specs import Specs",
            "a later package",
        ),
        ("repository", "import compression_leaderboard.plan", "a later package"),
        ("plan", "from compression_leaderboard import measure", "a later package"),
        ("measure", "from compression_leaderboard.board.cohorts import C", "a later package"),
        ("fits", "def f():\n    from compression_leaderboard.measure import a", "a later package"),
        ("board", "from compression_leaderboard.pages import text", "a later package"),
        ("fits", "import generator.fits", "generator is a folder, not a package"),
        ("board", "from pathlib import Path\nPath('x').read_bytes()", "touches the world"),
        ("pages", "import torch.nn", "belongs to measure"),
        ("cli", "from transformers import AutoModel", "belongs to measure"),
        ("board", "from os import path", "touches the world"),
        ("fits", "import importlib", "touches the world"),
        ("pages", "import gc", "touches the world"),
        ("pages", "from datetime import datetime\ndatetime.now()", "touches the world"),
        ("records", "open('x')", "touches the world"),
        ("pages", "from . import text", "imports are absolute"),
        ("fits", "def read_rows():\n    return []", "promises IO"),
    ],
)
def test_a_module_that_breaks_its_layer_is_caught(layer, source, fault):
    (found,) = faults(source, layer)
    assert found.endswith(f": {fault}")


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("fits", "import numpy as np\nfrom compression_leaderboard.board.cohorts import Cohort"),
        ("measure", "import torch, time\nfrom compression_leaderboard.plan.jobs import Job"),
        ("cli", "import sys\nfrom compression_leaderboard.measure.text import a\nprint()"),
        ("pages", "from pathlib import PurePosixPath\nfrom urllib.parse import quote"),
    ],
)
def test_a_module_that_keeps_to_its_layer_is_let_through(layer, source):
    assert faults(source, layer) == set()


VAGUE = {"found", "held", "one", "own", "reckoned", "stuff", "wishes"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_local_names_say_what_a_thing_is(path):
    tree = read_tree(path)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    fields = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert (names | fields) & VAGUE == set()


def test_every_error_of_a_job_says_what_to_do():
    passed_on = {"{task.task}: {type(error).__name__}: {error}", "decompressing failed: {error}"}
    messages = {
        ast.unparse(node.args[1])
        for path in MODULES
        for node in ast.walk(read_tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "MeasureError"
        if isinstance(node.args[1], (ast.JoinedStr, ast.Constant))
    }
    assert len(messages) > 20
    assert {text[2:-1] for text in messages if "; " not in text} == passed_on


def test_modules_stay_of_a_size_to_read():
    lengths = {str(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {name for name, length in lengths.items() if length > 500} == set()
    assert len(MODULES) <= 130
