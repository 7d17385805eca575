"""The board: records and everything derived from them but the fits, as one value, and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from compression_leaderboard.board.cohorts import Cohort, compressor_rates, make_cohorts
from compression_leaderboard.board.comparisons import (
    Amount,
    ClassComparison,
    Comparison,
    Cost,
    compare_by_class,
    compare_models,
    scoring_costs,
    text_amounts,
)
from compression_leaderboard.board.derived import (
    CompressorRate,
    DerivedResult,
    current_results,
    is_final,
)
from compression_leaderboard.board.figures import Figure, Key, Row
from compression_leaderboard.board.imported import Conflict, find_conflicts
from compression_leaderboard.board.measured import CheckpointFigure, make_trajectories
from compression_leaderboard.intervals import LEVEL, Interval
from compression_leaderboard.plan.rechecks import mark_remeasured
from compression_leaderboard.records.base import Problem
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.contents import Contents
from compression_leaderboard.repository.git import Commit
from compression_leaderboard.repository.results import StoredImport
from compression_leaderboard.repository.specs import Specs

if TYPE_CHECKING:
    import pandas as pd


COLUMNS = (
    "value",
    "low",
    "high",
    "level",
    "stderr",
    "n",
    "unit",
    "provenance",
    "source",
    "measured_by",
)


@dataclass(frozen=True)
class Board:
    """Cohorts of models with their figures, and the commit that they come from."""

    cohorts: Sequence[Cohort]
    commit: str  # "unknown" outside of a repository
    commit_date: str  # ISO 8601; outside of a repository when the newest record was begun

    def cohort(self, name: str) -> Cohort:
        """Return the cohort of this name. Raises KeyError with the names that there are."""
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

        identity = ("model", "family", "parameters", "dtype")
        return pd.DataFrame(
            [
                {"cohort": cohort.name}
                | {name: getattr(row, name) for name in identity}
                | figure.key._asdict()
                | {name: getattr(figure, name) for name in COLUMNS}
                for cohort, row, figure in self.figures()
            ]
        )


@dataclass(frozen=True)
class RecordBoard(Board):
    """A board with the records that it was derived from."""

    specs: Specs
    stored: Sequence[DerivedResult]
    current: Sequence[DerivedResult]  # those that count, of models that have a file
    compressors: Sequence[CompressorRate]
    comparisons: Sequence[Comparison]
    imported: Sequence[StoredImport]
    conflicts: Sequence[Conflict]
    unread: Sequence[Problem]  # of files that are left out

    @cached_property
    def texts(self) -> list[DerivedResult]:
        return [entry for entry in self.current if entry.result.lossless is not None]

    @cached_property
    def class_comparisons(self) -> list[ClassComparison]:
        """Compare models by class of bytes."""
        return compare_by_class(self.specs, self.current)

    @cached_property
    def amounts(self) -> list[Amount]:
        """How well bits per byte are known from part of a text."""
        return text_amounts(self.specs, self.current)

    @cached_property
    def costs(self) -> list[Cost]:
        """Seconds of every text beside those of every suite."""
        return scoring_costs(self.specs, self.current)

    @cached_property
    def trajectories(self) -> list[CheckpointFigure]:
        """Figures of checkpoints over training."""
        return make_trajectories(self.specs, self.current)

    def is_final(self, result: Result) -> bool:
        """Whether it is of a model's final weights, not of a checkpoint."""
        return is_final(result, self.specs)


def make_board(contents: Contents, commit: Commit) -> RecordBoard:
    """Derive tables and comparisons from what was read."""
    specs, rechecks = contents.specs, contents.rechecks
    stored = [DerivedResult.of(entry) for entry in mark_remeasured(contents.stored, rechecks)]
    counting = current_results(specs, stored)
    current = [entry for entry in counting if entry.result.model in specs.models]
    date = commit.date
    if commit.id == "unknown" and stored:
        date = max(entry.result.started for entry in stored).astimezone(UTC).isoformat()
    return RecordBoard(
        specs=specs,
        stored=stored,
        current=current,
        cohorts=tuple(make_cohorts(specs, counting, contents.published)),
        compressors=compressor_rates(counting),
        comparisons=compare_models(specs, current),
        imported=contents.imported,
        conflicts=find_conflicts(entry.imported for entry in contents.imported),
        unread=contents.unread,
        commit=commit.id,
        commit_date=date,
    )


def cohorts_to_json(cohorts: Sequence[Cohort]) -> list[dict[str, Any]]:
    """Turn cohorts into what a site publishes as api/v1/board.json, without loss.

    Classical compressors are left out: they are in no fit, and compressors.csv has them.
    """
    others: dict[str, Any] = {"compressors": True, "rows": {"__all__": {"figures"}}}
    adapter = TypeAdapter(Cohort)
    contents = [adapter.dump_python(cohort, exclude=others) for cohort in cohorts]
    for cohort, content in zip(cohorts, contents, strict=True):
        content["mixtures"] = sorted(cohort.mixtures)
        for row, cells in zip(cohort.rows, content["rows"], strict=True):
            figures = row.figures.values()
            cells["figures"] = [
                {name: getattr(f, name) for name in ("key", *COLUMNS)} for f in figures
            ]
    return contents


def cohorts_from_json(contents: Sequence[Mapping[str, Any]]) -> tuple[Cohort, ...]:
    """Read what `cohorts_to_json` made. Raises ValueError, KeyError or TypeError for others."""
    cohorts = []
    for content in contents:
        rows = []
        for cells in content["rows"]:
            figures = [_figure(**figure) for figure in cells["figures"]]
            rows.append({**cells, "figures": {figure.key: figure for figure in figures}})
        cohorts.append({**content, "rows": rows})
    return TypeAdapter(tuple[Cohort, ...]).validate_python(cohorts)


def _figure(key: Any, low: float | None, high: float | None, level: object, **plain: Any) -> Figure:
    if level not in (None, LEVEL):
        raise ValueError(f"an interval at {level}, not at {LEVEL}")
    interval = None if low is None or high is None else Interval(low, high)
    return Figure(key=Key(*key), interval=interval, **plain)
