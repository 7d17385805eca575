"""The board of a folder or of a commit, for the commands that export or compare."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from generator.export.board import Board
from generator.files.commits import Commit, checked_out, read_commit
from generator.files.imported import read_imported
from generator.files.published import read_published
from generator.files.results import read_results
from generator.files.specs import read_specs
from generator.fits.evidence import weigh_evidence
from generator.tables.cohorts import make_cohorts
from generator.tables.comparisons import compare_models
from generator.tables.conflicts import find_conflicts


def read_board(folder: Path, commit: Commit) -> Board:
    """What the records of a folder say. Files with problems are left out and counted on stderr:
    an older commit may hold records of a format that is no longer read."""
    specs, problems = read_specs(folder)
    stored, faults = read_results(folder, "measured")
    published, more = read_published(folder)
    imported, wrong = read_imported(folder)
    if left_out := {problem.file for problem in (*problems, *faults, *more, *wrong)}:
        print(f"{commit.id[:12]}: {len(left_out)} files cannot be read", file=sys.stderr)
    cohorts = make_cohorts(specs, stored, published)
    evidence = {cohort.name: weigh_evidence(cohort) for cohort in cohorts}
    comparisons = compare_models(specs, stored)
    conflicts = find_conflicts(entry.imported for entry in imported)
    return Board(
        specs, stored, cohorts, evidence, comparisons, commit.id, commit.date, imported, conflicts
    )


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
