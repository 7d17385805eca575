"""The app, what its commands share, and how it describes them for the reference page."""

import errno
import json
import math
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from compression_leaderboard.gate.impossible import (
    without_impossible,
    without_impossible_rechecks,
)
from compression_leaderboard.measure.machine import Report
from compression_leaderboard.plan.rechecks import mark_remeasured
from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.repository.contents import Contents, read_contents
from compression_leaderboard.repository.git import NO_DATE, current_commit
from compression_leaderboard.repository.provenance import read_provenance
from compression_leaderboard.repository.results import (
    StoredRecheck,
    StoredResult,
    read_rechecks,
    read_records,
)
from compression_leaderboard.wording import counted

if TYPE_CHECKING:
    from compression_leaderboard.pages.reference import Command, Option

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
Content = TypeVar("Content")

FIRST_LINE_SECONDS = 2.0  # until the first line of progress, where no terminal shows bars
LINE_SECONDS = 8.0  # between two lines of a command that a person waits for
MINUTE = 60.0  # between two lines of a run of hours
RECORDS = ("results/measured/", "results/imported/", "results/rechecks/")


def main() -> None:
    """Run a command; print what the user can fix, and let other exceptions show a traceback."""
    try:
        app()
    except UserError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if not is_disk_fault(error):
            raise
        wrong = f"cannot be written: {error.strerror}"
        place = str(error.filename or "the disk")
        print(Problem(place, "", wrong, "fix that and run the command again"), file=sys.stderr)
        sys.exit(1)


def is_disk_fault(error: BaseException) -> bool:
    """Whether the disk is full, or may not be written to: no fault of the program or its input."""
    full = errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES
    return isinstance(error, OSError) and error.errno in full


def read_valid(read: Callable[[Path], tuple[Content, list[Problem]]], root: Path) -> Content:
    """Read files of the repository, for example with read_specs; refuse them if any is faulty."""
    content, problems = read(root)
    if problems:
        raise UserError(problems)
    return content


def read_possible(root: Path) -> tuple[Contents, list[Problem]]:
    """Read all that the board is made of, and the problems of what is faulty or impossible."""
    contents, problems = read_contents(root)
    latest = latest_day(root)
    stored, impossible = without_impossible(contents.stored, latest)
    rechecks, of_rechecks = without_impossible_rechecks(contents.rechecks, stored, latest)
    problems = sorted(problems + impossible + of_rechecks)
    stored = mark_remeasured(stored, rechecks)
    return replace(contents, stored=stored, rechecks=rechecks, unread=problems), problems


def latest_day(root: Path) -> date:
    """Return the last day that a file may name: that of the commit, or of the clock, and one."""
    commit = current_commit(root)
    now = datetime.now(UTC) if commit.date == NO_DATE else datetime.fromisoformat(commit.date)
    return now.date() + timedelta(days=1)


def read_board(root: Path) -> Contents:
    """Read all that the board is made of; refuse it if a file that people write is faulty.

    A record that is faulty or impossible costs no other: it is left out and named on stderr.
    """
    contents, problems = read_possible(root)
    if any(not problem.file.startswith(RECORDS) for problem in problems):
        raise UserError(problems)
    report_unread(problems)
    return contents


def with_provenance(contents: Contents, root: Path, commit: str = "HEAD") -> Contents:
    """Add who added each record, by the history of a commit; count on stderr what is not known."""
    additions = read_provenance(root, commit, contents.specs.maintainers)
    contents = contents.attributed(additions)
    if unknown := sum(entry.added_by is None for entry in contents.stored):
        repair = "commit them" if additions else "build in a clone with its whole history"
        known = f"who measured {counted(unknown, 'record')} is unknown"
        print(f"{known}: git has no commit that added them; {repair}", file=sys.stderr)
    return contents


def read_readable(root: Path, folder: str = "measured") -> list[StoredResult]:
    """Read the possible records of a results folder; print what is wrong with others on stderr."""
    stored, problems = read_records(root, f"results/{folder}")
    stored, impossible = without_impossible(stored, latest_day(root))
    report_unread([*problems, *impossible])
    return stored


def read_rechecked(root: Path) -> tuple[list[StoredResult], list[StoredRecheck]]:
    """Read the measured records and their re-measurements; print what is wrong with others."""
    stored = read_readable(root)
    rechecks, problems = read_rechecks(root)
    rechecks, impossible = without_impossible_rechecks(rechecks, stored, latest_day(root))
    report_unread([*problems, *impossible])
    return mark_remeasured(stored, rechecks), rechecks


def read_commits(
    root: Path, stored: Iterable[StoredResult], commit: str = "HEAD"
) -> dict[str, str]:
    """Read which commit brought each record until `commit`, by run id, as far as it is known."""
    additions = read_provenance(root, commit)
    return {e.run_id: additions[e.file].commit for e in stored if e.file in additions}


def report_unread(problems: Iterable[Problem]) -> None:
    for problem in problems:
        print(f"not read: {problem}", file=sys.stderr)


def refusal(place: object, wrong: str, repair: str) -> UserError:
    """Make the error of one problem. place: an option, a file or a folder."""
    return UserError([Problem(str(place), "", wrong, repair)])


def refuse_unknown(names: Mapping[str, tuple[str, str | None, Iterable[str]]]) -> None:
    """Refuse unknown names and list the known ones.

    names: by option or argument, the kind of thing, its name, and the known names.
    """
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


class Lines(Progress):
    """Print the newest bar as a line on stderr now and then, where no terminal shows it."""

    def __init__(self, seconds: float):
        super().__init__(disable=True)
        self._seconds = seconds
        self._ended = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._print, daemon=True).start()

    def stop(self) -> None:
        self._ended.set()

    def _print(self) -> None:
        began, wait = time.monotonic(), min(FIRST_LINE_SECONDS, self._seconds)
        while not self._ended.wait(wait):
            wait = self._seconds
            seconds = f"{time.monotonic() - began:.0f} s"
            for bar in self.tasks[-1:]:
                share = f"{bar.percentage:.0f} %, " if (bar.total or 0) > 1 else ""
                print(f"{bar.description}: {share}{seconds}", file=sys.stderr, flush=True)


def show_progress(seconds: float = LINE_SECONDS) -> Progress:
    """Make bars on a terminal's stderr, which disappear when the command ends, else lines.

    seconds: between two lines.
    """
    console = Console(stderr=True)
    return Progress(console=console, transient=True) if console.is_terminal else Lines(seconds)


def report_on(progress: Progress, bar: TaskID, title: str = "") -> Report:
    """Report stages on a bar. title: whose stages they are."""
    return lambda stage, done, total: progress.update(
        bar, description=title + stage, completed=done, total=total
    )


@contextmanager
def show_stages() -> Iterator[Report]:
    """Show one bar for a job that reports its stages."""
    with show_progress(MINUTE) as progress:
        yield report_on(progress, progress.add_task("loading", total=None))


def describe_commands() -> "list[Command]":
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


def _describe_option(parameter: Any) -> "Option":
    from compression_leaderboard.pages.reference import Option

    names = [*parameter.opts, *parameter.secondary_opts]
    default = parameter.default if parameter.show_default else None
    if isinstance(default, bool):
        default = names[0 if default else -1] if parameter.secondary_opts else None
    return Option(", ".join(names), parameter.help, None if default is None else str(default))
