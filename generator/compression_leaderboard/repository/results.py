"""Read and write result records, the shards that bring them, and the locks on jobs."""

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from compression_leaderboard.records.base import Problem, UserError, problems_of
from compression_leaderboard.records.imported import Imported
from compression_leaderboard.records.jobs import Shard
from compression_leaderboard.records.results import Result

RESTORE = "restore it from git or measure again"
SHARDS = "shard.jsonl"  # beside the records of a shard: what was planned, one shard per line

R = TypeVar("R", Result, Imported)


@dataclass(frozen=True)
class StoredResult:
    """A record and its file, relative to the repository."""

    file: str
    result: Result


def read_results(root: Path, folder: str) -> tuple[list[StoredResult], list[Problem]]:
    """Read every record below `results/<folder>`, in order of file name, and the problems."""
    return read_records(root / "results" / folder, root)


def read_records(base: Path, root: Path) -> tuple[list[StoredResult], list[Problem]]:
    """Read every record below a folder, and the problems of other files, relative to `root`."""
    problems: list[Problem] = []
    records = read_json_records(base, root, Result, "", RESTORE, problems)
    return [StoredResult(shown, result) for shown, result in records], problems


def read_json_records(
    base: Path, root: Path, kind: type[R], place: str, repair: str, problems: list[Problem]
) -> Iterator[tuple[str, R]]:
    """Read each record in its own place below `base`; append the problems of all other files.

    place: what messages put before the path that a record derives from its content.
    """
    for path in sorted(base.rglob("*.json")):
        shown = path.relative_to(root).as_posix()
        if (record := _read_record(path, shown, kind, repair, problems)) is None:
            continue
        if path.relative_to(base).as_posix() == record.file:
            yield shown, record
        else:
            wrong = "its content does not belong in this file"
            move = f"it belongs in {place}{record.file}; records are never edited: {repair}"
            problems.append(Problem(shown, "", wrong, move))


def _read_record(
    path: Path, shown: str, kind: type[R], repair: str, problems: list[Problem]
) -> R | None:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        problems.append(Problem(shown, "", f"cannot be read: {error.strerror}", repair))
    except ValidationError as error:
        problems += problems_of(error, shown, kind)
    return None


def write_result(root: Path, folder: str, result: Result) -> str:
    """Write a record below `results/<folder>` atomically; return its path relative to `root`."""
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
        repair = "fix that and run the command again; what was written before stays"
        raise UserError([Problem(shown, "", wrong, repair)]) from error
    return shown


def list_records(base: Path) -> frozenset[Path]:
    """List the files of all records below a folder, unread."""
    return frozenset(base.rglob("*.json"))


def written_since(
    before: frozenset[Path], base: Path, model: str, revision: str, kind: str, name: str
) -> list[Result]:
    """Read the records of a job that are below a folder now and were not `before`."""
    paths = list_records(base / model / revision / f"{kind}-{name}") - before
    results = (_read_record(path, str(path), Result, RESTORE, []) for path in sorted(paths))
    return [result for result in results if result is not None]


def record_text(record: Result | Imported) -> str:
    """Format a record as JSON: the outline on separate lines, inner lists one item per line."""
    return _lines(record.content, depth=0) + "\n"


def _lines(value: Any, depth: int) -> str:
    if depth >= 4 or not value or not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))
    pad = " " * (depth + 1)
    if isinstance(value, dict):
        names = ((json.dumps(name, ensure_ascii=False), inner) for name, inner in value.items())
        items = [f"{pad}{name}: {_lines(inner, depth + 1)}" for name, inner in names]
        opening, closing = "{", "}"
    else:
        items = [pad + _lines(item, max(depth + 1, 4)) for item in value]
        opening, closing = "[", "]"
    return f"{opening}\n" + ",\n".join(items) + f"\n{' ' * depth}{closing}"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees either all of it or nothing."""
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
    """Locks of this process on jobs of one results folder, each on an empty file below build/.

    The kernel releases them when the process ends, however it ends: nothing is left to clean up.
    The library filelock is not used, since it replaces flock by a file that outlives the process
    where a file system has no flock.
    """

    def __init__(self, root: Path, folder: Path):
        name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
        self._folder = root / "build" / "locks" / name
        self._handles: dict[str, int] = {}

    def acquire(self, job: str) -> bool:
        """Lock a job; False when another process has locked it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / hashlib.sha256(job.encode()).hexdigest()[:24]
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._handles[job] = handle
        return True

    def release(self, job: str) -> None:
        os.close(self._handles.pop(job))


def read_shards(argument: str) -> list[Shard]:
    """Read shards from JSON itself or from a file: one shard, or a matrix with `include`."""
    if argument.lstrip().startswith("{"):
        return parse_shards(argument, "--shard")
    try:
        return parse_shards(Path(argument).read_text("utf-8"), argument)
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
        repair = "give JSON or a file that `leaderboard plan --matrix` filled"
        raise UserError([Problem(argument, "", wrong, repair)]) from error


def parse_shards(text: str, shown: str) -> list[Shard]:
    """Parse shards from JSON values with any space between them. Raises UserError.

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
    """Write beside a shard's records what was planned, once."""
    file = folder / SHARDS
    line = shard.model_dump_json(exclude_none=True) + "\n"
    before = file.read_text("utf-8") if file.is_file() else ""
    if line not in before:
        write_atomically(file, (before + line).encode())


def read_folder(folder: Path) -> tuple[list[StoredResult], list[Shard], list[str]]:
    """Read the records and shards of a folder, and a line for each file that is not a record.

    A folder with shard.jsonl is a shard's; its records are below it.
    """
    stored, shards, refused = [], [], []
    files = sorted(folder.rglob(SHARDS))
    for place in sorted({file.parent for file in files}) or [folder]:
        records, problems = read_records(place, place)
        stored += records
        refused += [f"{place.name}/{problem}" for problem in problems]
    for file in files:
        shards += parse_shards(file.read_text("utf-8"), str(file))
    return stored, shards, refused
