"""The app, shared options, boards of a folder or commit, and the list of commands."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.repository.contents import Contents, read_contents
from compression_leaderboard.repository.git import Commit, checked_out, read_commit
from compression_leaderboard.repository.specs import Specs, read_specs

if TYPE_CHECKING:
    from compression_leaderboard.fits.studied_board import StudiedBoard
    from compression_leaderboard.pages.reference import Command, Option

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


def read_board(folder: Path, commit: Commit) -> "StudiedBoard":
    """What the records of a folder say. Files with problems are left out and counted on stderr:
    an older commit may hold records of a format that is no longer read."""
    from compression_leaderboard.fits.studied_board import derive_board

    contents, problems = read_contents(folder)
    if left_out := {problem.file for problem in problems}:
        print(f"{commit.id[:12]}: {len(left_out)} files cannot be read", file=sys.stderr)
    return derive_board(contents, commit)


@contextmanager
def board_folder(root: Path, reference: str) -> Iterator[tuple[Path, Commit]]:
    """A folder with runs/ and results/: a release's own, or a commit's in a temporary one."""
    release = Path(reference)
    if (release / "results").is_dir():
        yield release, Commit(release.name, "1970-01-01T00:00:00+00:00")
        return
    commit = read_commit(root, reference)
    with checked_out(root, commit.id) as folder:
        yield folder, commit


def describe_commands() -> "list[Command]":
    """Every command in the order of `leaderboard --help`."""
    group: Any = typer.main.get_command(app)
    return [_describe(name, command) for name, command in group.commands.items()]


def _describe(name: str, command: Any) -> "Command":
    """Docstrings read: what the command does, an empty line, "Example: `leaderboard …`"."""
    from compression_leaderboard.pages.reference import Command

    summary, _, example = command.help.partition("\n\nExample: ")
    options = tuple(_option(parameter) for parameter in command.params)
    return Command(name, summary.replace("\n", " "), example.strip("`"), options)


def _option(parameter: Any) -> "Option":
    from compression_leaderboard.pages.reference import Option

    names = [*parameter.opts, *parameter.secondary_opts]
    shown = parameter.default if parameter.show_default else None
    if isinstance(shown, bool):
        shown = names[0 if shown else -1] if parameter.secondary_opts else None
    return Option(", ".join(names), parameter.help, None if shown is None else str(shown))
