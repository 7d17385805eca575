"""What a pull request may do to files: validated as bytes and by history, before any is parsed.

Only runs/models and results/ are data, which strangers may change by themselves. The other specs
of runs/ say how to measure: their owners review them. Their YAML is never parsed here.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import zip_longest
from typing import Any

from pydantic import ValidationError

from compression_leaderboard.records.base import Problem
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.contents import LEDGER
from compression_leaderboard.repository.git import Change
from compression_leaderboard.repository.specs import LARGEST_SPEC_BYTES

LARGEST_BYTES = 8 * 2**20  # of a record, table or ledger; the largest so far has 0.4 MB
LONGEST_TEXT = 1000  # characters of one text in a model's file
# Names that Windows keeps for devices, whatever follows a dot, or cannot end in one.
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?|.*\.", re.IGNORECASE)
PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*(/[A-Za-z0-9][A-Za-z0-9._@-]*)*")
TAG = re.compile(r"</?[A-Za-z!]")
CODE = re.compile(r"`[^`]*`")
LINK = re.compile(r"\]\(\s*(?!https://|#|[a-z/-]+\.md\b)")
POINT = re.compile(r"\s*- \W*[A-Za-z]{2,}(\W+\w+){2,}")  # three words or more
# Labels with which an owner of the board agrees to what looks wrong and may be right.
RETRACTION, SAME_FIGURES, RECHECK = "retraction", "same figures", "re-measurement"
TEMPLATE = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")
COMMAND = re.compile(r"^\s*::|##\[", re.MULTILINE)  # GitHub obeys such a line of a job's output
SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")  # with letters that look alike
MODELS, MEASURED, RECHECKS = "runs/models/", "results/measured/", "results/rechecks/"
IMPORTED, PUBLISHED = "results/imported/", "results/published/"
PREDICTIONS = "results/predictions/"
CHANGELOG = "CHANGELOG.md"  # may change together with data or with anything else
# Of each folder: the paths of its files, and how they are described.
SHAPES = {
    MODELS: (r"runs/models/[^/]+/[^/]+\.toml", "runs/models/<org>/<model>.toml"),
    MEASURED: (r"results/measured/.+\.json", "a record that `leaderboard measure` wrote"),
    RECHECKS: (r"results/rechecks/.+\.json", "a re-measurement that the board's workflow wrote"),
    IMPORTED: (r"results/imported/.+\.json", "a record that `leaderboard import` wrote"),
    PUBLISHED: (
        r"results/published/[^/]+/(source\.toml|table\.csv|documents\.csv)",
        "results/published/<source>/source.toml, table.csv and documents.csv",
    ),
    PREDICTIONS: (re.escape(LEDGER), LEDGER),
}
SPECS = re.compile(
    r"runs/((suites|corpora|profiles)/[^/]+\.toml|(texts|preferences)/[^/]+\.jsonl"
    r"|tasks/[^/]+\.(yaml|jsonl)|(sentinel|maintainers)\.toml)"
)
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
    if reserved := [part for part in path.split("/") if RESERVED.fullmatch(part)]:
        wrong = f'"{reserved[0]}" is no name of a file on Windows'
        return Problem(path, "", wrong, "choose another name")
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
    if TAG.search(text):
        return "has HTML", "write it as text"
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
    """Check that a file of runs/ or results/ is in the folder of its kind."""
    if path == CHANGELOG or SPECS.fullmatch(path):
        return None
    folder = next((folder for folder in SHAPES if path.startswith(folder)), None)
    if folder is not None and re.fullmatch(SHAPES[folder][0], path):
        return None
    expected = SHAPES[folder][1] if folder else ", ".join(sorted(SHAPES))
    wrong = "is in the wrong folder or of the wrong kind"
    return Problem(path, "", wrong, f"expected {expected}")


def validate_history(
    change: Change, before: Read, after: Read, explained: bool, labels: Collection[str]
) -> list[Problem]:
    """Validate the change of a file of the base branch.

    explained: whether the changelog gains a line with words. labels: set by the board's owners.
    """
    path = change.path
    if change.before is None or change.before.kind != "file":
        return []
    if change.after is None:
        return [_removed(path)]
    old, new = before(path), after(path)
    field = f"line {_first_difference(old, new)}"
    rule = None
    if path.startswith(PREDICTIONS) and not (new.startswith(old) and old.endswith(b"\n")):
        rule = "lines of a ledger are only added"
    elif path.startswith(MEASURED) and not _only_retracted(old, new):
        rule = "a record may only be marked as retracted"
    elif path.startswith((IMPORTED, RECHECKS)):
        rule = "a record is never edited"
    elif path == CHANGELOG and _loses_lines(old, new):
        rule = "lines of the changelog are only added together with data"
    if rule is not None:
        return [Problem(path, field, f"was edited, and {rule}", "restore it from the base branch")]
    if path.startswith(MEASURED) and RETRACTION not in labels:
        repair = f'a maintainer agrees with the label "{RETRACTION}"'
        return [Problem(path, "retracted", "a record is retracted", repair)]
    if path.startswith(PUBLISHED) and _loses_lines(old, new) and not explained:
        wrong = "a published figure, or what it means, is changed or gone"
        return [Problem(path, field, wrong, f"say why in {CHANGELOG}")]
    return []


def _loses_lines(old: bytes, new: bytes) -> bool:
    return bool(Counter(old.splitlines()) - Counter(new.splitlines()))


def explains(change: Change, before: Read, after: Read) -> bool:
    """Whether the changelog gains a point with words."""
    if change.path != CHANGELOG or change.after is None or change.after.kind != "file":
        return False
    old = set(before(change.path).splitlines()) if change.before else set()
    added = (line for line in after(change.path).splitlines() if line not in old)
    return any(POINT.match(line.decode("utf-8", "replace")) for line in added)


def validate_changelog(content: bytes) -> list[Problem]:
    """Refuse HTML and addresses that are not of the web: the changelog is a page of the site."""
    problems = []
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
        text = CODE.sub("", line)
        if TAG.search(text):
            problem = "has HTML", "write it as text, or as code between backticks"
        elif LINK.search(text):
            problem = "links to a place that is not https://", "write the whole address"
        else:
            continue
        problems.append(Problem(CHANGELOG, f"line {number}", *problem))
    return problems


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
