"""Read and write records of results, measured here or imported, and the shards that bring them."""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import ValidationError

from compression_leaderboard.records.base import Problem, Record, UserError, problems_of
from compression_leaderboard.records.imported import Imported
from compression_leaderboard.records.rechecks import Recheck, Shard
from compression_leaderboard.records.results import Result
from compression_leaderboard.repository.files import Reader, write_atomically
from compression_leaderboard.repository.provenance import AddedBy, MeasuredBy

RESTORE: dict[type[Record], str] = {
    Result: "restore it from git or measure again",
    Imported: "restore it from git or import its source again",
    Recheck: "restore it from git or remove it",
}
IMPORTED = "results/imported"
RECHECKS = "rechecks"  # below results/, and beside the records of a shard; no model's id
SHARDS = "shard.jsonl"  # beside the records of a shard: what was planned, one shard per line
# Each write waits for the disk; waits that overlap are served together (three times as fast).
WRITERS = 16
IN_FLIGHT = 256

R = TypeVar("R", Result, Imported, Recheck)
Item = TypeVar("Item")


@dataclass(frozen=True)
class StoredResult:
    """A record and its file, relative to the repository."""

    file: str
    result: Result
    added_by: AddedBy | None = None  # None: not known
    agrees: bool = False  # with its re-measurement; without one, False
    differs: str | None = None  # from its re-measurement: by what

    @property
    def counts(self) -> bool:
        """Whether the board may use it: it counts by itself and agrees with its re-measurement."""
        return self.result.counts and self.differs is None

    @property
    def measured_by(self) -> MeasuredBy | None:
        """Whose measurement it is; None where that is not known."""
        if self.added_by == "contributor" and self.agrees:
            return "contributor, re-measured"
        return self.added_by

    @property
    def record(self) -> str:
        """The record's path below records/ on the site (its own `file` would hash it once more)."""
        return self.file.split("/", 2)[2]

    @property
    def run_id(self) -> str:
        """That of the record, without hashing it: the file has its name."""
        return PurePosixPath(self.file).stem


@dataclass(frozen=True)
class StoredImport:
    """An imported record and its file, relative to the repository."""

    file: str
    imported: Imported


@dataclass(frozen=True)
class StoredRecheck:
    """A re-measurement and its file, relative to the repository or to a shard's folder."""

    file: str
    recheck: Recheck


def read_records(root: Path, folder: str = "") -> tuple[list[StoredResult], list[Problem]]:
    """Read every record below a folder of `root`, in order of file name, and other files' problems.

    Files are named by their path below `root`, such as results/measured/….
    """
    reader = Reader(root)
    stored = [StoredResult(*entry) for entry in _read_all(reader, folder, Result)]
    return stored, reader.problems


def read_imported(root: Path) -> tuple[list[StoredImport], list[Problem]]:
    """Read every imported record, in order of file name, and the problems of other files."""
    reader = Reader(root)
    stored = [StoredImport(*entry) for entry in _read_all(reader, IMPORTED, Imported)]
    return stored, reader.problems


def read_rechecks(
    root: Path, folder: str = f"results/{RECHECKS}"
) -> tuple[list[StoredRecheck], list[Problem]]:
    """Read every re-measurement, in order of file name, and the problems of other files."""
    reader = Reader(root)
    stored = [StoredRecheck(*entry) for entry in _read_all(reader, folder, Recheck)]
    return stored, reader.problems


def _read_all(reader: Reader, folder: str, kind: type[R]) -> Iterator[tuple[str, R]]:
    """Read each record of a folder that is in the place which its content asks for."""
    for file in reader.find(f"{folder}/**/*.json".lstrip("/")):
        if not folder and file.startswith(f"{RECHECKS}/"):
            continue  # of a shard, which read_rechecks reads
        if (record := reader.read_record(file, kind, RESTORE[kind])) is None:
            continue
        place = f"{folder}/{record.file}".lstrip("/")
        if file == place:
            yield file, record
        else:
            wrong = f"its content does not belong in this file; it belongs in {place}"
            repair = f"records are never edited: {RESTORE[kind]}"
            reader.report(file, "", wrong, repair)


def write_record(base: Path, root: Path, result: Result | Recheck) -> str:
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


def written_since(
    before: frozenset[Path], base: Path, model: str, revision: str, kind: str, name: str
) -> list[Result]:
    """Read the records of a job that are below a folder now and were not `before`."""
    reader = Reader(base)
    files = reader.find(f"{model}/{revision}/{kind}-{name}/*.json")
    new = (file for file in files if base / file not in before)
    results = (reader.read_record(file, Result, RESTORE[Result]) for file in new)
    return [result for result in results if result is not None]


def write_imported(
    root: Path, records: Iterable[tuple[Item, Imported | None]]
) -> Iterator[tuple[Item, OSError | None]]:
    """Write each record atomically; yield each item, in order, when its record is on the disk.

    None is nothing to write. An item whose record cannot be written comes with the error.
    """

    def write(entry: tuple[Item, Imported | None]) -> tuple[Item, OSError | None]:
        item, record = entry
        try:
            if record is not None:
                write_atomically(root / IMPORTED / record.file, record_text(record).encode())
        except OSError as error:
            return item, error
        return item, None

    waiting = iter(records)
    with ThreadPoolExecutor(WRITERS) as pool:
        while batch := list(islice(waiting, IN_FLIGHT)):
            yield from pool.map(write, batch)


def find_sources(paths: Iterable[Path]) -> Iterator[Path]:
    """Find the files that are named, and every *.json below the folders that are named."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*.json") if p.is_file())
        else:
            yield path


def record_text(record: Result | Imported | Recheck) -> str:
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


def read_shards(argument: str) -> list[Shard]:
    """Read shards from JSON itself or from a file: one shard, or a matrix with `include`."""
    if argument.lstrip().startswith("{"):
        return parse_shards(argument, "--shard")
    try:
        return parse_shards(Path(argument).read_text("utf-8"), argument)
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        wrong = "is not UTF-8 text"
    repair = "give JSON or a file that `leaderboard plan --matrix` filled"
    raise UserError([Problem(argument, "", wrong, repair)])


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
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        repair = "give one line that `leaderboard plan --matrix` printed"
        raise UserError([Problem(shown, "", "is not a shard", repair)]) from error


def write_shard(folder: Path, shard: Shard) -> None:
    """Write beside a shard's records what was planned, once."""
    file = folder / SHARDS
    line = shard.model_dump_json(exclude_none=True) + "\n"
    before = file.read_text("utf-8") if file.is_file() else ""
    if line not in before:
        write_atomically(file, (before + line).encode())


@dataclass
class Delivery:
    """What shards wrote, and a line for each file that cannot be read."""

    records: list[StoredResult] = field(default_factory=list)
    rechecks: list[StoredRecheck] = field(default_factory=list)
    shards: list[Shard] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def read_folders(folders: Iterable[Path]) -> Delivery:
    """Read what shards wrote. A folder with shard.jsonl is a shard's; its records are below it."""
    delivery = Delivery()
    for folder in folders:
        files = sorted(folder.rglob(SHARDS))
        for place in sorted({file.parent for file in files}) or [folder]:
            records, problems = read_records(place)
            rechecks, of_rechecks = read_rechecks(place, RECHECKS)
            delivery.records += records
            delivery.rechecks += rechecks
            delivery.refused += [f"{place.name}/{line}" for line in problems + of_rechecks]
        for file in files:
            try:
                delivery.shards += read_shards(str(file))
            except UserError as error:
                delivery.refused += error.problems
    return delivery
