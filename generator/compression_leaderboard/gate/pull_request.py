"""What a pull request may change: files judged as bytes, then as data.

runs/models and results/ are data and are judged here. All the rest is judged by people and by the
tests: code, workflows, pages, and the specs that say how is measured, tasks with their YAML among
them, which is therefore never parsed here.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from compression_leaderboard.gate.collect import why_refused
from compression_leaderboard.records.base import Problem
from compression_leaderboard.records.models import Model
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.git import Change
from compression_leaderboard.repository.specs import LARGEST_SPEC_BYTES, Specs

LARGEST_BYTES = 8 * 2**20  # of a record, a table or a ledger; the largest here has 0.4 MB
LONGEST_TEXT = 1000  # characters of one text in a model's file
PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*(/[A-Za-z0-9][A-Za-z0-9._@-]*)*")
TEMPLATE = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")
COMMAND = re.compile(r"^\s*::|##\[", re.MULTILINE)  # of a workflow: printed, it would be obeyed
BOM = b"\xef\xbb\xbf"
SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")  # whose letters look alike


def judge_entry(change: Change) -> Problem | None:
    """Why a file may not be opened: what it is, its name, its size."""
    path, entry = change.path, change.after
    if entry is None:
        return None
    if not PATH.fullmatch(path):
        repair = "name it with ASCII letters, digits, . _ - @ only, none of them . or - first"
        return Problem(path, "", "has a name that is not allowed", repair)
    if entry.kind == "link":
        return Problem(path, "", "is a symbolic link", "replace it with the file itself")
    if entry.kind == "folder":
        return Problem(path, "", "is a submodule or an empty folder", "add plain files only")
    if entry.kind == "other":
        return Problem(path, "", "is no plain file", "add plain files only")
    if entry.executable:
        return Problem(path, "", "is executable", f"run `git update-index --chmod=-x {path}`")
    limit = LARGEST_SPEC_BYTES if path.endswith(".toml") else LARGEST_BYTES
    if entry.size > limit:
        wrong = f"has {entry.size} bytes, at most {limit} are read"
        return Problem(path, "", wrong, "leave out what does not belong in it")
    return None


def judge_bytes(path: str, content: bytes) -> Problem | None:
    """Why a file is not the plain text that it should be."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return Problem(path, "", "is not UTF-8 text", "save it as UTF-8; binaries are not taken")
    if content.startswith(BOM):
        return Problem(path, "", "begins with a byte order mark", "save it as UTF-8 without BOM")
    if "\0" in text:
        return Problem(path, "", "holds NUL bytes", "save it as plain text")
    if "\r" in text and not path.endswith(".csv"):
        return Problem(path, "", "has line ends of Windows (CR LF)", "save it with LF only")
    for number, line in enumerate(text.split("\n"), start=1):
        if hidden := [c for c in line if not c.isprintable() and c not in "\t\r"]:
            wrong = f"holds the invisible character U+{ord(hidden[0]):04X}"
            return Problem(path, f"line {number}", wrong, "remove it")
    return None


def judge_texts(path: str, content: Any) -> list[Problem]:
    """What is wrong with single texts of a file that was read; content: tables, lists and texts."""
    found = []
    for field, text in _texts(content):
        if wrong := _fault_of(text):
            found.append(Problem(path, field, *wrong))
    return found


def _texts(content: Any, field: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(content, str):
        yield field, content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from _texts(value, f"{field}.{key}" if field else str(key))
    elif isinstance(content, list | tuple):
        for number, value in enumerate(content, start=1):
            yield from _texts(value, f"{field}.{number}")


def _fault_of(text: str) -> tuple[str, str] | None:
    if len(text) > LONGEST_TEXT:
        return f"has {len(text)} characters", f"write at most {LONGEST_TEXT}"
    if hidden := [c for c in text if not c.isprintable()]:
        return f"holds the invisible character U+{ord(hidden[0]):04X}", "write one line of text"
    if found := TEMPLATE.search(text):
        return f'holds "{found[0]}", the mark of a template', "write it without such braces"
    if COMMAND.search(text):
        return "reads like a command of a workflow", "write it without :: or ##[ at its begin"
    for word in re.findall(r"\w+", text):
        scripts = {script for c in word if (script := _script(c))}
        if len(scripts) > 1:
            shown = " and ".join(s.capitalize() for s in sorted(scripts))
            return f'"{word}" mixes {shown} letters that look alike', "write it in one alphabet"
    return None


def _script(letter: str) -> str | None:
    name = unicodedata.name(letter, "") if letter.isalpha() else ""
    return next((script for script in SCRIPTS if name.startswith(script)), None)


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
