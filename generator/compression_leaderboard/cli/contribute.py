"""`leaderboard add` and `leaderboard validate`."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from compression_leaderboard.cli.app import AsJson, Place, Root, Text, app, refusal, report_problems
from compression_leaderboard.gate import new_model, pull_request
from compression_leaderboard.measure.machine import MeasureError
from compression_leaderboard.records.base import (
    COMMIT,
    MODEL_NAME,
    Problem,
    UserError,
    model_file,
    model_id,
)
from compression_leaderboard.repository.contents import Contents, read_contents
from compression_leaderboard.repository.files import write_atomically
from compression_leaderboard.repository.git import compare_trees, overlaid
from compression_leaderboard.repository.specs import read_specs
from compression_leaderboard.wording import counted


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
    as_json: AsJson = False,
    annotations: Annotated[
        bool, typer.Option("--annotations", help="Print workflow commands for GitHub.")
    ] = False,
    summary: Annotated[Place, typer.Option(help="Append a Markdown summary to this file.")] = None,
) -> None:
    """Validate a pull request by its files, read as data; none of them is imported or run.

    Example: `leaderboard validate --base . --head ../pull-request --no-hub`
    """
    validation = _validate(base, head, hub)
    if summary is not None:
        text = pull_request.summarise(validation.problems, validation.newcomers, validation.changed)
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
class Validation:
    """What is wrong with a pull request, and what is known of its models."""

    problems: Sequence[Problem]
    newcomers: Sequence[new_model.Newcomer]
    readable: set[str]  # new and changed files that may be opened
    changed: int  # files of data


def _validate(base: Path, head: Path, hub: bool) -> Validation:
    """Validate every file at once; report and skip one that may not be opened."""
    before, after = _reader(base), _reader(head)
    changes = compare_trees(base, head)
    paths = {change.path for change in changes}
    problems, readable = pull_request.refuse_mixture(changes), []
    data = [change for change in changes if pull_request.is_data(change.path)]
    specs = [c for c in changes if c.path.startswith("runs/") and c.path.endswith(".toml")]
    for change in {change.path: change for change in (*data, *specs)}.values():
        faults = pull_request.validate_file(change, after)
        problems += faults
        if not faults:
            readable.append(change)
            if pull_request.is_data(change.path):
                problems += pull_request.validate_history(change, before, after, paths)
    touched = {change.path for change in readable if change.after is not None}
    if not data and not specs:
        return Validation(sorted(problems), (), touched, 0)
    with overlaid(base, head, readable) as folder:
        contents, faulty = read_contents(folder)
    sound = _without(contents, {problem.file for problem in faulty})
    if not {problem.file for problem in faulty} <= paths:
        faulty = sorted(set(faulty) - set(read_contents(base)[1]))
    added = {change.path for change in readable if change.before is None}
    models = [model for model in contents.specs.models.values() if model.file in touched]
    newcomers, of_models = new_model.validate_models(
        models, contents, sound, ask_hub if hub else None
    )
    of_contents = pull_request.validate_contents(contents, sound.specs, added, touched)
    problems = sorted({*problems, *faulty, *of_contents, *of_models})
    return Validation(problems, newcomers, touched, len(data))


def _reader(folder: Path) -> pull_request.Read:
    return lambda path: (folder / path).read_bytes()


def _without(contents: Contents, faulty: set[str]) -> Contents:
    """Leave out models whose file has a problem, such as a suite that does not exist."""
    models = {name: m for name, m in contents.specs.models.items() if m.file not in faulty}
    left_out = contents.specs.models.keys() - models.keys()
    return replace(
        contents,
        specs=replace(contents.specs, models=models),
        stored=[entry for entry in contents.stored if entry.result.model not in left_out],
    )
