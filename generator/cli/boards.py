"""The board of a folder or of a commit, for the commands that export or compare."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from generator.export.board import Board, derive_board
from generator.files.commits import Commit, checked_out, read_commit
from generator.files.contents import read_contents


def read_board(folder: Path, commit: Commit) -> Board:
    """What the records of a folder say. Files with problems are left out and counted on stderr:
    an older commit may hold records of a format that is no longer read."""
    contents, problems = read_contents(folder)
    if left_out := {problem.file for problem in problems}:
        print(f"{commit.id[:12]}: {len(left_out)} files cannot be read", file=sys.stderr)
    return derive_board(contents, commit)


@contextmanager
def board_folder(root: Path, reference: str) -> Iterator[tuple[Path, Commit]]:
    """A folder with runs/ and results/: a release's own, or a commit's in a temporary one."""
    release = Path(reference)
    if (release / "results").is_dir():
        yield release, Commit(release.name, "1970-01-01T00:00:00+00:00")
        return
    commit = read_commit(root, reference)
    with checked_out(root, commit.id) as folder:
        yield folder, commit
