"""Read and write imported results, and read the files that they come from."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from compression_leaderboard.records.base import Problem
from compression_leaderboard.records.imported import Imported
from compression_leaderboard.repository.results import (
    read_json_records,
    record_text,
    write_atomically,
)

FOLDER = "results/imported"
RESTORE = "restore it from git or import its source again"
# Each write waits for the disk; waits that overlap are served together (three times as fast).
WRITERS = 16
IN_FLIGHT = 256

Item = TypeVar("Item")


@dataclass(frozen=True)
class StoredImport:
    """A record and its file, relative to the repository."""

    file: str
    imported: Imported


def read_imported(root: Path) -> tuple[list[StoredImport], list[Problem]]:
    """Read every record below results/imported, in order of file name, and the problems."""
    problems: list[Problem] = []
    records = read_json_records(root / FOLDER, root, Imported, f"{FOLDER}/", RESTORE, problems)
    return [StoredImport(shown, imported) for shown, imported in records], problems


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
    """Find the files that are named, and every *.json below the folders that are named."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*.json") if p.is_file())
        else:
            yield path


def read_source(path: Path, largest_bytes: int) -> bytes:
    """Read the first `largest_bytes` + 1 bytes of a file: enough to see that it is too large."""
    with path.open("rb") as stream:
        return stream.read(largest_bytes + 1)
