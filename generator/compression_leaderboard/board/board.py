"""The board: records and everything derived from them but the fits, as one value."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import TYPE_CHECKING

from compression_leaderboard.board.cohorts import Cohort, make_cohorts
from compression_leaderboard.board.comparisons import Comparison, compare_models
from compression_leaderboard.board.current import current_results, is_final
from compression_leaderboard.board.figures import Figure, Row
from compression_leaderboard.board.imported import Conflict, find_conflicts
from compression_leaderboard.board.text_amounts import Amount, Cost, scoring_costs, text_amounts
from compression_leaderboard.board.trajectories import CheckpointFigure, make_trajectories
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.contents import Contents
from compression_leaderboard.repository.git import Commit
from compression_leaderboard.repository.results import StoredImport, StoredResult
from compression_leaderboard.repository.specs import Specs

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Board:
    """Cohorts of models with their figures, and the commit that they come from."""

    cohorts: Sequence[Cohort]
    commit: str  # "unknown" outside of a repository
    commit_date: str  # ISO 8601; outside of a repository when the newest record was begun

    def cohort(self, name: str) -> Cohort:
        """The cohort of this name. Raises KeyError with the names that there are."""
        for cohort in self.cohorts:
            if cohort.name == name:
                return cohort
        names = ", ".join(cohort.name for cohort in self.cohorts)
        raise KeyError(f'no cohort "{name}"; choose from {names}')

    def figures(self) -> Iterator[tuple[Cohort, Row, Figure]]:
        """Every figure with the cohort and the row that it belongs to, in order."""
        for cohort in self.cohorts:
            for row in cohort.rows:
                for figure in row.figures.values():
                    yield cohort, row, figure

    def to_pandas(self) -> "pd.DataFrame":
        """One row per figure: cohort, model, dtype, quantity, name, value, interval and source."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "cohort": cohort.name,
                    "model": row.model,
                    "family": row.family,
                    "parameters": row.parameters,
                    "dtype": row.dtype,
                    "quantity": figure.key.quantity,
                    "name": figure.key.name,
                    "protocol": figure.key.protocol,
                    "value": figure.value,
                    "low": figure.low,
                    "high": figure.high,
                    "level": figure.level,
                    "stderr": figure.stderr,
                    "n": figure.n,
                    "unit": figure.unit,
                    "provenance": figure.provenance,
                    "source": figure.source,
                }
                for cohort, row, figure in self.figures()
            ]
        )


@dataclass(frozen=True)
class RecordBoard(Board):
    """A board with the records that it was derived from."""

    specs: Specs
    stored: Sequence[StoredResult]
    comparisons: Sequence[Comparison]
    imported: Sequence[StoredImport]
    conflicts: Sequence[Conflict]

    @cached_property
    def current(self) -> list[StoredResult]:
        """The records that count, of models that have a file, under today's protocols."""
        current = current_results(self.specs, self.stored)
        return [entry for entry in current if entry.result.model in self.specs.models]

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

    @cached_property
    def trajectories(self) -> list[CheckpointFigure]:
        """Figures of checkpoints over training."""
        return make_trajectories(self.specs, self.stored)

    def is_final(self, result: Result) -> bool:
        """Whether it is of a model's final weights, not of a checkpoint."""
        return is_final(result, self.specs)


def make_board(contents: Contents, commit: Commit) -> RecordBoard:
    """Derive tables and comparisons from what was read."""
    specs, stored = contents.specs, contents.stored
    return RecordBoard(
        specs=specs,
        stored=stored,
        cohorts=make_cohorts(specs, stored, contents.published),
        comparisons=compare_models(specs, stored),
        imported=contents.imported,
        conflicts=find_conflicts(entry.imported for entry in contents.imported),
        commit=commit.id,
        commit_date=_date(commit, stored),
    )


def _date(commit: Commit, stored: Sequence[StoredResult]) -> str:
    """What the figures are as of."""
    if commit.id != "unknown" or not stored:
        return commit.date
    return max(entry.result.started for entry in stored).astimezone(UTC).isoformat()
