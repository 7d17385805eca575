"""`leaderboard add` and `leaderboard validate`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from compression_leaderboard.cli.app import (
    AsJson,
    Place,
    Root,
    Text,
    Texts,
    app,
    is_disk_fault,
    refusal,
    report_problems,
)
from compression_leaderboard.wording import counted

if TYPE_CHECKING:
    from compression_leaderboard.gate import changed_files, new_model
    from compression_leaderboard.records.base import Problem
    from compression_leaderboard.records.results import Result
    from compression_leaderboard.repository.git import Change


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="org/model on the Hugging Face Hub.")],
    root: Root = Path(),
    revision: Annotated[Text, typer.Option(help="Commit, branch or tag. Default: newest.")] = None,
    family: Annotated[Text, typer.Option(help="Family; the Hub does not state it.")] = None,
    kind: Annotated[
        Literal["base", "instruct"] | None, typer.Option(help="Kind; the Hub does not state it.")
    ] = None,
) -> None:
    """Draft a model's file from the Hub's metadata: revision, parameters, licence and date.

    Example: `leaderboard add org/model --family Name --kind base`
    """
    from compression_leaderboard.gate import new_model
    from compression_leaderboard.records.base import MODEL_NAME, UserError, model_file, model_id
    from compression_leaderboard.repository.files import write_atomically
    from compression_leaderboard.repository.specs import read_specs

    file = model_file(name)
    models = read_specs(root)[0].models  # a drafted file still has problems
    if not MODEL_NAME.fullmatch(name):
        raise refusal(name, "is not of the form org/model", "use letters, digits, . _ - only")
    if model_id(name, None).lower() in map(str.lower, models) or (root / file).exists():
        raise refusal(file, "is on the board already", "edit its file, or choose another model")
    answer = ask_hub(name, revision)
    if (listing := answer.listing) is None:
        raise UserError([new_model.hub_problem(file, answer.why)])
    problems = new_model.why_not_added(name, listing, family, [*models.values()], ask_hub)
    if problems:
        raise UserError(problems)
    draft = new_model.draft_model(name, listing, family, kind)
    write_atomically(root / file, draft.text.encode())
    print("\n".join(f"{file}: {line}" for line in ("written", *draft.notes)))


def ask_hub(repository: str, revision: str | None) -> new_model.HubAnswer:
    """List a model's files on the Hub; only configurations are fetched.

    revision: a commit, branch or tag; None is the newest commit.
    """
    from compression_leaderboard.gate import new_model
    from compression_leaderboard.measure.machine import MeasureError
    from compression_leaderboard.records.base import COMMIT

    try:
        from compression_leaderboard.measure.hub import list_weights, resolve_commit
    except ImportError as error:
        return new_model.HubAnswer(
            None, f"{error.name} is not installed; run `pip install '.[measure]'`"
        )
    with tempfile.TemporaryDirectory(prefix="leaderboard-") as cache:
        try:
            if revision is None or not COMMIT.fullmatch(revision):
                revision = resolve_commit(repository, revision)
            return new_model.HubAnswer(list_weights(repository, revision, Path(cache)))
        except MeasureError as error:
            return new_model.HubAnswer(None, error.message, error.reason == "weights")


@app.command()
def validate(
    base: Annotated[Path, typer.Option(help="A checkout of the branch to merge into.")],
    head: Annotated[Path, typer.Option(help="A clean checkout of the merged pull request.")],
    hub: Annotated[
        bool, typer.Option("--hub/--no-hub", help="Ask the Hub for metadata of new models.")
    ] = True,
    of_board: Annotated[
        bool, typer.Option("--own", help="The board's own workflow opened it.")
    ] = False,
    trusted_branch: Annotated[
        bool,
        typer.Option("--trusted-branch", help="Its branch is in the board's own repository."),
    ] = False,
    label: Annotated[
        Texts,
        typer.Option(help="A label of an owner: retraction, same figures, re-measurement."),
    ] = None,
    as_json: AsJson = False,
    annotations: Annotated[
        bool, typer.Option("--annotations", help="Print workflow commands for GitHub.")
    ] = False,
    summary: Annotated[Place, typer.Option(help="Append a Markdown summary to this file.")] = None,
) -> None:
    """Validate a pull request by its files, read as data; none of them is imported or run.

    Example: `leaderboard validate --base . --head ../pull-request --no-hub`
    """
    from compression_leaderboard.gate import pull_request

    claims = [] if trusted_branch else _validate_authors(base, head)
    validation = _validate(PullRequest(base, head, hub, of_board, frozenset(label or ())))
    validation = replace(validation, problems=[*claims, *validation.problems])
    if summary is not None:
        text = pull_request.summarise(
            validation.problems, validation.newcomers, validation.retracted, validation.changed
        )
        with summary.open("a", encoding="utf-8") as stream:
            stream.write(text)
    if annotations and not as_json:
        for problem in validation.problems:
            is_readable = problem.file in validation.readable
            text = (head / problem.file).read_text("utf-8") if is_readable else ""
            print(pull_request.annotation(problem, text))
        raise typer.Exit(1 if validation.problems else 0)
    otherwise = f"{counted(validation.changed, 'file')} of data: no problems"
    report_problems(validation.problems, as_json, otherwise)


@dataclass(frozen=True)
class PullRequest:
    """Two checkouts, and what the forge knows of who proposes the change."""

    base: Path
    head: Path
    hub: bool  # whether the Hub may be asked
    of_board: bool  # the board's own workflow opened it
    labels: frozenset[str]  # set by the board's owners


@dataclass(frozen=True)
class Validation:
    """What is wrong with a pull request, and what is known of its models."""

    problems: Sequence[Problem]
    newcomers: Sequence[new_model.Newcomer]
    retracted: Mapping[str, Sequence[Result]]  # by model
    readable: set[str]  # new and changed files that may be opened
    changed: int  # files of data


def _validate_authors(base: Path, head: Path) -> list[Problem]:
    """Refuse commits that claim an address of the board; a folder without git has no commits."""
    from compression_leaderboard.gate import pull_request
    from compression_leaderboard.repository.files import Reader
    from compression_leaderboard.repository.git import read_proposed
    from compression_leaderboard.repository.specs import read_maintainers

    if not (head / ".git").exists():
        print(f"{head}: authors are not checked, since it has no git history", file=sys.stderr)
        return []
    return pull_request.refuse_claims(read_proposed(base, head), read_maintainers(Reader(base)))


def _validate(request: PullRequest) -> Validation:
    """Validate every file at once; report and skip one that may not be opened.

    A fault of ours never ends in a traceback: each file is then validated by itself, to name the
    one that causes it.
    """
    from compression_leaderboard.records.base import Problem
    from compression_leaderboard.repository.git import compare_trees

    changes = compare_trees(request.base, request.head)
    try:
        return _validate_changes(request, changes)
    except Exception as error:
        if is_disk_fault(error):
            raise
        culprits = [c for c in changes if not _can_be_validated(request, c)] or changes[:1]
        wrong = f"cannot be validated ({type(error).__name__})"
        repair = "report it as a bug of the board, with this pull request"
        problems = [Problem(change.path, "", wrong, repair) for change in culprits]
        return Validation(problems, (), {}, set(), len(changes))


def _can_be_validated(request: PullRequest, change: Change) -> bool:
    try:
        _validate_changes(request, [change])
    except Exception:
        return False
    return True


def _validate_changes(request: PullRequest, changes: Sequence[Change]) -> Validation:
    from compression_leaderboard.cli.reading import latest_day, read_commits
    from compression_leaderboard.gate import changed_files, new_model, pull_request
    from compression_leaderboard.gate.impossible import Known
    from compression_leaderboard.repository.contents import read_contents
    from compression_leaderboard.repository.git import current_commit, overlaid

    before, after = _reader(request.base), _reader(request.head)
    paths = {change.path for change in changes}
    problems, readable = changed_files.refuse_mixture(changes), []
    validated = [c for c in changes if c.path.startswith(("runs/", "results/"))]
    data = [change for change in validated if changed_files.is_data(change.path)]
    if data:
        validated += [c for c in changes if c.path == changed_files.CHANGELOG]
    for change in validated:
        faults = changed_files.validate_file(change, after)
        problems += faults
        if not faults:
            readable.append(change)
    explained = any(changed_files.explains(change, before, after) for change in readable)
    for change in readable:
        if changed_files.is_data(change.path) or change.path == changed_files.CHANGELOG:
            problems += changed_files.validate_history(
                change, before, after, explained, request.labels
            )
        if change.path == changed_files.CHANGELOG and change.after is not None:
            problems += changed_files.validate_changelog(after(change.path))
    touched = {change.path for change in readable if change.after is not None}
    if not validated:
        return Validation(sorted(problems), (), {}, touched, 0)
    of_base = read_contents(request.base)
    with overlaid(request.base, request.head, readable) as folder:
        contents, faulty = read_contents(folder)
    sound = contents.without_faulty({problem.file for problem in faulty})
    if not {problem.file for problem in faulty} <= paths:
        faulty = sorted(set(faulty) - set(of_base[1]))
    added = {change.path for change in readable if change.before is None}
    models = [model for model in contents.specs.models.values() if model.file in touched]
    # The records of the base come first: they are trusted where both name a text or a task.
    known = Known.of([*of_base[0].stored, *contents.stored], latest_day(request.base))
    newcomers, of_models = new_model.validate_models(
        models, contents, sound, known.latest, ask_hub if request.hub else None
    )
    problems += new_model.validate_revisions(of_base[0], contents)
    commits = {}
    if any(entry.file in added for entry in contents.rechecks):  # the head has the history of both
        at = current_commit(request.base).id
        commits = read_commits(request.head, of_base[0].stored, at)
    problems += pull_request.validate_contents(
        contents,
        sound.specs,
        known,
        added,
        touched,
        request.of_board,
        request.labels,
        commits,
    )
    problems = sorted({*problems, *faulty, *of_models})
    retracted = pull_request.find_retracted(contents, touched - added)
    return Validation(problems, newcomers, retracted, touched, len(data))


def _reader(folder: Path) -> changed_files.Read:
    return lambda path: (folder / path).read_bytes()
