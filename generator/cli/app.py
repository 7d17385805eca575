"""The app, the options that several commands share, and how an error reaches its user."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from generator.files.imported import StoredImport, read_imported
from generator.files.pairs import read_pairs
from generator.files.published import PublishedTable, read_published
from generator.files.results import StoredResult, read_results
from generator.files.specs import Specs, read_specs
from generator.records.base import Problem, UserError

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")

Root = Annotated[Path, typer.Option(help="The repository.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


def main() -> None:
    """Run the command; a UserError is printed, anything else is our bug and shows its traceback."""
    try:
        app()
    except UserError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        sys.exit(1)


@dataclass(frozen=True)
class Contents:
    """Everything that the site is made of, read once."""

    specs: Specs
    stored: list[StoredResult]
    published: list[PublishedTable]
    imported: list[StoredImport]


def read_contents(root: Path) -> tuple[Contents, list[Problem]]:
    """What runs/ and results/ hold, and every problem in them."""
    specs, found = read_specs(root)
    for preference in specs.preferences.values():
        if preference.source.path is not None:
            found += read_pairs(root, preference)[1]
    published, wrong = read_published(root)
    imported, odd = read_imported(root)
    stored, broken = read_results(root, "measured")
    contents = Contents(specs, stored, published, imported)
    return contents, sorted(found + wrong + odd + broken)


def all_problems(root: Path) -> list[Problem]:
    return read_contents(root)[1]


def valid_specs(root: Path) -> Specs:
    specs, problems = read_specs(root)
    if problems:
        raise UserError(problems)
    return specs
