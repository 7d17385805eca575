"""The data dictionary, in our form and as Table Schema and JSON Schema."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import Column, Key, Row
from compression_leaderboard.exports import board_tables, measured_tables
from compression_leaderboard.exports.board_tables import LEADERBOARD, MODELS
from compression_leaderboard.exports.columns import (
    INFORMATION,
    ORIGINS,
    Direction,
    Field,
    Origin,
    Table,
    figure,
)

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
AFTER_LEADERBOARD = (
    board_tables.SCORES,
    *measured_tables.MEASURED,
    *board_tables.FITTED,
    measured_tables.IMPORTED,
)


@dataclass(frozen=True)
class WideColumn:
    """A column of the leaderboard that holds one figure of some cohorts."""

    group: str  # compression, optimality, preference or score
    name: str  # of the text or benchmark
    end: str  # "" for the figure, else low95, high95 or stderr
    key: Key
    better: Direction | None

    @property
    def field_name(self) -> str:
        """Dots in a name are doubled, and a name like an end gets one in front: no two meet."""
        name = self.name.replace(".", "..")
        name = f".{name}" if name in ENDS else name
        return ".".join(filter(None, (self.group, name, self.end)))

    def value(self, row: Row) -> float | None:
        figure = row.figures.get(self.key)
        if figure is None:
            return None
        ends = {"": figure.value, "low95": figure.low, "high95": figure.high}
        return figure.stderr if self.end == "stderr" else ends[self.end]


def make_dictionary(cohorts: Sequence[Cohort]) -> dict[str, Table]:
    """Every table by name. The leaderboard has columns for each figure that a cohort has."""
    wide = replace(LEADERBOARD, fields=LEADERBOARD.fields + _wide_fields(cohorts))
    return {table.name: table for table in (MODELS, wide, *AFTER_LEADERBOARD)}


def wide_columns(cohort: Cohort) -> list[WideColumn]:
    """The wide columns that a cohort fills."""
    found = []
    for column in cohort.compression:
        found.append(WideColumn("compression", column.name, "", column.key, _better(column)))
        if cohort.provenance == "measured":
            for end in ("low95", "high95"):
                found.append(WideColumn("compression", column.name, end, column.key, None))
        optimality = column.key._replace(quantity="optimality")
        found.append(WideColumn("optimality", column.name, "", optimality, None))
    for column in cohort.preferences:
        found.append(WideColumn("preference", column.name, "", column.key, _better(column)))
    for column in cohort.scores:
        found.append(WideColumn("score", column.name, "", column.key, _better(column)))
        found.append(WideColumn("score", column.name, "stderr", column.key, None))
    known = {key for row in cohort.rows for key in row.figures}
    return [one for one in found if one.key in known]


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
    if column.end in ("low95", "high95"):
        origin = "derived"
    return figure(column.field_name, unit, words, column.better, origin, null=True)


JSON_TYPES = {"date": "string"}  # all others have the same name
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def table_schema(table: Table, *, guarded: bool = False) -> dict[str, object]:
    """Table Schema (Data Package v2). guarded: of the CSV file, whose texts may be guarded."""
    return {
        "fields": [_table_field(field, guarded) for field in table.fields],
        "primaryKey": [name for name in table.key if not _of(table, name).nullable],
        "missingValues": [""],
    }


def _table_field(field: Field, guarded: bool) -> dict[str, object]:
    found: dict[str, object] = {"name": field.name, "type": field.type}
    found["description"] = field.description
    if field.unit is not None:
        found["unit"] = field.unit
    if field.better is not None:
        found["better"] = field.better
    found["origin"] = ORIGINS[field.origin]
    if guarded and field.guarded:
        found["guarded"] = True
    if not field.nullable:
        found["constraints"] = {"required": True}
    return found


def _of(table: Table, name: str) -> Field:
    return next(field for field in table.fields if field.name == name)


def row_schema(table: Table, *, open_ended: bool = False) -> dict[str, object]:
    """JSON Schema of one row, as it stands in the table's JSON file. open_ended: members may be
    added, as in the API."""
    return {
        "type": "object",
        "description": table.title,
        "properties": {field.name: _property(field) for field in table.fields},
        "required": [field.name for field in table.fields],
        "additionalProperties": open_ended,
    }


def _property(field: Field) -> dict[str, object]:
    plain = JSON_TYPES.get(field.type, field.type)
    found: dict[str, object] = {"type": [plain, "null"] if field.nullable else plain}
    if field.type == "string":
        found["minLength"] = 1
    if field.type == "date":
        found["format"] = "date"
    unit = f" ({field.unit})" if field.unit else ""
    found["description"] = field.description + unit
    return found


def json_schema(table: Table) -> dict[str, object]:
    """JSON Schema of the table's JSON file."""
    return {
        "$schema": DRAFT,
        "title": f"{table.name}.json",
        "type": "object",
        "properties": {"data": {"type": "array", "items": row_schema(table)}},
        "required": ["name", "title", "licenses", "schema", "data"],
    }
