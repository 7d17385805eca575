"""`leaderboard validate`."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compression_leaderboard.cli.app import AsJson, app, print_json
from compression_leaderboard.gate.pull_request import (
    is_data,
    judge_bytes,
    judge_contents,
    judge_entry,
    judge_history,
    judge_mixture,
    judge_place,
)
from compression_leaderboard.gate.summary import annotation, summarise
from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.repository.contents import Contents, read_contents
from compression_leaderboard.repository.git import Change, compare_trees, overlaid
from compression_leaderboard.wording import counted

if TYPE_CHECKING:
    from compression_leaderboard.gate.new_model import Newcomer


@dataclass
class Verdict:
    """What is wrong with a pull request, and what is known of its models."""

    problems: list[Problem] = field(default_factory=list)
    newcomers: "list[Newcomer]" = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)  # files that could be read, by path
    changed: int = 0  # files of data


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
    summary: Annotated[
        Path | None, typer.Option(help="Append a job summary in Markdown to this file.")
    ] = None,
) -> None:
    """Judge a pull request by its files, read as data; none of them is imported or run.

    Example: `leaderboard validate --base . --head ../pull-request --no-hub`
    """
    verdict = judge(base, head, hub)
    problems = sorted(set(verdict.problems))
    if summary is not None:
        with summary.open("a", encoding="utf-8") as stream:
            stream.write(summarise(problems, verdict.newcomers, verdict.changed))
    if as_json:
        print_json([vars(problem) for problem in problems])
    elif annotations:
        for problem in problems:
            print(annotation(problem, verdict.texts.get(problem.file)))
    elif problems:
        raise UserError(problems)
    else:
        print(f"{counted(verdict.changed, 'file')} of data: no problems")
    if problems:
        raise typer.Exit(1)


def judge(base: Path, head: Path, hub: bool) -> Verdict:
    """Judge every file at once; one that may not be opened is reported and skipped."""
    from compression_leaderboard.cli.new_models import ask_hub
    from compression_leaderboard.gate.new_model import judge_models

    changes = compare_trees(base, head)
    verdict = Verdict(judge_mixture(changes))
    data = [change for change in changes if is_data(change.path)]
    verdict.changed = len(data)
    readable = [change for change in data if _is_readable(change, head, verdict)]
    if not any(change.path.startswith(("runs/", "results/")) for change in changes):
        return verdict
    paths = {change.path for change in changes}
    for change in readable:
        if change.before is None or change.before.kind == "file":
            verdict.problems += judge_history(change, _reader(base), _reader(head), paths)
    specs = [c for c in changes if c.path.startswith("runs/") and c.path.endswith(".toml")]
    readable += [c for c in specs if not is_data(c.path) and _is_readable(c, head, verdict)]
    with overlaid(base, head, readable) as folder:
        contents, problems = read_contents(folder)
    faulty = {problem.file for problem in problems}
    sound = _without(contents, faulty)
    if not faulty <= paths:
        problems = sorted(set(problems) - set(read_contents(base)[1]))
    added = {change.path for change in readable if change.before is None}
    touched = {change.path for change in readable if change.after is not None}
    models = [model for model in contents.specs.models.values() if model.file in touched]
    verdict.newcomers, of_models = judge_models(models, contents, sound, ask_hub if hub else None)
    of_contents = judge_contents(contents, sound.specs, added, touched)
    verdict.problems += [*problems, *of_contents, *of_models]
    return verdict


def _reader(folder: Path) -> Callable[[str], bytes]:
    return lambda path: (folder / path).read_bytes()


def _is_readable(change: Change, head: Path, verdict: Verdict) -> bool:
    """Whether a file may be parsed as TOML, JSON or CSV; if not, the verdict says why."""
    problems = [judge_entry(change)]
    if problems == [None] and change.after is not None:
        content = (head / change.path).read_bytes()
        problems = [judge_bytes(change.path, content)]
        if problems == [None]:
            verdict.texts[change.path] = content.decode()
    if is_data(change.path) and change.after is not None:
        problems.append(judge_place(change))
    verdict.problems += [problem for problem in problems if problem is not None]
    return not any(problems)


def _without(contents: Contents, faulty: set[str]) -> Contents:
    """Leave out models whose file has a problem, such as a suite that does not exist."""
    models = {name: m for name, m in contents.specs.models.items() if m.file not in faulty}
    left_out = contents.specs.models.keys() - models.keys()
    return replace(
        contents,
        specs=replace(contents.specs, models=models),
        stored=[entry for entry in contents.stored if entry.result.model not in left_out],
    )
