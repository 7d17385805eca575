"""What a pull request may change: files validated as bytes, then as data; its summary.

Only runs/models and results/ are data and are validated here. People and tests check the rest:
code, workflows, pages and the specs that say how to measure. Their YAML is never parsed here.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from compression_leaderboard.gate.collect import why_refused
from compression_leaderboard.records.base import Problem
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.contents import Contents
from compression_leaderboard.repository.git import Change
from compression_leaderboard.repository.specs import LARGEST_SPEC_BYTES, Specs
from compression_leaderboard.wording import counted, printable

if TYPE_CHECKING:  # the cohorts behind a newcomer need scipy, and `leaderboard --help` does not
    from compression_leaderboard.gate.new_model import Newcomer

LARGEST_BYTES = 8 * 2**20  # of a record, table or ledger; the largest so far has 0.4 MB
LONGEST_TEXT = 1000  # characters of one text in a model's file
PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*(/[A-Za-z0-9][A-Za-z0-9._@-]*)*")
TEMPLATE = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")
COMMAND = re.compile(r"^\s*::|##\[", re.MULTILINE)  # GitHub obeys such a line of a job's output
SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")  # with letters that look alike
MODELS, MEASURED = "runs/models/", "results/measured/"
IMPORTED, PUBLISHED = "results/imported/", "results/published/"
CHANGELOG = "CHANGELOG.md"  # may change together with data or with anything else
# Of each folder: the paths of its files, and how they are described.
SHAPES = {
    MODELS: (r"runs/models/[^/]+/[^/]+\.toml", "runs/models/<org>/<model>.toml"),
    MEASURED: (r"results/measured/.+\.json", "a record that `leaderboard measure` wrote"),
    IMPORTED: (r"results/imported/.+\.json", "a record that `leaderboard import` wrote"),
    PUBLISHED: (
        r"results/published/[^/]+/(source\.toml|table\.csv)",
        "results/published/<source>/source.toml and table.csv",
    ),
}
KINDS = {
    "link": ("is a symbolic link", "replace it with the file itself"),
    "folder": ("is a submodule or an empty folder", "add plain files only"),
    "other": ("is not a plain file", "add plain files only"),
}
Read = Callable[[str], bytes]


def is_data(path: str) -> bool:
    return path.startswith((MODELS, "results/"))


def validate_file(change: Change, read: Read) -> list[Problem]:
    """Validate a changed file before it is parsed. read: opens the new file."""
    problems = [_check_entry(change)]
    if change.after is not None:
        if problems == [None]:
            problems = [_check_bytes(change.path, read(change.path))]
        if is_data(change.path):
            problems.append(_check_place(change.path))
    return [problem for problem in problems if problem is not None]


def _check_entry(change: Change) -> Problem | None:
    """Check a file before it is opened, by its name, kind and size."""
    path, entry = change.path, change.after
    if entry is None:
        return None
    if not PATH.fullmatch(path):
        repair = "name it with ASCII letters, digits, . _ - @ only, none of them . or - first"
        return Problem(path, "", "has a name that is not allowed", repair)
    if entry.kind != "file":
        return Problem(path, "", *KINDS[entry.kind])
    if entry.executable:
        return Problem(path, "", "is executable", f"run `git update-index --chmod=-x {path}`")
    limit = LARGEST_SPEC_BYTES if path.endswith(".toml") else LARGEST_BYTES
    if entry.size > limit:
        wrong = f"has {entry.size} bytes, at most {limit} are read"
        return Problem(path, "", wrong, "leave out what does not belong in it")
    return None


def _check_bytes(path: str, content: bytes) -> Problem | None:
    """Check that a file is plain text in UTF-8."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return Problem(path, "", "is not UTF-8 text", "save it as UTF-8; use no binary files")
    if "\r" in text and not path.endswith(".csv"):
        return Problem(path, "", "has Windows line endings (CR LF)", "save it with LF only")
    for number, line in enumerate(text.split("\n"), start=1):
        if hidden := [c for c in line if not c.isprintable() and c not in "\t\r"]:
            wrong = f"has the invisible character U+{ord(hidden[0]):04X}"
            return Problem(path, f"line {number}", wrong, "remove it")
    return None


def validate_texts(path: str, content: Any) -> list[Problem]:
    """Validate every text in a file that was parsed. content: nested tables, lists and texts."""
    return [
        Problem(path, field, *fault)
        for field, text in _texts(content)
        if (fault := _fault_of(text)) is not None
    ]


