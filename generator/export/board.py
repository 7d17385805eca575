"""Everything that the exports are made from, as one value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from generator.files.imported import StoredImport
from generator.files.results import StoredResult
from generator.files.specs import Specs
from generator.fits.evidence import Evidence
from generator.records.results import Result
from generator.tables.cohorts import Cohort
from generator.tables.comparisons import Comparison
from generator.tables.conflicts import Conflict
from generator.tables.measured import current_results


@dataclass(frozen=True)
class Board:
    """Records, what was derived from them, and the commit that they stand in."""

    specs: Specs
    stored: Sequence[StoredResult]
    cohorts: Sequence[Cohort]
    evidence: Mapping[str, Evidence]
    comparisons: Sequence[Comparison]
    commit: str  # "unknown" outside of a repository
    commit_date: str  # ISO 8601
    imported: Sequence[StoredImport] = ()
    conflicts: Sequence[Conflict] = ()
    # What generator/fits makes: predictions, fits, correlations and residuals, by name.
    fitted: Mapping[str, pd.DataFrame] = field(default_factory=dict)

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

    def is_final(self, result: Result) -> bool:
        """Whether it is of a model's final weights, not of a checkpoint."""
        return self.specs.models[result.model].weights.revision == result.revision


def record_of(entry: StoredResult) -> str:
    """The record's path below records/ on the site (its own `file` would hash it once more)."""
    return entry.file.split("/", 2)[2]
