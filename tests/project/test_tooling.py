"""The lock, the tools and git's attributes agree with pyproject.toml and with each other."""

import re
import subprocess
import tomllib

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = (ROOT / "requirements" / "lock.txt").read_text("utf-8")
LOCKED = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", LOCK, re.MULTILINE))


def declared() -> list[Requirement]:
    """Every requirement of the package, its extras and its groups."""
    project, groups = PYPROJECT["project"], PYPROJECT["dependency-groups"]
    lists = [project["dependencies"], *project["optional-dependencies"].values(), *groups.values()]
    return [Requirement(line) for lines in lists for line in lines if isinstance(line, str)]


def test_the_lock_has_every_requirement_in_a_version_that_satisfies_it():
    names = {canonicalize_name(name): version for name, version in LOCKED.items()}
    wanted = [one for one in declared() if one.name != "torch"]
    assert len(wanted) > 40
    assert [
        str(one)
        for one in wanted
        if not one.specifier.contains(names.get(canonicalize_name(one.name), "0"), prereleases=True)
    ] == []


def test_every_locked_package_has_a_hash():
    blocks = re.split(r"\n(?=[\w.-]+==)", LOCK.strip())
    assert len(blocks) > 150
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_torch_is_locked_apart_and_brings_no_cuda():
    assert [name for name in LOCKED if re.search(r"nvidia|cuda|triton|^torch$", name)] == []
    (torch,) = [one for one in declared() if one.name == "torch"]
    lines = (ROOT / "requirements" / "torch.txt").read_text("utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == [str(torch)]
    (metadata,) = PYPROJECT["tool"]["uv"]["dependency-metadata"]
    assert torch.specifier.contains(metadata["version"])


def test_what_develops_the_package_is_no_extra_that_users_can_install():
    assert set(PYPROJECT["project"]["optional-dependencies"]) == {"measure", "ray"}
    assert set(PYPROJECT["dependency-groups"]) == {"test", "lint", "dev"}


def test_tests_have_three_marks():
    marks = PYPROJECT["tool"]["pytest"]["ini_options"]["markers"]
    assert [mark.partition(":")[0] for mark in marks] == ["slow", "browser", "benchmark"]


def test_git_never_changes_the_bytes_of_records():
    paths = subprocess.run(
        ["git", "ls-files", "results", "runs"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    shown = subprocess.run(
        ["git", "check-attr", "--stdin", "text"],
        input="\n".join(paths), cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert len(paths) > 100
    assert {line.rpartition(": ")[2] for line in shown.splitlines()} == {"unset"}


def test_hooks_run_the_tools_of_the_lock():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    entries = [hook["entry"] for repo in hooks["repos"] for hook in repo["hooks"]]
    assert all(entry.startswith(".venv/bin/") for entry in entries)
