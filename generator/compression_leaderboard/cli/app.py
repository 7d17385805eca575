"""The app, what its commands share, and how it describes them for the reference page."""

from __future__ import annotations

import errno
import gc
import json
import math
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from compression_leaderboard.pages.reference import Command, Option
    from compression_leaderboard.records.base import Problem, UserError

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")

Root = Annotated[Path, typer.Option(help="Root folder of the repository.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
AsMarkdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown for GitHub.")]
Local = Annotated[
    bool, typer.Option("--local", help="Use results/local instead of results/measured.")
]
Text = str | None  # types of options that may be left out
Texts = list[str] | None
Place = Path | None
Number = float | None
Day = datetime | None


def main() -> None:
    """Run a command; print what the user can fix, and let other exceptions show a traceback."""
    try:
        app()
    except Exception as error:
        from compression_leaderboard.records.base import UserError

        if isinstance(error, OSError) and is_disk_fault(error):
            wrong = f"cannot be written: {error.strerror}"
            place = error.filename or "the disk"
            error = refusal(place, wrong, "fix that and run the command again")
        if not isinstance(error, UserError):
            raise
        for problem in error.problems:
            print(problem, file=sys.stderr)
        sys.exit(1)
    finally:
        gc.freeze()  # else Python looks for garbage in all modules of torch before it ends


def is_disk_fault(error: BaseException) -> bool:
    """Whether the disk is full, or may not be written to: no fault of the program or its input."""
    full = errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES
    return isinstance(error, OSError) and error.errno in full


def refusal(place: object, wrong: str, repair: str) -> UserError:
    """Make the error of one problem. place: an option, a file or a folder."""
    from compression_leaderboard.records.base import Problem, UserError

    return UserError([Problem(str(place), "", wrong, repair)])


def refuse_unknown(names: Mapping[str, tuple[str, str | None, Iterable[str]]]) -> None:
    """Refuse unknown names and list the known ones.

    names: by option or argument, the kind of thing, its name, and the known names.
    """
    from compression_leaderboard.records.base import UserError

    unknown = [
        f'{place}: unknown {kind} "{name}"; choose from {", ".join(sorted(known))}'
        for place, (kind, name, known) in names.items()
        if name is not None and name not in set(known)
    ]
    if unknown:
        raise UserError(unknown)


def number_above_0(text: str) -> float:
    """Parse an option's finite number above 0."""
    number = float(text)  # typer reports the ValueError
    if not 0 < number < math.inf:
        raise typer.BadParameter(f"{text} is not possible; use a number above 0")
    return number


def positive(meaning: str) -> Any:
    """Declare an option that takes a number above 0."""
    return typer.Option(help=meaning, parser=number_above_0, metavar="NUMBER")


def parse_named_numbers(
    option: str, texts: Iterable[str], known: Collection[str], allow_zero: bool = False
) -> dict[str, float]:
    """Parse the values NAME=NUMBER of a repeatable option. Raises UserError with every problem."""
    from compression_leaderboard.records.base import Problem, UserError

    numbers: dict[str, float] = {}
    problems: list[Problem] = []
    for text in texts:
        name, _, written = text.rpartition("=")
        try:
            number = float(written)
        except ValueError:
            number = math.nan
        if name not in known:
            repair = f"choose from {', '.join(known)}"
            problems.append(Problem(option, text, "has an unknown name", repair))
        elif not (0 < number < math.inf or (allow_zero and number == 0)):
            limit = "of at least 0" if allow_zero else "above 0"
            repair = f"write NAME=NUMBER with a number {limit}"
            problems.append(Problem(option, text, "has no usable number", repair))
        numbers[name] = number
    if problems:
        raise UserError(problems)
    return numbers


def day_option(meaning: str) -> Any:
    """Declare an option that takes a day."""
    return typer.Option(help=meaning, formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=1))


def print_answer(as_json: bool, value: Any, lines: Iterable[str]) -> None:
    """Print an answer: its value as JSON, or its lines."""
    if as_json:
        print_json(value)
    else:
        print("".join(f"{line}\n" for line in lines), end="")


def report_problems(problems: Sequence[Problem], as_json: bool, otherwise: str) -> None:
    """Print problems, or `otherwise` if there are none; exit with status 1 if there are any."""
    from compression_leaderboard.records.base import UserError

    if as_json:
        print_json([vars(problem) for problem in problems])
    elif problems:
        raise UserError(problems)
    else:
        print(otherwise)
    if problems:
        raise typer.Exit(1)


def align(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Pad cells to columns of equal width. right: columns that are aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if k in right else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def describe_commands() -> list[Command]:
    """Describe every command in the order of `leaderboard --help`.

    A docstring has the summary, an empty line and "Example: `leaderboard …`".
    """
    from compression_leaderboard.pages.reference import Command

    group: Any = typer.main.get_command(app)
    commands = []
    for name, command in group.commands.items():
        summary, _, example = command.help.partition("\n\nExample: ")
        options = tuple(map(_describe_option, command.params))
        commands.append(Command(name, summary.replace("\n", " "), example.strip("`"), options))
    return commands


def _describe_option(parameter: Any) -> Option:
    from compression_leaderboard.pages.reference import Option

    names = [*parameter.opts, *parameter.secondary_opts]
    default = parameter.default if parameter.show_default else None
    if isinstance(default, bool):
        default = names[0 if default else -1] if parameter.secondary_opts else None
    return Option(", ".join(names), parameter.help, None if default is None else str(default))
