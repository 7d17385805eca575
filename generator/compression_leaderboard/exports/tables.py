"""The tables that people download. tables.toml declares their columns, rows.py makes their rows."""

import pkgutil
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, Literal

from compression_leaderboard.board.cohorts import Cohort
from compression_leaderboard.board.figures import Column, Key
from compression_leaderboard.exports.rows import ROWS
from compression_leaderboard.fits.study import StudiedBoard

Type = Literal["string", "number", "integer", "boolean", "date"]
Origin = Literal["declared", "record", "derived"]
Direction = Literal["lower", "higher"]

ORIGINS: dict[Origin, str] = {
    "declared": "stated by people, in runs/ or in a published source",
    "record": "copied from a record in results/",
    "derived": "computed from records by `leaderboard build`",
}
OURS = "CC-BY-4.0"


@dataclass(frozen=True, kw_only=True)
class Field:
    """One column: its type, unit, meaning and origin, and where its value is in a row."""

    name: str
    type: Type
    unit: str | None = None  # None for what has none, such as a name
    better: Direction | None = None  # None if neither direction is
    origin: Origin
    nullable: bool = False
    value: str | Callable[[Any], object]  # the path of an attribute of the row, or a function
    choices: Sequence[str] = ()  # all texts that can occur, if they are few
    description: str

    @property
    def guarded(self) -> bool:
        """Whether a CSV cell may begin with an apostrophe that is not part of the text."""
        return self.type == "string"

    @property
    def read(self) -> Callable[[Any], object]:
        """Read the value from a row; None if a part of the path of a nullable column is None."""
        path = self.value
        if not isinstance(path, str):
            return path
        if not self.nullable:
            return attrgetter(path)
        names = path.split(".")

        def value(row: object) -> object:
            for name in names:
                if row is None:
                    break
                row = getattr(row, name)
            return row

        return value


@dataclass(frozen=True)
class Table:
    """One table: its rows, the columns that identify a row, and all columns in order."""

    name: str
    title: str
    rows: Callable[[StudiedBoard], Iterable[Any]]
    key: Sequence[str]
    fields: tuple[Field, ...]
    licence: Literal["ours", "sources", "unstated"] = "ours"  # of its rows
    formats: Sequence[str] = ("csv", "json", "parquet")

    @property
    def paths(self) -> dict[str, str]:
        """File by format, below the folder of the data."""
        return {form: f"{self.name}.{form}" for form in self.formats}

    def field(self, name: str) -> Field:
        """Return the column of this name."""
        return next(field for field in self.fields if field.name == name)


def licence_of(cohort: Cohort | None) -> str:
    """Return our licence for what was measured here, else those of a published cohort's sources."""
    if cohort is None or cohort.provenance == "measured":
        return OURS
    return " AND ".join(dict.fromkeys(citation.licence for citation in cohort.citations))


LICENCES: dict[str, Callable[[Any], str]] = {
    "ours": lambda row: OURS,
    "sources": lambda row: licence_of(row.cohort),
    "unstated": lambda row: "not stated",
}


def _declare(name: str, members: dict[str, Any], shared: dict[str, dict[str, Any]]) -> Table:
    """Make a table from its declaration. shared: columns that several tables have."""
    columns = members.pop("columns")
    table = Table(name=name, rows=ROWS[name], fields=(), **members)
    defaults = {column: {"name": column, "value": column} for column in columns}
    defaults["data_licence"]["value"] = LICENCES[table.licence]
    fields = [
        Field(**(defaults[column] | shared.get(column, {}) | members))
        for column, members in columns.items()
    ]
    return replace(table, fields=tuple(fields))


def _read_declarations() -> dict[str, Table]:
    """Read tables.toml, which is part of the package as a module is."""
    content = pkgutil.get_data(__package__, "tables.toml")
    assert content is not None
    declared = tomllib.loads(content.decode())
    tables = declared["tables"].items()
    return {name: _declare(name, members, declared["shared"]) for name, members in tables}


TABLES = _read_declarations()  # in the order of the download page
GROUPS: dict[str, tuple[str, str, Origin]] = {
    "compression": ("see unit", "cost of the text {}", "record"),
    "optimality": ("ratio", "expressivity / complexity on the text {}", "derived"),
    "preference": ("ln(bins)", "preference information of the pairs {}", "derived"),
    "score": ("fraction", "score on the benchmark {}", "record"),
}
ENDS = {  # the attribute of a figure, and its meaning
    "": ("value", "{}"),
    "low95": ("low", "lower end of the 95 % document bootstrap: {}"),
    "high95": ("high", "upper end of the 95 % document bootstrap: {}"),
    "stderr": ("stderr", "standard error, where known: {}"),
}


def make_tables(cohorts: Sequence[Cohort]) -> dict[str, Table]:
    """Return every table by name. The leaderboard has a column for each figure of a cohort."""
    leaderboard = TABLES["leaderboard"]
    wide = replace(leaderboard, fields=leaderboard.fields + _wide_fields(cohorts))
    return TABLES | {"leaderboard": wide}


def _wide_fields(cohorts: Sequence[Cohort]) -> tuple[Field, ...]:
    """Declare a column per figure, in order of name; texts of one name share a column."""
    keys: dict[tuple[str, str, str], dict[str, Key]] = {}
    columns: dict[tuple[str, str, str], Column] = {}
    for cohort in cohorts:
        known = {key for row in cohort.rows for key in row.figures}
        for group, end, key, column in _wide_columns(cohort):
            if key in known:
                keys.setdefault((group, column.name, end), {})[cohort.name] = key
                columns[group, column.name, end] = column
    return tuple(_wide_field(*place, columns[place], keys[place]) for place in sorted(keys))


def _wide_columns(cohort: Cohort) -> Iterator[tuple[str, str, Key, Column]]:
    """Yield group, end, key and column of each figure that the wide table may have."""
    ends = ("", "low95", "high95") if cohort.provenance == "measured" else ("",)
    for column in cohort.compression:
        for end in ends:
            yield "compression", end, column.key, column
        yield "optimality", "", column.key._replace(quantity="optimality"), column
    for column in cohort.preferences:
        yield "preference", "", column.key, column
    for column in cohort.scores:
        for end in ("", "stderr"):
            yield "score", end, column.key, column


def _wide_field(group: str, name: str, end: str, column: Column, keys: dict[str, Key]) -> Field:
    """Declare a column of one figure. keys: of the figure, by cohort.

    Dots in a name are doubled, and a name like an end gets one in front: no two columns meet.
    """
    attribute, meaning = ENDS[end]
    dotted = name.replace(".", "..")
    dotted = f".{dotted}" if dotted in ENDS else dotted
    better: Direction | None = "higher" if column.higher_is_better else "lower"

    def value(row: SimpleNamespace) -> object:
        figure = row.about.figures.get(keys.get(row.cohort.name))
        return getattr(figure, attribute, None)

    unit, what, origin = GROUPS[group]
    return Field(
        name=".".join(filter(None, (group, dotted, end))),
        type="number",
        unit=unit,
        better=None if end or group == "optimality" else better,
        origin="derived" if end in ("low95", "high95") else origin,
        nullable=True,
        value=value,
        description=meaning.format(what.format(name)),
    )
