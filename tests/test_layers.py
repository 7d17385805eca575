"""A module imports only from the layers before it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "generator"
BEFORE = {
    "records": set(),
    "files": {"records"},
    "plan": {"records", "files"},
    "measure": {"records", "files", "plan"},
    "tables": {"records", "files", "plan"},
    "fits": {"records", "files", "plan", "tables"},
    "publish": {"records", "files", "plan", "tables", "fits"},
    "cli": {"records", "files", "plan", "measure", "tables", "fits", "publish"},
}
TOUCHES_THE_WORLD = {"os", "subprocess", "shutil", "socket", "tempfile", "time", "sys"}
MEASURE_ONLY = {"torch", "transformers", "lm_eval", "datasets", "huggingface_hub", "gguf"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_come_from_the_layers_before(path):
    layer = layer_of(path)
    if layer == "__init__":
        return
    found = {name.split(".")[1] for name in imports_of(path) if name.startswith("generator.")}
    assert found <= BEFORE[layer] | {layer}, f"{path} imports {found - BEFORE[layer] - {layer}}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_files_measure_and_cli_touch_the_world(path):
    roots = {name.split(".")[0] for name in imports_of(path)}
    layer = layer_of(path)
    if layer not in {"files", "measure", "cli"}:
        assert not roots & TOUCHES_THE_WORLD
    if layer not in {"measure"}:
        assert not roots & MEASURE_ONLY


def test_modules_stay_small():
    long = {p.name: n for p in MODULES if (n := len(p.read_text().splitlines())) > 300}
    assert long == {"cli.py": long["cli.py"]} if "cli.py" in long else not long