def _texts(content: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """List every text with its dotted place."""
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
        return f"has the invisible character U+{ord(hidden[0]):04X}", "write one line of text"
    if mark := TEMPLATE.search(text):
        return f'has "{mark[0]}", the mark of a template', "write it without such braces"
    if COMMAND.search(text):
        return "reads like a workflow command", "write it without :: or ##[ at the start"
    for word in re.findall(r"\w+", text):
        scripts = {script for c in word if (script := _script(c))}
        if len(scripts) > 1:
            shown = " and ".join(s.capitalize() for s in sorted(scripts))
            return f'"{word}" mixes {shown} letters that look alike', "write it in one alphabet"
    return None


def _script(letter: str) -> str | None:
    name = unicodedata.name(letter, "") if letter.isalpha() else ""
    return next((script for script in SCRIPTS if name.startswith(script)), None)


def refuse_mixture(changes: Sequence[Change]) -> list[Problem]:
    """Refuse a pull request that changes data together with anything else."""
    data = [c.path for c in changes if is_data(c.path)]
    rest = [c.path for c in changes if not is_data(c.path) and c.path != CHANGELOG]
    if not data or not rest:
        return []
    more = f" (and {len(rest) - 1} more)" if len(rest) > 1 else ""
    wrong = f"is not data{more}, and this pull request changes {data[0]} as well"
    repair = "split it: models and results in one pull request, everything else in another"
    return [Problem(rest[0], "", wrong, repair)]


def _check_place(path: str) -> Problem | None:
    """Check that a file of data is in the folder of its kind."""
    if path.endswith(".jsonl") and path.startswith("results/"):
        return None
    folder = next((folder for folder in SHAPES if path.startswith(folder)), None)
    if folder is not None and re.fullmatch(SHAPES[folder][0], path):
        return None
    expected = SHAPES[folder][1] if folder else ", ".join(sorted(SHAPES))
    wrong = "is in the wrong folder or of the wrong kind"
    return Problem(path, "", wrong, f"expected {expected}")


def validate_history(change: Change, before: Read, after: Read, paths: set[str]) -> list[Problem]:
    """Validate the change of a file of the base branch. paths: all that are changed with it."""
    path = change.path
    if change.before is None or change.before.kind != "file":
        return []
    if change.after is None:
        return [_removed(path)]
    old, new = before(path), after(path)
    field = f"line {_first_difference(old, new)}"
    rule = None
    if path.endswith(".jsonl") and not (new.startswith(old) and old.endswith(b"\n")):
        rule = "lines of a ledger are only added"
    elif path.startswith(MEASURED) and not _only_retracted(old, new):
        rule = "a record may only be marked as retracted"
    elif path.startswith(IMPORTED):
        rule = "a record is never edited"
    if rule is not None:
        return [Problem(path, field, f"was edited, and {rule}", "restore it from the base branch")]
    is_table = path.startswith(PUBLISHED) and path.endswith(".csv")
    if is_table and CHANGELOG not in paths and not set(old.splitlines()) <= set(new.splitlines()):
        wrong = "a published figure is changed or gone"
        return [Problem(path, field, wrong, f"say why in {CHANGELOG}")]
    return []


def _removed(path: str) -> Problem:
    if path.startswith(MODELS):
        wrong = "a model of the board is removed or renamed"
        return Problem(path, "", wrong, "restore the file, and add a new file for a new name")
    repair = 'restore it; mark a wrong record with "retracted": "reason"'
    return Problem(path, "", "a file of results is removed", repair)


def _first_difference(old: bytes, new: bytes) -> int:
    """Return the number of the first line that differs."""
    before, after = old.splitlines(), new.splitlines()
    pairs = enumerate(zip_longest(before, after), start=1)
    return next((number for number, (a, b) in pairs if a != b), len(before) + 1)


def _only_retracted(old: bytes, new: bytes) -> bool:
    try:
        was, now = (Result.model_validate_json(content) for content in (old, new))
    except ValidationError:
        return False
    same = was.model_copy(update={"retracted": now.retracted}) == now
    return same and was.retracted is None and bool((now.retracted or "").strip())


def validate_contents(
    contents: Contents, specs: Specs, added: set[str], touched: set[str]
) -> list[Problem]:
    """Validate new records and changed tables that were parsed.

    specs: those without a problem. added: new files. touched: new and changed files.
    """
    problems = [
        problem
        for entry in contents.stored
        if entry.file in added and (problem := _check_record(entry.file, entry.result, specs))
    ]
    for table in contents.published:
        folder = f"results/published/{table.source.name}"
        rows = {f"line {number}": row for number, row in enumerate(table.rows, start=2)}
        files = {"source.toml": table.source.model_dump(mode="json"), "table.csv": rows}
        for name, content in files.items():
            if f"{folder}/{name}" in touched:
                problems += validate_texts(f"{folder}/{name}", content)
    return problems


def _check_record(path: str, result: Result, specs: Specs) -> Problem | None:
    """Check that the specs ask for a new record."""
    if result.retracted is not None:
        return Problem(path, "retracted", "a new record is retracted", "leave it out")
    model = specs.models.get(result.model)
    if result.kind == "proof" and model is not None and result.revision in model.revision_ids:
        return None
    reason = why_refused(result, specs)
    repair = "measure it for the model's file of this pull request"
    return None if reason is None else Problem(path, "", reason, repair)


LINE = re.compile(r"\(at line (\d+)|^line (\d+)")
LISTED = 100  # problems in a summary; the annotations have them all
UNSAFE = {ord(c): f"&#{ord(c)};" for c in "\\`*_{}[]()<>#+-.!|&~:@\"'$^=/%"}


def annotation(problem: Problem, text: str) -> str:
    """Write a problem as a workflow command. text: of its file; empty if it may not be read."""
    file = _escape(problem.file).replace(":", "%3A").replace(",", "%2C")
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


def summarise(problems: Sequence[Problem], newcomers: Sequence["Newcomer"], changed: int) -> str:
    """Write the job summary in Markdown. changed: how many files of data were validated."""
    lines = ["## Pull request", ""]
    if problems:
        lines += [f"**{counted(len(problems), 'problem')} to fix**, all at once:", ""]
        lines += [f"- {plain(problem)}" for problem in problems[:LISTED]]
        if len(problems) > LISTED:
            lines.append(f"- … and {len(problems) - LISTED} more, in the annotations")
    elif changed:
        lines.append(f"Nothing to fix in {counted(changed, 'file')} of data.")
    else:
        lines.append("No models and no results are changed: nothing for this check to do.")
    for newcomer in newcomers:
        lines += ["", f"### {plain(newcomer.title)}", ""]
        lines += [f"- {label}: {plain(fact)}" for label, fact in newcomer.facts]
    return "\n".join(lines) + "\n"


def plain(text: object) -> str:
    """Escape a stranger's text: one line, with no sign that Markdown or HTML could interpret."""
    return printable(str(text), "�").translate(UNSAFE)
