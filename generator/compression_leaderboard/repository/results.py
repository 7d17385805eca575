"""Read and write result records, the shards that bring them, and the locks on jobs.

A claim is a lock on an empty file under build/claims: it ends with the process that holds it,
however that ends, so a killed run leaves nothing that has to be cleaned up.
"""

import fcntl
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from compression_leaderboard.records.base import Problem, UserError, problems_of
from compression_leaderboard.records.imported import Imported
from compression_leaderboard.records.jobs import Shard
from compression_leaderboard.records.results import Result

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


class JobLocks:
    """The claims of this process on the jobs of one results folder."""

    def __init__(self, root: Path, folder: Path):
        name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
        self._folder = root / "build" / "claims" / name
        self._held: dict[str, int] = {}

    def take(self, job: str) -> bool:
        """Claim a job; False when another process has it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / hashlib.sha256(job.encode()).hexdigest()[:24]
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._held[job] = handle
        return True

    def release(self, job: str) -> None:
        os.close(self._held.pop(job))


NAME = "shard.jsonl"  # beside the records of a shard: what was planned, one shard a line


def read_shards(given: str) -> list[Shard]:
    """Shards from JSON itself or from a file: one shard, or a matrix with `include`."""
    shown, text = "--shard", given
    if not given.lstrip().startswith("{"):
        shown = given
        try:
            text = Path(given).read_text("utf-8")
        except OSError as error:
            wrong = f"cannot be read: {error.strerror}"
            repair = "give JSON or a file that `leaderboard plan --matrix` filled"
            raise UserError([Problem(shown, "", wrong, repair)]) from error
    return parse_shards(text, shown)


def parse_shards(text: str, shown: str) -> list[Shard]:
    """Shards from JSON; several may follow each other, with any space. Raises UserError.

    toJSON of GitHub Actions spreads one shard over many lines.
    """
    try:
        contents: list[Any] = []
        rest, decoder = text.strip(), json.JSONDecoder()
        while rest:
            content, end = decoder.raw_decode(rest)
            contents += content.get("include", [content])
            rest = rest[end:].lstrip()
        return [Shard.model_validate_json(json.dumps(content)) for content in contents]
    except ValidationError as error:
        raise UserError(problems_of(error, shown, Shard)) from error
    except (ValueError, TypeError, AttributeError) as error:
        repair = "give one line that `leaderboard plan --matrix` printed"
        raise UserError([Problem(shown, "", "is not a shard", repair)]) from error


def write_shard(folder: Path, shard: Shard) -> None:
    """Keep beside a shard's records what it was asked for, once."""
    file = folder / NAME
    line = shard.model_dump_json(exclude_none=True) + "\n"
    before = file.read_text("utf-8") if file.is_file() else ""
    if line not in before:
        write_atomically(file, (before + line).encode())


def read_folder(folder: Path) -> tuple[list[StoredResult], list[Shard], list[str]]:
    """Records and shards of a folder, and a line for each file that is not a record.

    A shard's folder is one that holds shard.jsonl; the records stand below it.
    """
    stored, refused = [], []
    for place in sorted({file.parent for file in folder.rglob(NAME)}) or [folder]:
        found, problems = read_records(place, place)
        stored += found
        refused += [f"{place.name}/{problem}" for problem in problems]
    return stored, _read_folder_shards(folder), refused


def _read_folder_shards(folder: Path) -> list[Shard]:
    """What the shards of a folder were asked for."""
    return [
        shard
        for file in sorted(folder.rglob(NAME))
        for shard in parse_shards(file.read_text("utf-8"), str(file))
    ]
