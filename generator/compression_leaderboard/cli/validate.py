"""`leaderboard validate`."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer

from compression_leaderboard.cli.app import AsJson, app
from compression_leaderboard.gate.pull_request import (
    is_data,
    judge_bytes,
    judge_duplicate,
    judge_entry,
    judge_history,
    judge_mixture,
    judge_place,
    judge_record,
    judge_texts,
)
from compression_leaderboard.gate.summary import Newcomer, annotation, summarise
from compression_leaderboard.records.base import Problem, UserError
from compression_leaderboard.repository.contents import Contents, read_contents
from compression_leaderboard.repository.git import Change, compare_trees, overlaid


@dataclass
class Verdict:
    """What is wrong with a pull request, and what is known of its models."""

    problems: list[Problem] = field(default_factory=list)
    newcomers: list[Newcomer] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)  # files that could be read, by path
    changed: int = 0  # files of data

    @property
    def in_order(self) -> list[Problem]:
        return sorted(set(self.problems))


@app.command()
def validate(
    base: Annotated[Path, typer.Option(help="A checkout of the branch to merge into.")],
    head: Annotated[Path, typer.Option(help="A clean checkout of the pull request, merged.")],
    hub: Annotated[
        bool, typer.Option("--hub/--no-hub", help="Ask the Hub for metadata of new models.")
    ] = True,
    as_json: AsJson = False,
    annotations: Annotated[
        bool, typer.Option("--annotations", help="Print workflow commands of GitHub.")
    ] = False,
    summary: Annotated[
        Path | None, typer.Option(help="Append a job summary in Markdown to this file.")
    ] = None,
) -> None:
    """Judge a pull request by its files, read as data: nothing of it is imported or run.

    Example: `leaderboard validate --base . --head ../pull-request --no-hub`
    """
    verdict = judge(base, head, hub)
    problems = verdict.in_order
    if summary is not None:
        with summary.open("a", encoding="utf-8") as stream:
            stream.write(summarise(problems, verdict.newcomers, verdict.changed))
    if as_json:
        print(json.dumps([vars(problem) for problem in problems], indent=1))
    elif annotations:
        for problem in problems:
            print(annotation(problem, verdict.texts.get(problem.file)))
    elif problems:
        raise UserError(problems)
    else:
        print(f"{verdict.changed} files of data are in order")
    if problems:
        raise typer.Exit(1)


def judge(base: Path, head: Path, hub: bool) -> Verdict:
    """Everything at once; a file that may not be opened is reported and then left alone."""
    changes = compare_trees(base, head)
    verdict = Verdict(judge_mixture(changes))
    data = [change for change in changes if is_data(change.path)]
    verdict.changed = len(data)
    fit = [change for change in data if _is_fit(change, head, verdict)]
    if not any(change.path.startswith(("runs/", "results/")) for change in changes):
        return verdict
    paths = {change.path for change in changes}
    for change in fit:
        if change.before is None or change.before.kind == "file":
            before, after = _reader(base), _reader(head)
            verdict.problems += judge_history(change, before, after, paths)
    specs = [c for c in changes if c.path.startswith("runs/") and c.path.endswith(".toml")]
    fit += [c for c in specs if not is_data(c.path) and _is_fit(c, head, verdict)]
    with overlaid(base, head, fit) as folder:
        contents, found = read_contents(folder)
    sound = _without(contents, {problem.file for problem in found})
    if found and not {problem.file for problem in found} <= paths:
        found = sorted(set(found) - set(read_contents(base)[1]))  # the base's own are not theirs
    verdict.problems += found
    _judge_contents(fit, contents, sound, verdict)
    _judge_models(fit, contents, sound, hub, verdict)
    return verdict


def _reader(folder: Path) -> Callable[[str], bytes]:
    return lambda path: (folder / path).read_bytes()


def _is_fit(change: Change, head: Path, verdict: Verdict) -> bool:
    """Whether a file may be read as TOML, JSON or CSV; if not, the verdict says why."""
    misplaced = judge_place(change) if is_data(change.path) and change.after else None
    wrong = judge_entry(change)
    if wrong is None and change.after is not None:
        content = (head / change.path).read_bytes()
        if (wrong := judge_bytes(change.path, content)) is None:
            verdict.texts[change.path] = content.decode()
    verdict.problems += [problem for problem in (misplaced, wrong) if problem is not None]
    return misplaced is None and wrong is None


def _without(contents: Contents, faulty: set[str]) -> Contents:
    """Contents without models whose file has a problem, such as a suite that does not exist."""
    models = {name: m for name, m in contents.specs.models.items() if m.file not in faulty}
    left_out = contents.specs.models.keys() - models.keys()
    return replace(
        contents,
        specs=replace(contents.specs, models=models),
        stored=[entry for entry in contents.stored if entry.result.model not in left_out],
    )


def _judge_contents(
    fit: Sequence[Change], contents: Contents, sound: Contents, verdict: Verdict
) -> None:
    """Records and texts of the files that were read."""
    touched = {change.path for change in fit if change.after is not None}
    added = {change.path for change in fit if change.before is None}
    for stored in contents.stored:
        if stored.file in added:
            wrong = judge_record(stored.file, stored.result, sound.specs)
            verdict.problems += [wrong] if wrong else []
    for table in contents.published:
        folder = f"results/published/{table.source.name}"
        if f"{folder}/source.toml" in touched:
            source = table.source.model_dump(mode="json")
            verdict.problems += judge_texts(f"{folder}/source.toml", source)
        if f"{folder}/table.csv" in touched:
            verdict.problems += judge_texts(f"{folder}/table.csv", _by_line(table.rows))


def _judge_models(
    fit: Sequence[Change], contents: Contents, sound: Contents, hub: bool, verdict: Verdict
) -> None:
    """Texts of models and copies of others; of sound ones what can be said before measuring."""
    from compression_leaderboard.cli.new_models import describe_newcomers

    touched = {change.path for change in fit if change.after is not None}
    known = contents.specs.models
    models = [model for model in known.values() if model.file in touched]
    described = [model for model in models if model.id in sound.specs.models]
    verdict.newcomers, wrongs = describe_newcomers(described, sound, hub)
    verdict.problems += wrongs
    twins = {newcomer.model.id: newcomer.twins for newcomer in verdict.newcomers}
    for model in models:
        verdict.problems += judge_texts(model.file, model.model_dump(mode="json"))
        verdict.problems += judge_duplicate(model, known, twins.get(model.id, ()))


def _by_line(rows: Sequence[dict[str, str]]) -> dict[str, dict[str, str]]:
    return {f"line {number}": row for number, row in enumerate(rows, start=2)}
