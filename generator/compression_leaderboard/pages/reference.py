"""Parts of the reference pages: every command with its options, every field of every file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from pydantic_core import PydanticUndefined

from compression_leaderboard.pages.rendering import Cell, Renderer, Table, code, headings
from compression_leaderboard.pages.text import UNKNOWN, counted
from compression_leaderboard.records.base import fields_of, records_in
from compression_leaderboard.records.corpora import Corpus
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.published import PublishedSource
from compression_leaderboard.records.suites import Profile, Sentinel, Suite

FILES: tuple[tuple[str, type[Any]], ...] = (
    ("runs/suites/<suite>.toml", Suite),
    ("runs/corpora/<corpus>.toml", Corpus),
    ("runs/profiles/<profile>.toml", Profile),
    ("runs/sentinel.toml", Sentinel),
    ("results/published/<source>/source.toml", PublishedSource),
)
HEADER_OPTIONS = headings("Option", "Default", "Meaning")
HEADER_FIELDS = headings("Field", "Default", "Meaning")


@dataclass(frozen=True)
class Option:
    """An option or argument of a command; `default` is None when it has none."""

    name: str
    meaning: str
    default: str | None


@dataclass(frozen=True)
class Command:
    """A command as its `--help` describes it."""

    name: str
    summary: str
    example: str
    options: tuple[Option, ...]


def render_commands(render: Renderer, commands: Sequence[Command]) -> Markup:
    """A section for each command."""
    return render("commands.html", commands=[(c, _options(c)) for c in commands])


def _options(command: Command) -> Table:
    caption = f"{counted(len(command.options), 'option')} of {command.name}"
    rows: list[list[Cell | str]] = [
        [code(option.name), _code(option.default), option.meaning] for option in command.options
    ]
    return Table(f"options-{command.name}", caption, HEADER_OPTIONS, rows)


def render_model_fields(render: Renderer) -> Markup:
    """The fields of a model's file."""
    return render("fields.html", files=[], tables=_record_tables("model", Model))


def render_file_fields(render: Renderer) -> Markup:
    """The fields of the other files that people write."""
    files = [
        (file, _summary(record), _record_tables(record.__name__.lower(), record))
        for file, record in FILES
    ]
    return render("fields.html", files=files, tables=[])


def _record_tables(name: str, record: type[Any]) -> list[Table]:
    """A table for the record and one for each table inside it."""
    tables = []
    for place, inner in tables_of(record):
        rows: list[list[Cell | str]] = [
            [code(field), _default(info), info.description or ""]
            for field, info in fields_of(inner).items()
        ]
        fields = counted(len(rows), "field")
        caption = f"At the top of the file: {fields}"
        if place:
            caption = f"[{place}], {fields}. {_summary(inner)}"
        plain = place.replace(".", "-") or "top"
        tables.append(Table(f"fields-{name}-{plain}", caption, HEADER_FIELDS, rows))
    return tables


def tables_of(record: type[Any], place: str = "") -> Iterator[tuple[str, type[Any]]]:
    """The record and every record inside its fields, with the name of its TOML table."""
    yield place, record
    for name, info in fields_of(record).items():
        for inner in records_in(info.annotation):
            yield from tables_of(inner, f"{place}.{name}" if place else name)


def _summary(record: type[Any]) -> str:
    return (record.__doc__ or "").partition("\n")[0].replace("`", "")


def _default(info: Any) -> Cell:
    """The value of a field that is left out."""
    if info.default is PydanticUndefined:
        return Cell("required")
    value = info.default
    if value is None or value == ():
        return Cell(UNKNOWN)
    shown = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return _code(shown.lower() if isinstance(value, bool) else shown)


def _code(shown: str | None) -> Cell:
    return code(shown) if shown else Cell(UNKNOWN)
