"""The download page's parts, from the data dictionary: links, columns, and what machines read."""

from collections.abc import Mapping

from generator.export.board import Board
from generator.export.croissant import dataset_json_ld
from generator.export.dictionary import make_dictionary
from generator.export.fields import ORIGINS, Field, Table
from generator.publish.text import UNKNOWN, counted, escape, table

COLUMNS = [
    ("Column", False),
    ("Type", False),
    ("Unit", False),
    ("Better", False),
    ("Meaning", False),
    ("Origin", False),
]


def render_downloads(board: Board, files: Mapping[str, bytes]) -> str:
    """A section for each table: its files with their sizes, its key, its columns explained."""
    dictionary = make_dictionary(board.cohorts)
    origins = "".join(
        f"<li><strong>{name}</strong>: {_words(text)}</li>" for name, text in ORIGINS.items()
    )
    parts = [f"<p>Where the values of a column come from:</p><ul>{origins}</ul>"]
    parts += [_section(one, files) for one in dictionary.values()]
    json_ld = dataset_json_ld(dictionary, board)
    parts.append(f'<script type="application/ld+json">\n{json_ld}\n</script>')
    return "\n".join(parts)


def _section(one: Table, files: Mapping[str, bytes]) -> str:
    links = ", ".join(
        f'<a href="../data/{path}" download>{path}</a> ({_size(len(files[f"data/{path}"]))})'
        for path in one.paths.values()
    )
    key = ", ".join(f"<code>{escape(name)}</code>" for name in one.key)
    rows = [_row(field) for field in one.fields]
    return (
        f'<h2 id="{one.name}">{one.name}</h2><p>{escape(one.title)} {links}. '
        f"A row is named by {key}.</p>"
        + table(
            f"columns-{one.name}", f"{counted(len(rows), 'column')} of {one.name}", COLUMNS, rows
        )
    )


def _row(field: Field) -> list[str]:
    kind = f"{field.type} or null" if field.nullable else field.type
    return [
        f"<code>{escape(field.name)}</code>",
        kind + (", guarded" if field.guarded else ""),
        escape(field.unit or UNKNOWN),
        field.better or UNKNOWN,
        escape(field.description),
        field.origin,
    ]


def _size(n_bytes: int) -> str:
    """A file's size in the field's short form."""
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes} bytes"


def _words(text: str) -> str:
    """Text with pieces of code between backticks."""
    parts = text.split("`")
    return "".join(
        f"<code>{escape(part)}</code>" if k % 2 else escape(part) for k, part in enumerate(parts)
    )
