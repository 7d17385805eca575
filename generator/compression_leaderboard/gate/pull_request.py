"""What a pull request adds, validated as data once its files are parsed; its summary."""

import re
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from compression_leaderboard.gate.changed_files import (
    RECHECK,
    SAME_FIGURES,
    validate_texts,
)
from compression_leaderboard.gate.collect import why_recheck_refused, why_refused
from compression_leaderboard.gate.impossible import Known
from compression_leaderboard.records.base import Problem
from compression_leaderboard.records.models import Maintainers
from compression_leaderboard.records.results import CLASSICAL, Result, leaves_of
from compression_leaderboard.repository.contents import Contents
from compression_leaderboard.repository.git import PastCommit
from compression_leaderboard.repository.provenance import added_by
from compression_leaderboard.repository.results import StoredResult
from compression_leaderboard.repository.specs import Specs
from compression_leaderboard.wording import as_code, counted, printable

if TYPE_CHECKING:  # the cohorts behind a newcomer need scipy, and `leaderboard --help` does not
    from compression_leaderboard.gate.new_model import Newcomer


def refuse_claims(commits: Sequence[PastCommit] | None, board: Maintainers) -> list[Problem]:
    """Refuse commits of a fork that claim an address of the board, since anybody can write it.

    commits: all of the pull request's; None where they can't be read. The provenance of records
    trusts the same addresses, read by the same rule.
    """
    if commits is None:
        wrong = "the commits of the pull request can't be read"
        return [Problem("head", "", wrong, "check it out with git and all of its history")]
    problems = []
    for commit in commits:
        for role, email in (("author", commit.author), ("committer", commit.committer)):
            if added_by(email, board) != "contributor":
                wrong = f'"{email}" is an address of the board'
                repair = "commit with your own, or push the branch to the board's repository"
                problems.append(Problem(f"commit {commit.id[:12]}", role, wrong, repair))
    return problems


def validate_contents(
    contents: Contents,
    specs: Specs,
    known: Known,
    added: Collection[str],
    touched: Collection[str],
    of_board: bool,
    labels: Collection[str],
    commits: Mapping[str, str],
) -> list[Problem]:
    """Validate new records and changed tables that were parsed.

    specs: those without a problem. added: new files. touched: new and changed files.
    of_board: the board's own workflow proposes them. labels: set by the board's owners.
    commits: those that brought the records of the base, by run id.
    """
    problems = []
    originals = {entry.run_id: entry.result for entry in contents.stored}
    for sample in contents.rechecks:
        if sample.file not in added:
            continue
        if not of_board and RECHECK not in labels:
            wrong = "is a re-measurement, which only the board's own runs may add"
            repair = f'a maintainer agrees with the label "{RECHECK}"'
            problems.append(Problem(sample.file, "", wrong, repair))
        elif reason := why_recheck_refused(sample.recheck, originals, commits, known.latest):
            problems.append(Problem(sample.file, "", reason, "measure it again"))
    twins = {} if SAME_FIGURES in labels else find_twins(contents.stored)
    for entry in contents.stored:
        if entry.file not in added:
            continue
        reason = _why_not_accepted(entry.result, specs, known, of_board)
        repair = "measure it for the model's file of this pull request"
        if reason is None and entry.file in twins:
            reason = f"has the very figures of {twins[entry.file]}"
            repair = f'a maintainer agrees with the label "{SAME_FIGURES}"'
        if reason is not None:
            problems.append(Problem(entry.file, "", reason, repair))
        environment = entry.result.environment.model_dump(mode="json")
        problems += validate_texts(entry.file, {"environment": environment})
    for table in contents.published:
        folder = f"results/published/{table.source.name}"
        rows = {f"line {number}": row for number, row in enumerate(table.rows, start=2)}
        documents = {
            f"line {number}": {"document": document.name, "text": document.text}
            for number, document in enumerate(table.documents, start=2)
        }
        files = {
            "source.toml": table.source.model_dump(mode="json"),
            "table.csv": rows,
            "documents.csv": documents,
        }
        for name, content in files.items():
            if f"{folder}/{name}" in touched:
                problems += validate_texts(f"{folder}/{name}", content)
    return problems


