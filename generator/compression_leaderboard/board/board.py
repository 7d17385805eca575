"""Everything that the site and the exports are made from, as one value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property

from compression_leaderboard.board.cohorts import Cohort, make_cohorts
from compression_leaderboard.board.comparisons import Comparison, compare_models
from compression_leaderboard.board.imported import Conflict, find_conflicts
from compression_leaderboard.board.measured import current_results
from compression_leaderboard.board.text_amounts import Amount, Cost, scoring_costs, text_amounts
from compression_leaderboard.fits.predict import Calibration, calibrate
from compression_leaderboard.fits.study import Evidence, weigh_evidence
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.contents import Contents
from compression_leaderboard.repository.git import Commit
from compression_leaderboard.repository.imported import StoredImport
from compression_leaderboard.repository.processes import Start, when_asked
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs


@dataclass(frozen=True)
class Board:
    """Records, what was derived from them, and the commit that they stand in."""

    specs: Specs
    stored: Sequence[StoredResult]
    cohorts: Sequence[Cohort]
    evidence: Mapping[str, Evidence]  # by name of the cohort
    comparisons: Sequence[Comparison]
    imported: Sequence[StoredImport]
    conflicts: Sequence[Conflict]
    calibration: Calibration  # of the ledger of predictions
    commit: str  # "unknown" outside of a repository
    commit_date: str  # ISO 8601; outside of a repository when the newest record was begun

    @cached_property
    def current(self) -> list[StoredResult]:
        """The records that count, of models that have a file, under today's protocols."""
        known = current_results(self.specs, self.stored)
        return [entry for entry in known if entry.result.model in self.specs.models]

    @cached_property
    def texts(self) -> list[StoredResult]:
        return [entry for entry in self.current if entry.result.lossless is not None]

    @cached_property
    def suites(self) -> list[StoredResult]:
        return [entry for entry in self.current if entry.result.kind == "suite"]

    @cached_property
    def amounts(self) -> list[Amount]:
        """How well bits per byte are known from part of a text."""
        return text_amounts(self.specs, self.stored)

    @cached_property
    def costs(self) -> list[Cost]:
        """Seconds of every text beside those of every suite."""
        return scoring_costs(self.specs, self.stored)

    def is_final(self, result: Result) -> bool:
        """Whether it is of a model's final weights, not of a checkpoint."""
        return self.specs.models[result.model].weights.revision == result.revision


def derive_board(contents: Contents, commit: Commit, start: Start = when_asked) -> Board:
    """Tables, fits and comparisons of what was read.

    start: begins to compare models while cohorts are made; `files/processes.py: start_beside`.
    """
    specs, stored = contents.specs, contents.stored
    comparing = start(lambda: compare_models(specs, stored))
    cohorts = make_cohorts(specs, stored, contents.published)
    comparisons = comparing()
    return Board(
        specs=specs,
        stored=stored,
        cohorts=cohorts,
        evidence={cohort.name: weigh_evidence(cohort) for cohort in cohorts},
        comparisons=comparisons,
        imported=contents.imported,
        conflicts=find_conflicts(entry.imported for entry in contents.imported),
        calibration=calibrate(contents.ledger, cohorts),
        commit=commit.id,
        commit_date=_date(commit, stored),
    )


def _date(commit: Commit, stored: Sequence[StoredResult]) -> str:
    """What the figures are as of."""
    if commit.id != "unknown" or not stored:
        return commit.date
    return max(entry.result.started for entry in stored).astimezone(UTC).isoformat()


def record_of(entry: StoredResult) -> str:
    """The record's path below records/ on the site (its own `file` would hash it once more)."""
    return entry.file.split("/", 2)[2]
