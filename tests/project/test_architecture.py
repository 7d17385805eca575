"""docs/architecture.md and the README draw the code as it is."""

import re
from collections import defaultdict

import pytest

from tests import ROOT
from tests.project.test_layers import MODULES, NAME, OUTER, PACKAGE, imports_of, layer_of, read_tree

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.*?) \|$", re.MULTILINE)


def drawn() -> dict[str, set[str]]:
    """Each package of the table with those that it is said to import from."""
    return {
        name: set(re.findall(r"`(\w+)`", imports)) for name, _, imports in ROW.findall(ARCHITECTURE)
    }


def imported() -> dict[str, set[str]]:
    """Each package with those that it imports from."""
    layers: dict[str, set[str]] = defaultdict(set)
    for path in MODULES:
        names = (name.split(".") for name in imports_of(read_tree(path)))
        used = {parts[1] for parts in names if parts[0] == NAME}
        layers[layer_of(path)] |= used & {layer_of(other) for other in MODULES}
    return {layer: used - {layer} for layer, used in layers.items()}


def test_the_table_of_packages_has_every_import_and_no_other():
    assert drawn() == imported()


def test_each_package_of_the_table_imports_only_from_those_above():
    above: set[str] = set()
    for name, imports in drawn().items():
        assert imports <= above, name
        above.add(name)


def test_the_packages_that_are_one_module_are_named():
    sentence = re.search(r"([^.]+) are single modules\.", ARCHITECTURE)[1]
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert set(re.findall(r"`(\w+)`", sentence)) == modules


def test_the_packages_that_touch_the_world_are_named():
    sentence = re.search(r"^Only (.+) touch the disk", ARCHITECTURE, re.MULTILINE)[1]
    assert set(re.findall(r"`(\w+)`", sentence)) == OUTER


def test_every_path_of_the_text_exists():
    paths = set(re.findall(r"`((?:[\w-]+/)+[\w.-]*)`", ARCHITECTURE))
    roots = (ROOT, PACKAGE)
    assert len(paths) > 15
    assert [path for path in paths if not any((root / path).exists() for root in roots)] == []


@pytest.mark.parametrize("name", ["runs", "results", "generator", "site", "tests", "examples"])
def test_the_tree_of_the_readme_has_each_folder(name):
    tree = re.search(r"```text\n(.*?)```", README, re.DOTALL)[1]
    assert re.search(rf"^{name}/ +\S", tree, re.MULTILINE)
    assert (ROOT / name).is_dir()


def test_the_first_screen_of_the_readme_leads_to_the_architecture():
    assert "(docs/architecture.md)" in "\n".join(README.splitlines()[:40])
