"""Read and write result records: one file a finished job, written whole or not at all."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from generator.records.base import Problem, problems_of
from generator.records.imported import Imported
from generator.records.results import Result

RESTORE = "restore it from git or measure again"


@dataclass(frozen=True)
class StoredResult:
    """A record and where it stands, relative to the repository."""

    file: str
    result: Result


def read_results(root: Path, folder: str) -> tuple[list[StoredResult], list[Problem]]:
    """Every record under `results/<folder>`, in order of file name, and the files that are not."""
    problems: list[Problem] = []
    found: list[StoredResult] = []
    base = root / "results" / folder
    for path in sorted(base.rglob("*.json")):
        shown = path.relative_to(root).as_posix()
        if (result := _read_result(path, shown, problems)) is None:
            continue
        if path.relative_to(base).as_posix() != result.file:
            wrong = "its content does not belong in this file"
            repair = f"it belongs in {result.file}; records are never edited: {RESTORE}"
            problems.append(Problem(shown, "", wrong, repair))
            continue
        found.append(StoredResult(shown, result))
    return found, problems


def _read_result(path: Path, shown: str, problems: list[Problem]) -> Result | None:
    try:
        return Result.model_validate_json(path.read_bytes())
    except OSError as error:
        problems.append(Problem(shown, "", f"cannot be read: {error.strerror}", RESTORE))
    except ValidationError as error:
        problems += problems_of(error, shown, Result)
    return None


def write_result(root: Path, folder: str, result: Result) -> str:
    """Write a record atomically; return its path relative to the repository."""
    relative = f"results/{folder}/{result.file}"
    write_atomically(root / relative, record_text(result).encode())
    return relative


def record_text(record: Result | Imported) -> str:
    """A record as JSON: the outline on lines of its own, long inner lists one item a line."""
    return _lines(record.content, depth=0) + "\n"


def _lines(value: Any, depth: int) -> str:
    if depth >= 4 or not value or not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))
    pad = " " * (depth + 1)
    if isinstance(value, dict):
        items = [
            f"{pad}{json.dumps(k, ensure_ascii=False)}: {_lines(v, depth + 1)}"
            for k, v in value.items()
        ]
        opening, closing = "{", "}"
    else:
        items = [pad + _lines(item, max(depth + 1, 4)) for item in value]
        opening, closing = "[", "]"
    return f"{opening}\n" + ",\n".join(items) + f"\n{' ' * depth}{closing}"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees all of it or nothing of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