def _why_not_accepted(result: Result, specs: Specs, known: Known, of_board: bool) -> str | None:
    """Return why a new record is not accepted, or None. of_board: of its own workflow."""
    if result.retracted is not None:
        return "is new and retracted already"
    if result.error is not None and not of_board:
        return "is a failure, which only the board's own runs may record"
    return why_refused(result, specs, known)


def find_twins(stored: Sequence[StoredResult]) -> dict[str, str]:
    """Find records that have, number by number, the figures of another model's.

    Return the other model's id by the file of each such record.
    """
    first: dict[Hashable, StoredResult] = {}
    twins: dict[str, str] = {}
    for entry in stored:
        result = entry.result
        figures: Hashable = None
        if result.lossless is not None:
            figures = tuple(document.bits for document in result.lossless.documents)
        elif result.tasks:
            figures = tuple(
                (name, tuple(response.log_likelihoods for response in leaf.responses))
                for task in result.tasks
                for name, leaf in leaves_of(task)
            )
        elif result.preference is not None:
            figures = tuple(layer.plug_in for layer in result.preference.layers)
        if figures is None or result.model == CLASSICAL.id:
            continue
        other = first.setdefault(figures, entry)
        if other.result.model != result.model:
            twins[entry.file], twins[other.file] = other.result.model, result.model
    return twins


LINE = re.compile(r"\(at line (\d+)|^line (\d+)")
LISTED = 100  # problems in a summary; the annotations have them all


def annotation(problem: Problem, text: str) -> str:
    """Write a problem as a workflow command. text: of its file; empty if it may not be read."""
    file = printable(_escape(problem.file)).replace(":", "%3A").replace(",", "%2C")
    line = _line_of(problem, text)
    return f"::error file={file},line={line},title={file}::{_escape(str(problem))}"


def _escape(text: str) -> str:
    """Escape line ends, after which a new workflow command would begin."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _line_of(problem: Problem, text: str) -> int:
    """Find the line of a problem's field in its file; 1 if it is unknown."""
    if stated := LINE.search(problem.field) or LINE.search(problem.wrong):
        return int(stated[1] or stated[2])
    line = 0
    lines = text.split("\n")
    for part in filter(None, problem.field.split(".")):
        pattern = re.compile(rf'\s*(\[\[?{re.escape(part)}\]|"?{re.escape(part)}"?\s*[=:])')
        first = line if part != "weights" else 0
        line = next((n for n in range(first, len(lines)) if pattern.match(lines[n])), line)
    return line + 1


def find_retracted(contents: Contents, edited: Collection[str]) -> dict[str, list[Result]]:
    """Find the records that a pull request retracts, by model. edited: files of the base branch."""
    retracted: dict[str, list[Result]] = {}
    for entry in contents.stored:
        if entry.file in edited and entry.result.retracted is not None:
            retracted.setdefault(entry.result.model, []).append(entry.result)
    return dict(sorted(retracted.items()))


def summarise(
    problems: Sequence[Problem],
    newcomers: Sequence["Newcomer"],
    retracted: Mapping[str, Sequence[Result]],
    changed: int,
) -> str:
    """Write the job summary in Markdown.

    retracted: records by model. changed: how many files of data were validated.
    """
    lines = ["## Pull request", ""]
    if problems:
        lines += [f"**{counted(len(problems), 'problem')} to fix**, all at once:", ""]
        lines += [f"- {as_code(problem)}" for problem in problems[:LISTED]]
        if len(problems) > LISTED:
            lines.append(f"- … and {len(problems) - LISTED} more, in the annotations")
    elif changed:
        lines.append(f"Nothing to fix in {counted(changed, 'file')} of data.")
    else:
        lines.append("No models and no results are changed: nothing for this check to do.")
    for newcomer in newcomers:
        lines += ["", f"### {as_code(newcomer.title)}", ""]
        lines += [f"- {label}: {as_code(fact)}" for label, fact in newcomer.facts]
    if retracted:
        total = sum(map(len, retracted.values()))
        models = counted(len(retracted), "model")
        lines += ["", f"### Retracts {counted(total, 'record')} of {models}", ""]
    for model, results in retracted.items():
        lines.append(f"- {as_code(model)}: {counted(len(results), 'record')}")
        for r in results[:LISTED]:
            lines.append(f"  - {as_code(f'{r.kind} {r.name} {r.run_id}: {r.retracted}')}")
        if len(results) > LISTED:
            lines.append(f"  - … and {len(results) - LISTED} more")
    return "\n".join(lines) + "\n"
