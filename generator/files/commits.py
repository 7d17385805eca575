"""What runs/ and results/ were in a commit, read through git, and where a release stands."""

import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from generator.files.results import write_atomically
from generator.records.base import Problem, UserError

FOLDERS = ("runs", "results/measured", "results/published", "results/imported")


@dataclass(frozen=True)
class Commit:
    """A commit and its date (ISO 8601)."""

    id: str
    date: str


def read_commit(root: Path, reference: str) -> Commit:
    """The commit that a tag, branch or id means, in the repository at `root`."""
    command = ["log", "-1", "--format=%H %cI", "--end-of-options", reference, "--"]
    found = _git(root, *command)
    if found is None or not found.strip():
        repair = "give a commit or tag of this repository, or the folder of a release"
        raise UserError([Problem(reference, "", "is neither a commit nor a folder", repair)])
    commit, date = found.decode().split()
    return Commit(commit, date)


def latest_release(root: Path, before: str) -> str | None:
    """The latest tag of a release that the commit's parents hold; None where there is none."""
    command = ["describe", "--tags", "--abbrev=0", "--match", "data-*", f"{before}^"]
    found = _git(root, *command)
    return found.decode().strip() if found else None


@contextmanager
def checked_out(root: Path, commit: str) -> Iterator[Path]:
    """A temporary folder that holds runs/ and results/ as they were in the commit."""
    names = _git(root, "ls-tree", "-r", "--name-only", commit, "--", *FOLDERS)
    listed = [n for n in FOLDERS if names and f"\n{n}/" in "\n" + names.decode()]
    with tempfile.TemporaryDirectory(prefix="leaderboard-") as folder:
        if listed:
            archive = _git(root, "archive", "--format=tar", commit, "--", *listed)
            assert archive is not None  # the commit and its folders were just listed
            with tarfile.TarFile(fileobj=BytesIO(archive)) as files:
                files.extractall(folder, filter="data")
        yield Path(folder)


def read_sources(folder: Path) -> dict[str, bytes]:
    """The files of runs/ and results/ below a folder, by path."""
    paths = [path for name in FOLDERS for path in sorted((folder / name).rglob("*"))]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths if p.is_file()}


def write_release(folder: Path, files: dict[str, bytes], archive: bytes) -> bool:
    """Write a release and its archive; whether it is new. One that is there stays as it is."""
    packed = folder.with_name(f"{folder.name}.tar.gz")
    if folder.exists() or packed.exists():
        same = packed.is_file() and packed.read_bytes() == archive
        if not same or any((folder / p).read_bytes() != c for p, c in files.items()):
            wrong = "is there already, with other content"
            repair = "releases never change: commit and release on another day, or move it away"
            raise UserError([Problem(str(folder), "", wrong, repair)])
        return False
    for path, content in files.items():
        write_atomically(folder / path, content)
    write_atomically(packed, archive)
    return True


def _git(root: Path, *arguments: str) -> bytes | None:
    """What git prints; None where it refuses."""
    command = ["git", "-C", str(root), *arguments]
    found = subprocess.run(command, capture_output=True, check=False)
    return found.stdout if found.returncode == 0 else None
