"""Read and write result records: one file a finished job, written whole or not at all."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from generator.records.base import Problem, UserError, problems_of
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
    return read_records(root / "results" / folder, root)


def read_records(base: Path, root: Path) -> tuple[list[StoredResult], list[Problem]]:
    """Every record under a folder, and the files that are not. Shown relative to `root`."""
    problems: list[Problem] = []
    found: list[StoredResult] = []
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
    return write_record(root / "results" / folder, root, result)


def write_record(base: Path, root: Path, result: Result) -> str:
    """Write a record under a folder atomically; return its path relative to `root`.

    Raises UserError when it cannot be written, such as on a full disk.
    """
    path = base / result.file
    shown = path.relative_to(root).as_posix()
    try:
        write_atomically(path, record_text(result).encode())
    except OSError as error:
        wrong = f"cannot be written: {error.strerror}"
        repair = "mend that and run the command again; what was written before stays"
        raise UserError([Problem(shown, "", wrong, repair)]) from error
    return shown


def list_records(base: Path) -> frozenset[Path]:
    """The files of all records under a folder, unread."""
    return frozenset(base.rglob("*.json"))


def written_since(
    before: frozenset[Path], base: Path, model: str, revision: str, kind: str, name: str
) -> list[Result]:
    """Records of a job that are under a folder now and were not `before`."""
    found = list_records(base / model / revision / f"{kind}-{name}") - before
    read = (_read_result(path, str(path), []) for path in sorted(found))
    return [result for result in read if result is not None]


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
