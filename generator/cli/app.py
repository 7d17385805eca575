"""The app, the options that several commands share, and how an error reaches its user."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from generator.files.contents import Contents, read_contents
from generator.files.specs import Specs, read_specs
from generator.records.base import Problem, UserError

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")

Root = Annotated[Path, typer.Option(help="The repository.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
AsMarkdown = Annotated[
    bool, typer.Option("--markdown", help="Print Markdown, as for a pull request.")
]


def main() -> None:
    """Run the command; a UserError is printed, anything else is our bug and shows its traceback."""
    try:
        app()
    except UserError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        sys.exit(1)


def all_problems(root: Path) -> list[Problem]:
    return read_contents(root)[1]


def valid_specs(root: Path) -> Specs:
    specs, problems = read_specs(root)
    if problems:
        raise UserError(problems)
    return specs


def valid_contents(root: Path) -> Contents:
    contents, problems = read_contents(root)
    if problems:
        raise UserError(problems)
    return contents
