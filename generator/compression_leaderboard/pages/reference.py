"""Parts of the reference pages: every command with its options, every field of every file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticUndefined

from compression_leaderboard.pages.text import UNKNOWN, counted, escape, table
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
    """An option or argument as the command line takes it; `default` is None where there is none."""

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


def render_commands(commands: Sequence[Command]) -> str:
    """A section for each command."""
    header = [("Option", False), ("Default", False), ("Meaning", False)]
    parts = []
    for command in commands:
        rows = [
            [f"<code>{escape(o.name)}</code>", _code(o.default), escape(o.meaning)]
            for o in command.options
        ]
        parts.append(
            f'<h2 id="{escape(command.name)}">leaderboard {escape(command.name)}</h2>'
            f"<p>{escape(command.summary)}</p>"
            f"<pre><code>{escape(command.example)}</code></pre>"
            + table(
                f"options-{command.name}",
                f"{counted(len(rows), 'option')} of {command.name}",
                header,
                rows,
            )
        )
    return "\n".join(parts)


def render_model_fields() -> str:
    """The fields of a model's file."""
    return '<h2 id="every-field">Every field</h2>' + _record_tables("model", Model)


def render_file_fields() -> str:
    """The fields of the other files that people write."""
    return "\n".join(
        f"<h2><code>{escape(file)}</code></h2><p>{escape(_summary(record))}</p>"
        + _record_tables(record.__name__.lower(), record)
        for file, record in FILES
    )


def _record_tables(name: str, record: type[Any]) -> str:
    """A table for the record and one for each table inside it."""
    header = [("Field", False), ("Default", False), ("Meaning", False)]
    parts = []
    for place, inner in tables_of(record):
        rows = [
            [f"<code>{escape(field)}</code>", _default(info), escape(info.description)]
            for field, info in fields_of(inner).items()
        ]
        fields = counted(len(rows), "field")
        heading = f"At the top of the file: {fields}"
        if place:
            heading = f"[{place}], {fields}. {_summary(inner)}"
        plain = place.replace(".", "-") or "top"
        parts.append(table(f"fields-{name}-{plain}", heading, header, rows))
    return "\n".join(parts)


def tables_of(record: type[Any], place: str = "") -> Iterator[tuple[str, type[Any]]]:
    """The record and every record inside its fields, with the name of its TOML table."""
    yield place, record
    for name, info in fields_of(record).items():
        for inner in records_in(info.annotation):
            yield from tables_of(inner, f"{place}.{name}" if place else name)


def _summary(record: type[Any]) -> str:
    return (record.__doc__ or "").partition("\n")[0].replace("`", "")


def _default(info: Any) -> str:
    """What holds where the field is left out."""
    if info.default is PydanticUndefined:
        return "required"
    value = info.default
    if value is None or value == ():
        return UNKNOWN
    shown = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return _code(shown.lower() if isinstance(value, bool) else shown)


def _code(shown: str | None) -> str:
    return f"<code>{escape(shown)}</code>" if shown else UNKNOWN
