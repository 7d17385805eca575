"""The exports of a repository in a folder, as tests want them."""

from pathlib import Path

from generator.export.board import Board
from generator.files.published import read_published
from generator.files.results import read_results
from generator.files.specs import read_specs
from generator.fits.evidence import weigh_evidence
from generator.tables.cohorts import make_cohorts
from generator.tables.comparisons import compare_models

COMMIT = "0123456789abcdef0123456789abcdef01234567"
COMMIT_DATE = "2026-01-02T03:04:05+00:00"


def read_board(root: Path) -> Board:
    """The board of a repository, which must be without problems."""
    specs, problems = read_specs(root)
    stored, faults = read_results(root, "measured")
    published, more = read_published(root)
    assert (problems, faults, more) == ([], [], [])
    cohorts = make_cohorts(specs, stored, published)
    evidence = {cohort.name: weigh_evidence(cohort) for cohort in cohorts}
    comparisons = compare_models(specs, stored)
    return Board(specs, stored, cohorts, evidence, comparisons, COMMIT, COMMIT_DATE)


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
