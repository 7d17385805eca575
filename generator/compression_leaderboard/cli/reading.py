"""What commands read of a repository: all of it, its records, or its specs."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from compression_leaderboard.gate.impossible import (
    without_impossible,
    without_impossible_rechecks,
)
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

Content = TypeVar("Content")

RECORDS = ("results/measured/", "results/imported/", "results/rechecks/")


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
