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


@dataclass(frozen=True)
class Option:
    """An option or argument as the command line takes it. default: None where it has none."""

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
    """Describe each command in a section."""
    sections = [(command, _options(command)) for command in commands]
    return render("commands.html", sections=sections)


def _options(command: Command) -> Table:
    return Table(
        f"options-{command.name}",
        f"{counted(len(command.options), 'option')} of {command.name}",
        headings("Option", "Default", "Meaning"),
        [[code(o.name), code(o.default), o.meaning] for o in command.options],
    )


def render_model_fields(render: Renderer) -> Markup:
    """Describe the fields of a model's file."""
    return render("model_fields.html", tables=_field_tables("model", Model))


def render_file_fields(render: Renderer) -> Markup:
    """Describe the fields of the other files that people write."""
    files = [
        (file, _summary(record), _field_tables(record.__name__.lower(), record))
        for file, record in FILES
    ]
    return render("file_fields.html", files=files)


def _field_tables(name: str, record: type[Any]) -> list[Table]:
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
        table_id = f"fields-{name}-{place.replace('.', '-') or 'top'}"
        tables.append(Table(table_id, caption, headings("Field", "Default", "Meaning"), rows))
    return tables


def tables_of(record: type[Any], place: str = "") -> Iterator[tuple[str, type[Any]]]:
    """The record and every record inside its fields, with the name of its TOML table."""
    yield place, record
    for name, info in fields_of(record).items():
        for inner in records_in(info.annotation):
            yield from tables_of(inner, f"{place}.{name}" if place else name)


def _summary(record: type[Any]) -> str:
    return (record.__doc__ or "").partition("\n")[0].replace("`", "")


def _default(info: Any) -> Cell | str:
    """The value of a field that the file leaves out."""
    value = info.default
    if value is PydanticUndefined:
        return "required"
    if value is None or value == ():
        return UNKNOWN
    shown = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return code(shown.lower() if isinstance(value, bool) else shown)
