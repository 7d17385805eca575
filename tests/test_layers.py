"""A module imports only from packages before its own, and only four packages touch the world."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "generator"
PACKAGE = "compression_leaderboard"
# What each package may import, in import order; docs/architecture.md draws the same.
BEFORE = {
    "records": set(),
    "intervals": set(),
    "repository": {"records"},
    "plan": {"records", "repository"},
    "own_text": {"records", "intervals"},
    "measure": {"records", "intervals", "repository", "plan", "own_text"},
    "board": {"records", "intervals", "repository", "plan"},
    "fits": {"records", "intervals", "repository", "board"},
    "choose": {"records", "intervals", "board"},
    "exchange": {"records", "intervals", "repository", "board", "fits"},
    "exports": {"records", "intervals", "repository", "plan", "board", "fits", "exchange"},
    "operations": {"records", "intervals", "repository", "plan", "board"},
    "gate": {"records", "repository", "plan"},
    "pages": {
        "records",
        "intervals",
        "repository",
        "plan",
        "own_text",
        "board",
        "fits",
        "choose",
        "exports",
        "operations",
    },
    "cli": {
        "records",
        "intervals",
        "repository",
        "plan",
        "own_text",
        "measure",
        "board",
        "fits",
        "choose",
        "exchange",
        "exports",
        "operations",
        "gate",
        "pages",
    },
}
BUILD = {"board", "fits", "choose", "exchange", "exports", "pages"}
OUTER = {"own_text", "repository", "measure", "cli"}  # disk, clock, network and terminal
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
MODULES = sorted((ROOT / PACKAGE).rglob("*.py"))


def name_of(path: Path) -> str:
    """The dotted name that the module is imported by."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def package_of(module: str) -> str:
    """The package below compression_leaderboard; "" for compression_leaderboard itself."""
    return module.partition(".")[2].partition(".")[0]


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


def faults(source: str, package: str) -> set[str]:
    """What a module of `package` imports or calls that it may not."""
    tree = ast.parse(source)
    messages = set()
    for name in imports_of(tree):
        if name.startswith("."):
            messages.add(f"{name}: imports are absolute")
        elif begins_with(name, {PACKAGE}):
            imported = package_of(name)
            if imported in BEFORE and imported not in BEFORE[package] | {package}:
                messages.add(f"{name}: a later package")
        elif begins_with(name, {"generator"}):
            messages.add(f"{name}: generator is a folder, no package")
        elif begins_with(name, WORLD_MODULES) and package not in OUTER:
            messages.add(f"{name}: touches the world")
        elif begins_with(name, MEASURING) and package != "measure":
            messages.add(f"{name}: belongs to measure")
    if package not in OUTER:
        messages |= {f"{name}(): touches the world" for name in set(calls_of(tree)) & WORLD_CALLS}
    return messages


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT / PACKAGE)))
def test_a_module_keeps_to_its_package(path):
    if package := package_of(name_of(path)):
        assert faults(path.read_text("utf-8"), package) == set()
    else:
        assert list(imports_of(ast.parse(path.read_text("utf-8")))) == []


def test_every_package_is_in_the_map():
    assert {package_of(name_of(path)) for path in MODULES} == {*BEFORE, ""}


def test_the_map_lists_packages_in_import_order():
    order = list(BEFORE)
    assert all(before <= set(order[:place]) for place, before in enumerate(BEFORE.values()))


def test_measure_and_the_build_side_never_import_each_other():
    assert not BEFORE["measure"] & BUILD
    assert [package for package, before in BEFORE.items() if "measure" in before] == ["cli"]


@cache
def module_imports() -> dict[str, set[str]]:
    """For each module of the package, the modules of the package that it imports."""
    names = {name_of(path) for path in MODULES}
    return {
        name_of(path): {
            name if name in names else name.rpartition(".")[0]
            for name in imports_of(ast.parse(path.read_text("utf-8")))
            if begins_with(name, {PACKAGE})
        }
        - {name_of(path)}
        for path in MODULES
    }


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Nodes that import each other in a circle; none where imports have an order."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_modules_import_each_other_in_no_cycle():
    assert cycle(module_imports()) == []


def test_packages_import_each_other_in_no_cycle():
    """By what they do import, whatever the map permits."""
    graph: dict[str, set[str]] = {}
    for module, imported in module_imports().items():
        graph.setdefault(package_of(module), set()).update(map(package_of, imported))
    assert cycle({name: others - {name} for name, others in graph.items()}) == []


def test_a_cycle_is_found():
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) != []
    assert cycle({"a": {"b", "c"}, "b": {"c"}}) == []


@pytest.mark.parametrize(
    ("package", "source", "fault"),
    [
        (
            "records",
            "from compression_leaderboard.repository.specs import Specs",
            "a later package",
        ),
        ("repository", "import compression_leaderboard.plan", "a later package"),
        ("plan", "from compression_leaderboard import measure", "a later package"),
        ("measure", "from compression_leaderboard.board.cohorts import Cohort", "a later package"),
        (
            "fits",
            "def f():\n    import compression_leaderboard.measure.run",
            "a later package",
        ),
        ("board", "from compression_leaderboard.pages import text", "a later package"),
        ("exports", "from compression_leaderboard.pages import text", "a later package"),
        ("gate", "from compression_leaderboard.board.imported import x", "a later package"),
        ("gate", "from pathlib import Path\nPath('x').read_bytes()", "touches the world"),
        ("pages", "import torch.nn", "belongs to measure"),
        ("cli", "from transformers import AutoModel", "belongs to measure"),
        ("board", "from os import path", "touches the world"),
        ("fits", "import importlib", "touches the world"),
        ("pages", "from datetime import datetime\ndatetime.now()", "touches the world"),
        ("plan", "from pathlib import Path\nPath('x').write_text('y')", "touches the world"),
        ("records", "open('x')", "touches the world"),
        ("pages", "from . import text", "imports are absolute"),
        ("cli", "import generator", "generator is a folder, no package"),
        ("cli", "from generator.cli import app", "generator is a folder, no package"),
    ],
)
def test_a_module_that_breaks_its_package_is_caught(package, source, fault):
    (message,) = faults(source, package)
    assert message.endswith(f": {fault}")


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("fits", "import numpy\nfrom compression_leaderboard.board.cohorts import Cohort"),
        ("measure", "import torch, time\nfrom compression_leaderboard.plan import Job"),
        ("cli", "import sys\nfrom compression_leaderboard.measure.run import measure\nprint()"),
        ("pages", "from pathlib import PurePosixPath\nfrom urllib.parse import quote"),
        ("exports", "from compression_leaderboard import TITLE"),
    ],
)
def test_a_module_that_keeps_to_its_package_is_let_through(package, source):
    assert faults(source, package) == set()


@pytest.mark.parametrize("folder", ["generator", "tests", "examples"])
def test_nothing_imports_generator(folder):
    """The source root is on the path; imported as a package its modules would exist twice."""
    paths = (ROOT.parent / folder).rglob("*.py")
    trees = {path: ast.parse(path.read_text("utf-8")) for path in paths}
    importing = [
        path
        for path, tree in trees.items()
        if any(begins_with(name, {"generator"}) for name in imports_of(tree))
    ]
    assert importing == []


def test_modules_stay_small():
    """One of more than 400 lines does two things."""
    lengths = {str(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {name for name, length in lengths.items() if length > 400} == set()
