"""Read and write shards: the matrix that the plan printed, or one shard of it."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from generator.files.results import StoredResult, read_records, write_atomically
from generator.records.base import Problem, UserError, problems_of
from generator.records.shards import Shard

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
