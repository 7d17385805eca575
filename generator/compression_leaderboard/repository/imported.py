"""Read and write imported results, and read the files that they come from."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from compression_leaderboard.records.base import Problem, problems_of
from compression_leaderboard.records.imported import Imported
from compression_leaderboard.repository.results import record_text, write_atomically

FOLDER = "results/imported"
RESTORE = "restore it from git or import its source again"
# Each write waits for the disk; waits that overlap are served together (three times as fast).
WRITERS = 16
IN_FLIGHT = 256

Item = TypeVar("Item")


@dataclass(frozen=True)
class StoredImport:
    """A record and where it stands, relative to the repository."""

    file: str
    imported: Imported


def read_imported(root: Path) -> tuple[list[StoredImport], list[Problem]]:
    """Every record under results/imported, in order of file name, and the files that are not."""
    problems: list[Problem] = []
    found: list[StoredImport] = []
    base = root / FOLDER
    for path in sorted(base.rglob("*.json")):
        shown = path.relative_to(root).as_posix()
        try:
            imported = Imported.model_validate_json(path.read_bytes())
        except OSError as error:
            problems.append(Problem(shown, "", f"cannot be read: {error.strerror}", RESTORE))
            continue
        except ValidationError as error:
            problems += problems_of(error, shown, Imported)
            continue
        if path.relative_to(base).as_posix() != imported.file:
            wrong = "its content does not belong in this file"
            repair = f"it belongs in {FOLDER}/{imported.file}; records are never edited: {RESTORE}"
            problems.append(Problem(shown, "", wrong, repair))
            continue
        found.append(StoredImport(shown, imported))
    return found, problems


def write_imported(
    root: Path, records: Iterable[tuple[Item, Imported | None]]
) -> Iterator[tuple[Item, OSError | None]]:
    """Write each record atomically; yield each item, in order, when its record is on the disk.

    None is nothing to write. An item whose record cannot be written comes with the error.
    """
    with ThreadPoolExecutor(WRITERS) as pool:
        waiting: list[tuple[Item, Future[None] | None]] = []
        for item, record in records:
            waiting.append((item, None if record is None else pool.submit(_write, root, record)))
            if len(waiting) >= IN_FLIGHT:
                yield from map(_finished, waiting[: IN_FLIGHT // 2])
                del waiting[: IN_FLIGHT // 2]
        yield from map(_finished, waiting)


def _write(root: Path, record: Imported) -> None:
    write_atomically(root / FOLDER / record.file, record_text(record).encode())


def _finished(waiting: tuple[Item, Future[None] | None]) -> tuple[Item, OSError | None]:
    item, future = waiting
    error = future.exception() if future else None
    if error is not None and not isinstance(error, OSError):
        raise error
    return item, error


def find_sources(paths: Iterable[Path]) -> Iterator[Path]:
    """The files that are meant: those that are named, and every *.json below named folders."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*.json") if p.is_file())
        else:
            yield path


def read_source(path: Path, largest_bytes: int) -> bytes:
    """The first `largest_bytes` + 1 bytes of a file: enough to see that it is too large."""
    with path.open("rb") as stream:
        return stream.read(largest_bytes + 1)
