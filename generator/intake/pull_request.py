"""What a pull request may change: data by themselves, records never, figures with a word on why.

runs/models and results/ are data and are judged here. All the rest is judged by people and by the
tests: code, workflows, pages, and the specs that say how is measured, tasks with their YAML among
them, which is therefore never parsed here.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence

from pydantic import ValidationError

from generator.files.specs import Specs
from generator.files.trees import Change
from generator.intake.verify import why_refused
from generator.records.base import Problem
from generator.records.models import Model
from generator.records.results import Result

MODELS, MEASURED = "runs/models/", "results/measured/"
IMPORTED, PUBLISHED = "results/imported/", "results/published/"
CHANGELOG = "CHANGELOG.md"  # may go with either
SHAPES = {
    MODELS: (re.compile(r"runs/models/[^/]+/[^/]+\.toml"), "runs/models/<org>/<model>.toml"),
    MEASURED: (
        re.compile(r"results/measured/.+\.json"),
        "a record that `leaderboard measure` wrote",
    ),
    IMPORTED: (
        re.compile(r"results/imported/.+\.json"),
        "a record that `leaderboard import` wrote",
    ),
    PUBLISHED: (
        re.compile(r"results/published/[^/]+/(source\.toml|table\.csv)"),
        "results/published/<source>/source.toml and table.csv",
    ),
}
Read = Callable[[str], bytes]


def is_data(path: str) -> bool:
    return path.startswith((MODELS, "results/"))


def judge_mixture(changes: Sequence[Change]) -> list[Problem]:
    """Data and anything else in one pull request."""
    data = [c.path for c in changes if is_data(c.path)]
    rest = [c.path for c in changes if not is_data(c.path) and c.path != CHANGELOG]
    if not data or not rest:
        return []
    more = f" (and {len(rest) - 1} more)" if len(rest) > 1 else ""
    wrong = f"is no data{more}, and this pull request changes {data[0]} as well"
    repair = "split it: models and results in one pull request, all the rest in another"
    return [Problem(rest[0], "", wrong, repair)]


def judge_place(change: Change) -> Problem | None:
    """A file of data that stands where none belongs."""
    path = change.path
    if path.endswith(".jsonl") and path.startswith("results/"):
        return None
    for folder, (shape, shown) in SHAPES.items():
        if path.startswith(folder):
            return None if shape.fullmatch(path) else _misplaced(path, shown)
    return _misplaced(path, ", ".join(sorted(SHAPES)))


def _misplaced(path: str, expected: str) -> Problem:
    return Problem(path, "", "is in the wrong folder or of the wrong kind", f"expected {expected}")


def judge_history(change: Change, before: Read, after: Read, paths: set[str]) -> list[Problem]:
    """What may not happen to a file that was there. paths: all that the pull request changes."""
    path = change.path
    if change.before is None:
        return []
    if change.after is None:
        return [_removed(path)]
    old, new = before(path), after(path)
    line = _first_difference(old, new)
    if path.endswith(".jsonl") and not (new.startswith(old) and old.endswith(b"\n")):
        return [_edited(path, "lines of a ledger are only added", line)]
    if path.startswith(MEASURED) and not _only_retracted(old, new):
        return [_edited(path, "a record may only be marked as retracted", line)]
    if path.startswith(IMPORTED):
        return [_edited(path, "a record is never edited", line)]
    kept = set(old.splitlines()) <= set(new.splitlines())
    if path.startswith(PUBLISHED) and path.endswith(".csv") and not kept and CHANGELOG not in paths:
        wrong = "a figure that was there is changed or gone"
        return [Problem(path, f"line {line}", wrong, f"say why in {CHANGELOG}")]
    return []


def _removed(path: str) -> Problem:
    if path.startswith(MODELS):
        wrong = "a model that the board has is removed or renamed"
        return Problem(path, "", wrong, "restore the file; a new name is a new file beside it")
    repair = 'restore it; a record that is wrong is marked with "retracted": "reason"'
    return Problem(path, "", "a file of results is removed", repair)


def _edited(path: str, rule: str, line: int) -> Problem:
    return Problem(
        path, f"line {line}", f"was edited, and {rule}", "restore it from the base branch"
    )


def _first_difference(old: bytes, new: bytes) -> int:
    """Number of the first line that is not as it was."""
    one, other = old.splitlines(), new.splitlines()
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs, 1) if a != b), min(len(one), len(other)) + 1)


def _only_retracted(old: bytes, new: bytes) -> bool:
    try:
        was, now = (Result.model_validate_json(content) for content in (old, new))
    except ValidationError:
        return False
    same = was.model_copy(update={"retracted": now.retracted}) == now
    return same and was.retracted is None and bool((now.retracted or "").strip())


def judge_record(path: str, result: Result, specs: Specs) -> Problem | None:
    """Why a new record is not one that this repository asked for."""
    if result.retracted is not None:
        return Problem(path, "retracted", "a new record is retracted", "leave it out")
    wrong = None if _is_proof(result, specs) else why_refused(result, specs)
    repair = "measure it for the model's file of this pull request"
    return None if wrong is None else Problem(path, "", wrong, repair)


def _is_proof(result: Result, specs: Specs) -> bool:
    model = specs.models.get(result.model)
    known = model is not None and any(r.revision == result.revision for r in model.revisions())
    return result.kind == "proof" and known


def judge_duplicate(
    model: Model, others: Mapping[str, Model], twins: Collection[str]
) -> list[Problem]:
    """The same weights under another name. twins: ids that the hashes of the weights betray."""
    mine = {checkpoint.revision for checkpoint in model.revisions()}
    same = {
        other.id
        for other in others.values()
        if other.id != model.id and mine & {c.revision for c in other.revisions()}
    }
    repair = "leave this file out; these weights are on the board"
    return [
        Problem(model.file, "weights.revision", f"these are the weights of {other}", repair)
        for other in sorted(same | set(twins))
    ]
