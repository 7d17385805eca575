"""Lay out build/docs and build/theme for mkdocs, and run it."""

import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from generator.files.results import write_atomically


def write_site(root: Path, pages: dict[str, bytes]) -> None:
    """Copy site/ and write the generated files into build/; files that are no longer made go."""
    build = root / "build"
    wanted = dict(pages)
    for folder in ("docs", "theme"):
        source = root / "site" / folder
        for path in sorted(source.rglob("*")):
            if path.is_file():
                relative = f"{folder}/{path.relative_to(source).as_posix()}"
                wanted.setdefault(relative, path.read_bytes())
    for folder in ("docs", "theme"):
        for path in (build / folder).rglob("*"):
            if path.is_file() and path.relative_to(build).as_posix() not in wanted:
                path.unlink()
    for relative, content in sorted(wanted.items()):
        target = build / relative
        if not target.is_file() or target.read_bytes() != content:
            write_atomically(target, content)


def build_html(root: Path, commit_date: str) -> None:
    """Run mkdocs over build/docs. Its dates come from the commit, so bytes do not change."""
    epoch = int(datetime.fromisoformat(commit_date).timestamp())
    environment = {
        **os.environ,
        "SOURCE_DATE_EPOCH": str(epoch),
        "NO_MKDOCS_2_WARNING": "1",
    }
    shutil.rmtree(root / "build" / "html", ignore_errors=True)
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet"]
    subprocess.run([*command, "-f", str(root / "mkdocs.yml")], env=environment, check=True)
