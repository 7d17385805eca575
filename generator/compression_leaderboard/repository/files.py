"""Read files as records with every problem at once, write files atomically, and lock jobs."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from compression_leaderboard.records.base import Problem, Record, problems_of

R = TypeVar("R", bound=Record)


class Reader:
    """Reads files below a folder; collects problems instead of raising them.

    Files are named by their path relative to the folder.
    """

    def __init__(self, root: Path):
        self.root = root
        self.problems: list[Problem] = []

    def find(self, pattern: str) -> list[str]:
        """List the files that match, in order."""
        return [p.relative_to(self.root).as_posix() for p in sorted(self.root.glob(pattern))]

    def report(self, file: str, field: str, wrong: str, repair: str) -> None:
        self.problems.append(Problem(file, field, wrong, repair))

    def read(self, file: str, repair: str) -> bytes | None:
        try:
            return (self.root / file).read_bytes()
        except OSError as error:
            self.report(file, "", f"cannot be read: {error.strerror}", repair)
            return None

    def validate(
        self, content: bytes | str, file: str, kind: type[R], line: int | None = None
    ) -> R | None:
        """Validate JSON as a record. line: where it is, in a file with one record per line."""
        try:
            return kind.model_validate_json(content)
        except ValidationError as error:
            self.problems += problems_of(error, file, kind, line)
            return None

    def read_record(self, file: str, kind: type[R], repair: str) -> R | None:
        content = self.read(file, repair)
        return None if content is None else self.validate(content, file, kind)


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


@contextmanager
def locked(file: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Let one process at a time into a block. wait: called before waiting for another one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            wait()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


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
