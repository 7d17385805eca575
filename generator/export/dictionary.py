"""The data dictionary: every table and every column, once, for all formats and pages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from generator.export.board_tables import LEADERBOARD, MODELS, SCORES
from generator.export.fields import (
    INFORMATION,
    Direction,
    Field,
    Origin,
    Table,
    figure,
)
from generator.export.fit_tables import CORRELATIONS, FITS, PREDICTIONS, RESIDUALS
from generator.export.imported_table import IMPORTED
from generator.export.measured_tables import (
    COMPARISONS,
    COMPRESSION,
    COMPRESSION_DOCUMENTS,
    COMPRESSORS,
    COSTS,
    INFORMATION_PLANE,
    PREFERENCE_LAYERS,
    PREFERENCES,
    TEXT_AMOUNTS,
    TRAJECTORIES,
)
from generator.tables.cohorts import Cohort, Column

GROUPS: dict[str, tuple[str, str, Origin]] = {
    "compression": ("see unit", "cost of the text {}", "record"),
    "optimality": ("ratio", "expressivity / complexity on the text {}", "derived"),
    "preference": (INFORMATION, "preference information of the pairs {}", "derived"),
    "score": ("fraction", "score on the benchmark {}", "record"),
}
ENDS = {
    "": "{}",
    "low95": "lower end of the 95 % document bootstrap: {}",
    "high95": "upper end of the 95 % document bootstrap: {}",
    "stderr": "standard error, where known: {}",
}
FIXED = (
    MODELS,
    SCORES,
    COMPRESSION,
    COMPRESSION_DOCUMENTS,
    COMPRESSORS,
    COMPARISONS,
    TEXT_AMOUNTS,
    COSTS,
    INFORMATION_PLANE,
    PREFERENCES,
    PREFERENCE_LAYERS,
    TRAJECTORIES,
    PREDICTIONS,
    FITS,
    CORRELATIONS,
    RESIDUALS,
    IMPORTED,
)


@dataclass(frozen=True)
class WideColumn:
    """A column of the leaderboard that holds one figure of some cohorts."""

    group: str  # compression, optimality, preference or score
    name: str  # of the text or benchmark
    end: str  # "" for the figure, else low95, high95 or stderr
    source: str  # column of the cohort's rows
    better: Direction | None

    @property
    def field_name(self) -> str:
        return ".".join(filter(None, (self.group, self.name, self.end)))


def make_dictionary(cohorts: Sequence[Cohort]) -> dict[str, Table]:
    """Every table by name. The leaderboard has columns for each figure that a cohort has."""
    wide = replace(LEADERBOARD, fields=LEADERBOARD.fields + _wide_fields(cohorts))
    models, *others = FIXED
    return {table.name: table for table in (models, wide, *others)}


def wide_columns(cohort: Cohort) -> list[WideColumn]:
    """The wide columns that a cohort fills."""
    found = []
    for column in cohort.compression:
        name, better = column.name, _better(column)
        found.append(WideColumn("compression", name, "", name, better))
        found.append(WideColumn("compression", name, "low95", f"{name}_low", None))
        found.append(WideColumn("compression", name, "high95", f"{name}_high", None))
        found.append(WideColumn("optimality", name, "", f"{name}_optimality", None))
    for column in cohort.preferences:
        name = column.name.removesuffix("_preference")
        found.append(WideColumn("preference", name, "", column.name, _better(column)))
    for column in cohort.scores:
        found.append(WideColumn("score", column.name, "", column.name, _better(column)))
        found.append(WideColumn("score", column.name, "stderr", f"{column.name}_stderr", None))
    return [one for one in found if one.source in cohort.rows]


def _better(column: Column) -> Direction:
    return "higher" if column.higher_is_better else "lower"


def _wide_fields(cohorts: Sequence[Cohort]) -> tuple[Field, ...]:
    """One field a figure, in order of name; cohorts that name a text alike share its column."""
    columns = {one.field_name: one for cohort in cohorts for one in wide_columns(cohort)}
    ordered = sorted(columns.values(), key=lambda one: (one.group, one.name, one.end))
    return tuple(_wide_field(one) for one in ordered)


def _wide_field(column: WideColumn) -> Field:
    unit, what, origin = GROUPS[column.group]
    words = ENDS[column.end].format(what.format(column.name))
    return figure(column.field_name, unit, words, column.better, origin, null=True)
