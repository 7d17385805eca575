"""Lay out build/docs and build/theme for mkdocs, run it, and know when nothing has changed."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from generator.files.policy import add_policies
from generator.files.results import write_atomically

INPUTS = ("runs", "results", "site", "mkdocs.yml", "CHANGELOG.md")  # of a build, below the root
COPIES = {"docs": "site/docs", "theme": "site/theme", "docs/records": "results/measured"}
PROGRAM = Path(__file__).parent.parent
PACKAGES = ("mkdocs", "mkdocs-material", "numpy", "pandas", "scipy", "statsmodels")


def hash_inputs(root: Path, commit: str) -> str:
    """What a build depends on: records, pages, this program, its packages, commit and address."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        digest.update(f"{package} {version(package)}\n".encode())
    digest.update(f"{commit} {os.environ.get('SITE_URL', '')}\n".encode())
    for base, names in ((root, INPUTS), (PROGRAM, (".",))):
        for name in names:
            for path in _files(base / name):
                if "__pycache__" not in path.parts and "local" not in path.parts:
                    content = hashlib.sha256(path.read_bytes()).hexdigest()
                    digest.update(f"{path.relative_to(base)} {content}\n".encode())
    return digest.hexdigest()


def _files(place: Path) -> Iterable[Path]:
    if place.is_file():
        return [place]
    return sorted(path for path in place.rglob("*") if path.is_file())


def is_built(root: Path, inputs: str) -> bool:
    """Whether build/html was made from these inputs and is whole."""
    stamp = root / "build" / "html.stamp"
    return stamp.is_file() and stamp.read_text() == f"{inputs} {_outline(root)}"


def mark_built(root: Path, inputs: str) -> None:
    write_atomically(root / "build" / "html.stamp", f"{inputs} {_outline(root)}".encode())


def _outline(root: Path) -> str:
    """Names and sizes of the built files, so that a missing one is noticed."""
    html = root / "build" / "html"
    lines = [f"{path.relative_to(html)} {path.stat().st_size}" for path in _files(html)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def write_site(root: Path, pages: dict[str, bytes]) -> None:
    """Lay out build/docs and build/theme: the generated pages, and copies of site/ and the records.

    Files that are no longer made go.
    """
    build = str(root / "build")
    wanted: dict[str, bytes | Path] = {f"{build}/{name}": made for name, made in pages.items()}
    for target, source in COPIES.items():
        base = str(root / source)
        for path in _files(root / source):
            wanted.setdefault(f"{build}/{target}{str(path).removeprefix(base)}", path)
    there = {str(path) for folder in ("docs", "theme") for path in _files(root / "build" / folder)}
    for name in there - set(wanted):
        os.unlink(name)
    for folder in sorted({os.path.dirname(name) for name in wanted}):
        os.makedirs(folder, exist_ok=True)
    for name, content in wanted.items():
        made = content if isinstance(content, bytes) else content.read_bytes()
        if name not in there or Path(name).read_bytes() != made:
            with open(name, "wb") as file:  # derived: what a crash leaves is written again
                file.write(made)


def build_html(root: Path, commit_date: str) -> None:
    """Run mkdocs over build/docs, then give every page its Content-Security-Policy.

    Its dates come from the commit, so bytes do not change.
    """
    epoch = int(datetime.fromisoformat(commit_date).timestamp())
    environment = {
        **os.environ,
        "SOURCE_DATE_EPOCH": str(epoch),
        "NO_MKDOCS_2_WARNING": "1",
    }
    html = root / "build" / "html"
    shutil.rmtree(html, ignore_errors=True)
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet"]
    subprocess.run([*command, "-f", str(root / "mkdocs.yml")], env=environment, check=True)
    add_policies(html)
