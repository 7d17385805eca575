"""The exports of a repository in a folder, as tests want them."""

from pathlib import Path

import pandas as pd

from generator.export.board import Board
from generator.files.imported import read_imported
from generator.files.published import read_published
from generator.files.results import read_results
from generator.files.specs import read_specs
from generator.fits.evidence import weigh_evidence
from generator.tables.cohorts import make_cohorts
from generator.tables.comparisons import compare_models
from generator.tables.conflicts import find_conflicts

COMMIT = "0123456789abcdef0123456789abcdef01234567"
COMMIT_DATE = "2026-01-02T03:04:05+00:00"

# Of the miniature's published model that has no score, as generator/fits writes it.
PREDICTIONS = pd.DataFrame(
    {
        "cohort": ["paper", "paper"],
        "model": ["team0/unknown", "team0/unknown"],
        "benchmark": ["quiz", "score"],
        "prediction": [0.41, 0.41],
        "low80": [0.36, 0.36],
        "high80": [0.46, 0.46],
        "low95": [0.33, 0.33],
        "high95": [0.49, 0.49],
        "form": ["line", "line"],
        "predictors": ["average", "average"],
        "extrapolation": [False, False],
    }
)


def read_board(root: Path) -> Board:
    """The board of a repository, which must be without problems."""
    specs, problems = read_specs(root)
    stored, faults = read_results(root, "measured")
    published, more = read_published(root)
    assert (problems, faults, more) == ([], [], [])
    cohorts = make_cohorts(specs, stored, published)
    evidence = {cohort.name: weigh_evidence(cohort) for cohort in cohorts}
    comparisons = compare_models(specs, stored)
    imported, wrong = read_imported(root)
    assert wrong == []
    conflicts = find_conflicts(entry.imported for entry in imported)
    return Board(
        specs, stored, cohorts, evidence, comparisons, COMMIT, COMMIT_DATE, imported, conflicts
    )


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
