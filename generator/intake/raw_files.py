"""Files of strangers as bytes: what is refused before anything reads them as TOML, JSON or CSV."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from generator.files.specs import LARGEST_SPEC_BYTES
from generator.files.trees import Change
from generator.records.base import Problem

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
